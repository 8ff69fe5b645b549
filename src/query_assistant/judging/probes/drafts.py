"""A probe record in the making: contents by dotted path, then a document of the API's own shape.

{"go.BP.id": ["GO:0000307"], "taxid": [9606]}  ->  {"_id": "...", "go": {"BP": {"id": "GO:0000307"}}, "taxid": 9606}
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from query_assistant.judging.probes.values import Value
from query_assistant.queries.tree import Interval

FAR = 1_000_000


@dataclass(frozen=True, slots=True)
class Position:
    chromosome: str
    start: int
    end: int


@dataclass(slots=True)
class Draft:
    """What one probe will hold; later contents of a field stand beside earlier ones unless they must stand alone."""

    contents: dict[str, list[Any]] = field(default_factory=dict)
    positions: dict[Interval, list[Position]] = field(default_factory=dict)

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


def positions(interval: Interval) -> Iterator[Value]:
    """Stretches around the interval's ends, the one that lies in it first; contents are lists of Position."""
    name, start, end = interval.chromosome, interval.start, interval.end
    other = "7" if name != "7" else "8"

    def stretch(first: int, last: int, chromosome: str = name) -> Position:
        return Position(chromosome, first, last)

    yield Value([stretch(start, end)], "exactly the interval's stretch")
    yield Value([stretch(start - 10, start)], "a stretch that ends where the interval begins")
    yield Value([stretch(start - 10, start - 1)], "a stretch that ends right before the interval")
    yield Value([stretch(end, end + 10)], "a stretch that begins where the interval ends")
    yield Value([stretch(end + 1, end + 10)], "a stretch that begins right after the interval")
    yield Value([stretch(start - 10, end + 10)], "a stretch around the whole interval")
    yield Value([stretch(start, end, other)], "the interval's stretch on another chromosome")
    away = stretch(end + FAR, end + FAR + 10)
    yield Value([away, stretch(start, end, other)], "the chromosome in one position and the stretch in another")
    yield Value(
        [stretch(start - 20, start - 10), stretch(end + 10, end + 20)], "positions on both sides of the interval"
    )
