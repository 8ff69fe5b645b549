"""Stretches of a chromosome in q, the two ways in which the APIs read them.

`alone`   MyGene: `chr1:1,000-2,000` anywhere in q is the whole query; every other text is dropped.
`joined`  MyVariant: one interval or position, which AND may join to text before and after it; that text is read
          with default operator OR and strictly. Text behind it that AND does not join is dropped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from query_assistant.apis import Api, Stretch
from query_assistant.errors import RequestError
from query_assistant.queries.tree import Interval

_ALONE = re.compile(r"(?:(?P<prefix>\w+)\.)?chr(?P<chromosome>\w+):(?P<start>[0-9,]+)-(?P<end>[0-9,]+)")
_JOINED = re.compile(
    r"(?:^|(?P<before>.+?)\s+[Aa][Nn][Dd]\s+)"
    r"chr(?P<chromosome>1[0-9]|2[0-2]|[1-9]|[Xx]|[Yy]|[Mm][Tt]):(?P<start>[0-9,]+)(?:-(?P<end>[0-9,]+))?(?![\w.,:-])"
    r"(?:\s+[Aa][Nn][Dd]\s+(?P<after>.+))?",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Located:
    """An interval found in q, and the query texts that are joined to it. `prefix` is the genome it was asked on."""

    interval: Interval
    prefix: str = ""
    texts: tuple[str, ...] = ()
    dropped: bool = False


def locate(text: str, parameters: dict[str, object], api: Api) -> Located | None:
    """The interval that q is, None where it is none by this API's rule.

    Raises:
        RequestError: the positions would not fit the search engine's integers.
    """
    rule = api.definition.interval
    if rule is None or "chr" not in text:
        return None
    return _alone(text, api) if rule.rule == "alone" else _joined(text, parameters, api)


def _alone(text: str, api: Api) -> Located | None:
    rule = api.definition.interval
    found = _ALONE.search(text)
    if rule is None or found is None or rule.stretch is None:
        return None
    prefix = next((name for name in rule.prefixed if text.startswith(f"{name}.")), "")
    stretch = rule.prefixed.get(prefix, rule.stretch)
    start, end = (int(found[side].replace(",", "") or 0) for side in ("start", "end"))
    rest = text[: found.start()] + text[found.end() :]
    interval = _interval(stretch, found["chromosome"].lower(), start, end)
    return Located(interval, prefix, dropped=bool(rest.strip()))


def _joined(text: str, parameters: dict[str, object], api: Api) -> Located | None:
    rule = api.definition.interval
    found = _JOINED.match(text)
    if rule is None or found is None or rule.by_parameter is None:
        return None
    genome = str(parameters.get(rule.by_parameter) or api.default("GET query", rule.by_parameter))
    if "," in found["start"] or "," in (found["end"] or ""):
        raise RequestError(
            f"q={found.group()!r}: positions with commas are refused here; write digits only", parameter="q"
        )
    start = int(found["start"])
    end = int(found["end"] or start)
    interval = _interval(rule.prefixed[genome], found["chromosome"].lower(), start, end)
    texts = tuple(side for side in (found["before"], found["after"]) if side)
    return Located(interval, genome, texts, dropped=bool(text[found.end() :].strip()))


def _interval(stretch: Stretch, chromosome: str, start: int, end: int) -> Interval:
    return Interval(stretch.path, stretch.chromosome, chromosome, start, end)
