"""Field names that a server replaces by text substitution, anywhere in q, before anything is parsed.

    go:0000307  ->  go.\\*.id:go\\:0000307        mim:116953  ->  MIM:116953

It happens inside quotes, values and at the end of longer names too: `pantherdb.FlyBase:x` becomes
`pantherdb.FLYBASE:x`, a field that does not exist. A backslash inside the name or before the colon prevents it.
"""

from __future__ import annotations

import re
from functools import lru_cache

from query_assistant.apis import Api, Shorthand


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


def fires(text: str, api: Api) -> re.Match[str] | None:
    """The first place of a text where a name would be replaced."""
    table = _in_text(api)
    return table.search(text) if table else None


def spelled_short(field: str | None, api: Api) -> Shorthand | None:
    """The short name by which a person writes a hidden or wildcard field."""
    return _short(api).get(field) if field else None


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
