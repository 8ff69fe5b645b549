"""What each technique is worth: systems with it against systems without it, question by question.

Two systems answered the same questions, so their difference is paired: how sure a technique's gain is follows from the
questions that one side alone gets right, not from two shares that happen to stand apart.

- *levers* of one system take one thing away at a time; each is a single pair of systems.
- *techniques* of a grid of systems are the mean over all pairs that differ in one word. A question is then one
  observation, however many pairs answered it: its value is the mean of its pairs.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from pydantic import ValidationError

from query_assistant.errors import InputError
from query_assistant.judging.comparison import LADDER
from query_assistant.records import Record
from query_assistant.scoring.documents import Rows
from query_assistant.scoring.results import SEED
from query_assistant.statistics import holm, mcnemar, paired_bootstrap

TECHNIQUES = {  # and what it replaces
    "finetuned": "base",
    "few_shot": "zero_shot",
    "rag": "closed",
    "grammar": "free",
    "chosen": "grammar",
}
BELIEVED = 0.05  # a corrected p-value below it

Twins = tuple[str, str]
"""Two systems that differ in one word: the one with the technique, the one without."""


@dataclass(frozen=True)
class Verdicts:
    """Which systems' answers to one question select the right records.

    `group` is the right query: two wordings of it are one observation.
    """

    group: Hashable
    right: Mapping[str, bool]


class Effect(Record):
    """A technique on one test set; shares of 1, positive: better with it.

    Attributes:
        systems: the pairs compared, with it and without.
        with_it, without: selection, the mean over the pairs.
        gains: the differences of the single pairs.
        difference: their mean, `low` to `high` its 95% interval.
        gained, lost: questions on which more, or fewer, systems are right with it.
    """

    technique: str
    instead_of: str
    set: str
    systems: tuple[Twins, ...]
    questions: int
    with_it: float
    without: float
    gains: tuple[float, ...]
    difference: float
    low: float
    high: float
    gained: int
    lost: int
    p_value: float
    p_corrected: float

    @property
    def verdict(self) -> str:
        """In words; told apart is what neither the interval nor the corrected p-value leaves to luck."""
        if self.low <= 0 <= self.high or self.p_corrected >= BELIEVED:
            return "not told apart"
        return "better with it" if self.difference > 0 else "worse with it"


@dataclass(frozen=True)
class AnswerFigures:
    """What else is told of a system on a test set: the share of valid queries, and the mean time of an answer."""

    valid: float
    seconds: float


class Effects(Record):
    """metrics/techniques.json: the techniques of a run's systems."""

    effects: tuple[Effect, ...]


def twin(system: str, technique: str) -> str | None:
    """The same system without the technique; None if it has it not."""
    words = system.split("-")
    if technique not in words:
        return None
    return "-".join(TECHNIQUES[technique] if word == technique else word for word in words)


def all_twins(systems: Sequence[str]) -> dict[str, list[Twins]]:
    """For each technique, every two of the systems that differ in it alone."""
    found: dict[str, list[Twins]] = {}
    for technique in TECHNIQUES:
        for system in systems:
            without = twin(system, technique)
            if without is not None and without in systems:
                found.setdefault(technique, []).append((system, without))
    return found


def levers(start: str, systems: Sequence[str]) -> dict[str, list[Twins]]:
    """One thing taken away from `start` at a time, where both systems are there.

    Where what stands in for a technique is one itself (`grammar` for `chosen`), all further things are taken from the
    system that has it: the same answers once, so that one lever does not hide behind another.
    """
    found: dict[str, list[Twins]] = {}
    for technique in reversed(TECHNIQUES):
        without = twin(start, technique)
        if without is None:
            continue
        if start in systems and without in systems:
            found[technique] = [(start, without)]
        if TECHNIQUES[technique] in TECHNIQUES:
            start = without
    return found


def verdicts(rows: Mapping[str, Rows]) -> dict[str, list[Verdicts]]:
    """By test set, every question with the systems that answered it; `rows` by system, as `score_system` gives them."""
    found: dict[str, dict[object, Verdicts]] = {"benchmark": {}}  # first, as in every table
    right: dict[tuple[object, object], dict[str, bool]] = {}
    for system, answers in rows.items():
        for row in answers:
            mine = right.setdefault((row["set"], row["id"]), {})
            mine[system] = LADDER.index(row["relation"]) <= LADDER.index("selection")
            one = Verdicts((row["api"], row["group"]), mine)
            found.setdefault(str(row["set"]), {}).setdefault(row["id"], one)
    return {name: list(questions.values()) for name, questions in found.items()}


def effects(twins: Mapping[str, Sequence[Twins]], sets: Mapping[str, Sequence[Verdicts]]) -> list[Effect]:
    """What each technique is worth on each set that all of its systems answered; p-values corrected for their number.

    The interval is that of the paired bootstrap, wordings of one query drawn together; p is the exact McNemar test's
    on `gained` and `lost`.
    """
    found = [
        _effect(technique, pairs, name, asked)
        for technique, pairs in twins.items()
        for name, questions in sets.items()
        if (asked := [one for one in questions if all(system in one.right for pair in pairs for system in pair)])
    ]
    corrected = holm({f"{one.technique} {one.set}": one.p_value for one in found})
    return [one.model_copy(update={"p_corrected": corrected[f"{one.technique} {one.set}"]}) for one in found]


def _effect(technique: str, pairs: Sequence[Twins], name: str, asked: Sequence[Verdicts]) -> Effect:
    with_it, without = ([[one.right[pair[side]] for pair in pairs] for one in asked] for side in (0, 1))
    drawn = paired_bootstrap(
        [fmean(row) for row in with_it],
        [fmean(row) for row in without],
        seed=SEED,
        purpose=f"technique/{technique}",
        groups=[one.group for one in asked],
    )
    more = [sum(ours) - sum(theirs) for ours, theirs in zip(with_it, without, strict=True)]
    exact = mcnemar([gap > 0 for gap in more], [gap < 0 for gap in more])
    shares = [[fmean(column) for column in zip(*side, strict=True)] for side in (with_it, without)]
    return Effect(
        technique=technique,
        instead_of=TECHNIQUES[technique],
        set=name,
        systems=tuple(pairs),
        questions=len(asked),
        with_it=round(fmean(shares[0]), 6),
        without=round(fmean(shares[1]), 6),
        gains=tuple(round(ours - theirs, 6) for ours, theirs in zip(*shares, strict=True)),
        difference=round(drawn.difference, 6),
        low=round(drawn.interval.low, 6),
        high=round(drawn.interval.high, 6),
        gained=exact.left_only,
        lost=exact.right_only,
        p_value=exact.p_value,
        p_corrected=exact.p_value,
    )


def read_effects(path: Path) -> list[Effect]:
    """What the score stage found of the techniques.

    Raises:
        InputError: the file is missing or holds something else; the message names it.
    """
    try:
        return list(Effects.model_validate_json(path.read_bytes()).effects)
    except OSError as error:
        raise InputError(f"no comparison of techniques at {path}: {error.strerror}; run `dvc repro score`") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise InputError(f"{path} is no comparison: {where}: {first['msg']}; run `dvc repro score`") from None


def effect_figures(found: Sequence[Effect]) -> dict[str, float]:
    """For MLflow: each technique's gain, its interval and corrected p-value, those of the test split under `test/`."""
    figures: dict[str, float] = {}
    for one in found:
        name = f"{'' if one.set == 'benchmark' else f'{one.set}/'}technique/{one.technique}"
        figures |= {
            name: one.difference,
            f"{name}_low": one.low,
            f"{name}_high": one.high,
            f"{name}_p": one.p_corrected,
        }
    return figures
