"""Where a record could hold the value that a clause asks for."""

from __future__ import annotations

from collections.abc import Collection

from query_assistant.apis import Api
from query_assistant.apis.fields import Field
from query_assistant.judging.probes.values import Leaf
from query_assistant.queries.tree import Match

MOST = 3


def homes(leaf: Leaf, api: Api, named: Collection[str] = ()) -> tuple[Field, ...]:
    """At most MOST fields that the clause looks into, the plainest first; none for a field that does not exist.

    A clause without a field looks into the default fields: its homes are one of those copied to `all` that the queries
    at hand do not name themselves (`named`), so that finding it there says something, then `_id`.
    """
    patterns = leaf.fields if isinstance(leaf, Match) else (leaf.field,)
    found: dict[str, Field] = {}
    for pattern in patterns:
        for field in _fields(pattern, api, named):
            found.setdefault(field.name, field)
    return _spread(tuple(found.values()))


def elsewhere(api: Api, named: Collection[str] = ()) -> Field | None:
    """A searchable text or keyword field that is not copied to `all`: where an unfielded word is not found."""
    candidates = (f for f in api.schema.searchable if not f.searched_by_default and f.type in ("text", "keyword"))
    return next((field for field in candidates if field.name not in named and field.name not in api.hidden), None)


def _fields(pattern: str | None, api: Api, named: Collection[str]) -> tuple[Field, ...]:
    if pattern is None:
        return (*_fields("all", api, named), *_fields("_id", api, named))
    if pattern == "all":
        return _default_home(api, named)
    copies = api.hidden[pattern].copies if pattern in api.hidden else ()
    if copies:
        return tuple(api.schema[name] for name in copies if name in api.schema)
    if "*" in pattern or (pattern in api.schema and api.schema[pattern].leaf):
        return tuple(field for field in api.schema.matching(pattern) if field.leaf)
    return api.schema.below(pattern)[:1]


def _default_home(api: Api, named: Collection[str]) -> tuple[Field, ...]:
    plainest = sorted(api.schema.searched_by_default, key=lambda f: (f.name in named, f.type != "text", f.analyzer))
    return tuple(plainest[:1])


def _spread(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    """The first, the last and one from between of too many."""
    if len(fields) <= MOST:
        return fields
    return (fields[0], fields[len(fields) // 2], fields[-1])
