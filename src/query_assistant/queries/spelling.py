"""How an API wants a tree to be spelled in q, so that its server reads that tree back.

A server that replaces field names by text substitution (rules/shorthands.py) must not find such a name where none is
meant, and hidden fields are written by the short names that people know.
"""

from __future__ import annotations

import re
from functools import lru_cache

from query_assistant.apis import Api, Shorthand
from query_assistant.queries.rendering import Leaf, prefix, render_leaf
from query_assistant.queries.rules.shorthands import fires, rewrite, spelled_short
from query_assistant.queries.tree import Exists, MatchAll, MatchNone, Node, Phrase, Wildcard, Words

_BARE = re.compile(r"[0-9]+\Z")
_BARE_PATTERN = re.compile(r"[0-9*?]+\Z")


@lru_cache(maxsize=64)
def leaf_writer(api: Api) -> Leaf:
    """Writes one clause of q as this API reads it."""
    if not api.definition.shorthands:
        return render_leaf
    return lambda node: _written(node, api)


def _written(node: Node, api: Api) -> str:
    if isinstance(node, (Exists, MatchAll, MatchNone)):
        return render_leaf(node)
    field = getattr(node, "field", None)
    rule = spelled_short(field, api)
    if rule is None:
        return _protected(node, api)
    if rule.value_prefix:
        return _with_prefix(node, rule) or _protected(node, api)
    text = render_leaf(node)
    return f"{rule.written}:{_safe_value(text[len(prefix(field)) :], api)}"


def _with_prefix(node: Node, rule: Shorthand) -> str | None:
    """`go:0000307` for the value go:0000307, where the short name can say it."""
    if isinstance(node, Wildcard):
        value, bare = node.pattern, _BARE_PATTERN
    elif isinstance(node, (Words, Phrase)):
        value, bare = node.text, _BARE
    else:
        return None
    rest = value[len(rule.value_prefix) :]
    if value[: len(rule.value_prefix)].lower() != rule.value_prefix or not bare.match(rest):
        return None
    return f"{rule.written}:{rest}"


def _protected(node: Node, api: Api) -> str:
    text = render_leaf(node)
    name = prefix(getattr(node, "field", None))
    value = text[len(name) :]
    return _safe_name(name, api) + (_safe_value(value, api) if ":" in value else value)


def _safe_value(text: str, api: Api) -> str:
    """A backslash before each colon that would make the server see a field name."""
    while found := _changing(text, api):
        text = f"{text[: found.end() - 1]}\\{text[found.end() - 1 :]}"
    return text


@lru_cache(maxsize=65536)
def _safe_name(text: str, api: Api) -> str:
    """A backslash before the last letter of a field name that the server would replace."""
    while found := _changing(text, api):
        text = f"{text[: found.end() - 2]}\\{text[found.end() - 2 :]}"
    return text


def _changing(text: str, api: Api) -> re.Match[str] | None:
    found = fires(text, api)
    return found if found and rewrite(found.group(), api) != found.group() else None
