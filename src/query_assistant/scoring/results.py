"""What scoring found: an answer for every reference, what can be counted over them, systems compared on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

from query_assistant.errors import InputError
from query_assistant.judging.comparison import LADDER, Relation
from query_assistant.scoring.diagnosis import COMPONENTS, ERRORS, NOTHING_RIGHT, Components, ErrorClass
from query_assistant.statistics import (
    ConfidenceInterval,
    Resampling,
    bootstrap_intervals,
    holm,
    mcnemar,
    paired_bootstrap,
)

RUNGS = ("parsed", "valid", "exact", "canonical", "execution", "selection")
SEED = 20240717


@dataclass(frozen=True, slots=True)
class ScoredAnswer:
    """One answer. `group` is the right query in canonical form: answers that share it are one observation.

    `differences` say what keeps the answer from the next rung, reference on the left, answer on the right.
    """

    id: str
    api: str
    relation: Relation
    error: ErrorClass | None
    group: str = ""
    parsed: bool = False
    valid: bool = False
    components: Components = NOTHING_RIGHT
    differences: tuple[str, ...] = ()

    def reaches(self, rung: str) -> bool:
        """Whether the answer stands on the rung or above."""
        if rung in ("parsed", "valid"):
            return self.parsed if rung == "parsed" else self.valid
        return LADDER.index(self.relation) <= LADDER.index(rung)

    def value(self, metric: str) -> float:
        """The answer's share in a metric: 0 or 1 for a rung, the F1 for a component."""
        return float(self.reaches(metric)) if metric in RUNGS else float(getattr(self.components, metric))


@dataclass(frozen=True)
class Results:
    """The scored answers of one system, in the order of the references."""

    answers: tuple[ScoredAnswer, ...]
    missing: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()

    def of_api(self, api: str | None) -> tuple[ScoredAnswer, ...]:
        """The answers to questions of one API, all of them for None."""
        return self.answers if api is None else tuple(one for one in self.answers if one.api == api)

    @cached_property
    def apis(self) -> tuple[str, ...]:
        return tuple(sorted({answer.api for answer in self.answers}))

    @cached_property
    def errors(self) -> dict[ErrorClass, int]:
        """How many answers have each error class, all classes named, the order that of the list."""
        counted = Counter(answer.error for answer in self.answers)
        return {name: counted[name] for name in ERRORS}

    def share(self, metric: str, api: str | None = None) -> float:
        """The mean of a rung or component over all answers, or those of one API."""
        return mean(answer.value(metric) for answer in self.of_api(api))

    def intervals(
        self, api: str | None = None, seed: int = SEED, resampling: Resampling | None = None
    ) -> dict[str, ConfidenceInterval]:
        """Bootstrap intervals of every rung and component; instructions of one query are drawn together."""
        answers = self.of_api(api)
        columns = {metric: [answer.value(metric) for answer in answers] for metric in (*RUNGS, *COMPONENTS)}
        groups = [(answer.api, answer.group) for answer in answers]
        purpose = f"score/{api or 'all'}"
        return bootstrap_intervals(columns, seed=seed, purpose=purpose, groups=groups, resampling=resampling)


def mean(values: Iterable[float]) -> float:
    """The arithmetic mean, 0 of nothing."""
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0


@dataclass(frozen=True, slots=True)
class Duel:
    """Two systems on one metric. `difference` is left minus right; `p_holm` allows for all duels of the table.

    For a rung of the ladder p is that of the exact McNemar test on the `left_only` and `right_only` answers; for an F1,
    where answers are more or less right, that of the paired bootstrap.
    """

    left: str
    right: str
    metric: str
    difference: float
    interval: ConfidenceInterval
    left_only: int
    right_only: int
    p_value: float
    p_holm: float


def duels(systems: Mapping[str, Results], metrics: Sequence[str] = ("execution",), seed: int = SEED) -> list[Duel]:
    """Every pair of systems on every metric, in the order given.

    Raises:
        InputError: two systems were not scored on the same references.
    """
    found = [
        _duel(left, right, metric, systems, seed) for left, right in combinations(systems, 2) for metric in metrics
    ]
    corrected = holm({_name(one): one.p_value for one in found})
    return [replace(one, p_holm=corrected[_name(one)]) for one in found]


def _name(duel: Duel) -> str:
    return f"{duel.left} {duel.right} {duel.metric}"


def _duel(left: str, right: str, metric: str, systems: Mapping[str, Results], seed: int) -> Duel:
    ours, theirs = systems[left].answers, systems[right].answers
    if [answer.id for answer in ours] != [answer.id for answer in theirs]:
        odd = sorted({answer.id for answer in ours} ^ {answer.id for answer in theirs})
        where = f"{odd[0]!r} is in one only" if odd else "their order differs"
        raise InputError(f"{left} and {right} were not scored on the same items ({where}); score both again")
    one, other = [answer.value(metric) for answer in ours], [answer.value(metric) for answer in theirs]
    groups = [(answer.api, answer.group) for answer in ours]
    drawn = paired_bootstrap(one, other, seed=seed, purpose=f"duel/{metric}", groups=groups)
    exact = mcnemar([value == 1 for value in one], [value == 1 for value in other])
    p_value = exact.p_value if metric in RUNGS else drawn.p_value
    return Duel(
        left, right, metric, drawn.difference, drawn.interval, exact.left_only, exact.right_only, p_value, p_value
    )
