"""How a stage script runs: words from dvc.yaml in, one clear line on failure.

    if __name__ == "__main__":
        run_stage(main)          # main(params, "mygene") for `python stages/filter.py mygene`
"""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Callable

from query_assistant.errors import QueryAssistantError
from query_assistant.params import load_params


def run_stage(main: Callable[..., None]) -> None:
    """Calls `main(params, *words)`; an expected failure is one line on stderr and exit code 2."""
    try:
        main(load_params(), *sys.argv[1:])
    except QueryAssistantError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from None


def derive_seed(seed: int, purpose: str) -> int:
    """A seed of its own for each random draw, so that adding one draw never changes another."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{purpose}".encode()).digest()[:4], "big")


def generator(seed: int, purpose: str) -> random.Random:
    """A generator for one purpose."""
    return random.Random(derive_seed(seed, purpose))
