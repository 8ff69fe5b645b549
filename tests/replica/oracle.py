"""What a tree means for one record, worked out from the record alone: no index, no sharing of code with one.

Slow and simple on purpose. Texts are made of a-z, 0-9 and separators only, so that splitting at everything else is all
the analysis there is.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from query_assistant.queries.tree import (
    BestOf,
    Boolean,
    Boost,
    Exists,
    Fuzzy,
    Interval,
    Match,
    MatchAll,
    MatchNone,
    Node,
    Phrase,
    Range,
    Regex,
    Strict,
    Wildcard,
    Words,
)

KINDS = {
    "_id": "exact",
    "all": "text",
    "title": "text",
    "item.note": "text",
    "code": "lower",
    "item.code": "lower",
    "Code": "exact",
    "label": "lower",
    "accession": "refseq",
    "count": "integer",
    "score": "float",
    "flag": "boolean",
    "day": "date",
}
COPIED = ("title", "code")
OBJECTS = ("item",)
NESTED = "place"


def matches(node: Node, record: dict[str, Any]) -> bool:
    return clause(node, record) is True


def clause(node: Node, record: dict[str, Any]) -> bool | None:
    """None is a clause that the analyzer left nothing of."""
    if isinstance(node, Boolean):
        return boolean(node, record)
    if isinstance(node, (Boost, Strict)):
        return clause(node.node, record)
    if isinstance(node, BestOf):
        return any_of(clause(choice, record) for _, choice in node.choices)
    if isinstance(node, (MatchAll, MatchNone)):
        return isinstance(node, MatchAll)
    if isinstance(node, Exists):
        names = [name for name in KINDS if name == node.field or name.startswith(node.field + ".")]
        return any(list(values(record, name)) for name in names)
    if isinstance(node, Interval):
        return any(
            item["chr"].lower() == node.chromosome.lower() and item["start"] <= node.end and item["end"] >= node.start
            for item in listed(record.get(NESTED, []))
        )
    if isinstance(node, Match):
        return any(match(node, name, record) for name in node.fields if name in KINDS)
    names = ["_id", "all"] if node.field is None else [name for name in KINDS if named(node.field, name)]
    return any_of(leaf(node, name, record) for name in names) if names else False


def named(pattern: str, name: str) -> bool:
    if "*" not in pattern:
        return pattern == name
    return name != "_id" and re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), name) is not None


def any_of(results: Iterator[bool | None]) -> bool | None:
    present = [result for result in results if result is not None]
    return any(present) if present else None


def boolean(node: Boolean, record: dict[str, Any]) -> bool | None:
    must, should, must_not = (
        [result for part in parts if (result := clause(part, record)) is not None]
        for parts in (node.must, node.should, node.must_not)
    )
    if not (must or should or must_not):
        return None if node.must or node.should or node.must_not else True
    if any(must_not) or not all(must):
        return False
    return bool(must) or not should or any(should)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def values(record: Any, path: str) -> Iterator[Any]:
    if path == "all":
        for name in COPIED:
            yield from values(record, name)
        return
    head, _, rest = path.partition(".")
    for value in listed(record.get(head, [])):
        if value is not None:
            yield from values(value, rest) if rest else [value]


def leaf(node: Any, name: str, record: dict[str, Any]) -> bool | None:
    kind = KINDS[name]
    if isinstance(node, Words):
        return text(" ".join(node.words), name, record, node.operator)
    if isinstance(node, Phrase):
        return phrase(node, name, record) if kind == "text" else text(node.text, name, record)
    if isinstance(node, Range):
        return in_range(node, name, record)
    if isinstance(node, Wildcard) and node.pattern == "*":
        return bool(list(values(record, name)))
    if name == "_id" or kind in ("integer", "float", "boolean", "date"):
        return False
    found = terms(name, record)
    if isinstance(node, Wildcard):
        pattern = re.escape(folded(node.pattern, kind)).replace(r"\*", ".*").replace(r"\?", ".")
        return any(re.fullmatch(pattern, term) for term in found)
    if isinstance(node, Regex):
        pattern = node.pattern if kind in ("text", "refseq") else folded(node.pattern, kind)
        return any(re.fullmatch(pattern, term) for term in found)
    assert isinstance(node, Fuzzy)
    return any(distance(term, folded(node.text, kind)) <= node.edits for term in found)


def folded(value: str, kind: str) -> str:
    return value if kind == "exact" else value.lower()


def tokens(value: str) -> list[str]:
    return re.findall("[a-z0-9]+", value.lower())


def prefixes(value: str) -> list[str]:
    parts = value.lower().split(".")
    return [".".join(parts[: place + 1]) for place in range(len(parts))]


def terms(name: str, record: dict[str, Any]) -> list[str]:
    kind = KINDS[name]
    split = {"text": tokens, "refseq": prefixes}.get(kind, lambda value: [folded(value, kind)])
    return [term for value in values(record, name) for term in split(str(value))]


def text(value: str, name: str, record: dict[str, Any], operator: str = "and") -> bool | None:
    kind = KINDS[name]
    if kind == "text":
        wanted = tokens(value)
        present = [token in terms(name, record) for token in wanted]
        return (all(present) if operator == "and" else any(present)) if wanted else None
    if kind == "refseq":
        return any(term in terms(name, record) for term in prefixes(value)) if value else None
    if kind in ("exact", "lower"):
        return folded(value, kind) in terms(name, record)
    return any(equals(value, found, kind) for found in values(record, name))


def equals(value: str, found: Any, kind: str) -> bool:
    if kind == "boolean":
        return value == str(found).lower()
    if kind == "date":
        return found.startswith(value) and len(value) in (4, 7, 10)
    try:
        return float(value) == found
    except ValueError:
        return False


def phrase(node: Phrase, name: str, record: dict[str, Any]) -> bool | None:
    wanted = tokens(node.text)
    if not wanted:
        return None
    return any(together(wanted, tokens(str(value)), node.slop) for value in values(record, name))


def together(wanted: list[str], found: list[str], slop: int) -> bool:
    places = [[place for place, token in enumerate(found) if token == word] for word in wanted]
    for chosen in itertools.product(*places):
        moved = [place - offset for offset, place in enumerate(chosen)]
        if len(set(chosen)) == len(chosen) and max(moved) - min(moved) <= slop:
            return True
    return False


def in_range(node: Range, name: str, record: dict[str, Any]) -> bool:
    kind = KINDS[name]
    if name == "_id":
        return False
    try:
        low, high = bounds(node, kind)
    except ValueError:
        return False
    held: list[Any] = list(values(record, name))
    if kind == "boolean":
        held = [str(value).lower() for value in held]
    elif kind not in ("integer", "float", "date"):
        held = terms(name, record)
    return any(
        (low is None or value > low or (node.include_low and value == low))
        and (high is None or value < high or (node.include_high and value == high))
        for value in held
    )


def bounds(node: Range, kind: str) -> tuple[Any, Any]:
    def bound(value: str | None) -> Any:
        if value is None:
            return None
        if kind in ("integer", "float"):
            return float(value)
        if kind == "date":
            return date.fromisoformat(value).isoformat()
        if kind == "boolean" and value not in ("true", "false"):
            raise ValueError(value)
        return folded(value, kind)

    return bound(node.low), bound(node.high)


def match(node: Match, name: str, record: dict[str, Any]) -> bool:
    if node.mode == "all":
        return text(node.text, name, record) is True
    kind = KINDS[name]
    if node.mode == "phrase":
        together_ = phrase(Phrase(name, node.text), name, record) if kind == "text" else text(node.text, name, record)
        return together_ is True
    parts = node.text.split() if node.mode == "any" else [node.text]
    if kind in ("integer", "float", "boolean", "date"):
        return any(equals(part, value, kind) for part in parts for value in values(record, name))
    return any(folded(part, kind) in terms(name, record) for part in parts)


def distance(left: str, right: str) -> int:
    """Insertions, deletions, substitutions and swaps of neighbours, by the recursive definition."""
    if not left or not right:
        return len(left) + len(right)
    choices = [
        distance(left[1:], right) + 1,
        distance(left, right[1:]) + 1,
        distance(left[1:], right[1:]) + (left[0] != right[0]),
    ]
    if len(left) > 1 and len(right) > 1 and left[0] == right[1] and left[1] == right[0]:
        choices.append(distance(left[2:], right[2:]) + 1)
    return min(choices)
