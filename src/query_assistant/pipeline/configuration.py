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
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from query_assistant.errors import ConfigurationError, QueryAssistantError
from query_assistant.exits import run_to_exit
from query_assistant.files import atomic_writer
from query_assistant.params import SCHEMA, Params, check_params, load_params
from query_assistant.pipeline.checks import require
from query_assistant.project import load_environment, project_root


def compose(overrides: Sequence[str], output: Path) -> Params:
    """Writes the composed configuration to `output`, if it is valid, and returns it.

    Raises:
        ConfigurationError: an override names an unknown group, option or key, or a value is not allowed.
    """
    conf = (project_root() / "conf").resolve()
    with tempfile.TemporaryDirectory() as folder:
        composed = Path(folder) / "params.yaml"
        try:
            compose_and_dump(str(composed), str(conf), None, "config", str(conf), list(overrides))
        except (HydraException, OmegaConfBaseException) as error:
            raise ConfigurationError(f"conf/ with {list(overrides)}: {error}") from error
        except SystemExit as refused:
            raise ConfigurationError(str(refused).removeprefix("error: ")) from None
        params = load_params(composed)
        with atomic_writer(output) as out:
            out.write(composed.read_text(encoding="utf-8"))
    return params


def validated(*, _root_: DictConfig) -> str:
    """The schema's name, for `schema: ${validated:}`, if the whole configuration keeps to it.

    For `dvc exp run` the machine is looked at as well, so that what it lacks is said before anything is written; a
    queued experiment may run on another.

    Raises:
        SystemExit: it does not. DVC would wrap any other exception into three sentences of its own.
    """
    composed = OmegaConf.create({**OmegaConf.to_container(_root_, resolve=False), "schema": SCHEMA})  # type: ignore[dict-item]
    values = OmegaConf.to_container(composed, resolve=True)
    try:
        params = check_params(values, "conf/")
        if _runs_here(sys.argv):
            load_environment()
            require(params, project_root() / "models" / "base")
    except QueryAssistantError as error:
        raise SystemExit(f"error: {' '.join(str(error).split())}") from None
    return SCHEMA


def _runs_here(arguments: Sequence[str]) -> bool:
    """Whether this is `dvc exp run`, of an experiment that starts now."""
    return Path(arguments[0]).name == "dvc" and arguments[1:3] == ["exp", "run"] and "--queue" not in arguments


def write_params(overrides: Sequence[str]) -> None:
    """Writes the checkout's params.yaml."""
    compose(overrides, project_root() / "params.yaml")


if __name__ == "__main__":
    raise SystemExit(run_to_exit(lambda: write_params(sys.argv[1:])))
