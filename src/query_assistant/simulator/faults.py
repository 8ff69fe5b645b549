"""What goes wrong in real requests: typos, broken syntax, fields that do not exist, impossible parameters."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from query_assistant.simulator.spelling import mistype
from query_assistant.simulator.topics import Topics

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
