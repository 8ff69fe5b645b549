"""How much of a query is right: F1 of its parts, for answers that are nearly right.

Each is 2 · common / (asked + answered), from 0 to 1; two empty sides agree fully (1). Parts are compared in canonical
form, so another spelling costs nothing. Means are over items (macro): a batch of a hundred terms weighs as one query.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from query_assistant.apis import Api
from query_assistant.judging.readings import Reading
from query_assistant.queries.meaning import shown_fields

_ELSEWHERE = frozenset({"q", "id", "ids", "fields"})


@dataclass(frozen=True, slots=True)
class Components:
    """`endpoint` is 1 for the same method and kind of path, else 0."""

    endpoint: float = 0.0
    clauses_f1: float = 0.0
    parameters_f1: float = 0.0
    returned_fields_f1: float = 0.0


NOTHING = Components()
METRICS = ("endpoint", "clauses_f1", "parameters_f1", "returned_fields_f1")


def components(reference: Reading, prediction: Reading, api: Api) -> Components:
    """The components of one readable answer."""
    return Components(
        endpoint=float(reference.form.key == prediction.form.key),
        clauses_f1=f1(reference.clauses, prediction.clauses),
        parameters_f1=f1(_parameters(reference), _parameters(prediction)),
        returned_fields_f1=f1(_returned(reference, api), _returned(prediction, api)),
    )


def f1(asked: Iterable[Hashable], answered: Iterable[Hashable]) -> float:
    """F1 of two bags of parts; repeats count."""
    ours, theirs = Counter(asked), Counter(answered)
    total = ours.total() + theirs.total()
    return 2 * (ours & theirs).total() / total if total else 1.0


def _parameters(reading: Reading) -> list[Hashable]:
    """Name and value of every parameter that is not at its default, list items one by one.

    Without the query text, the identifiers and the returned fields, which have components of their own.
    """
    found: list[Hashable] = []
    for name, value in reading.form.values:
        if name not in _ELSEWHERE:
            found += [(name, item) for item in (value if isinstance(value, tuple) else (value,))]
    return found


def _returned(reading: Reading, api: Api) -> frozenset[str]:
    return shown_fields(reading.meaning.presentation.fields, api) if reading.meaning else frozenset()
