"""Where a record could hold the value that a clause asks for."""

from __future__ import annotations

from collections.abc import Collection

from query_assistant.queries.probes.values import Leaf
from query_assistant.queries.tree import Match
from query_assistant.schema.fields import Field, Schema

ID = Field("_id", "keyword", indexed=True, searched_by_default=True)
MOST = 3


def homes(leaf: Leaf, schema: Schema, named: Collection[str] = ()) -> tuple[Field, ...]:
    """At most MOST fields that the clause looks into, the plainest first; none for a field that does not exist.

    A clause without a field looks into the default fields: its homes are one of those copied to `all` that the queries
    at hand do not name themselves (`named`), so that finding it there says something, then `_id`.
    """
    patterns = leaf.fields if isinstance(leaf, Match) else (leaf.field,)
    found: dict[str, Field] = {}
    for pattern in patterns:
        for field in _fields(pattern, schema, named):
            found.setdefault(field.name, field)
    return _spread(tuple(found.values()))


def elsewhere(schema: Schema, named: Collection[str] = ()) -> Field | None:
    """A searchable text or keyword field that is not copied to `all`: where an unfielded word is not found."""
    candidates = (f for f in schema.searchable if not f.searched_by_default and f.type in ("text", "keyword"))
    return next((field for field in candidates if field.name not in named), None)


def _fields(pattern: str | None, schema: Schema, named: Collection[str]) -> tuple[Field, ...]:
    if pattern is None or pattern == "all":
        default = _default_home(schema, named)
        return (default, ID) if default else (ID,)
    if pattern == "_id":
        return (ID,)
    if "*" in pattern or (pattern in schema and schema[pattern].leaf):
        return tuple(field for field in schema.matching(pattern) if field.leaf)
    return schema.below(pattern)[:1] or _behind(pattern, schema)


def _default_home(schema: Schema, named: Collection[str]) -> Field | None:
    fields = sorted(schema.searched_by_default, key=lambda f: (f.name in named, f.type != "text", f.analyzer != ""))
    return fields[0] if fields else None


def _behind(name: str, schema: Schema) -> tuple[Field, ...]:
    """The real fields behind a hidden one: `refseq_agg` gathers what is below refseq, `name.raw` what name holds."""
    parent = name.removesuffix("_agg").removesuffix(".raw")
    if parent == name or parent not in schema:
        return ()
    if schema[parent].leaf:
        return (schema[parent],)
    return tuple(field for field in schema.below(parent) if field.searched_by_default)


def _spread(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    """The first, the last and one from between of too many."""
    if len(fields) <= MOST:
        return fields
    return (fields[0], fields[len(fields) // 2], fields[-1])
