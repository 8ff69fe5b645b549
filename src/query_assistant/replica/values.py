"""Typed values: how a JSON value or a query text becomes a number, a date or a truth value, and when it cannot."""

from __future__ import annotations

import calendar
import json
import math
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np

INTEGERS = frozenset({"integer", "long", "byte"})
LONGEST = 2**63
_EXACT_DIGITS = 20  # an integer of more lies outside every field's range
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_TIME = r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:[.,](\d{1,9}))?)?)?(Z|[+-]\d{2}:?\d{2})?"
_DATE = re.compile(rf"(\d{{4}})(?:-(\d{{2}})(?:-(\d{{2}})(?:[T ]{_TIME})?)?)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_FIRST_DAY, _LAST_DAY = -62_135_596_800_000, 253_402_300_799_999  # the years 1 to 9999


class Misfit(ValueError):
    """A value that its field's type cannot hold: an error in strict query text, no hit elsewhere."""


def text_of(value: Any) -> str:
    """A JSON value as the text that a keyword or text field indexes."""
    return value.replace("\0", " ") if isinstance(value, str) else json.dumps(value)


def number_of(kind: str, value: Any) -> float:
    """The value as a field of that numeric type compares it: single precision for `float`.

    A number too large for any field is infinite, whatever its digits.

    Raises:
        Misfit: no number.
    """
    if isinstance(value, str):
        text = value.strip()
        if not _DECIMAL.fullmatch(text):
            raise Misfit(f"{shortened(value)} is no number")
        found = _integer(text) if text.lstrip("+-").isdecimal() else float(text)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        found = value if isinstance(value, float) or abs(value) <= LONGEST else math.copysign(math.inf, value)
    else:
        raise Misfit(f"{shortened(value)} is no number")
    return single(found) if kind == "float" else found


def _integer(text: str) -> float:
    digits = text.lstrip("+-").lstrip("0")
    size = int(digits or "0") if len(digits) <= _EXACT_DIGITS else math.inf
    return -size if text.startswith("-") else size


def single(value: float) -> float:
    """The nearest number of 32 bits, infinite beyond their range."""
    with np.errstate(over="ignore"):
        return float(np.float32(value))


def stored_number(kind: str, value: Any) -> float:
    """Like `number`, for a record's value: integer fields cut decimals off, as the index does."""
    if kind not in INTEGERS:
        return number_of(kind, value)
    found = value if type(value) is int else number_of(kind, value)
    if not abs(found) < LONGEST:
        raise Misfit(f"{shortened(value)} does not fit into 64 bits")
    return int(found)


def shortened(value: Any) -> str:
    """The value as a message shows it."""
    shown = repr(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."


def boolean(value: Any) -> str:
    """`true` or `false`.

    Raises:
        Misfit: anything else; case counts.
    """
    if value is True or value == "true":
        return "true"
    if value is False or value in ("false", ""):
        return "false"
    raise Misfit(f"{shortened(value)} is neither true nor false")


def moments(text: Any) -> tuple[int, int]:
    """The first and last millisecond since 1970 that an ISO date names: a whole year for `2020`.

    Raises:
        Misfit: neither an ISO date nor milliseconds.
    """
    if isinstance(text, int) and not isinstance(text, bool):
        return _on_calendar(text, text, text)
    match = _DATE.fullmatch(str(text).strip())
    if not match:
        if re.fullmatch(r"-?\d{5,18}", str(text).strip()):
            return _on_calendar(int(text), int(text), text)
        raise Misfit(f"{shortened(text)} is no ISO date such as 2020, 2020-05 or 2020-05-31")
    try:
        return _on_calendar(*_span(match), text)
    except (ValueError, OverflowError):
        raise Misfit(f"{shortened(text)} is no day of the calendar") from None


def _on_calendar(first: int, last: int, text: Any) -> tuple[int, int]:
    if first < _FIRST_DAY or last > _LAST_DAY:
        raise Misfit(f"{shortened(text)} lies outside the years 1 to 9999")
    return first, last


def _span(match: re.Match[str]) -> tuple[int, int]:
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    first = datetime(int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0))
    if fraction:
        first += timedelta(milliseconds=int(fraction[:3].ljust(3, "0")))
    last_of_year = timedelta(days=366 if calendar.isleap(first.year) else 365)
    last_of_month = timedelta(days=calendar.monthrange(first.year, first.month)[1])
    lengths = [
        (month, last_of_year),
        (day, last_of_month),
        (hour, timedelta(days=1)),
        (minute, timedelta(hours=1)),
        (second, timedelta(minutes=1)),
        (fraction, timedelta(seconds=1)),
    ]
    length = next((length for given, length in lengths if given is None), timedelta(milliseconds=1))
    start = first.replace(tzinfo=timezone.utc) - _offset(zone)
    begin = (start - _EPOCH) // timedelta(milliseconds=1)
    return begin, begin + length // timedelta(milliseconds=1) - 1


def _offset(zone: str | None) -> timedelta:
    if not zone or zone == "Z":
        return timedelta()
    sign = -1 if zone[0] == "-" else 1
    return sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))


def iso(milliseconds: int) -> str:
    """A moment as the API prints it: `2020-05-31T00:00:00.000Z`."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
