"""conf/search.yaml: which knobs are searched for, between which bounds, by which measure; said beside each there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from query_assistant.learning.knobs import load_knobs
from query_assistant.params import Count, Positive, Section

SEARCH_KNOBS = Path("conf/search.yaml")
Value = bool | int | float | str
_SEARCHED = ("finetune.", "model.lora.", "generate.")
# What changes the questions that the validation loss is of: two trials that differ in it cannot be compared by it.
_CHANGES_LOSS = (
    "finetune.prompt.",
    "finetune.mix.",
    "finetune.validation_samples",
    "finetune.max_seq_len",
    "finetune.engine",
)


class KnobRange(Section):
    """The values of one knob: `low` to `high`, or one of `choices`."""

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    choices: tuple[Value, ...] = ()

    @model_validator(mode="after")
    def _is_a_range(self) -> KnobRange:
        if self.choices and (self.low, self.high, self.log) == (None, None, False):
            return self
        if self.choices or self.low is None or self.high is None or self.low >= self.high:
            raise ValueError("expected choices, or low and high with low < high")
        if self.log and self.low <= 0:
            raise ValueError(f"low={self.low} has no order of magnitude; expected over 0 with log")
        return self

    @property
    def bounds(self) -> tuple[Value, ...]:
        """Values that must be allowed if all are."""
        return self.choices or (self.low or 0, self.high or 0)

    @property
    def is_whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)


class SearchParams(Section):
    """The knobs of `qa search`."""

    experiment: str
    measure: Literal["validation_loss", "selection"]
    system: str
    trials: Positive
    startup: Positive
    patience_steps: Count
    seed: Count
    knobs: Annotated[dict[str, KnobRange], Field(min_length=1)]

    @field_validator("knobs", mode="before")
    @classmethod
    def _numbers_are_numbers(cls, value: Any) -> Any:
        return _numbered(value)

    @model_validator(mode="after")
    def _can_be_compared(self) -> SearchParams:
        for name in self.knobs:
            if not name.startswith(_SEARCHED):
                raise ValueError(f"{name} is not searched for; expected a knob of finetune, model.lora or generate")
            if self.measure == "validation_loss" and name.startswith(("generate.", *_CHANGES_LOSS)):
                raise ValueError(f"{name} cannot be judged by the validation loss; set measure=selection")
        return self

    @property
    def prunes(self) -> bool:
        """Whether validation losses of two trials can be compared while they train."""
        return not any(name.startswith(_CHANGES_LOSS) for name in self.knobs)

    @property
    def space(self) -> dict[str, Any]:
        """What a search is of; one that was begun goes on only with the same."""
        return self.model_dump(mode="json", exclude={"trials", "startup", "patience_steps"})


def load_search_params(file: Path, overrides: Sequence[str] = ()) -> SearchParams:
    """The knobs of a file, some of them turned: `trials=3`; see `learning.knobs.load_knobs`."""
    return load_knobs(SearchParams, file, overrides)


def _numbered(value: Any) -> Any:
    """YAML 1.1 takes 1e-4 for a text; people mean a number."""
    if isinstance(value, Mapping):
        return {key: _numbered(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_numbered(one) for one in value]
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value
