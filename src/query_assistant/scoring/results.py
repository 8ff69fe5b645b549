"""What scoring found: an item for every reference, and everything that can be counted over them.

Every key that `to_json` writes is documented in docs/metrics.md, which a test compares with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from query_assistant.judging.comparison import LADDER, Relation
from query_assistant.scoring.components import METRICS, NOTHING, Components
from query_assistant.scoring.errors import ERRORS, ErrorClass
from query_assistant.statistics import Interval, bootstrap_intervals

RUNGS = ("parsed", "valid", "exact", "canonical", "selection", "execution")
SEED = 20240717


@dataclass(frozen=True, slots=True)
class Item:
    """One answer. `group` is the right query in canonical form: items that share it are one observation.

    `differences` say what keeps the answer from the next rung, reference on the left, answer on the right.
    """

    id: str
    api: str
    relation: Relation
    error: ErrorClass | None
    group: str = ""
    parsed: bool = False
    valid: bool = False
    components: Components = NOTHING
    differences: tuple[str, ...] = ()

    def reaches(self, rung: str) -> bool:
        """Whether the answer stands on the rung or above."""
        if rung in ("parsed", "valid"):
            return self.parsed if rung == "parsed" else self.valid
        return LADDER.index(self.relation) <= LADDER.index(rung)

    def value(self, metric: str) -> float:
        """The item's share in a metric: 0 or 1 for a rung, the F1 for a component."""
        return float(self.reaches(metric)) if metric in RUNGS else float(getattr(self.components, metric))


@dataclass(frozen=True)
class Results:
    """The scored items of one system, in the order of the references."""

    items: tuple[Item, ...]
    missing: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()

    def of_api(self, api: str) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.api == api)

    @cached_property
    def apis(self) -> tuple[str, ...]:
        return tuple(sorted({item.api for item in self.items}))

    @cached_property
    def errors(self) -> dict[str, int]:
        """How many items have each error class, all classes named, the order that of the list."""
        counted = Counter(item.error for item in self.items)
        return {name: counted[name] for name in ERRORS}

    def share(self, metric: str, api: str | None = None) -> float:
        """The mean of a rung or component over all items, or those of one API."""
        return mean(item.value(metric) for item in (self.items if api is None else self.of_api(api)))

    def intervals(self, api: str | None = None, seed: int = SEED) -> dict[str, Interval]:
        """95% bootstrap intervals of every rung and component; instructions of one query are drawn together."""
        items = self.items if api is None else self.of_api(api)
        columns = {metric: [item.value(metric) for item in items] for metric in (*RUNGS, *METRICS)}
        groups = [(item.api, item.group) for item in items]
        return bootstrap_intervals(columns, seed=seed, purpose=f"score/{api or 'all'}", groups=groups)

    def to_json(self) -> dict[str, Any]:
        """The ladder over all and per API, and the relation and error of every item."""
        return {
            **_shares(self.items),
            "by_api": {api: _shares(self.of_api(api)) for api in self.apis},
            "components": {metric: _rounded(self.share(metric)) for metric in METRICS},
            "errors": {name: count for name, count in self.errors.items() if count},
            "missing": list(self.missing),
            "unmatched": list(self.unmatched),
            "items": [{"id": item.id, "relation": item.relation, "error": item.error} for item in self.items],
        }

    def intervals_json(self, seed: int = SEED) -> dict[str, Any]:
        """The intervals over all and per API, as [low, high] by metric."""
        scopes = {"all": None, **{api: api for api in self.apis}}
        return {
            name: {
                metric: [_rounded(interval.low), _rounded(interval.high)]
                for metric, interval in self.intervals(api, seed).items()
            }
            for name, api in scopes.items()
        }

    def details(self) -> list[dict[str, Any]]:
        """Every item in full, for the table of errors."""
        return [asdict(item) for item in self.items]


def _shares(items: Sequence[Item]) -> dict[str, Any]:
    return {"n": len(items)} | {rung: _rounded(mean(item.value(rung) for item in items)) for rung in RUNGS}


def mean(values: Iterable[float]) -> float:
    """The arithmetic mean, 0 of nothing."""
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0


def _rounded(value: float) -> float:
    """Six decimals: finer than any share over fewer than a million items, and the same bytes everywhere."""
    return round(value, 6)
