"""How a stage script runs: words from dvc.yaml in, one clear line on failure.

if __name__ == "__main__":
    run_stage(main)          # main(params, "mygene") for `python stages/filter.py mygene`
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable

from query_assistant.apis import Api, load_api
from query_assistant.errors import ConfigurationError, QueryAssistantError, say_error, told
from query_assistant.params import Params, load_params


def run_stage(main: Callable[..., None]) -> None:
    """Calls `main(params, *words)`; an expected failure is one line on stderr and exit code 2."""
    try:
        _check_words(main, sys.argv)
        main(load_params(), *sys.argv[1:])
    except QueryAssistantError as error:
        raise SystemExit(say_error(str(error))) from None
    except OSError as error:
        raise SystemExit(say_error(told(error))) from None


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
