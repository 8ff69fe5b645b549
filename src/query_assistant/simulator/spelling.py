"""How people and programs spell the same thing, and what they get wrong: quoting, encoding, slips, broken syntax."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal
from urllib.parse import quote

from query_assistant.simulator.topics import Topics

Quoting = Literal["needed", "always", "escape", "bare"]
Encoding = Literal["plus", "percent", "browser", "raw", "double"]

_SPECIAL = re.compile(r'[\s:/()\[\]{}"!^~*?\\<>=|&]|^[-+]')
_ESCAPED = re.compile(r'([\s:/()\[\]{}"!^~*?\\])')
# What a browser's address bar leaves as it is inside a query string.
_BROWSER_SAFE = ":,*()[]{}>=/!~.-_@$;'"
_CHARACTERS_SAFE = {"plus": "*", "percent": "", "browser": _BROWSER_SAFE, "double": ""}


@dataclass(frozen=True)
class Habit:
    """The spelling that one person or program keeps to."""

    quoting: Quoting = "needed"
    conjunction: str = "AND"
    encoding: Encoding = "plus"
    size_name: str = "size"
    from_name: str = "from"
    trailing_slash: bool = False


def draw_habit(rng: Random, *, encoding: Encoding | None = None, careful: bool = False) -> Habit:
    """A random habit; the careful never leave a value bare nor write `and`."""
    bare, lower = (0.0, 0.0) if careful else (6.0, 4.0)
    return Habit(
        quoting=rng.choices(("needed", "always", "escape", "bare"), (78, 8, 7, bare))[0],
        conjunction=rng.choices(("AND", " ", "&&", "and"), (90, 4, 1, lower))[0],
        encoding=encoding or rng.choices(("plus", "percent", "browser", "raw", "double"), (46, 26, 20, 7, 1))[0],
        size_name="limit" if rng.random() < 0.2 else "size",
        from_name="skip" if rng.random() < 0.25 else "from",
        trailing_slash=rng.random() < 0.15,
    )


def literal(value: str, habit: Habit) -> str:
    """A value inside query text, quoted or escaped as the habit has it."""
    if habit.quoting == "always" or (habit.quoting == "needed" and _SPECIAL.search(value)):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return _ESCAPED.sub(r"\\\1", value) if habit.quoting == "escape" else value


def encode(value: str, encoding: Encoding) -> str:
    """A parameter's value as it stands in a URL."""
    if encoding == "raw":
        return value.replace("%", "%25").replace("&", "%26").replace("#", "%23").replace("+", "%2B").replace(" ", "+")
    text = quote(value, safe=_CHARACTERS_SAFE[encoding])
    if encoding == "double":
        return quote(text, safe="")
    return text.replace("%20", "+") if encoding == "plus" else text


def url(path: str, parameters: dict[str, str], encoding: Encoding) -> str:
    if not parameters:
        return path
    return path + "?" + "&".join(f"{name}={encode(value, encoding)}" for name, value in parameters.items())


def mistype(word: str, rng: Random) -> str:
    """The word with one slip: two letters swapped, one dropped, doubled or hit beside."""
    if len(word) < 4:
        return word
    at = rng.randrange(1, len(word) - 1)
    slips = (
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        word[:at] + word[at + 1 :],
        word[:at] + word[at] + word[at:],
        word[:at] + rng.choice("aeionrst") + word[at + 1 :],
    )
    return rng.choice(slips)


# Mistakes -------------------------------------------------------------------------------------------------------------

Parameters = dict[str, str]
Fault = Callable[[str | None, Parameters, Topics, Random], tuple[str | None, Parameters]]

_FIELD = re.compile(r"([A-Za-z_][\w.\-]*):(?=\S)")
_WORD = re.compile(r"[A-Za-z]{4,}")


def draw_fault(rng: Random) -> Fault:
    """One kind of mistake, the commonest most often."""
    faults: tuple[Fault, ...] = (
        typo,
        unknown_field,
        wrong_case,
        broken_syntax,
        swapped_name,
        wrong_parameter,
        old_syntax,
    )
    return rng.choices(faults, (30, 22, 8, 18, 6, 8, 5))[0]


def typo(text: str | None, parameters: Parameters, _: Topics, rng: Random) -> tuple[str | None, Parameters]:
    """One mistyped word of the values."""
    words = [found for found in _WORD.finditer(text or "") if not (text or "")[found.end() :].startswith((":", "."))]
    if text is None or not words:
        return text, parameters
    found = rng.choice(words)
    return text[: found.start()] + mistype(found.group(), rng) + text[found.end() :], parameters


def unknown_field(
    text: str | None, parameters: Parameters, topics: Topics, rng: Random
) -> tuple[str | None, Parameters]:
    """A plausible name that the API does not have."""
    if text is None or not topics.misnamed or not _FIELD.search(text):
        return text, parameters
    return _FIELD.sub(f"{rng.choice(topics.misnamed)}:", text, count=1), parameters


def wrong_case(text: str | None, parameters: Parameters, _: Topics, __: Random) -> tuple[str | None, Parameters]:
    """A field name in capitals: names are case-sensitive."""
    if text is None:
        return text, parameters
    return _FIELD.sub(lambda found: found.group().upper(), text, count=1), parameters


def broken_syntax(text: str | None, parameters: Parameters, _: Topics, rng: Random) -> tuple[str | None, Parameters]:
    """A bracket, quote or operator too few or too many."""
    text = text or ""
    broken = (
        f"({text}",
        f"{text})",
        f'{text} AND "',
        f"{text} AND",
        f"AND {text}",
        text.replace(" TO ", " to "),
        text.rstrip('")]'),
        f"{text}:",
    )
    return rng.choice(broken), parameters


def swapped_name(text: str | None, parameters: Parameters, _: Topics, rng: Random) -> tuple[str | None, Parameters]:
    """A parameter under another name: the server ignores it, and without q it finds everything."""
    wrong = rng.choice(("query", "Q", "term", "search"))
    return None, {wrong: text or "", **parameters}


def wrong_parameter(text: str | None, parameters: Parameters, _: Topics, rng: Random) -> tuple[str | None, Parameters]:
    """A value that the server refuses."""
    wrong = rng.choice(({"size": "5000"}, {"size": "all"}, {"from": "20000"}, {"format": "xml"}, {"sort": "name:asc"}))
    return text, parameters | wrong


def old_syntax(text: str | None, parameters: Parameters, topics: Topics, rng: Random) -> tuple[str | None, Parameters]:
    """Something that old documentation promised."""
    field = rng.choice(topics.returned).split(",")[0]
    return rng.choice((f"_missing_:{field}", f"{text} AND _missing_:{field}")), parameters
