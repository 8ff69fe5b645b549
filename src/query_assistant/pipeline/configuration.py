"""conf/ composed by Hydra, exactly as `dvc exp run` does it.

python -m query_assistant.pipeline.configuration [OVERRIDE ...]     writes params.yaml
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from dvc.utils.hydra import compose_and_dump
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from query_assistant.errors import ConfigurationError
from query_assistant.exits import run_to_exit
from query_assistant.files import atomic_writer
from query_assistant.params import Params, load_params
from query_assistant.project import project_root


def compose(overrides: Sequence[str], output: Path) -> Params:
    """Writes the composed configuration to `output`, if it is valid, and returns it.

    Raises:
        ConfigurationError: an override names an unknown group, option or key, or a value is not allowed.
    """
    conf = project_root() / "conf"
    with tempfile.TemporaryDirectory() as folder:
        composed = Path(folder) / "params.yaml"
        try:
            compose_and_dump(str(composed), str(conf), None, "config", str(conf), list(overrides))
        except (HydraException, OmegaConfBaseException) as error:
            raise ConfigurationError(f"conf/ with {list(overrides)}: {error}") from error
        params = load_params(composed)
        with atomic_writer(output) as out:
            out.write(composed.read_text(encoding="utf-8"))
    return params


def write_params(overrides: Sequence[str]) -> None:
    """Writes the checkout's params.yaml."""
    compose(overrides, project_root() / "params.yaml")


if __name__ == "__main__":
    raise SystemExit(run_to_exit(lambda: write_params(sys.argv[1:])))
