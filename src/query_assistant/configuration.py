"""conf/ composed by Hydra, exactly as `dvc exp run` does it.

    python -m query_assistant.configuration [OVERRIDE ...]     writes params.yaml
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from dvc.utils.hydra import compose_and_dump
from hydra.errors import HydraException
from omegaconf import OmegaConf

from query_assistant.errors import ConfigurationError
from query_assistant.params import check_params
from query_assistant.project import project_root


def compose(overrides: Sequence[str], output: Path) -> dict[str, Any]:
    """Writes the composed configuration to `output` and returns it, validated.

    Raises:
        ConfigurationError: an override names an unknown group, option or key, or a value is not allowed.
    """
    conf = project_root() / "conf"
    try:
        compose_and_dump(str(output), str(conf), None, "config", str(conf), list(overrides))
    except HydraException as error:
        raise ConfigurationError(f"conf/ with {list(overrides)}: {error}") from error
    values = cast("dict[str, Any]", OmegaConf.to_object(OmegaConf.load(output)))
    check_params(values, str(output))
    return values


if __name__ == "__main__":
    compose(sys.argv[1:], project_root() / "params.yaml")
