"""How people and programs spell the same thing: quoting, escaping, percent-encoding, slips of the finger."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random
from typing import Literal
from urllib.parse import quote

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
