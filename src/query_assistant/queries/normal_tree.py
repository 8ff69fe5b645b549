"""The one tree for all query texts that are exactly equivalent: same records, same order.

    (symbol:"CDK2") AND taxid:9606    taxid:9606 symbol:cdk2    ->  Boolean(must=(symbol:cdk2, taxid:9606))

Only what changes nothing at all is unified here; what keeps the records but not their scores is selection.py's.
"""

from __future__ import annotations

import re
from dataclasses import replace

from query_assistant.apis import Api
from query_assistant.queries.rendering import LeafWriter, render_leaf, render_text
from query_assistant.queries.tree import (
    Boolean,
    Boost,
    MatchAll,
    Node,
    Operator,
    Phrase,
    Range,
    Strict,
    Wildcard,
    Words,
)

_SIMPLE = re.compile(r"\w[\w.-]*\Z")
_WORD = re.compile(r"[^\W_]+\Z")
_RESERVED = frozenset({"AND", "OR", "NOT"})


def normal(node: Node, api: Api, *, operator: Operator = "and", keep_case: bool = False, scored: bool = True) -> Node:
    """The normal form of a tree.

    `keep_case` leaves the case of values as it was written, for texts that people read. Unscored trees lose their
    boosts.
    """
    if isinstance(node, Strict):
        return normal(node.node, api, operator=operator, keep_case=keep_case, scored=scored)
    if isinstance(node, Boost):
        inner = normal(node.node, api, operator=operator, keep_case=keep_case, scored=scored)
        return inner if node.factor == 1 or not scored else Boost(inner, node.factor)
    if isinstance(node, Boolean):
        parts = (
            [normal(part, api, operator=operator, keep_case=keep_case, scored=scored) for part in group]
            for group in (node.must, node.should, node.must_not)
        )
        return _group(*parts)
    return _leaf(node if keep_case else fold(node, api), api, operator)


def fold(node: Node, api: Api) -> Node:
    """Values in lower case where the field does not tell case apart."""
    if isinstance(node, Words) and api.folds_case(node.field):
        return replace(node, words=tuple(word.lower() for word in node.words))
    if isinstance(node, Phrase) and api.folds_case(node.field):
        return replace(node, text=node.text.lower())
    if isinstance(node, Wildcard) and api.folds_case(node.field):
        return replace(node, pattern=node.pattern.lower())
    if isinstance(node, Range) and api.folds_case(node.field):
        return replace(node, low=node.low and node.low.lower(), high=node.high and node.high.lower())
    return node


def _leaf(node: Node, api: Api, operator: Operator) -> Node:
    if isinstance(node, Words):
        return _words(node, api, operator)
    if isinstance(node, Phrase):
        return _phrase(node, api, operator)
    return node


def _words(node: Words, api: Api, operator: Operator) -> Node:
    if api.takes_whole(node.field):
        return _value(node.field, node.text, operator)
    if len(node.words) > 1 and api.kind(node.field) == "text" and all(map(_WORD.match, node.words)):
        parts: list[Node] = [Words(node.field, (word,), operator) for word in node.words]
        return _group(parts, [], []) if node.operator == "and" else _group([], parts, [])
    return node


def _phrase(node: Phrase, api: Api, operator: Operator) -> Node:
    """A phrase of one token is that token; on fields of whole values, quoting changes nothing."""
    if api.takes_whole(node.field):
        return _value(node.field, node.text, operator)
    alone = _WORD.match(node.text) and node.text not in _RESERVED
    if alone and (api.kind(node.field) == "text" or (node.field is None and api.definition.plain_words is None)):
        return Words(node.field, (node.text,), operator)
    return node


def _value(field: str | None, text: str, operator: Operator) -> Node:
    """One whole value: bare where nothing in it could be misread, else in quotes."""
    if _SIMPLE.match(text) and text not in _RESERVED:
        return Words(field, (text,), operator)
    return Phrase(field, text)


def _group(must: list[Node], should: list[Node], must_not: list[Node]) -> Node:
    """A group without groups in it that change nothing."""
    if not must and should:
        should = _spliced_should(should)
        if must_not or len(should) == 1:
            must, should = [should[0] if len(should) == 1 else Boolean(should=tuple(should))], []
    if must:
        must, extra = _spliced_must(must)
        must_not = [*must_not, *extra]
    if len(must) == 1 and not should and not must_not:
        return must[0]
    return Boolean(tuple(must), tuple(should), tuple(must_not))


def _spliced_should(nodes: list[Node]) -> list[Node]:
    spliced: list[Node] = []
    for node in nodes:
        pure = isinstance(node, Boolean) and node.should and not node.must and not node.must_not
        spliced.extend(node.should if pure and isinstance(node, Boolean) else (node,))
    return spliced


def _spliced_must(nodes: list[Node]) -> tuple[list[Node], list[Node]]:
    """Required groups of required and prohibited parts, opened. A group of prohibited parts alone scores by itself."""
    spliced: list[Node] = []
    prohibited: list[Node] = []
    for node in nodes:
        if isinstance(node, Boolean) and node.must and not node.should:
            spliced.extend(node.must)
            prohibited.extend(node.must_not)
        else:
            spliced.append(node)
    return spliced, prohibited


def ordered(node: Node, operator: Operator = "and", leaf: LeafWriter = render_leaf) -> Node:
    """The tree with the parts of every group in the order of their text, inner groups last."""
    if isinstance(node, Boost):
        return Boost(ordered(node.node, operator, leaf), node.factor)
    if not isinstance(node, Boolean):
        return node

    def place(part: Node) -> tuple[bool, str]:
        return isinstance(part, Boolean), render_text(part, operator, leaf)

    groups = ([ordered(part, operator, leaf) for part in parts] for parts in (node.must, node.should, node.must_not))
    return Boolean(*(tuple(sorted(group, key=place)) for group in groups))


def is_everything(node: Node) -> bool:
    """Whether every record matches, all with one score."""
    return isinstance(node, MatchAll) or node == Boolean()
