"""Numbers as people write them, and which numbers a text holds: 1000, 1,000, one thousand, a dozen, 1 Mb, 5%, third."""

from __future__ import annotations

import random
import re
from decimal import Decimal, InvalidOperation

UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "eleventh": 11, "twelfth": 12,
}  # fmt: skip
SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "dozen": 12}
SUFFIXES = {"k": 1_000, "kb": 1_000, "kbp": 1_000, "m": 1_000_000, "mb": 1_000_000, "mbp": 1_000_000, "bn": 10**9}
DIGITS = re.compile(
    r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?(?:[eE]-?\d+)?\s?(%|percent\b|kbp?\b|Mbp?\b|k\b|M\b|million\b|thousand\b)?",
    re.IGNORECASE,
)
DIGIT_ORDINAL = re.compile(r"\b(\d+)(?:st|nd|rd|th)\b")
SHARED_UNIT = re.compile(r"(\d+(?:\.\d+)?)(?: and | to |-)\d+(?:\.\d+)? (kbp?\b|Mbp?\b|million\b)")
WORD = re.compile(r"[a-z]+(?:-[a-z]+)?")


def in_words(number: int) -> str | None:
    """Up to a hundred and for round hundreds and thousands; None for numbers that nobody spells out."""
    if number < 20:
        return UNITS[number]
    if number < 100:
        ten, unit = divmod(number, 10)
        return TENS[ten] + (f"-{UNITS[unit]}" if unit else "")
    for scale, value in (("hundred", 100), ("thousand", 1_000)):
        if number % value == 0 and number // value < 10:
            return f"{UNITS[number // value]} {scale}"
    return None


def ordinal(number: int, rng: random.Random) -> str:
    """`third` or `3rd`."""
    worded = {value: name for name, value in ORDINALS.items()}.get(number)
    if worded and rng.random() < 0.6:
        return worded
    ending = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def say_count(number: int, rng: random.Random) -> str:
    """A number of things: mostly digits, often words where they are short, `a dozen` or `1,000` now and then."""
    draw = rng.random()
    if number == 12 and draw < 0.3:
        return "a dozen"
    if number in {100, 1000} and draw < 0.25:
        return f"a {'hundred' if number == 100 else 'thousand'}"
    worded = in_words(number)
    if worded and draw < (0.5 if number <= 20 else 0.3):
        return worded
    return f"{number:,}" if number >= 1000 and draw < 0.6 else str(number)


def say_value(text: str, rng: random.Random, *, year: bool = False) -> str:
    """A measured value: thousands grouped at times, never reworded otherwise; years stay as they are."""
    if year or not re.fullmatch(r"\d{4,}", text) or rng.random() < 0.5:
        return text
    return f"{int(text):,}"


def say_stretch(start: int, end: int, rng: random.Random) -> tuple[str, str]:
    """Two places on a chromosome, alike: 1000000 and 2000000, 1,000,000 and 2,000,000, or 1 and 2 Mb."""
    draw = rng.random()
    for scale, units in ((1_000_000, ["Mb", "Mb", "million", "Mbp"]), (1_000, ["kb", "kb", "kbp"])):
        step = scale // 10 if scale > 1_000 else scale
        if scale == 1_000 and end >= 1_000_000:
            continue
        if start and start % step == 0 and end % step == 0 and start != end and draw < 0.45:
            unit = rng.choice(units)
            low, high = (f"{Decimal(place) / scale:f}" for place in (start, end))
            return (low if rng.random() < 0.5 else f"{low} {unit}"), f"{high} {unit}"
    return (f"{start:,}", f"{end:,}") if draw < 0.8 else (str(start), str(end))


def numbers_in(text: str) -> set[Decimal]:
    """Every number that a reader may take from the text."""
    found: set[Decimal] = set()
    for match in DIGITS.finditer(text):
        found |= _written(match[0], match[1])
    found |= {Decimal(match[1]) for match in DIGIT_ORDINAL.finditer(text)}
    found |= {number for match in SHARED_UNIT.finditer(text) for number in _written(f"{match[1]} {match[2]}", match[2])}
    return found | _spelled(text.lower())


def _written(text: str, suffix: str | None) -> set[Decimal]:
    bare = text[: len(text) - len(suffix)] if suffix else text
    try:
        value = Decimal(bare.replace(",", "").strip())
    except InvalidOperation:
        return set()
    scale = (suffix or "").lower()
    if scale in {"%", "percent"}:
        return {value, value / 100}
    factor = SUFFIXES.get(scale) or SCALES.get(scale)
    return {value, value * factor} if factor else {value}


def _spelled(text: str) -> set[Decimal]:
    words = WORD.findall(text)
    found: set[Decimal] = set()
    for position, word in enumerate(words):
        value = _word_value(word)
        following = words[position + 1] if position + 1 < len(words) else ""
        if value is not None:
            found.add(Decimal(value))
            found |= {Decimal(value * SCALES[following])} if following in SCALES else set()
        elif word in {"a", "one", "first", "top"} and following in SCALES:
            found.add(Decimal(SCALES[following]))
        if word in {"single", "one"}:
            found.add(Decimal(1))
    return found


def _word_value(word: str) -> int | None:
    if word in ORDINALS:
        return ORDINALS[word]
    if word in UNITS:
        return UNITS.index(word)
    ten, _, unit = word.partition("-")
    if ten in TENS[2:]:
        return TENS.index(ten) * 10 + (UNITS.index(unit) if unit in UNITS[1:10] else 0)
    return None
