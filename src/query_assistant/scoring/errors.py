"""What went wrong with an answer: one class for each, from a small closed list.

The first class that fits is taken, from the crudest mistake to the finest, so that an answer on the wrong endpoint is
not also counted for the clauses it therefore lacks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from query_assistant.apis import Api
from query_assistant.judging.comparison import Comparison
from query_assistant.judging.differences import Difference
from query_assistant.judging.readings import Reading
from query_assistant.queries.rendering import field_names

ErrorClass = Literal[
    "empty_answer",  # no query at all, or no line in the file
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
