"""How a value becomes index terms, and a query text the same terms: the servers' analyzers.

    standard   "TP53-binding GO:0000307 rs1.2"  → tp53, binding, go, 0000307, rs1.2
    refseq     "NM_001798.5"                    → nm_001798 and nm_001798.5, both at one position
    whole      "Homo Sapiens"                   → homo sapiens                  (lower-cased)
    exact      "CHEMBL25"                       → CHEMBL25

`standard` is the Unicode word break of Lucene's StandardTokenizer, checked against Lucene 8.7. One consequence that
surprises: a colon between two letters does not split (`a:b` is one token, `a:1` are two).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Literal

Kind = Literal["standard", "refseq", "whole", "exact", "number", "boolean", "date"]
TERM_KINDS: frozenset[Kind] = frozenset({"standard", "refseq", "whole", "exact", "boolean"})
TEXT_KINDS: frozenset[Kind] = frozenset({"standard", "refseq"})

MAX_TOKEN = 255  # StandardTokenizer cuts longer words (sequences, InChIs) into pieces of this length
POSITION_GAP = 100  # between two values of one field, so that a phrase does not run across them

_IDEOGRAPHS = "\u3041-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_KATAKANA = "\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9d"
# Signs that Python counts among \w and Unicode's word break does not: ² ½ ① and their like.
_SIGNS = "".join(chr(code) for code in range(0x10000) if unicodedata.category(chr(code)) == "No")
_EXTENDERS = (
    "\u00ad\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u200c\u200d\u2060\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\ufeff"
)
_E = f"[{_EXTENDERS}]*"  # marks that belong to the character before them
_LETTER = rf"[^\W\d_{_IDEOGRAPHS}{_KATAKANA}{_SIGNS}]"
_WORD = rf"(?:{_LETTER}{_E}(?:[.:·'‘’]{_E}(?={_LETTER}))?|\d{_E}(?:[.,;'‘’]{_E}(?=\d))?)+"
_RUN = rf"(?:{_WORD}|(?:[{_KATAKANA}]{_E})+)"
# The last choice takes a stretch of nothing but underscores whole, so that none is tried from each of its places.
_TOKEN = re.compile(rf"(?:_{_E})*{_RUN}(?:(?:_{_E})+{_RUN})*(?:_{_E})*|[{_IDEOGRAPHS}]{_E}|(?:_{_E})+")
_ASCII_TOKEN = re.compile(r"_*[a-z0-9]\w*(?:(?:(?<=[a-z])[.:'](?=[a-z])|(?<=[0-9])[.,;'](?=[0-9]))\w+)*|_+", re.ASCII)
_BLANK = re.compile(rf"(?:_{_E})+")


def lower(text: str) -> str:
    """Lower case one character at a time, as Lucene does: `Σ` is always `σ`, `İ` is `i`."""
    if text.isascii():
        return text.lower()
    return "".join(small if len(small := char.lower()) == 1 else small[0] for char in text)


def standard_tokens(text: str) -> tuple[str, ...]:
    """The words of a text, lower-cased; no stop words, no stemming."""
    return _short_text_tokens(text) if len(text) <= MAX_TOKEN else _tokens(text)


@lru_cache(maxsize=65536)
def _short_text_tokens(text: str) -> tuple[str, ...]:
    return _tokens(text)


def _tokens(text: str) -> tuple[str, ...]:
    folded = lower(text)
    found = (_ASCII_TOKEN if folded.isascii() else _TOKEN).findall(folded)
    if "_" in folded:
        found = [word for word in found if not _BLANK.fullmatch(word)]
    if len(folded) > MAX_TOKEN:
        found = [word[start : start + MAX_TOKEN] for word in found for start in range(0, len(word), MAX_TOKEN)]
    return tuple(found)


def refseq_tokens(text: str) -> tuple[str, ...]:
    """Every prefix of the lower-cased text that ends at a dot, and the whole."""
    parts = lower(text).split(".")
    return tuple(".".join(parts[:count]) for count in range(1, len(parts) + 1))


def whole_value(kind: Kind, text: str) -> str:
    """The one term of a value that is not split."""
    return text if kind == "exact" else lower(text)


def positions(kind: Kind, text: str) -> tuple[tuple[str, ...], ...]:
    """The terms of a text by position; several at one position are alternatives.

    Returns:
        Nothing for a text without any word (`-`, an empty string) on a text field.
    """
    if kind == "standard":
        return tuple((token,) for token in standard_tokens(text))
    if kind == "refseq":
        return (refseq_tokens(text),) if text else ()
    return ((whole_value(kind, text),),)


def words_at_spaces(text: str) -> tuple[str, ...]:
    """The lower-cased words between white space, which is how MyGene reads plain words for its names and symbols."""
    return tuple(lower(word) for word in text.split())
