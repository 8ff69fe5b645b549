"""Stretches of a chromosome in q, the two ways in which the APIs read them.

`alone`   MyGene: `chr1:1,000-2,000` anywhere in q is the whole query; every other text is dropped.
`joined`  MyVariant: one interval or position, whatever stands right behind it (`chr19:11227554C>T`). AND may join
          query text before and after it, which is read with default operator OR and strictly; text behind it that AND
          does not join is dropped.

Both search in time proportional to the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from query_assistant.apis import Api, Stretch
from query_assistant.errors import RequestError
from query_assistant.queries.tree import Interval

_BEHIND_WORD = re.compile(r"(?<!\w)(?P<word>\w+):(?=(?P<start>[0-9,]+)-(?P<end>[0-9,]+))")
_GENOME = re.compile(r"\w+\.")
_JOINED = re.compile(
    r"chr(?P<chromosome>1[0-9]|2[0-2]|[1-9]|X|Y|MT):(?P<start>[0-9,]+)(?:-(?P<end>[0-9,]+))?"
    r"(?:\s+AND\s+(?P<after>\S.+))?",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Located:
    """An interval found in q, and the query texts that are joined to it.

    `prefix` is the genome it was asked on, `dropped` says that other text of q has no effect.
    """

    interval: Interval
    prefix: str = ""
    sides: tuple[str, ...] = ()
    dropped: bool = False

    @property
    def text(self) -> str:
        """The query text that the server puts together; empty where nothing is joined to the interval."""
        return " AND ".join(f"({side})" for side in self.sides)


def locate(text: str, parameters: Mapping[str, object], api: Api) -> Located | None:
    """The interval that q is, None where it is none by this API's rule.

    Raises:
        RequestError: a position is no number that the search engine takes.
    """
    rule = api.definition.interval
    if rule is None or "chr" not in text:
        return None
    return _alone(text, api) if rule.rule == "alone" else _joined(text, parameters, api)


def _alone(text: str, api: Api) -> Located | None:
    rule = api.definition.interval
    found = next((found for found in _BEHIND_WORD.finditer(text) if "chr" in found["word"][:-1]), None)
    if rule is None or found is None or rule.stretch is None:
        return None
    prefix = next((name for name in rule.prefixed if text.startswith(f"{name}.")), "")
    begin = found["word"].index("chr")
    start, end = (_position(found[side].replace(",", ""), rule.stretch, api) for side in ("start", "end"))
    chromosome = found["word"][begin + len("chr") :].lower()
    before = text[: found.start() + begin]
    rest = text[found.end("end") :] + ("" if _GENOME.fullmatch(before) else before)
    interval = _interval(rule.prefixed.get(prefix, rule.stretch), chromosome, start, end)
    return Located(interval, prefix, dropped=bool(rest.strip()))


def _joined(text: str, parameters: Mapping[str, object], api: Api) -> Located | None:
    rule = api.definition.interval
    found = _JOINED.search(text, text.index("chr"))
    if rule is None or found is None or rule.by_parameter is None:
        return None
    before = text[: found.start()].strip()
    if before and not (text[found.start() - 1].isspace() and before[-3:].upper() == "AND"):
        return None
    genome = str(parameters.get(rule.by_parameter) or api.default("GET query", rule.by_parameter))
    stretch = rule.prefixed[genome]
    start = _position(found["start"], stretch, api)
    end = start if found["end"] is None else _position(found["end"], stretch, api)
    interval = _interval(stretch, found["chromosome"].lower(), start, end)
    sides = tuple(side for side in (before[:-3] if before else None, found["after"]) if side is not None)
    return Located(interval, genome, sides, dropped=bool(text[found.end() :].strip()))


def _position(digits: str, stretch: Stretch, api: Api) -> int:
    """A position as the index keeps it; a server that leaves commas in it sends what the search engine refuses."""
    field = api.schema.fields.get(f"{stretch.path}.start")
    largest = 2**31 - 1 if field is None or field.type == "integer" else 2**63 - 1
    plain = digits.lstrip("0") or "0"
    if digits.isdigit() and len(plain) <= len(str(largest)) and int(plain) <= largest:
        return int(plain)
    expected = f"a position from 0 to {largest}"
    raise RequestError(f"q: found {digits[:40]!r}, expected {expected}; write digits without commas", parameter="q")


def _interval(stretch: Stretch, chromosome: str, start: int, end: int) -> Interval:
    return Interval(stretch.path, stretch.chromosome, chromosome, start, end)
