"""One clause of a query as a person would write it, for explanations."""

from __future__ import annotations

from query_assistant.queries.rendering import prefix, render_leaf
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

LONGEST = 60


def describe(node: Node) -> str:
    """The clause in the query language where it has a form there, in words where it has none; cut where it is long."""
    return _cut(_describe(node))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def describe_value(leaf: Node) -> str:
    """What a clause asks of its field, without the field's name."""
    if isinstance(leaf, Match):
        return leaf.text
    if isinstance(leaf, Exists):
        return "any value"
    if isinstance(leaf, Interval):
        return f"chr{leaf.chromosome}:{leaf.start}-{leaf.end}"
    if isinstance(leaf, Words | Phrase | Wildcard | Fuzzy | Regex | Range):
        return _cut(render_leaf(leaf)[len(prefix(leaf.field)) :])
    return describe(leaf)


def plain(node: BestOf) -> Words | Wildcard | None:
    """The words for which several searches stand, None where they stand for something else."""
    for _, choice in node.choices:
        if isinstance(choice, Match):
            return Words(None, tuple(choice.text.split()))
        if isinstance(choice, Wildcard):
            return Wildcard(None, choice.pattern)
    return None


def field_names(leaf: Node) -> tuple[str | None, ...]:
    """The fields into which a leaf looks; None stands for the default fields."""
    if isinstance(leaf, Match):
        return leaf.fields
    return (leaf.path,) if isinstance(leaf, Interval) else (getattr(leaf, "field", None),)


def _describe(node: Node) -> str:
    if isinstance(node, Boost | Strict):
        return _describe(node.node)
    if isinstance(node, Boolean):
        return _describe_boolean(node)
    if isinstance(node, BestOf):
        words = plain(node)
        return " or ".join(_describe(choice) for _, choice in node.choices) if words is None else render_leaf(words)
    if isinstance(node, Interval):
        return f"{describe_value(node)} in {node.path}"
    if isinstance(node, Match):
        return f"{node.text!r} in {', '.join(node.fields)}"
    if isinstance(node, MatchAll | MatchNone):
        return "every record" if isinstance(node, MatchAll) else "no record"
    return render_leaf(node)


def _describe_boolean(node: Boolean) -> str:
    parts = [_inside(child) for child in node.must]
    if node.should and not node.must:
        either = " OR ".join(_inside(child) for child in node.should)
        parts.append(f"({either})" if node.must_not and len(node.should) > 1 else either)
    parts += [f"NOT {_inside(child)}" for child in node.must_not]
    return " AND ".join(parts) or "every record"


def _inside(node: Node) -> str:
    text = _describe(node)
    return f"({text})" if isinstance(node, Boolean) and len(node.must + node.should + node.must_not) > 1 else text
