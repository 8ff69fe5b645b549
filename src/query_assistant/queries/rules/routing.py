"""How q is taken before it counts as query text: everything, nothing, an interval, or plain words.

MyGene reads a q without operators as several searches at once (`plain_words` in its file); the others read every q as
query text.
"""

from __future__ import annotations

import re
from typing import Literal

from query_assistant.apis import Api, WordsPart
from query_assistant.queries.rules.shorthands import rewrite
from query_assistant.queries.syntax import parse_text
from query_assistant.queries.tree import BestOf, Match, MatchAll, MatchNone, Node, Strict, Wildcard

Mode = Literal["all", "none", "interval", "text", "wildcard", "integer", "words"]

_OPERATORS = (":", "~", " AND ", " OR ", "NOT ")
_INTEGER = re.compile(r"[0-9]+\Z")


def mode(q: str | None, api: Api) -> Mode:
    """Which reading a q gets that is no interval."""
    if q is None or q in ("__all__", "*:*"):
        return "all"
    if not q:
        return "none"
    if api.definition.plain_words is None:
        return "text"
    text = rewrite(q, api)
    if (text[0] == text[-1] == '"') or any(sign in text for sign in _OPERATORS):
        return "text"
    if "*" in text or "?" in text:
        return "wildcard"
    return "integer" if _INTEGER.match(text) else "words"


def read(q: str | None, reading: Mode, api: Api) -> Node:
    """The tree of a q under that reading.

    Raises:
        QuerySyntaxError: the text cannot be parsed; plain words are parsed too, as one of their searches is query text.
    """
    if q is None or reading == "all":
        return MatchAll()
    if reading == "none":
        return MatchNone()
    plain = api.definition.plain_words
    if reading == "text" or plain is None:
        return query_text(rewrite(q, api), api)
    if reading == "wildcard":
        return BestOf(tuple((1.0, Wildcard(name, q.lower())) for name in plain.wildcard))
    if reading == "integer":
        return Match(plain.integer, q, "whole")
    return BestOf(tuple((part.weight, _part(part, q, api)) for part in plain.best_of))


def query_text(text: str, api: Api) -> Node:
    """Query text of q, strict where the API is."""
    tree = parse_text(text)
    return tree if api.lenient else Strict(tree)


def _part(part: WordsPart, q: str, api: Api) -> Node:
    return Match(part.fields, q, part.mode) if part.fields else query_text(q, api)
