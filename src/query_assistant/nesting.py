"""Nested documents: their leaves, what stands at a path, how deep they go.

    record = {"_id": "1017", "go": {"BP": [{"id": "GO:1", "count": 2}, {"id": "GO:2"}]}, "alias": []}
    leaf_values(record)                    # [("_id", "1017"), ("go.BP.id", "GO:1"), ("go.BP.count", 2), ...]
    list(values_at(record, "go.BP.id"))    # ["GO:1", "GO:2"]

A record is read as the search engine reads it: arrays are flattened, so that a path may have several values. Settings
are read by their keys, and a list is one value (`keyed_values`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

Keys = tuple[str, ...]


def leaf_values(record: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Every value of a record with its dotted path, in the order of the record; arrays of objects are flattened too.

    An empty array is a value; an empty object has none.
    """
    found: list[tuple[str, Any]] = []
    waiting: list[tuple[str, Iterator[tuple[str, Any]]]] = [("", iter(record.items()))]
    while waiting:  # no recursion: records may be nested deeper than Python's stack
        before, pairs = waiting[-1]
        for key, value in pairs:
            if isinstance(value, dict):
                waiting.append((f"{before}{key}.", iter(value.items())))
                break
            if isinstance(value, list) and value:
                waiting.append((before + key, zip(repeat(""), value, strict=False)))
                break
            found.append((before + key, value))
        else:
            waiting.pop()
    return found


def leaf_texts(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The leaves that hold something, as query text names them: `true`, not `True`."""
    for path, value in leaf_values(record):
        if isinstance(value, bool):
            yield path, "true" if value else "false"
        elif value is not None and value != []:
            yield path, str(value)


def values_at(value: Any, path: str) -> Iterator[Any]:
    """Everything that stands at a dotted path, through arrays, and keys that hold dots themselves."""
    yield from _below(value, path.split("."))


def _below(value: Any, path: Sequence[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for one in value:
            yield from _below(one, path)
    elif not path:
        yield value
    elif isinstance(value, dict):
        for count in range(len(path), 0, -1):
            key = ".".join(path[:count])
            if key in value:
                yield from _below(value[key], path[count:])
                return


def keyed_values(settings: Mapping[str, Any], longest: int | None = None) -> Iterator[tuple[Keys, Any]]:
    """Every value by the keys that lead to it; a list is one value, and so is what lies below `longest` keys."""
    for key, value in settings.items():
        if isinstance(value, Mapping) and longest != 1:
            for keys, inner in keyed_values(value, longest and longest - 1):
                yield (key, *keys), inner
        else:
            yield (key,), value


def is_shallow(value: Any, deepest: int) -> bool:
    """Whether a value has at most so many levels; a list or an object adds one to those of its deepest part."""
    level = [value]
    for _ in range(deepest):
        level = [inner for outer in level if isinstance(outer, dict | list) for inner in _inside(outer)]
        if not level:
            return True
    return False


def _inside(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value
