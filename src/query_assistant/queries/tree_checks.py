"""What is wrong inside a query text: fields, values, and operators that do not mean what they seem to.

A condition that can find nothing makes the whole text impossible only where nothing else can stand for it:

    symbol:CDK2 AND symbl:CDK2     an error: no record can be found
    symbol:CDK2 OR symbl:CDK2      a warning: the API accepts it, and the first half finds records

What the API refuses outright, such as a word in a number field of a strict text, is an error wherever it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from query_assistant.apis import Api
from query_assistant.queries import issues
from query_assistant.queries.issues import Code, Issue, spared
from query_assistant.queries.limits import oversize
from query_assistant.queries.reading import QueryText
from query_assistant.queries.rendering import render_leaf
from query_assistant.queries.rules.identifiers import as_clause
from query_assistant.queries.tree import (
    Boolean,
    Exists,
    Fuzzy,
    Node,
    Phrase,
    Range,
    Regex,
    Wildcard,
    Words,
    children,
)

_VALUES = frozenset({"number", "boolean", "date"})
_OPERATORS = frozenset({"and", "or", "not"})
_REFUSED: frozenset[Code] = frozenset({"wrong_type", "pattern_on_value", "unindexed_field"})
_Told: TypeAlias = tuple[Issue, bool]


@dataclass(frozen=True, slots=True)
class _Finding:
    """Whether a part of a tree can find records, and what is wrong in it: True if the API refuses the text for it."""

    possible: bool
    told: list[_Told]


def check(text: QueryText, index: str, api: Api) -> list[Issue]:
    """All issues of a query text that stands in a request to `index`, in reading order."""
    if text.query is None:
        return []
    if reason := oversize(text.query):
        return [Issue("too_large", reason, text.parameter)]
    return [issue for issue, _ in _Checker(text, index, api).of(text.query).told]


@dataclass(frozen=True, slots=True)
class _Checker:
    text: QueryText
    index: str
    api: Api

    def of(self, node: Node) -> _Finding:
        if isinstance(node, Boolean):
            return self._group(node)
        if inside := children(node):
            return self.of(inside[0])
        found = list(self._condition(node))
        strict = self.text.strict and not isinstance(node, Exists)
        told = [(issue, strict and issue.code in _REFUSED) for issue in found]
        return _Finding(all(issue.severity != "error" for issue in found), told)

    def _group(self, node: Boolean) -> _Finding:
        must, should, must_not = (
            [self.of(part) for part in parts] for parts in (node.must, node.should, node.must_not)
        )
        possible = all(part.possible for part in must)
        if should and not must:
            possible = any(part.possible for part in should)
        needed = [told for part in (must if must else should) for told in part.told]
        optional = [told for part in (*(should if must else ()), *must_not) for told in part.told]
        operators = [(issue, False) for issue in self._operators(node)]
        return _Finding(possible, [*operators, *(_spared(needed) if possible else needed), *_spared(optional)])

    def _operators(self, node: Boolean) -> Iterator[Issue]:
        if node.must and node.should:
            optional = " and ".join(_shown(part) for part in node.should[:2])
            yield Issue(
                "mixed_operators",
                f"AND and OR have no precedence: {optional} only order the hits here; add parentheses",
                self.text.parameter,
            )
        for part in node.must:
            if isinstance(part, Words) and part.field is None and len(node.must) > 1 and part.text in _OPERATORS:
                yield Issue(
                    "lower_case_operator",
                    f"{part.text!r} in lower case is searched as a word; write {part.text.upper()}",
                    self.text.parameter,
                    suggestion=part.text.upper(),
                )

    def _condition(self, node: Node) -> Iterator[Issue]:
        parameter = self.text.parameter
        if isinstance(node, Exists):
            yield from filter(None, (issues.existing(node.field, parameter, self.api),))
            yield from filter(None, (issues.other_index(node.field, self.index, parameter, self.api),))
            return
        yield from self._rewritten(node)
        name = getattr(node, "field", None)
        if name is None or name == "*":
            return
        if issue := issues.searchable(name, parameter, self.api):
            yield self._as_identifier(issue, node)
            return
        if issue := issues.other_index(name, self.index, parameter, self.api):
            yield issue
        match node:
            case Words() | Phrase():
                yield from issues.unfit_value(name, node.text, parameter, self.api)
                yield from self._single_value(node)
            case Range():
                yield from self._range(node)
            case Wildcard() | Fuzzy() | Regex():
                yield from self._pattern(node, name)

    def _as_identifier(self, issue: Issue, node: Node) -> Issue:
        """An identifier with a prefix, left unquoted, is read as field:value; the issue then tells how to find it."""
        if issue.code != "unknown_field" or not isinstance(node, (Words, Phrase)):
            return issue
        identifier = f"{node.field}:{node.text}"
        clause = as_clause(identifier, self.api)
        if clause is None:
            return issue
        read = f"{identifier} is read as the value {node.text!r} of a field `{node.field}`"
        message = f"{read}, which {self.api.name} does not have; write {clause}"
        return replace(issue, message=message, suggestion=clause)

    def _single_value(self, node: Words | Phrase) -> Iterator[Issue]:
        if isinstance(node, Words) and len(node.words) > 1 and self.api.kind(node.field) == "whole":
            yield Issue(
                "single_value",
                f"`{node.field}` holds whole values: ({node.text}) is searched as the one value {node.text!r}; "
                "put OR between the words to find any of them",
                self.text.parameter,
                node.field,
                suggestion=f"({' OR '.join(node.words)})",
            )

    def _range(self, node: Range) -> Iterator[Issue]:
        bounds = [bound for bound in (node.low, node.high) if bound is not None]
        for bound in bounds:
            yield from issues.unfit_value(node.field, bound, self.text.parameter, self.api, bound=True)
        if bounds and self.api.kind(node.field) == "whole" and all(_numeric(bound) for bound in bounds):
            yield Issue(
                "text_range",
                f"`{node.field}` is a keyword field: the range compares text, so that 10 comes before 9",
                self.text.parameter,
                node.field,
            )

    def _pattern(self, node: Wildcard | Fuzzy | Regex, name: str) -> Iterator[Issue]:
        if name == "_id":
            message = "`_id` takes exact values only, no patterns"
        elif self.api.kind(name) in _VALUES:
            what = type(node).__name__.lower()
            message = f"`{name}` is no text field: a {what} cannot match there; use a range"
        else:
            return
        yield Issue("pattern_on_value", message, self.text.parameter, name)

    def _rewritten(self, node: Node) -> Iterator[Issue]:
        """A shorthand that the server replaced inside a value."""
        if self.text.parameter != "q" or not isinstance(node, (Words, Phrase)) or ":" not in node.text:
            return
        for rule in self.api.definition.shorthands:
            if f"{rule.becomes}:" in node.text and rule.becomes.lower() != rule.written:
                yield Issue(
                    "rewritten_value",
                    f"the server replaces `{rule.written}:` even inside values, so this searches for {node.text!r}; "
                    f"write a backslash before the colon: {rule.written}\\:",
                    self.text.parameter,
                    node.field,
                )
                return


def _spared(told: list[_Told]) -> list[_Told]:
    return [(issue if refused else spared(issue), refused) for issue, refused in told]


def _shown(node: Node) -> str:
    try:
        return render_leaf(node)
    except ValueError:
        return "the group"


def _numeric(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()
