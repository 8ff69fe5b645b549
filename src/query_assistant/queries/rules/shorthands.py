"""Field names that a server replaces by text substitution, anywhere in q, before anything is parsed.

    go:0000307  ->  go.\\*.id:go\\:0000307        mim:116953  ->  MIM:116953

It happens inside quotes, values and at the end of longer names too: `pantherdb.FlyBase:x` becomes
`pantherdb.FLYBASE:x`, a field that does not exist. A backslash inside the name or before the colon prevents it.
`leaf_writer` spells a tree so that the server reads that tree back, hidden fields by the short names that people know.
"""

from __future__ import annotations

import re
from functools import lru_cache

from query_assistant.apis import Api, Shorthand
from query_assistant.queries.rendering import LeafWriter, field_prefix, render_leaf
from query_assistant.queries.tree import Exists, MatchAll, MatchNone, Node, Phrase, Wildcard, Words

_BARE = re.compile(r"[0-9]+\Z")
_BARE_PATTERN = re.compile(r"[0-9*?]+\Z")


def rewrite(text: str, api: Api) -> str:
    """The query text that the server parses."""
    table = _in_text(api)
    if table is None or ":" not in text:
        return text
    return table.sub(lambda found: _replacement(_table(api)[found.group(1).lower()]), text)


def rewrite_scope(scope: str, api: Api) -> str:
    """The field that a scope of a batch names: the same names, wherever no dot follows."""
    table = _in_scope(api)
    if table is None:
        return scope
    return table.sub(lambda found: _table(api)[found.group(1).lower()].becomes, scope)


def spelled_short(field: str | None, api: Api) -> Shorthand | None:
    """The short name by which a person writes a hidden or wildcard field."""
    return _short(api).get(field) if field else None


@lru_cache(maxsize=64)
def leaf_writer(api: Api) -> LeafWriter:
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
    return f"{rule.written}:{_safe_value(text[len(field_prefix(field)) :], api)}"


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
    name = field_prefix(getattr(node, "field", None))
    value = text[len(name) :]
    return _safe_name(name, api) + _safe_value(value, api)


def _safe_value(text: str, api: Api) -> str:
    """A backslash before each colon that would make the server see a field name."""
    return _guarded(text, 1, api) if ":" in text else text


@lru_cache(maxsize=65536)
def _safe_name(text: str, api: Api) -> str:
    """A backslash before the last letter of a field name that the server would replace."""
    return _guarded(text, 2, api)


def _guarded(text: str, from_end: int, api: Api) -> str:
    """A backslash so many signs before the end of each name with its colon that the server would change."""
    table = _in_text(api)

    def guard(found: re.Match[str]) -> str:
        name = found.group()
        return name if rewrite(name, api) == name else f"{name[:-from_end]}\\{name[-from_end:]}"

    return table.sub(guard, text) if table else text


def _replacement(rule: Shorthand) -> str:
    return f"{rule.becomes}:{rule.value_prefix.replace(':', chr(92) + ':')}".replace("*", "\\*")


@lru_cache(maxsize=64)
def _table(api: Api) -> dict[str, Shorthand]:
    return {rule.written.lower(): rule for rule in api.definition.shorthands}


@lru_cache(maxsize=64)
def _short(api: Api) -> dict[str, Shorthand]:
    return {rule.becomes: rule for rule in api.definition.shorthands if rule.short}


@lru_cache(maxsize=64)
def _in_text(api: Api) -> re.Pattern[str] | None:
    return _names(api, ":")


@lru_cache(maxsize=64)
def _in_scope(api: Api) -> re.Pattern[str] | None:
    return _names(api, r"(?!\.)")


def _names(api: Api, behind: str) -> re.Pattern[str] | None:
    names = sorted(_table(api), key=len, reverse=True)
    return re.compile(f"({'|'.join(map(re.escape, names))}){behind}", re.IGNORECASE) if names else None
