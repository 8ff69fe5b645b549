"""Short texts that a regular expression matches."""

from __future__ import annotations

import re
import warnings
from itertools import islice, product
from typing import Any

try:
    from re import _parser as sre_parse  # type: ignore[attr-defined]  # Python 3.11 and later
except ImportError:
    import sre_parse  # type: ignore[import-not-found,no-redef,unused-ignore]

_CATEGORIES = {"CATEGORY_DIGIT": "7", "CATEGORY_WORD": "w", "CATEGORY_SPACE": " "}
_CHOICES = 3
_LENGTH = 64
_LONGEST = 200


def texts_matching(pattern: str, count: int = _CHOICES) -> list[str]:
    """At most `count` texts the pattern matches, the first choice of every alternative first; none if it is not plain.

    Lucene's dialect is read as Python's: they agree on letters, classes, groups, alternatives and repeats, which is
    what people write. The pattern is only parsed, never run: some patterns take for ever, and a text that does not
    match after all costs one probe and nothing else.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            texts = _texts(sre_parse.parse(pattern[:_LONGEST]))
    except (re.error, RecursionError, OverflowError, ValueError):
        return []
    return list(dict.fromkeys(texts))[:count]


def _texts(items: Any) -> list[str]:
    """Texts of a sequence of parsed items, at most _CHOICES of them."""
    parts = [_choices(str(operation), argument)[:_CHOICES] for operation, argument in items]
    return ["".join(part)[:_LENGTH] for part in islice(product(*parts), _CHOICES)]


def _choices(operation: str, argument: Any) -> list[str]:
    if operation == "LITERAL":
        return [chr(argument)]
    if operation in ("ANY", "NOT_LITERAL"):
        return ["q" if argument != ord("q") else "z"]
    if operation == "IN":
        return [text for member in argument for text in _members(str(member[0]), member[1])] or ["q"]
    if operation == "BRANCH":
        return [text for branch in argument[1] for text in _texts(branch)[:1]]
    if operation == "SUBPATTERN":
        return _texts(argument[-1])
    if operation in ("MAX_REPEAT", "MIN_REPEAT"):
        return [
            (text * min(max(argument[0], 1), _LENGTH))[:_LENGTH] if argument[1] else "" for text in _texts(argument[2])
        ]
    return [""]


def _members(operation: str, argument: Any) -> list[str]:
    """Members of a character class; of a negated one, a letter that is seldom excluded."""
    if operation == "RANGE":
        return [chr(argument[0]), chr(argument[1])]
    if operation == "CATEGORY":
        return [_CATEGORIES.get(str(argument), "q")]
    return [chr(argument)] if operation == "LITERAL" else []
