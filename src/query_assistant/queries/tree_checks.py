"""What is wrong inside a query text: fields, values, and operators that do not mean what they seem to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from query_assistant.apis import Api
from query_assistant.queries import field_checks
from query_assistant.queries.issues import Issue
from query_assistant.queries.kinds import kind
from query_assistant.queries.rendering import render_leaf
from query_assistant.queries.rules.identifiers import as_clause
from query_assistant.queries.tree import (
    Boolean,
    Boost,
    Exists,
    Fuzzy,
    Node,
    Phrase,
    Range,
    Regex,
    Strict,
    Wildcard,
    Words,
)

_VALUES = frozenset({"number", "boolean", "date"})
_OPERATORS = frozenset({"and", "or", "not"})


def check(node: Node, parameter: str, index: str, api: Api) -> Iterator[Issue]:
    """All issues of a tree, in reading order."""
    if isinstance(node, (Strict, Boost)):
        yield from check(node.node, parameter, index, api)
    elif isinstance(node, Boolean):
        yield from _mixed(node, parameter)
        for part in (*node.must, *node.should, *node.must_not):
            yield from check(part, parameter, index, api)
    elif isinstance(node, Exists):
        yield from filter(None, (field_checks.existing(node.field, parameter, api),))
        yield from filter(None, (field_checks.other_index(node.field, index, parameter, api),))
    else:
        yield from _leaf(node, parameter, index, api)


def _mixed(node: Boolean, parameter: str) -> Iterator[Issue]:
    if node.must and node.should:
        optional = " and ".join(_shown(part) for part in node.should[:2])
        yield Issue(
            "mixed_operators",
            f"AND and OR have no precedence: {optional} only order the hits here; add parentheses",
            parameter,
        )
    for part in node.must:
        if isinstance(part, Words) and part.field is None and len(node.must) > 1 and part.text in _OPERATORS:
            word = part.text
            yield Issue(
                "lower_case_operator",
                f"{word!r} in lower case is searched as a word; write {word.upper()}",
                parameter,
                suggestion=word.upper(),
            )


def _shown(node: Node) -> str:
    try:
        return render_leaf(node)
    except ValueError:
        return "the group"


def _leaf(node: Node, parameter: str, index: str, api: Api) -> Iterator[Issue]:
    yield from _rewritten(node, parameter, api)
    name = getattr(node, "field", None)
    if name is None or name == "*":
        return
    if issue := field_checks.searchable(name, parameter, api):
        yield _as_identifier(issue, node, api)
        return
    if issue := field_checks.other_index(name, index, parameter, api):
        yield issue
    match node:
        case Words() | Phrase():
            yield from field_checks.value(name, node.text, parameter, api)
            yield from _single_value(node, parameter, api)
        case Range():
            yield from _range(node, parameter, api)
        case Wildcard() | Fuzzy() | Regex():
            yield from _pattern(node, name, parameter, api)
        case _:
            return


def _as_identifier(issue: Issue, node: Node, api: Api) -> Issue:
    """An identifier with a prefix, left unquoted, is read as field:value; the issue then tells how to find it."""
    if issue.code != "unknown_field" or not isinstance(node, (Words, Phrase)):
        return issue
    identifier = f"{node.field}:{node.text}"
    clause = as_clause(identifier, api)
    if clause is None:
        return issue
    message = (
        f"{identifier} is read as the value {node.text!r} of a field `{node.field}`, which {api.name} does not have"
    )
    return replace(issue, message=f"{message}; write {clause}", suggestion=clause)


def _single_value(node: Words | Phrase, parameter: str, api: Api) -> Iterator[Issue]:
    if isinstance(node, Words) and len(node.words) > 1 and kind(node.field, api) == "whole":
        yield Issue(
            "single_value",
            f"`{node.field}` holds whole values: ({node.text}) is searched as the one value {node.text!r}; "
            "put OR between the words to find any of them",
            parameter,
            node.field,
            suggestion=f"({' OR '.join(node.words)})",
        )


def _range(node: Range, parameter: str, api: Api) -> Iterator[Issue]:
    bounds = [bound for bound in (node.low, node.high) if bound is not None]
    for bound in bounds:
        yield from field_checks.value(node.field, bound, parameter, api, bound=True)
    if bounds and kind(node.field, api) == "whole" and all(_numeric(bound) for bound in bounds):
        yield Issue(
            "text_range",
            f"`{node.field}` is a keyword field: the range compares text, so that 10 comes before 9",
            parameter,
            node.field,
        )


def _numeric(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


def _pattern(node: Wildcard | Fuzzy | Regex, name: str, parameter: str, api: Api) -> Iterator[Issue]:
    if name == "_id":
        yield Issue("pattern_on_value", "`_id` takes exact values only, no patterns", parameter, name)
    elif kind(name, api) in _VALUES:
        what = type(node).__name__.lower()
        yield Issue(
            "pattern_on_value", f"`{name}` is no text field: a {what} cannot match there; use a range", parameter, name
        )


def _rewritten(node: Node, parameter: str, api: Api) -> Iterator[Issue]:
    """A shorthand that the server replaced inside a value."""
    if parameter != "q" or not isinstance(node, (Words, Phrase)):
        return
    for rule in api.definition.shorthands:
        if f"{rule.becomes}:" in node.text and rule.becomes.lower() != rule.written:
            yield Issue(
                "rewritten_value",
                f"the server replaces `{rule.written}:` even inside values, so this searches for {node.text!r}; "
                f"write a backslash before the colon: {rule.written}\\:",
                parameter,
                node.field,
            )
            return
