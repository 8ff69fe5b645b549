"""Typed values: how a JSON value or a query text becomes a number, a date or a truth value, and when it cannot."""

from __future__ import annotations

import calendar
import json
import math
import re
import struct
from datetime import datetime, timedelta, timezone
from typing import Any

_INTEGER = frozenset({"integer", "long", "byte"})
_LONGEST = 2**63
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_TIME = r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:[.,](\d{1,9}))?)?)?(Z|[+-]\d{2}:?\d{2})?"
_DATE = re.compile(rf"(\d{{4}})(?:-(\d{{2}})(?:-(\d{{2}})(?:[T ]{_TIME})?)?)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Misfit(ValueError):
    """A value that its field's type cannot hold: an error in strict query text, no hit elsewhere."""


def text_of(value: Any) -> str:
    """A JSON value as the text that a keyword or text field indexes."""
    return value.replace("\0", " ") if isinstance(value, str) else json.dumps(value)


def number(kind: str, value: Any) -> float:
    """The value as a field of that numeric type compares it: single precision for `float`.

    Raises:
        Misfit: no number.
    """
    if isinstance(value, str):
        if not _DECIMAL.fullmatch(value.strip()):
            raise Misfit(f"{value!r} is no number")
        value = int(value) if value.strip().lstrip("+-").isdecimal() else float(value)
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Misfit(f"{value!r} is no number")
    return single(value) if kind == "float" else value


def single(value: float) -> float:
    """The nearest number of 32 bits, infinite beyond their range."""
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def stored_number(kind: str, value: Any) -> float:
    """Like `number`, for a record's value: integer fields cut decimals off, as the index does."""
    found = number(kind, value)
    if kind not in _INTEGER:
        return found
    if not abs(found) < _LONGEST:
        raise Misfit(f"{value!r} does not fit into 64 bits")
    return int(found)


def boolean(value: Any) -> str:
    """`true` or `false`.

    Raises:
        Misfit: anything else; case counts.
    """
    if value is True or value == "true":
        return "true"
    if value is False or value in ("false", ""):
        return "false"
    raise Misfit(f"{value!r} is neither true nor false")


def moments(text: Any) -> tuple[int, int]:
    """The first and last millisecond since 1970 that an ISO date names: a whole year for `2020`.

    Raises:
        Misfit: neither an ISO date nor milliseconds.
    """
    if isinstance(text, int) and not isinstance(text, bool):
        return text, text
    match = _DATE.fullmatch(str(text).strip())
    if not match:
        if re.fullmatch(r"-?\d{5,18}", str(text).strip()):
            return int(text), int(text)
        raise Misfit(f"{text!r} is no ISO date such as 2020, 2020-05 or 2020-05-31")
    try:
        return _span(match)
    except (ValueError, OverflowError):
        raise Misfit(f"{text!r} is no day of the calendar") from None


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
