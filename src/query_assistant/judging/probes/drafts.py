"""A probe record in the making: where it may hold what a clause asks for, and the document of the API's own shape.

{"go.BP.id": ["GO:0000307"], "taxid": [9606]}  ->  {"_id": "...", "go": {"BP": {"id": "GO:0000307"}}, "taxid": 9606}
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from query_assistant.apis import Api
from query_assistant.apis.fields import Field
from query_assistant.judging.probes.values import Content, FieldNode
from query_assistant.queries.tree import Interval, Match

FAR = 1_000_000
MOST_HOMES = 3


@dataclass(frozen=True, slots=True)
class Position:
    chromosome: str
    start: int
    end: int


@dataclass(slots=True)
class ProbeDraft:
    """What one probe will hold; later contents of a field stand beside earlier ones unless they must stand alone."""

    contents: dict[str, list[Any]] = field(default_factory=dict)
    positions: dict[Interval, list[Position]] = field(default_factory=dict)
    weight: int = 0  # how many clauses were weighed for it

    @property
    def length(self) -> int:
        """How many characters its contents have, about."""
        return sum(len(str(content)) for contents in self.contents.values() for content in contents)

    def put(self, path: str, content: Any, *, alone: bool = False) -> None:
        """Adds contents to a field; `alone` they take the place of what the field held."""
        held = self.contents.setdefault(path, [])
        if alone:
            held.clear()
        held.extend(item for item in (content if isinstance(content, list) else [content]) if item not in held)

    def place(self, interval: Interval, positions: list[Position]) -> None:
        self.positions.setdefault(interval, []).extend(positions)

    def record(self, fallback_id: str) -> dict[str, Any]:
        """The document; `_id` is the one put there, else `fallback_id`."""
        document: dict[str, Any] = {"_id": fallback_id}
        for path, contents in self.contents.items():
            _nest(document, path, contents[0] if len(contents) == 1 or path == "_id" else list(contents))
        for interval, positions in self.positions.items():
            _nest_positions(document, interval, positions)
        return document


def _nest(document: dict[str, Any], path: str, content: Any) -> None:
    """Puts the content under its dotted path; a value already standing on the way gives room."""
    *parents, last = path.split(".")
    for name in parents:
        inner = document.get(name)
        if not isinstance(inner, dict):
            inner = document[name] = {}
        document = inner
    document[last] = content


def _nest_positions(document: dict[str, Any], interval: Interval, positions: list[Position]) -> None:
    inside = interval.chromosome_field.removeprefix(f"{interval.path}.")
    objects = []
    for position in positions:
        one: dict[str, Any] = {"start": position.start, "end": position.end}
        if inside != interval.chromosome_field:
            one[inside] = position.chromosome
        objects.append(one)
    if inside == interval.chromosome_field:
        names = list(dict.fromkeys(position.chromosome for position in positions))
        _nest(document, interval.chromosome_field, names[0] if len(names) == 1 else names)
    _nest(document, interval.path, objects[0] if len(objects) == 1 else objects)


def stretches_around(interval: Interval) -> Iterator[Content]:
    """Stretches around the interval's ends, the one that lies in it first; contents are lists of Position."""
    name, start, end = interval.chromosome, interval.start, interval.end
    other = "7" if name != "7" else "8"

    def stretch(first: int, last: int, chromosome: str = name) -> Position:
        return Position(chromosome, first, last)

    yield Content([stretch(start, end)], "exactly the interval's stretch")
    yield Content([stretch(start - 10, start)], "a stretch that ends where the interval begins")
    yield Content([stretch(start - 10, start - 1)], "a stretch that ends right before the interval")
    yield Content([stretch(end, end + 10)], "a stretch that begins where the interval ends")
    yield Content([stretch(end + 1, end + 10)], "a stretch that begins right after the interval")
    yield Content([stretch(start - 10, end + 10)], "a stretch around the whole interval")
    yield Content([stretch(start, end, other)], "the interval's stretch on another chromosome")
    away = stretch(end + FAR, end + FAR + 10)
    yield Content([away, stretch(start, end, other)], "the chromosome in one position and the stretch in another")
    yield Content(
        [stretch(start - 20, start - 10), stretch(end + 10, end + 20)], "positions on both sides of the interval"
    )


def homes(leaf: FieldNode, api: Api, named: Collection[str] = ()) -> tuple[Field, ...]:
    """At most MOST_HOMES fields that the clause looks into, the plainest first; none for a field that does not exist.

    A clause without a field looks into the default fields: its homes are one of those copied to `all` that the queries
    at hand do not name themselves (`named`), so that finding it there says something, then `_id`.
    """
    patterns = leaf.fields if isinstance(leaf, Match) else (leaf.field,)
    found: dict[str, Field] = {}
    for pattern in patterns:
        for home in _fields(pattern, api, named):
            found.setdefault(home.name, home)
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
    if len(fields) <= MOST_HOMES:
        return fields
    return (fields[0], fields[len(fields) // 2], fields[-1])
