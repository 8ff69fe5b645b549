"""The words that a part of a query may be said with: stems, whole values, numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Any

from query_assistant.descriptions import glossary
from query_assistant.errors import QueryAssistantError
from query_assistant.verbalising.lexicon import Lexicon
from query_assistant.verbalising.wording import listed

# Words without content: articles, pronouns, prepositions, auxiliaries. No negation and no quantity is among them.
EMPTY = frozenset([
    "a", "an", "the", "this", "that", "these", "those", "it", "its", "they", "them", "their", "there", "here", "i",
    "me", "my", "we", "us", "our", "you", "your", "who", "whom", "whose", "which", "what", "where", "when", "of",
    "in", "on", "at", "by", "for", "from", "to", "into", "onto", "with", "within", "as", "and", "or", "if", "than",
    "then", "is", "are", "was", "were", "be", "been", "being", "am", "do", "does", "did", "has", "have", "having",
    "had", "can", "could", "would", "should", "shall", "will", "may", "might", "must", "please", "also", "e.g",
    "i.e", "etc", "so", "any", "some", "ones", "one's", "such", "each", "per", "via", "using", "about",
])  # fmt: skip
TOKEN = re.compile(r"\w+(?:[.:'’*/>+-]+\w+)*[*+]?")
PIECE = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+")


@cache
def empty_stems() -> frozenset[str]:
    """The stems of words without content."""
    return frozenset(stem(word) for word in EMPTY)


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Porter's stem of a word."""
    return str(_stemmer().stemWord(word.casefold()))


@cache
def _stemmer() -> Any:
    from snowballstemmer import stemmer

    return stemmer("porter")


def stems_of(frames: Any) -> frozenset[str]:
    """The words of frames, however they are nested, without their slots; and of names and paths."""
    return frozenset(stem(piece) for text in _texts(frames) for piece in PIECE.findall(re.sub(r"\{[^}]*\}", " ", text)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts(list(value.values()))
    else:
        for one in value:
            yield from _texts(one)


def named_list(items: Sequence[str], joint: str = "and") -> str:
    """Items as one reads them out; nothing of none."""
    return listed(items, joint) if items else ""


def whole_words(values: Iterable[str]) -> frozenset[str]:
    """Values as one word each, and the words of those that have several."""
    return frozenset(word.casefold() for value in values for word in (value, *TOKEN.findall(value))) - EMPTY


def names_of(path: str | None, lexicon: Lexicon) -> frozenset[str]:
    """What a field may be called: its names, its path, its units."""
    if path is None:
        return frozenset()
    known = lexicon.wording(path)
    return stems_of([path, known.names, known.plural or "", known.units])


def what_it_holds(path: str | None, api_name: str) -> str:
    """What a field holds, in one phrase; nothing where nobody has written it down."""
    if path is None:
        return ""
    try:
        return glossary.description(api_name, path)
    except QueryAssistantError:
        return ""
