"""How the values of a field are compared: which spellings of a value are the same value.

| kind | fields | a value is |
|---|---|---|
| text | text with the standard analyzer | words, in any case |
| whole | keyword; text taken as one token | one value, in any case save for the API's case-sensitive fields |
| prefix | text cut at its dots (refseq) | one value with or without its version |
| number, boolean, date | typed | typed |
| default | no field named | words in `all`, or an `_id` |
| unknown | no such field, an object, or a wildcard over unlike fields | nothing can be said |
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from query_assistant.apis import Api
from query_assistant.apis.fields import Field

Kind = Literal["text", "whole", "prefix", "number", "boolean", "date", "default", "unknown"]

_FOLDED = frozenset({"text", "whole", "prefix"})
_SINGLE = frozenset({"whole", "number", "boolean", "date"})


@lru_cache(maxsize=65536)
def kind(name: str | None, api: Api) -> Kind:
    """The kind of a field, or of the fields that a name with `*` stands for."""
    if name is None:
        return "default"
    kinds = {_kind(field) for field in api.schema.matching(name) if field.leaf}
    return kinds.pop() if len(kinds) == 1 else "unknown"


def _kind(field: Field) -> Kind:
    if field.numeric:
        return "number"
    if field.type in ("boolean", "date"):
        return field.type
    if field.type == "keyword":
        return "whole"
    if field.type == "text":
        analyzers: dict[str, Kind] = {"": "text", "string_lowercase": "whole", "refseq_analyzer": "prefix"}
        return analyzers.get(field.analyzer, "unknown")
    return "unknown"


@lru_cache(maxsize=65536)
def folds_case(name: str | None, api: Api) -> bool:
    """Whether upper and lower case of a value are the same value in the field."""
    if kind(name, api) not in _FOLDED or name is None:
        return False
    return not any(field.name in api.case_sensitive for field in api.schema.matching(name))


def takes_whole(name: str | None, api: Api) -> bool:
    """Whether a run of words, quoted or not, is one value of the field."""
    return kind(name, api) in _SINGLE
