"""What was turned in a run: the experiment of conf/experiment/ nearest to its parameters, and the knobs that differ.

Turned("smoke", {})                                          dvc exp run -S experiment=smoke
Turned("default", {"finetune.learning_rate": "0.0005"})      dvc exp run -S finetune.learning_rate=5e-4
Turned("default", {"model": "llama31-8b"})                   dvc exp run -S model=llama31-8b
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from query_assistant.nesting import keyed_values
from query_assistant.params import Params
from query_assistant.pipeline.configuration import compose
from query_assistant.project import project_root
from query_assistant.reporting.provenance import Provenance, describe_run
from query_assistant.reporting.tables import read_scores

Values = dict[str, Any]


@dataclass(frozen=True)
class Turned:
    """`knobs` are in the words that one writes behind `-S`."""

    experiment: str
    knobs: dict[str, str]


def turned(params: Params) -> Turned:
    """The experiment that explains the parameters with the fewest knobs; `default` of equals.

    Where a whole option of a group explains no less than its single knobs, it is named instead of them.
    """
    given = params.model_dump(mode="json")
    names = sorted(_options("experiment"), key=lambda name: (name != "default", name))
    found = {name: _differences(given, _values(f"experiment={name}")) for name in names}
    experiment = min(names, key=lambda name: len(found[name]))
    knobs = found[experiment]
    for group in sorted({name.split(".")[0] for name in knobs}):
        mine = {name: value for name, value in knobs.items() if name.split(".")[0] == group}
        rest = {name: value for name, value in knobs.items() if name not in mine}
        knobs = rest | _shortest(experiment, group, given, mine)
    return Turned(experiment, knobs)


def described(params: Params, documents: Sequence[Path], revision: str) -> Provenance:
    """What the scores of a run with these parameters are of.

    Raises:
        InputError: a score document is missing, or they are of different instructions.
    """
    found = turned(params)
    return describe_run(
        read_scores(documents),
        experiment=found.experiment,
        turned=found.knobs,
        model=params.model.name,
        revision=revision,
    )


def _options(group: str) -> list[str]:
    return sorted(path.stem for path in (project_root() / "conf" / group).glob("*.yaml"))


def _shortest(experiment: str, group: str, given: Values, knobs: dict[str, str]) -> dict[str, str]:
    """The knobs of one group, or the option of it that leaves fewer of them."""
    best = knobs
    for option in _options(group):
        values = _values(f"experiment={experiment}", f"{group}={option}")
        left = _differences({group: given[group]}, {group: values[group]})
        if 1 + len(left) <= len(best):
            best = {group: option, **left}
    return best


def _differences(given: Values, said: Values) -> dict[str, str]:
    mine, theirs = _dotted(given), _dotted(said)
    return {name: _written(value) for name, value in sorted(mine.items()) if value != theirs.get(name)}


def _dotted(values: Values) -> Values:
    return {".".join(keys): value for keys, value in keyed_values(values)}


def _written(value: object) -> str:
    """A value as Hydra reads it: `[few_shot]`, `true`, `0.0005`."""
    return json.dumps(value).replace('"', "").replace(", ", ",")


@cache
def _values(*overrides: str) -> Values:
    with tempfile.TemporaryDirectory() as folder:
        return compose(overrides, Path(folder) / "params.yaml").model_dump(mode="json")
