"""A query's meaning as an immutable tree, and nothing about how it was spelled.

`name:insulin AND NOT taxid:9606` is

    Boolean(must=(Words("name", ("insulin",)),), must_not=(Words("taxid", ("9606",)),))

Leaves hold unescaped values. `field` None means the API's default fields (`_id` and the hidden `all`).
The text parser makes the nodes of the first group; the APIs' own rules (MyGene's routing of plain words,
genomic intervals, batch terms) add those of the second. `children`, `changed` and `leaves` walk through any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from query_assistant.apis.fields import MatchMode

Operator = Literal["and", "or"]
EXISTS = "_exists_"


@dataclass(frozen=True, slots=True)
class Words:
    """A run of bare words, given whole to the field's analyzer: on keyword fields it is one value `a b`.

    On text fields `operator` joins the analyzed tokens.
    """

    field: str | None
    words: tuple[str, ...]
    operator: Operator = "and"

    @property
    def text(self) -> str:
        return " ".join(self.words)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A quoted text: tokens in order on text fields (at most `slop` moves apart), one exact value on others."""

    field: str | None
    text: str
    slop: int = 0


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`pattern` keeps `*` and `?` as wildcards and a backslash before each that is meant literally."""

    field: str | None
    pattern: str


@dataclass(frozen=True, slots=True)
class Fuzzy:
    field: str | None
    text: str
    edits: int = 2


@dataclass(frozen=True, slots=True)
class Regex:
    field: str | None
    pattern: str


@dataclass(frozen=True, slots=True)
class Range:
    """Values ranged two bounds; None is an open end."""

    field: str | None
    low: str | None
    high: str | None
    include_low: bool = True
    include_high: bool = True


@dataclass(frozen=True, slots=True)
class Exists:
    """Records in which the field, or any field below it, has a value."""

    field: str


@dataclass(frozen=True, slots=True)
class MatchAll:
    pass


@dataclass(frozen=True, slots=True)
class MatchNone:
    pass


@dataclass(frozen=True, slots=True)
class Boost:
    """Changes ranking only."""

    node: Node
    factor: float


@dataclass(frozen=True, slots=True)
class Boolean:
    """Lucene's three kinds of clauses. With any `must`, the `should` clauses only raise the score;
    without, at least one of them has to match; with neither, everything not in `must_not` matches.
    """

    must: tuple[Node, ...] = ()
    should: tuple[Node, ...] = ()
    must_not: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """One literal text against several fields (Elasticsearch's multi_match): no operators, no wildcards inside.

    `mode`: all tokens of the text within one field, any of its space-separated words, the phrase, or the whole text
    as one value. `fields` may hold `*` wildcards.
    """

    fields: tuple[str, ...]
    text: str
    mode: MatchMode = "all"


@dataclass(frozen=True, slots=True)
class BestOf:
    """Any of the choices; the score is that of the best weighted one (dis_max)."""

    choices: tuple[tuple[float, Node], ...]


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of a chromosome (1-based, both ends inclusive) that a record's own stretch overlaps.

    `path` is the object with the start and end fields (`genomic_pos`, `hg19`), `chromosome_field` where the
    chromosome's name stands.
    """

    path: str
    chromosome_field: str
    chromosome: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Strict:
    """Inside it, a value that does not fit its field's type is an error (400); elsewhere it matches nothing."""

    node: Node


Text: TypeAlias = Words | Phrase | Wildcard | Fuzzy | Regex | Range | Exists | MatchAll | MatchNone
Node: TypeAlias = Text | Boost | Boolean | Match | BestOf | Interval | Strict


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right inside a node, in reading order; a leaf has none."""
    match node:
        case Boolean():
            return (*node.must, *node.should, *node.must_not)
        case Boost() | Strict():
            return (node.node,)
        case BestOf():
            return tuple(choice for _, choice in node.choices)
        case _:
            return ()


def changed(node: Node, change: Callable[[Node], Node]) -> Node:
    """The node with `change` applied to each of its children; a leaf stays as it is."""
    match node:
        case Boolean():
            groups = (node.must, node.should, node.must_not)
            return Boolean(*(tuple(change(part) for part in group) for group in groups))
        case Boost():
            return Boost(change(node.node), node.factor)
        case Strict():
            return Strict(change(node.node))
        case BestOf():
            return BestOf(tuple((weight, change(choice)) for weight, choice in node.choices))
        case _:
            return node


def leaves(node: Node) -> Iterator[Node]:
    """The leaves of a tree in reading order; everything, nothing and an empty group count as leaves."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        inside = children(found)
        if inside:
            waiting.extend(reversed(inside))
        else:
            yield found


def bare(field: str | None, words: tuple[str, ...], operator: Operator) -> Node:
    """What the search engine makes of unescaped words behind a field: an existence test, a comparison, or the words.

    It reads `>5`, `>=5`, `<5` and `<=5` out of the unescaped value, so that these signs cannot be escaped.
    """
    text = " ".join(words)
    if field == EXISTS:
        return Exists(text)
    if field is None or len(text) < 2 or text[0] not in "<>":
        return Words(field, words, operator)
    inclusive = text[1] == "=" and len(text) > 2
    bound = text[2:] if inclusive else text[1:]
    return (
        ranged(field, bound, None, inclusive, True) if text[0] == ">" else ranged(field, None, bound, True, inclusive)
    )


def ranged(field: str | None, low: str | None, high: str | None, include_low: bool, include_high: bool) -> Range:
    """An open end has no bound to include, so that `{5 TO *}`, `{5 TO *]` and `>5` are one tree."""
    return Range(field, low, high, include_low or low is None, include_high or high is None)
