"""What people might ask for, taken from real records: values, informative words, round thresholds.

values = FieldValues.collect(records, api.schema)
values.draw("symbol", rng)                "BRCA1"
values.word("name", rng)                  "kinase"
values.threshold("cadd.phred", rng)       "20"
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from query_assistant.apis.fields import Schema
from query_assistant.nesting import leaf_texts

Record = Mapping[str, Any]

KEPT_VALUES = 4_000
WORD = re.compile(r"[A-Za-z][A-Za-z-]{3,}")
PLAIN = re.compile(r"[\w .,:;'()+/>=*@-]+", re.UNICODE)
EMPTY_WORDS = frozenset({
    "with", "from", "that", "this", "other", "type", "like", "containing", "specific", "related",
    "associated", "homolog", "protein", "family", "member", "group", "involved", "activity", "have", "which",
    "their", "been", "also", "into", "same", "than", "known", "used", "more", "most", "subunit", "various",
    "caused", "often", "characterized", "mutation", "variant", "located", "results", "without", "during",
    "after", "being", "both", "some", "when", "where", "syndrome", "disease", "disorder", "complex", "process",
    "regulation", "inheritance", "onset", "response", "cell", "form", "rare", "present",
})  # fmt: skip
LINKS = frozenset({
    "and", "or", "of", "the", "in", "to", "for", "with", "by", "on", "at", "from", "an", "is", "are", "as", "that",
    "not", "be", "was", "which", "its", "this", "into", "via",
})  # fmt: skip
LONGEST = 48


@dataclass
class FieldValues:
    """Values of every leaf field, with how many records hold each."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    holders: Counter[str] = field(default_factory=Counter)
    records: list[Record] = field(default_factory=list)
    numeric: dict[str, list[float]] = field(default_factory=dict, repr=False)
    listed: dict[str, list[str]] = field(default_factory=dict, repr=False)
    typable: dict[str, tuple[list[str], list[float]]] = field(default_factory=dict, repr=False)

    @classmethod
    def collect(cls, records: Iterable[Record], schema: Schema) -> FieldValues:
        """All values of the schema's leaves in the records; at most `KEPT_VALUES` distinct ones of a field."""
        known = {leaf.name for leaf in schema.leaves} | {"_id"}
        values = cls()
        for record in records:
            values.records.append(record)
            seen: dict[str, set[str]] = {}
            for path, value in leaf_texts(record):
                if path in known:
                    seen.setdefault(path, set()).add(value)
            for path, texts in seen.items():
                values._add(path, texts)
        return values

    def _add(self, path: str, texts: set[str]) -> None:
        self.holders[path] += 1
        counter = self.counts.get(path)
        if counter is None:
            counter = self.counts[path] = Counter()
        for text in sorted(texts):
            if text in counter or len(counter) < KEPT_VALUES:
                counter[text] += 1

    def __contains__(self, path: str) -> bool:
        return path in self.counts

    def distinct(self, path: str) -> int:
        return len(self.counts.get(path, ()))

    def draw(self, path: str, rng: random.Random) -> str | None:
        """A value that a person would type: short, plain, rather a frequent one."""
        values, weights = self._typable(path)
        return rng.choices(values, cum_weights=weights)[0] if values else None

    def _typable(self, path: str) -> tuple[list[str], list[float]]:
        """The values of a field that a person would type, and their cumulative weights; worked out once."""
        if path not in self.typable:
            typed = [(value, count) for value, count in self.counts.get(path, {}).items() if is_typable(value)]
            weights = list(accumulate(math.sqrt(count) for _, count in typed))
            self.typable[path] = ([value for value, _ in typed], weights)
        return self.typable[path]

    def texts(self, path: str) -> list[str]:
        """The distinct values of a field, or one empty text; listed once."""
        if path not in self.listed:
            self.listed[path] = list(self.counts.get(path, {"": 0}))
        return self.listed[path]

    def words(self, text: str) -> list[str]:
        """The words of a text that say something."""
        return [word for word in WORD.findall(text) if word.lower() not in EMPTY_WORDS]

    def word(self, path: str, rng: random.Random) -> str | None:
        """An informative word out of a field's texts, as people type it: lower case unless it is a name."""
        for _ in range(8):
            text = rng.choice(self.texts(path))
            found = self.words(text)
            if found:
                word = rng.choice(found)
                return as_typed(word)
        return None

    def phrase(self, path: str, rng: random.Random, longest: int = 3) -> str | None:
        """Two or more neighbouring words out of a field's texts, or a whole short text."""
        for _ in range(8):
            text = rng.choice(self.texts(path))
            words = text.split()
            if 2 <= len(words) <= 4 and is_typable(text):
                return as_typed(text)
            plain = [run for run in _runs(words) if len(run) >= 2]
            if plain:
                run = rng.choice(plain)
                length = rng.randint(2, min(longest, len(run)))
                start = rng.randrange(len(run) - length + 1)
                cut = run[start : start + length]
                if not {cut[0].lower(), cut[-1].lower()} & LINKS:  # "stages of development", never "stages of"
                    return as_typed(" ".join(cut))
        return None

    def numbers(self, path: str) -> list[float]:
        """The field's distinct values that are numbers, sorted; worked out once."""
        if path not in self.numeric:
            self.numeric[path] = sorted(float(value) for value in self.counts.get(path, ()) if _is_number(value))
        return self.numeric[path]

    def threshold(self, path: str, rng: random.Random, *, year: bool = False, integer: bool = False) -> str | None:
        """A round number from the middle of the field's range."""
        numbers = self.numbers(path)
        if len(numbers) < 2:
            return None
        drawn = numbers[int(len(numbers) * rng.uniform(0.15, 0.9))]
        if year:
            return str(int(drawn) // 5 * 5 if rng.random() < 0.6 else int(drawn))
        return as_text(rounded(drawn, rng), integer=integer)


def is_typable(value: str) -> bool:
    """Short and plain enough that a person would type it."""
    plain = PLAIN.fullmatch(value) is not None and any(letter.isalnum() for letter in value)
    return 0 < len(value) <= LONGEST and plain and not value.startswith("http")


def as_typed(text: str) -> str:
    """Names that shout ("CHLORTHALIDONE") in lower case, as people type them; symbols and mixed case stay."""
    if " " in text:
        return text.lower() if text.isupper() else text
    return text if text.isupper() and len(text) <= 6 else text.lower()


def rounded(number: float, rng: random.Random) -> float:
    """The number to one or two digits, as people choose thresholds: 0.05, 20, 350, 2000."""
    if number == 0:
        return 0.0
    magnitude = math.floor(math.log10(abs(number)))
    if magnitude <= 1 and number == int(number):
        return number if rng.random() < 0.5 or number < 10 else float(round(number / 5) * 5)
    step = 10.0**magnitude / rng.choice([1, 2, 2, 10])
    return round(number / step) * step or number


def as_text(number: float, *, integer: bool = False) -> str:
    if integer or number == int(number):
        return str(round(number))
    return f"{number:.6f}".rstrip("0").rstrip(".")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _runs(words: list[str]) -> list[list[str]]:
    """Stretches of plain words between punctuation."""
    runs: list[list[str]] = [[]]
    for word in words:
        if re.fullmatch(r"[A-Za-z][A-Za-z0-9-]+", word):
            runs[-1].append(word)
        elif runs[-1]:
            runs.append([])
    return runs
