"""Query texts nobody would write: random tokens of the language in random order, and sentences with one sign changed.

Most are refused by a parser, which is the point; the others combine operators, groups and modifiers freely.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

WORDS = ("a", "b2", "cdk2", "cell", "TO", "and", "not", "AND", "OR", "NOT", "&&", "||", "é", "x-y", "a.b", "1", "2.5")
VALUES = (
    '"a b"',
    '"c"',
    '"d\\"e"',
    "w*",
    "*z",
    "v?x",
    "*",
    "?",
    "/re/",
    "/r\\/e/",
    "[1 TO 5]",
    "{a TO b]",
    "[* TO 3}",
    "[x TO *]",
)
FIELDS = ("f:", "g.h:", "_exists_:", "f :", "g.\\*:", "k-1:", "*:", "f:>", "f:<=", "f:>=", "f:<")
BEFORE = ("+", "-", "!", "NOT ", "+ ", "- ", "! ")
BEHIND = ("~", "~1", "~2", "~3", "~0.5", "~1.5", "^2", "^0.5", "^", "~1^2", "^2~1", ")", "]", '"', ":", "/", "\\", "}")
ESCAPES = (
    "a\\:b",
    "\\(x\\)",
    "\\*",
    "q\\*",
    "\\u0041b",
    "\\u12",
    "\\\\",
    "a\\ b",
    "\\AND",
    "<",
    ">5",
    "f:\\>5",
    "a/b",
    "\u3000",
)
SIGNS = ' \t+-!():^[]{}"~*?\\/&|<>=a1\u3000'


def soup(generator: random.Random, count: int) -> Iterator[str]:
    """Texts of 1 to 9 pieces."""
    for _ in range(count):
        yield "".join(_piece(generator) for _ in range(generator.randint(1, 9)))


def _piece(generator: random.Random) -> str:
    drawn = generator.random()
    if drawn < 0.12:
        return f"({_piece(generator)}{_piece(generator)}) "
    pieces = [generator.choice(FIELDS)] if generator.random() < 0.3 else []
    pieces += [generator.choice(BEFORE)] if generator.random() < 0.15 else []
    pieces.append(generator.choice(WORDS if drawn < 0.65 else VALUES if drawn < 0.85 else ESCAPES))
    pieces += [generator.choice(BEHIND)] if generator.random() < 0.12 else []
    return "".join([*pieces, " " if generator.random() < 0.85 else ""])


def mutants(texts: list[str], generator: random.Random, count: int) -> Iterator[str]:
    """A sign put in, taken out, or exchanged, once or twice, in one of the texts."""
    for _ in range(count):
        text = generator.choice(texts)
        for _ in range(generator.randint(1, 2)):
            at = generator.randrange(len(text) + 1)
            text = text[:at] + generator.choice((generator.choice(SIGNS), "")) + text[at + generator.randint(0, 1) :]
        yield text
