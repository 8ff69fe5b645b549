"""How a stage script runs: words from dvc.yaml in, one clear line on failure.

if __name__ == "__main__":
    run_stage(main)          # main(params, "mygene") for `python stages/filter.py mygene`
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from query_assistant.apis import FOLDER, Api, load_api
from query_assistant.errors import ConfigurationError, QueryAssistantError
from query_assistant.params import Params, load_params


def run_stage(main: Callable[..., None]) -> None:
    """Calls `main(params, *words)`; an expected failure is one line on stderr and exit code 2."""
    try:
        main(load_params(), *sys.argv[1:])
    except QueryAssistantError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from None


def load_apis(params: Params) -> dict[str, Api]:
    """The APIs of this run, as conf/api/ defines them.

    Raises:
        ConfigurationError: params.yaml says something else of an API than its file; the file is what everything reads.
    """
    apis = {name: load_api(name) for name in params.apis}
    for name, api in apis.items():
        if params.api.get(name) != api.definition:
            file = f"{FOLDER}/{name}.yaml"
            raise ConfigurationError(
                f"params.yaml says something else of {name} than {file}: edit {file}, `make params`"
            )
    return apis
