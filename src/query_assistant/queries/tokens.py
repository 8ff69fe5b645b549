"""The scanner of the query text: Lucene's `query_string` tokens, longest match first, in linear time.

    name:"cell cycle"~2 AND taxid:[9606 TO 10090}
    TERM COLON QUOTED SLOP AND TERM COLON RANGE

A range is one token here, because inside its brackets other rules hold (no escapes, no operators). The rules are
those of the token definitions in Lucene's QueryParser.jj (version 8); a differential test holds the two together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from query_assistant.errors import QuerySyntaxError

TokenKind = Literal[
    "TERM", "STAR", "PATTERN", "QUOTED", "REGEX", "RANGE", "AND", "OR", "NOT", "PLUS", "MINUS",
    "SIGN", "COLON", "OPEN", "CLOSE", "SLOP", "BOOST", "END",
]  # fmt: skip

BLANKS = " \t\n\r\u3000"
_SPECIAL = re.escape(BLANKS + '+-!():^[]"{}~*?\\/')
_START = rf"(?:[^{_SPECIAL}]|\\.|[*?])"
_BLANK = re.compile(f"[{BLANKS}]*")
_TERM = re.compile(rf"(?:[^{_SPECIAL}]|\\.|[*?])(?:[^{_SPECIAL}]+|\\.|[*?+-])*", re.DOTALL)
_QUOTED = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_SLOP = re.compile(rf"~((?:[^{_SPECIAL}]|\\.|[+-])*)", re.DOTALL)
_NUMBER = re.compile(r"\^([0-9]+(?:\.[0-9]+)?)")
_WILD = re.compile(r"(?:[^\\*?]|\\.)*[*?]", re.DOTALL)
_BOUND_BLANK = re.compile(rf"(?: |[{BLANKS}](?=[ \]}}]))*")
_BOUND_QUOTED = re.compile(r'"(?:[^"\\]|\\"|\\)+"', re.DOTALL)
_BOUND_PLAIN = re.compile(r"[^ \]}]+")
_ESCAPE = re.compile(r"\\(u([0-9A-Fa-f]{4})|u|.|$)", re.DOTALL)
_HALF = re.compile("[\ud800-\udfff]")
_INNER_WILD = re.compile(r"(?<!\\)(?:\\\\)*[*?]")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")

_WORDS: dict[str, TokenKind] = {"AND": "AND", "&&": "AND", "OR": "OR", "||": "OR", "NOT": "NOT", "*": "STAR"}
_SIGNS: dict[str, TokenKind] = {"(": "OPEN", ")": "CLOSE", ":": "COLON"}
_MODIFIERS: dict[str, TokenKind] = {"+": "PLUS", "-": "MINUS", "!": "NOT"}


@dataclass(frozen=True, slots=True)
class Bounds:
    """The two ends of a range as written, without quotes; None is an open end."""

    low: str | None
    high: str | None
    include_low: bool
    include_high: bool


@dataclass(slots=True)
class Token:
    """`text` is the token as written, save for quotes and slashes around it; `start` counts characters from 0."""

    kind: TokenKind
    text: str
    start: int
    bounds: Bounds | None = None


def scan(text: str, parameter: str = "q") -> list[Token]:
    """All tokens of a query text, END last.

    Raises:
        QuerySyntaxError: a quote, slash or bracket is never closed, or a sign stands where none may.
    """
    tokens: list[Token] = []
    position, length = _skip(text, 0), len(text)
    while position < length:
        token, position = _next(text, position, parameter)
        tokens.append(token)
        position = _skip(text, position)
    tokens.append(Token("END", "", length))
    return tokens


def _skip(text: str, position: int) -> int:
    if position < len(text) and text[position] not in BLANKS:
        return position
    found = _BLANK.match(text, position)
    return found.end() if found else position


def _next(text: str, at: int, parameter: str) -> tuple[Token, int]:
    sign = text[at]
    if found := _TERM.match(text, at):
        return _word(found.group(), at), found.end()
    if sign in _SIGNS:
        return Token(_SIGNS[sign], sign, at), at + 1
    if sign == '"':
        return _quoted(text, at, parameter)
    if sign in "[{":
        return _range(text, at, parameter)
    if sign in _MODIFIERS:
        return _modifier(text, at)
    if sign == "/":
        return _regex(text, at, parameter)
    if sign == "~" and (found := _SLOP.match(text, at)):
        return Token("SLOP", found.group(1), at), found.end()
    if sign == "^" and (found := _NUMBER.match(text, at)):
        return Token("BOOST", found.group(1), at), found.end()
    raise unexpected(sign, at, parameter)


def _word(image: str, at: int) -> Token:
    kind = _WORDS.get(image)
    if kind is None:
        kind = "PATTERN" if ("*" in image or "?" in image) and _WILD.match(image) else "TERM"
    return Token(kind, image, at)


def _modifier(text: str, at: int) -> tuple[Token, int]:
    """`+`, `-` and `!` are operators only right before what they change; before a blank they are words."""
    if text[at + 1 : at + 2] and text[at + 1] in BLANKS:
        return Token("SIGN", text[at], at), at + 2
    return Token(_MODIFIERS[text[at]], text[at], at), at + 1


def _quoted(text: str, at: int, parameter: str) -> tuple[Token, int]:
    found = _QUOTED.match(text, at)
    if found is None:
        raise QuerySyntaxError(
            f'the quotation mark at position {at} is never closed; add a closing " or write \\"',
            position=at,
            parameter=parameter,
        )
    return Token("QUOTED", found.group(1), at), found.end()


def _regex(text: str, at: int, parameter: str) -> tuple[Token, int]:
    """The longest match: on to the first slash that no backslash precedes, else back to the last one."""
    close = text.find("/", at + 1)
    last = close
    while close > 0 and text[close - 1] == "\\":
        last = close
        close = text.find("/", close + 1)
    close = close if close > 0 else last
    if close < 0:
        raise QuerySyntaxError(
            f"the slash at position {at} opens a regular expression that is never closed; write \\/ for a plain slash",
            position=at,
            parameter=parameter,
        )
    return Token("REGEX", text[at + 1 : close], at), close + 1


def _range(text: str, at: int, parameter: str) -> tuple[Token, int]:
    low, position = _bound(text, at + 1, at, parameter)
    word, position = _bound(text, position, at, parameter)
    if word != "TO":
        raise QuerySyntaxError(
            f"expected TO (upper case) in the range at position {at}, found {word!r}; write [low TO high]",
            position=at,
            parameter=parameter,
        )
    high, position = _bound(text, position, at, parameter)
    position = _skip(text, position)
    if text[position : position + 1] not in ("]", "}"):
        raise _open_range(at, parameter)
    bounds = Bounds(_end(low), _end(high), text[at] == "[", text[position] == "]")
    return Token("RANGE", text[at : position + 1], at, bounds), position + 1


def _bound(text: str, position: int, at: int, parameter: str) -> tuple[str, int]:
    """The next bound as written: quoted or plain, whichever is longer."""
    blank = _BOUND_BLANK.match(text, position)
    position = blank.end() if blank else position
    readings = (_BOUND_QUOTED.match(text, position), _BOUND_PLAIN.match(text, position))
    ends = [found.end() for found in readings if found is not None]
    if not ends:
        raise _open_range(at, parameter)
    return text[position : max(ends)], max(ends)


def _open_range(at: int, parameter: str) -> QuerySyntaxError:
    message = f"the range at position {at} is not complete; write [low TO high], with * for an open end"
    return QuerySyntaxError(message, position=at, parameter=parameter)


def _end(image: str) -> str | None:
    if image == "*":
        return None
    return image[1:-1] if len(image) > 1 and image[0] == image[-1] == '"' else image


def unexpected(image: str, at: int, parameter: str) -> QuerySyntaxError:
    """The error for a sign that cannot stand there; a backslash or quotes make it plain text."""
    return QuerySyntaxError(
        f"unexpected {image!r} at position {at}; put a backslash before it, or the whole value in quotes",
        position=at,
        parameter=parameter,
    )


def unescape(image: str, at: int = 0, parameter: str = "q") -> str:
    """The text meant: each backslash removed, `\\u0041` read as one character.

    Raises:
        QuerySyntaxError: `\\u` is not followed by four hexadecimal digits, or the last backslash by nothing.
    """
    if "\\" not in image:
        return image

    def plain(found: re.Match[str]) -> str:
        if found.group(2):
            return chr(int(found.group(2), 16))
        if not found.group(1):
            raise QuerySyntaxError(
                f"the word at position {at} ends in a backslash; write two for a plain one",
                position=at,
                parameter=parameter,
            )
        if found.group(1) == "u":
            raise QuerySyntaxError(
                f"\\u in the word at position {at} needs four hexadecimal digits", position=at, parameter=parameter
            )
        return found.group(1)

    return _characters(_ESCAPE.sub(plain, image))


def _characters(text: str) -> str:
    """`\\ud83e\\uddec` is one character; half of one is the mark that the search engine puts in its place."""
    if text.isascii() or not _HALF.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def wildcard_pattern(image: str) -> str:
    """A wildcard pattern with a backslash left only before `*`, `?` and itself."""
    if "\\" not in image:
        return image
    if image.endswith("*") and not _INNER_WILD.search(image[:-1]):
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


def tilde_number(image: str) -> float | None:
    """The number behind a tilde; anything else behind it is dropped without a word, as Lucene does."""
    return float(image) if _DECIMAL.fullmatch(image) else None


def automatic_edits(text: str) -> int:
    """Elasticsearch's AUTO fuzziness: none up to 2 characters, one up to 5, two beyond."""
    return 0 if len(text) < 3 else 1 if len(text) < 6 else 2
