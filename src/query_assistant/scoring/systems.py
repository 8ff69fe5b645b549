"""Which of several systems is better, judged on the same items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from query_assistant.errors import InputError
from query_assistant.scoring.results import RUNGS, SEED, Results
from query_assistant.statistics import Interval, holm, mcnemar, paired_bootstrap


@dataclass(frozen=True, slots=True)
class Duel:
    """Two systems on one metric. `difference` is left minus right; `p_holm` allows for all duels of the table.

    For a rung of the ladder p is that of the exact McNemar test on the `left_only` and `right_only` items; for an F1,
    where answers are more or less right, that of the paired bootstrap.
    """

    left: str
    right: str
    metric: str
    difference: float
    interval: Interval
    left_only: int
    right_only: int
    p_value: float
    p_holm: float


def duels(systems: Mapping[str, Results], metrics: Sequence[str] = ("execution",), seed: int = SEED) -> list[Duel]:
    """Every pair of systems on every metric, in the order given.

    Raises:
        InputError: two systems were not scored on the same items.
    """
    found = [
        _duel(left, right, metric, systems, seed) for left, right in combinations(systems, 2) for metric in metrics
    ]
    corrected = holm({_name(one): one.p_value for one in found})
    return [replace(one, p_holm=corrected[_name(one)]) for one in found]


def _name(duel: Duel) -> str:
    return f"{duel.left} {duel.right} {duel.metric}"


def _duel(left: str, right: str, metric: str, systems: Mapping[str, Results], seed: int) -> Duel:
    ours, theirs = systems[left].items, systems[right].items
    if [item.id for item in ours] != [item.id for item in theirs]:
        odd = sorted({item.id for item in ours} ^ {item.id for item in theirs})
        where = f"{odd[0]!r} is in one only" if odd else "their order differs"
        raise InputError(f"{left} and {right} were not scored on the same items ({where}); score both again")
    one, other = [item.value(metric) for item in ours], [item.value(metric) for item in theirs]
    groups = [(item.api, item.group) for item in ours]
    drawn = paired_bootstrap(one, other, seed=seed, purpose=f"duel/{metric}", groups=groups)
    exact = mcnemar([value == 1 for value in one], [value == 1 for value in other])
    p_value = exact.p_value if metric in RUNGS else drawn.p_value
    return Duel(
        left, right, metric, drawn.difference, drawn.interval, exact.left_only, exact.right_only, p_value, p_value
    )
