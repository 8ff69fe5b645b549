"""The leaves of a query text's tree, as the search engine makes them from unescaped words.

Elasticsearch reads a comparison out of a value that starts with `<` or `>`, and an existence test out of `_exists_`.
"""

from __future__ import annotations

import re

from query_assistant.queries.tokens import unescape
from query_assistant.queries.tree import Exists, Node, Operator, Range, Words

EXISTS = "_exists_"


def words(name: str | None, words: tuple[str, ...], operator: Operator) -> Node:
    text = words[0]
    if name == EXISTS:
        return Exists(" ".join(words))
    if name is None or len(" ".join(words)) < 2 or text[:1] not in ("<", ">"):
        return Words(name, words, operator)
    return _compared(name, " ".join(words))


def _compared(name: str, text: str) -> Node:
    """`>5`, `>=5`, `<5` and `<=5`, which the engine reads out of the unescaped value."""
    inclusive = text[1] == "=" and len(text) > 2
    bound = text[2:] if inclusive else text[1:]
    if text[0] == ">":
        return between(name, bound, None, inclusive, True)
    return between(name, None, bound, True, inclusive)


def between(name: str | None, low: str | None, high: str | None, include_low: bool, include_high: bool) -> Node:
    """An open end has no bound to include, so that `{5 TO *}`, `{5 TO *]` and `>5` are one tree."""
    return Range(name, low, high, include_low or low is None, include_high or high is None)


def number(image: str) -> float | None:
    """The number behind a tilde; anything else behind it is dropped without a word, as Lucene does."""
    return float(image) if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)", image) else None


def pattern(image: str) -> str:
    """The pattern with a backslash left only before `*`, `?` and itself."""
    if "\\" not in image:
        return image
    if image.endswith("*") and not re.search(r"(?<!\\)(?:\\\\)*[*?]", image[:-1]):
        return re.sub(r"([*?\\])", r"\\\1", unescape(image[:-1])) + "*"
    parts: list[str] = []
    signs = iter(image)
    for sign in signs:
        if sign == "\\":
            meant = next(signs)
            parts.append("\\" + meant if meant in "*?\\" else meant)
        else:
            parts.append(sign)
    return "".join(parts)


def automatic_edits(text: str) -> int:
    """Elasticsearch's AUTO fuzziness: none up to 2 characters, one up to 5, two beyond."""
    return 0 if len(text) < 3 else 1 if len(text) < 6 else 2
