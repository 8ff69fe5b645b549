"""Whether a named field can do what is asked of it, and whether a value can be in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from query_assistant.apis import Api
from query_assistant.apis.fields import Field
from query_assistant.queries.issues import Issue
from query_assistant.queries.kinds import kind

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z")
_WHOLE = re.compile(r"[+-]?[0-9]+(?:\.0*)?\Z")
_DATE = re.compile(
    r"(?:[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2}(?:T[0-9:.]+(?:Z|[+-][0-9:]+)?)?)?)?(?:\|\|.*)?|now.*|[0-9]{5,})\Z"
)
_INTEGERS = frozenset({"integer", "long", "byte"})
_RESULT_KEYS = frozenset({"_id", "_score", "_version", "_license", "query", "notfound"})
_MISSING = "_missing_"


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
    if bare in ("_score", "_id"):
        return None
    if issue := searchable(bare, parameter, api):
        return issue
    if api.schema[bare].type == "text" if bare in api.schema else "*" in bare:
        return Issue("text_sort", f"{api.name} cannot sort by `{bare}`: it is a text field", parameter, bare)
    return None


def countable(name: str, parameter: str, api: Api) -> Issue | None:
    """Whether the values of the field can be counted."""
    if issue := searchable(name, parameter, api):
        return issue
    if name not in api.schema or api.schema[name].type == "text":
        message = f"{api.name} cannot count the values of `{name}`: it is a text field"
        return Issue("text_facet", message, parameter, name)
    return None


def value(name: str | None, text: str, parameter: str, api: Api, *, bound: bool = False) -> Iterator[Issue]:
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
    kinds = kind(name, api)
    if kinds == "number" and name is not None:
        whole = not bound and all(field.type in _INTEGERS for field in api.schema.matching(name) if field.leaf)
        fits = _WHOLE.match(text) if whole and _NUMBER.match(text) else _NUMBER.match(text)
        return None if fits else "a whole number" if whole else "a number"
    if kinds == "boolean" and text not in ("true", "false"):
        return "true or false"
    if kinds == "date" and not _DATE.match(text):
        return "a date such as 2024-05-31"
    return None


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
    close = _closest(name, api)
    hint = f"; did you mean `{close}`?" if close else f"; see /{api.version}/metadata/fields"
    return Issue(
        "unknown_field", f"field `{name}` does not exist in {api.name}{hint}", parameter, name, suggestion=close
    )


def _object(name: str, parameter: str, api: Api) -> Issue:
    below = [leaf.name for field in api.schema.matching(name) for leaf in api.schema.below(field.name) if leaf.indexed]
    hint = f"; name one of its fields, such as `{below[0]}`" if below else ""
    message = f"`{name}` of {api.name} is an object and holds no value itself{hint}"
    return Issue("object_field", message, parameter, name, suggestion=below[0] if below else None)


def _unindexed(name: str, parameter: str, api: Api) -> Issue:
    return Issue("unindexed_field", f"`{name}` of {api.name} is stored but cannot be searched", parameter, name)


def _nested(name: str, api: Api) -> bool:
    return name.partition(".")[0] in api.nested


@lru_cache(maxsize=4096)
def _closest(name: str, api: Api) -> str | None:
    close = [found for found in api.schema.closest(name, 5) if _useful(api.schema[found])]
    return close[0] if close else None


def _useful(field: Field) -> bool:
    return field.leaf and field.indexed
