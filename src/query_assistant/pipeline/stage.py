"""How a stage script runs: words from dvc.yaml in, one clear line on failure.

if __name__ == "__main__":
    run_stage(main)          # main(params, "mygene") for `python stages/filter.py mygene`
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable

from query_assistant.apis import Api, load_api
from query_assistant.errors import ConfigurationError
from query_assistant.exits import run_to_exit
from query_assistant.params import Params, load_params
from query_assistant.project import load_environment


def run_stage(main: Callable[..., None]) -> None:
    """Calls `main(params, *words)` with the keys of `.env` set, and leaves with the exit code."""

    def action() -> None:
        _check_words(main, sys.argv)
        load_environment()
        main(load_params(), *sys.argv[1:])

    if code := run_to_exit(action):
        raise SystemExit(code)


def _check_words(main: Callable[..., None], arguments: list[str]) -> None:
    """A stage called by hand with too few or too many words says how it is called."""
    wanted = list(inspect.signature(main).parameters)[1:]
    if len(arguments) - 1 != len(wanted):
        usage = " ".join(["python", arguments[0], *(f"<{name}>" for name in wanted)])
        raise ConfigurationError(f"{arguments[0]} was given {len(arguments) - 1} words; expected: {usage}")


class _Apis(dict[str, Api]):
    """The APIs of a run; asked for another, it says which there are."""

    def __missing__(self, name: str) -> Api:
        raise ConfigurationError(
            f"no API {name!r} in this run, which has {', '.join(self)}; add it to `apis` in conf/config.yaml"
        )


def load_apis(params: Params) -> dict[str, Api]:
    """The APIs of this run, as data/apis/ defines them."""
    return _Apis({name: load_api(name) for name in params.apis})
