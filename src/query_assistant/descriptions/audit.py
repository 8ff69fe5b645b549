"""How right the descriptions are: samples drawn by seed, judged one by one, kept in data/audits/annotation.csv.

    round,api,field,type,values,description,verdict,reason
    2,mychem,unii.mpns,keyword,,Name of a plant ingredient in ...,wrong,calls an identifier ... a name

`description` is what was judged; it may have been mended since. A description is *wrong* if it would lead a biologist
to a wrong query or reading, *imprecise* if it is true but says too little, too much or says it badly.
"""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from query_assistant.apis.fields import Schema
from query_assistant.errors import InputError
from query_assistant.statistics import ConfidenceInterval, wilson_interval

Verdict = Literal["right", "imprecise", "wrong"]


@dataclass(frozen=True, slots=True)
class Judged:
    """One row of the file, as far as it counts."""

    round: int
    api: str
    field: str
    description: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Share:
    """How many of a round's descriptions got a verdict, and where the true share lies."""

    count: int
    total: int
    interval: ConfidenceInterval


def draw(schema: Schema, api: str, round_: int, count: int = 25) -> list[str]:
    """The leaf fields of an API that a round judges; the same arguments always draw the same."""
    names = [field.name for field in schema.leaves]
    return sorted(random.Random(f"annotation audit {round_} {api}").sample(names, count))


def read_audit(path: Path) -> list[Judged]:
    """All judged descriptions.

    Raises:
        InputError: the file cannot be read, or a row has no round or no known verdict.
    """
    try:
        with path.open(encoding="utf-8", newline="") as rows:
            return [_judged(row) for row in csv.DictReader(rows)]
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path} is not an audit: {error}; expected the columns of schema/audit.py") from error


def share(judged: list[Judged], round_: int, verdict: Verdict) -> Share:
    """The share of a verdict in one round, with its 95% Wilson interval."""
    verdicts = [row.verdict for row in judged if row.round == round_]
    count = verdicts.count(verdict)
    return Share(count, len(verdicts), wilson_interval(count, len(verdicts)))


def _judged(row: dict[str, str]) -> Judged:
    if row["verdict"] not in get_args(Verdict):
        raise ValueError(f"verdict {row['verdict']!r} of {row['field']}")
    return Judged(int(row["round"]), row["api"], row["field"], row["description"], cast(Verdict, row["verdict"]))
