"""Tree to query text: what `parse_text` reads back as the same tree.

    Boolean(must=(Words("symbol", ("CDK2",)),), must_not=(Exists("HGNC"),))  ->  symbol:CDK2 AND NOT _exists_:HGNC

Only nodes that a text can express are rendered; the batch and interval nodes have no text form. `describe_clause` says
any clause as a person would write it, for explanations.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from query_assistant.queries.tree import (
    EXISTS,
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
    Operator,
    Phrase,
    Range,
    Regex,
    Strict,
    Wildcard,
    Words,
)

LeafWriter = Callable[[Node], str]

_LONGEST_CLAUSE = 60  # characters of a clause in an explanation

_RESERVED = frozenset({"AND", "OR", "NOT", "&&", "||"})
_ESCAPED = re.compile(r'[!():^\[\]"{}~*?\\/ \t\n\r\u3000]')
_PATTERN_ESCAPED = re.compile(r'(\\.)|([!():^\[\]"{}~/ \t\n\r\u3000])', re.DOTALL)
_PLAIN_BOUND = re.compile(r"-?[A-Za-z0-9_.]+\Z")
_QUOTED_BOUND = re.compile(r'[ \]}"]|\A(?:\*|TO)?\Z|\A[\t\n\r\u3000]')


def render_text(node: Node, operator: Operator = "and", leaf: LeafWriter | None = None) -> str:
    """The query text of a tree, for a parser whose default operator is `operator`.

    `leaf` writes the leaves where an API spells some of them its own way.

    Raises:
        ValueError: the tree holds a node that no query text can say.
    """
    write = leaf or render_leaf
    if isinstance(node, Boolean):
        return _boolean(node, operator, write)
    return _inner(node, operator, write)


def _inner(node: Node, operator: Operator, write: LeafWriter) -> str:
    if isinstance(node, Strict):
        return render_text(node.node, operator, write)
    if isinstance(node, Boost):
        return _boosted(node, operator, write)
    return write(node)


def _boosted(node: Boost, operator: Operator, write: LeafWriter) -> str:
    inner = _grouped(node.node, operator, write)
    if isinstance(node.node, Boost):
        inner = f"({inner})"
    return f"{inner}^{_number(node.factor)}"


def _grouped(node: Node, operator: Operator, write: LeafWriter) -> str:
    """A part of a larger text: groups, and runs of words without a field, in parentheses."""
    text = render_text(node, operator, write)
    loose = isinstance(node, Words) and node.field is None and len(node.words) > 1
    return f"({text})" if loose or isinstance(node, Boolean) else text


def _boolean(node: Boolean, operator: Operator, write: LeafWriter) -> str:
    must, should, must_not = (
        [_grouped(part, operator, write) for part in parts] for parts in (node.must, node.should, node.must_not)
    )
    if not must and not should and not must_not:
        return "*:*"
    if operator == "or" and should and (must or must_not):
        return " OR ".join([*(f"+{part}" for part in must), *should, *(f"NOT {part}" for part in must_not)])
    if not should or (operator == "or" and not must and len(should) > 1):
        return _required(must, must_not, operator) if not should else " OR ".join(should)
    return _mixed(must, should, must_not)


def _required(must: list[str], must_not: list[str], operator: Operator) -> str:
    if operator == "or" and len(must) == 1 and not must_not:
        return f"+{must[0]}"
    return " AND ".join([*must, *(f"NOT {part}" for part in must_not)])


def _mixed(must: list[str], should: list[str], must_not: list[str]) -> str:
    """With default AND a clause stays optional only beside an OR, so the order of the parts matters."""
    prohibited = [f"NOT {part}" for part in must_not]
    if not must:
        return " AND ".join([" OR ".join([*should, *prohibited[:1]]), *prohibited[1:]])
    if len(should) > 1:
        return " AND ".join([*prohibited, *must, " OR ".join(should)])
    if len(must) + len(prohibited) == 1:
        must = [*must, "*:*"]  # no text says "one required, one optional" alone; everything as a third changes nothing
    return f"{should[0]} OR {' AND '.join([*must, *prohibited])}"


def render_leaf(node: Node) -> str:
    """One clause, as the text language spells it everywhere."""
    match node:
        case Words():
            return field_prefix(node.field) + _run(node.words, node.field)
        case Phrase():
            return f"{field_prefix(node.field)}{quote(node.text)}{f'~{node.slop}' if node.slop else ''}"
        case Wildcard():
            return field_prefix(node.field) + _PATTERN_ESCAPED.sub(_escape_pattern, _lead(node.pattern))
        case Fuzzy():
            return f"{field_prefix(node.field)}{escape(node.text)}~{node.edits}"
        case Regex():
            return f"{field_prefix(node.field)}/{node.pattern}/"
        case Range():
            return field_prefix(node.field) + _range(node)
        case Exists():
            return f"_exists_:{escape(node.field)}"
        case MatchAll():
            return "*:*"
        case MatchNone():
            return "NOT *:*"
        case _:
            raise ValueError(f"{type(node).__name__} has no query text; expected a node that parse_text makes")


@lru_cache(maxsize=65536)
def field_prefix(field: str | None) -> str:
    """`field:` with what would end the name escaped; nothing for the default fields."""
    if field is None:
        return ""
    return "*:" if field == "*" else f"{escape(field)}:"


def escape(word: str) -> str:
    """One bare word that is read back as `word`."""
    if not word:
        return '""'
    if word in _RESERVED:
        return "\\" + word
    return _lead(_ESCAPED.sub(r"\\\g<0>", word))


def _lead(word: str) -> str:
    """Plus and minus are operators only at the start of a word."""
    return "\\" + word if word[:1] in ("+", "-") else word


def quote(text: str) -> str:
    """A phrase that is read back as `text`."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _run(words: Iterable[str], field: str | None) -> str:
    run = [escape(word) for word in words]
    return run[0] if len(run) == 1 else " ".join(run) if field is None else f"({' '.join(run)})"


def _escape_pattern(found: re.Match[str]) -> str:
    return found.group(1) or "\\" + found.group(2)


def _range(node: Range) -> str:
    comparable = node.field not in (None, EXISTS)  # `_exists_:>a` asks whether a field named ">a" has a value
    if comparable and node.high is None and node.low is not None and _PLAIN_BOUND.match(node.low):
        return f">{'=' if node.include_low else ''}{node.low}"
    if comparable and node.low is None and node.high is not None and _PLAIN_BOUND.match(node.high):
        return f"<{'=' if node.include_high else ''}{node.high}"
    opening, closing = "[" if node.include_low else "{", "]" if node.include_high else "}"
    return f"{opening}{_bound(node.low)} TO {_bound(node.high)}{closing}"


def _bound(bound: str | None) -> str:
    if bound is None:
        return "*"
    if _QUOTED_BOUND.search(bound):
        return quote(bound)
    return bound.replace("\\", "\\\\")


def _number(factor: float) -> str:
    text = f"{factor:f}".rstrip("0").rstrip(".")
    return text or "0"


def describe_clause(node: Node) -> str:
    """The clause in the query language where it has a form there, in words where it has none; cut where it is long."""
    return _cut(_describe(node))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_CLAUSE else text[: _LONGEST_CLAUSE - 1] + "…"


def describe_value(leaf: Node) -> str:
    """What a clause asks of its field, without the field's name."""
    if isinstance(leaf, Match):
        return leaf.text
    if isinstance(leaf, Exists):
        return "any value"
    if isinstance(leaf, Interval):
        return f"chr{leaf.chromosome}:{leaf.start}-{leaf.end}"
    if isinstance(leaf, Words | Phrase | Wildcard | Fuzzy | Regex | Range):
        return _cut(render_leaf(leaf)[len(field_prefix(leaf.field)) :])
    return describe_clause(leaf)


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
