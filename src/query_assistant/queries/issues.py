"""What can be wrong with a query: a closed list of codes, each with one severity.

error      the API refuses the request, or what is asked can never be found (a field that does not exist)
no_effect  the API accepts and ignores it
warning    accepted, but it surely means something else than it seems to

Below them the findings about one named field: whether it can do what is asked of it, and whether a value can be in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from query_assistant.apis import Api
from query_assistant.apis.fields import FieldType
from query_assistant.apis.suggestions import meant_field

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z")
_WHOLE = re.compile(r"[+-]?[0-9]+(?:\.0*)?\Z")
_DATE = re.compile(
    r"(?:[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2}(?:T[0-9:.]+(?:Z|[+-][0-9:]+)?)?)?)?(?:\|\|.*)?|now.*|[0-9]{5,})\Z"
)
_BITS = {"byte": 7, "integer": 31, "long": 63}
_LARGEST_FLOAT = {"float": 3.4028235677973366e38, "double": float("inf")}
_RESULT_KEYS = frozenset({"_id", "_score", "_version", "_license", "query", "notfound"})
_MISSING = "_missing_"
LONGEST_SHOWN = 80

Severity = Literal["error", "no_effect", "warning"]
Code = Literal[
    "no_such_path",
    "wrong_method",
    "refused",
    "syntax",
    "unknown_field",
    "unindexed_field",
    "object_field",
    "nested_field",
    "wrong_type",
    "pattern_on_value",
    "text_sort",
    "text_facet",
    "no_fielddata",
    "too_large",
    "unknown_parameter",
    "ignored_parameter",
    "dropped_text",
    "other_index",
    "lower_case_operator",
    "mixed_operators",
    "single_value",
    "filter_as_fields",
    "rewritten_value",
    "text_range",
    "unknown_prefix",
    "parameter_in_identifier",
]

SEVERITIES: dict[Code, Severity] = {
    "no_such_path": "error",
    "wrong_method": "error",
    "refused": "error",
    "syntax": "error",
    "unknown_field": "error",
    "unindexed_field": "error",
    "object_field": "error",
    "nested_field": "error",
    "wrong_type": "error",
    "pattern_on_value": "error",
    "text_sort": "error",
    "text_facet": "error",
    "no_fielddata": "error",
    "too_large": "error",
    "unknown_parameter": "no_effect",
    "ignored_parameter": "no_effect",
    "dropped_text": "no_effect",
    "other_index": "warning",
    "lower_case_operator": "warning",
    "mixed_operators": "warning",
    "single_value": "warning",
    "filter_as_fields": "warning",
    "rewritten_value": "warning",
    "text_range": "warning",
    "unknown_prefix": "warning",
    "parameter_in_identifier": "warning",
}


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong. `position` counts characters of the parameter's value from 0.

    `partial`: only a part of what is asked for finds nothing, and the rest still finds records.
    """

    code: Code
    message: str
    parameter: str | None = None
    field: str | None = None
    position: int | None = None
    suggestion: str | None = None
    partial: bool = False

    @property
    def severity(self) -> Severity:
        severity = SEVERITIES[self.code]
        return "warning" if self.partial and severity == "error" else severity


def spared(issue: Issue) -> Issue:
    """The issue of a part that the rest of the query can do without."""
    return replace(issue, partial=True) if issue.severity == "error" else issue


def searchable(name: str, parameter: str, api: Api) -> Issue | None:
    """Why a query on the field can find nothing, None where it can."""
    if issue := _known(name, parameter, api):
        return issue
    fields = api.schema.matching(name)
    if any(field.leaf and field.indexed and not _nested(field.name, api) for field in fields):
        return None
    if any(_nested(field.name, api) for field in fields):
        return nested(name, parameter, api)
    if all(not field.leaf for field in fields):
        return _object(name, parameter, api)
    return _unindexed(name, parameter, api)


def existing(name: str, parameter: str, api: Api) -> Issue | None:
    """As `searchable`, where an object stands for any field below it."""
    if issue := _known(name, parameter, api):
        return issue
    if _nested(name, api):
        return nested(name, parameter, api)
    leaves = [
        leaf for field in api.schema.matching(name) for leaf in (field, *api.schema.below(field.name)) if leaf.leaf
    ]
    return None if any(leaf.indexed for leaf in leaves) else _unindexed(name, parameter, api)


def returnable(name: str, parameter: str, api: Api) -> Issue | None:
    """Whether records can show the field: any in the list, objects too."""
    bare = name.removeprefix("-")
    if bare in ("all", "") or bare in _RESULT_KEYS:
        return None
    return _known(bare, parameter, api)


def sortable(name: str, parameter: str, api: Api) -> Issue | None:
    """Whether hits can be sorted by the field; `-` before it is descending."""
    bare = name.removeprefix("-")
    if bare == "_score":
        return None
    if issue := _no_fielddata(bare, parameter) or searchable(bare, parameter, api):
        return issue
    if api.schema[bare].type == "text" if bare in api.schema else "*" in bare:
        return Issue("text_sort", f"{api.name} cannot sort by `{bare}`: it is a text field", parameter, bare)
    return None


def countable(name: str, parameter: str, api: Api) -> Issue | None:
    """Whether the values of the field can be counted."""
    if issue := _no_fielddata(name, parameter) or searchable(name, parameter, api):
        return issue
    if name not in api.schema or api.schema[name].type == "text":
        message = f"{api.name} cannot count the values of `{name}`: it is a text field"
        return Issue("text_facet", message, parameter, name)
    return None


def _no_fielddata(name: str, parameter: str) -> Issue | None:
    if name != "_id":
        return None
    message = "the search engine refuses to sort by `_id` or to count it: it keeps no column of it (fielddata is off)"
    return Issue("no_fielddata", message, parameter, name)


def unfit_value(name: str | None, text: str, parameter: str, api: Api, *, bound: bool = False) -> Iterator[Issue]:
    """Whether a value, or a bound of a range, fits the type of its field."""
    expected = _expectation(name, text, api, bound)
    if expected and name is not None:
        yield Issue(
            "wrong_type",
            f"`{name}` of {api.name} takes {expected}, not {text[:60]!r}",
            parameter,
            name,
            suggestion=None,
        )


def _expectation(name: str | None, text: str, api: Api, bound: bool) -> str | None:
    kind = api.kind(name)
    if kind == "number" and name is not None:
        types = [field.type for field in api.schema.matching(name) if field.leaf]
        return _number_expected(types, text, bound)
    if kind == "boolean" and text not in ("true", "false"):
        return "true or false"
    if kind == "date" and not _DATE.match(text):
        return "a date such as 2024-05-31"
    return None


def _number_expected(types: list[FieldType], text: str, bound: bool) -> str | None:
    whole = not bound and all(type_ in _BITS for type_ in types)
    if not _NUMBER.match(text) or (whole and not _WHOLE.match(text)):
        return "a whole number" if whole else "a number"
    if any(_fits(text, type_) for type_ in types):
        return None
    bits = max(_BITS.get(type_, 0) for type_ in types)
    limits = f" from {-(2**bits)} to {2**bits - 1}" if bits else f" below {min(_LARGEST_FLOAT.values()):.8g}"
    return f"a whole number{limits}" if whole else f"a number{limits}"


def _fits(text: str, type_: FieldType) -> bool:
    """Whether a type holds a number. Only large ones need exact arithmetic, and none of thousands of digits does."""
    value = float(text)
    if type_ not in _BITS:
        return abs(value) < _LARGEST_FLOAT[type_]
    exact = int(Decimal(text)) if 2**53 <= abs(value) < 2**64 else value
    limit: int = 1 << _BITS[type_]
    return -limit <= exact < limit


def other_index(name: str, index: str, parameter: str, api: Api) -> Issue | None:
    """A field that only another index has."""
    hidden = api.hidden.get(name)
    if hidden is None or hidden.index in (None, index):
        return None
    message = f"`{name}` exists in {hidden.index} only; add {api.definition.index_parameter}={hidden.index}"
    return Issue("other_index", message, parameter, name, suggestion=f"{api.definition.index_parameter}={hidden.index}")


def nested(name: str, parameter: str, api: Api) -> Issue:
    message = f"`{name}` of {api.name} is reached by the interval syntax only; write chr1:1000-2000 as the whole q"
    return Issue("nested_field", message, parameter, name)


def _known(name: str, parameter: str, api: Api) -> Issue | None:
    if api.schema.matching(name):
        return None
    if name == _MISSING:
        message = f"{_MISSING} is not supported any more; write NOT _exists_:field"
        return Issue("unknown_field", message, parameter, name, suggestion="NOT _exists_:")
    return Issue("unknown_field", f"field `{_cut(name)}` does not exist in {api.name}", parameter, name)


def _cut(name: str) -> str:
    """A name in a message: cut where it is long."""
    return name if len(name) <= LONGEST_SHOWN else name[: LONGEST_SHOWN - 1] + "…"


def hinted(issue: Issue, api: Api) -> Issue:
    """The issue with a word on what to write instead of a field that does not exist."""
    if issue.code != "unknown_field" or issue.suggestion is not None or issue.field is None:
        return issue
    close = meant_field(issue.field.removeprefix("-"), api)
    hint = f"did you mean `{close}`?" if close else f"see /{api.version}/metadata/fields"
    return replace(issue, message=f"{issue.message}; {hint}", suggestion=close)


def _object(name: str, parameter: str, api: Api) -> Issue:
    below = [leaf.name for field in api.schema.matching(name) for leaf in api.schema.below(field.name) if leaf.indexed]
    hint = f"; name one of its fields, such as `{below[0]}`" if below else ""
    message = f"`{name}` of {api.name} is an object and holds no value itself{hint}"
    return Issue("object_field", message, parameter, name, suggestion=below[0] if below else None)


def _unindexed(name: str, parameter: str, api: Api) -> Issue:
    return Issue("unindexed_field", f"`{name}` of {api.name} is stored but cannot be searched", parameter, name)


def _nested(name: str, api: Api) -> bool:
    return name.partition(".")[0] in api.nested
