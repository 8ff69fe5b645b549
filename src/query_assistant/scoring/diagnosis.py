"""What is right of an answer, and what went wrong with it.

Components give credit to answers that are nearly right. Each is F1 = 2 · common / (asked + answered), from 0 to 1; two
empty sides agree fully (1). Parts are compared in canonical form, so another spelling costs nothing. Means are over
items (macro): a batch of a hundred terms weighs as one query.

Error classes are a small closed list, and an answer has one: the first that fits, from the crudest mistake to the
finest, so that an answer on the wrong endpoint is not also counted for the clauses it therefore lacks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from query_assistant.apis import Api
from query_assistant.judging.comparison import Comparison
from query_assistant.judging.differences import Difference
from query_assistant.judging.readings import Reading
from query_assistant.queries.meaning import shown_fields
from query_assistant.queries.rendering import field_names


@dataclass(frozen=True, slots=True)
class Components:
    """`endpoint` is 1 for the same method and kind of path, else 0."""

    endpoint: float = 0.0
    clauses_f1: float = 0.0
    parameters_f1: float = 0.0
    returned_fields_f1: float = 0.0


NOTHING_RIGHT = Components()
COMPONENTS = ("endpoint", "clauses_f1", "parameters_f1", "returned_fields_f1")

ErrorClass = Literal[
    "empty_answer",  # no query at all, or no line in the file
    "not_judged",  # comparing it failed: our mistake, counted against the answer and said
    "unparsable",  # the API would refuse the call: its path, a parameter's value or the query text
    "wrong_endpoint",  # a search for a lookup, one record for many, metadata
    "hallucinated_field",  # names a field that does not exist
    "invalid",  # can be read, but would be refused or ignored in part: a type, a sort on text, a field not indexed
    "wrong_field",  # asks for the right value in another field
    "operator",  # the right clauses joined, negated or matched otherwise
    "missing_clause",
    "extra_clause",
    "wrong_value",
    "species",
    "assembly",
    "returned_fields",
    "paging",
    "sort",
    "facets",
    "format",
    "other",  # no single part explains it
]
ERRORS: tuple[ErrorClass, ...] = get_args(ErrorClass)

RIGHT = frozenset({"exact", "canonical", "execution"})
_BY_KIND: dict[str, ErrorClass] = {
    "endpoint": "wrong_endpoint",
    "answer": "wrong_endpoint",
    "field": "wrong_field",
    "operator": "operator",
    "value": "wrong_value",
    "species": "species",
    "assembly": "assembly",
    "returned_fields": "returned_fields",
    "paging": "paging",
    "sort": "sort",
    "facets": "facets",
    "format": "format",
}


def components(reference: Reading, prediction: Reading, api: Api) -> Components:
    """The components of one readable answer."""
    return Components(
        endpoint=float(reference.form.key == prediction.form.key),
        clauses_f1=f1(reference.clauses, prediction.clauses),
        parameters_f1=f1(_parameters(reference, api), _parameters(prediction, api)),
        returned_fields_f1=f1(_returned(reference, api), _returned(prediction, api)),
    )


def f1(asked: Iterable[Hashable], answered: Iterable[Hashable]) -> float:
    """F1 of two bags of parts; repeats count."""
    ours, theirs = Counter(asked), Counter(answered)
    total = ours.total() + theirs.total()
    return 2 * (ours & theirs).total() / total if total else 1.0


def _parameters(reading: Reading, api: Api) -> list[Hashable]:
    """Name and value of every parameter that is not at its default, list items one by one.

    Without the query text, the identifiers and the returned fields, which have components of their own.
    """
    found: list[Hashable] = []
    for name, value in reading.form.values:
        parameter = api.parameter(reading.form.key, name)
        elsewhere = name == "fields" or (parameter and parameter.role == "asks" and not parameter.lists)
        if not elsewhere:
            found += [(name, item) for item in (value if isinstance(value, tuple) else (value,))]
    return found


def _returned(reading: Reading, api: Api) -> frozenset[str]:
    return shown_fields(reading.meaning.presentation.fields, api) if reading.meaning else frozenset()


def classify(comparison: Comparison, prediction: Reading, valid: bool, api: Api) -> ErrorClass | None:
    """The class of an answer that could be read, compared as `compare(reference, prediction)`; None if it is right."""
    if comparison.relation in RIGHT:
        return None
    found = {_class_of(difference) for difference in _telling(comparison)}
    if unknown_fields(prediction, api):
        found.add("hallucinated_field")
    elif not valid:
        found.add("invalid")
    return min(found, key=ERRORS.index, default="other")


def _telling(comparison: Comparison) -> Iterable[Difference]:
    """Where the records differ, how they are shown explains nothing."""
    selecting = comparison.relation == "different"
    return (difference for difference in comparison.differences if difference.selects is selecting)


def _class_of(difference: Difference) -> ErrorClass:
    if difference.kind == "clause":
        return "missing_clause" if difference.right is None else "extra_clause"
    return _BY_KIND.get(difference.kind, "other")


def unknown_fields(reading: Reading, api: Api) -> list[str]:
    """The fields that a query names in its text, scopes, filters or returned fields and that do not exist."""
    if reading.meaning is None:
        return []
    asked = [name for clause in reading.clauses for name in field_names(clause.leaf) if name]
    shown = reading.meaning.presentation
    asked += [name.removeprefix("-") for name in (*(shown.fields or ()), *shown.sort, *shown.facets)]
    return sorted({name for name in asked if not _exists(name, api)})


def _exists(name: str, api: Api) -> bool:
    if name in ("_score", "*") or name in api.schema:
        return True
    return bool(api.schema.matching(name) if "*" in name else api.schema.below(name))
