"""conf/learn.yaml: how corrections are learnt from, and what it takes to be promoted; said beside each knob there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import Field, ValidationError

from query_assistant.errors import ConfigurationError
from query_assistant.inputs import read_text
from query_assistant.params import Count, Positive, Section, Share

LEARN_KNOBS = Path("conf/learn.yaml")
Knobs = TypeVar("Knobs", bound=Section)


class LearnParams(Section):
    """The knobs of `qa learn`."""

    held_out: Annotated[float, Field(gt=0, lt=1)]
    least_held_out: Positive
    swaps: Count
    replay: Annotated[float, Field(ge=0, lt=1)]
    learning_rate: Annotated[float, Field(gt=0, lt=1)]
    warmup_steps: Count
    epochs: Positive
    max_minutes: Annotated[float, Field(ge=0)]
    development_limit: Count
    most_loss: Share
    significance: Annotated[float, Field(gt=0, lt=1)]
    seed: Count


def load_learn_params(file: Path, overrides: Sequence[str] = ()) -> LearnParams:
    """The knobs of a file, some of them turned: `swaps=3`; see `load_knobs`."""
    return load_knobs(LearnParams, file, overrides)


def load_knobs(kind: type[Knobs], file: Path, overrides: Sequence[str] = ()) -> Knobs:
    """The knobs of a command's own file in conf/, some of them turned: `name=value`, the value as YAML.

    Raises:
        ConfigurationError: the file or an override cannot be read, names no knob, or is out of bounds.
    """
    try:
        values: Any = yaml.safe_load(read_text(file))
        values |= dict(_turned(override) for override in overrides)
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        knob = ".".join(map(str, first["loc"])) or "knobs"
        raise ConfigurationError(f"{file.name}: {knob}: {first['msg']}; edit {file} or the -S override") from None
    except (yaml.YAMLError, TypeError) as error:
        raise ConfigurationError(f"{file} holds no knobs: {error}; bring it back with git") from None


def _turned(override: str) -> tuple[str, Any]:
    name, equals, value = override.partition("=")
    if not equals:
        raise ConfigurationError(f"-S {override!r} turns nothing; expected KNOB=VALUE, such as seed=3")
    try:
        return name.strip(), yaml.safe_load(value)
    except yaml.YAMLError:
        raise ConfigurationError(f"-S {override!r} holds no value; expected KNOB=VALUE, such as seed=3") from None
