"""Query text for one thing that somebody asks: a field, a form of asking, and a row of real values.

`draw_clause` fixes what stays the same while a script loops (the field, the form, the brackets);
`Clause.text` fills in the values of one row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

from query_assistant.apis.fields import Schema
from query_assistant.simulator.spelling import Habit, literal
from query_assistant.simulator.topics import Form, RecordRows, Row, Topics

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9\-]{3,}")
_STOP = frozenset(
    ("with", "from", "that", "this", "into", "type", "other", "part", "form", "protein", "gene", "disease", "syndrome")
)
_PREFIXABLE = re.compile(r"^[A-Za-z0-9_.\-]{3,}")


@dataclass(frozen=True)
class FieldedQuestion:
    """One fielded question. `variant` chooses between spellings of the same form."""

    name: str
    source: str
    form: Form
    variant: int
    date: bool = False

    def text(self, row: Row, values: RecordRows, habit: Habit, rng: Random) -> str:
        value = rng.choice(row[self.source])
        return f"{self.name}:{self._operand(value, values, habit, rng)}"

    def _operand(self, value: str, values: RecordRows, habit: Habit, rng: Random) -> str:
        if self.form == "value":
            return literal(value, habit)
        if self.form == "list":
            return self._list(value, values, habit, rng)
        if self.form in ("range", "compare"):
            bounds = _dates(value, rng) if self.date else _numbers(value, rng)
            return _range(*bounds, self.form, self.variant) if bounds else literal(value, habit)
        if self.form == "prefix":
            return _prefix(value, self.variant, rng) or literal(value, habit)
        if self.form == "phrase":
            return '"' + _stretch(value, rng).replace('"', "") + '"'
        words = significant_words(value)
        if not words:
            return literal(value, habit)
        if self.form == "word" or len(words) == 1:
            word = rng.choice(words)
            return word if self.variant else word.lower()
        joint = " AND " if self.variant == 0 else " "
        return "(" + joint.join(words[:2] if self.variant < 3 else words[:3]) + ")"

    def _list(self, value: str, values: RecordRows, habit: Habit, rng: Random) -> str:
        chosen = [value]
        for _ in range(1 + self.variant % 3):
            row = values.pick((self.source,), rng, famous=True)
            if row and row[self.source][0] not in chosen:
                chosen.append(row[self.source][0])
        joined = " OR ".join(literal(item, habit) for item in chosen)
        return f"({joined})" if len(chosen) > 1 else joined


def draw_clause(topics: Topics, schema: Schema, name: str, rng: Random, *, single: bool = False) -> FieldedQuestion:
    """A clause on `name`; a `single` one is no list, because it will stand in a list of its own."""
    search = topics.searches[name]
    source = search.values or name
    is_date = source in schema and schema[source].type == "date"
    forms = [form for form in search.forms if not (single and form in ("list", "range", "compare"))] or ["value"]
    return FieldedQuestion(name, source, rng.choice(forms), rng.randrange(4), is_date)


def significant_words(value: str) -> list[str]:
    """The words of a value that somebody would search for."""
    return [word for word in _WORD.findall(value) if word.lower() not in _STOP]


def plain_text(value: str, rng: Random) -> str:
    """A value as somebody types it into a search box: an identifier whole, a long name in part, case as it comes."""
    words = value.split()
    if len(words) == 1:
        return value.lower() if rng.random() < 0.2 else value
    if len(words) > 3 or rng.random() < 0.4:
        telling = significant_words(value) or words
        start = rng.randrange(len(telling))
        words = telling[start : start + rng.choice((1, 1, 2, 2, 3))]
    text = " ".join(words).strip(",;:()[]")
    return text if rng.random() < 0.4 else text.lower()


def _stretch(value: str, rng: Random) -> str:
    """The whole of a short value, some neighbouring words of a long one."""
    words = value.split()
    if len(words) <= 4:
        return value
    length = rng.choice((2, 2, 3, 3, 4))
    start = rng.randrange(len(words) - length + 1)
    return " ".join(words[start : start + length]).strip(",;:()[]\"'")


def _prefix(value: str, variant: int, rng: Random) -> str | None:
    found = _PREFIXABLE.match(value)
    if not found:
        return None
    stem = found.group()
    if variant == 3 and len(stem) > 5:
        return f"*{stem[-4:]}" if rng.random() < 0.4 else f"{stem[:-1]}?"
    return stem[: max(3, min(len(stem) - 1, rng.randint(3, 6)))] + "*"


def _range(low: str, high: str, form: Form, variant: int) -> str:
    if form == "range":
        return (f"[{low} TO {high}]", f"[{low} TO {high}]", f"[{low} TO *]", f"{{{low} TO {high}}}")[variant]
    return (f">{low}", f">={low}", f"<{high}", f"<={high}")[variant]


def _numbers(value: str, rng: Random) -> tuple[str, str] | None:
    """Two round numbers around a value."""
    try:
        number = float(value)
    except ValueError:
        return None
    if number == int(number):
        whole = int(number)
        if 1900 < whole < 2100:
            return str(whole - rng.choice((1, 2, 5, 10))), str(whole + rng.choice((1, 2, 5, 10)))
        if abs(whole) > 100_000:
            reach = rng.choice((1_000, 5_000, 10_000, 100_000))
            return str(whole - whole % reach), str(whole - whole % reach + reach)
        reach = rng.choice((1, 2, 3)) if abs(whole) < 30 else max(1, abs(whole) // 5)
        return str(whole - reach if whole < 0 else max(0, whole - reach)), str(whole + reach)
    return f"{_rounded(number * 0.8 if number > 0 else number * 1.2)}", f"{_rounded(number * 1.2 + 0.01)}"


def _rounded(number: float) -> str:
    return f"{float(f'{number:.2g}'):g}"


def _dates(value: str, rng: Random) -> tuple[str, str] | None:
    year = value[:4]
    if not year.isdigit():
        return None
    later = str(int(year) + rng.choice((0, 1, 2)))
    return rng.choice(
        ((f"{year}-01-01", f"{later}-12-31"), (value[:10], f"{later}-12-31"), (year, str(int(later) + 1)))
    )
