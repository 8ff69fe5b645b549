"""What a person or a script asks again and again with other values: the simulator's unit of variety.

A *template* fixes everything but the values: endpoint, operators, searched fields, returned fields, other parameters
and spelling. That is nearly what the filter later calls a signature.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from query_assistant.apis.fields import Schema
from query_assistant.simulator.phrasing import FieldedQuestion, draw_clause, plain_text
from query_assistant.simulator.spelling import Fault, Habit, draw_fault, draw_habit, encode, url
from query_assistant.simulator.topics import IDENTIFIER, IntervalFields, RecordRows, Row, Topics

# {a} {b} {c}: fielded clauses that one record meets. {x} {y}: the same fields as a and b, another record's values.
# {k}: words somebody types without a field. {has} {lacks}: fields that the record has or lacks. & stands for "and".
PATTERNS: dict[str, float] = {
    "{k}": 20,
    "{a}": 42,
    "{a} & {b}": 15,
    "{a} & {b} & {c}": 3.5,
    "{a} OR {x}": 3.5,
    "{a} OR {b}": 2.5,
    "{a} & NOT {y}": 3,
    "{a} NOT {y}": 0.5,
    "{a} -{y}": 0.4,
    "({a} OR {x}) & {b}": 2.5,
    "{a} & ({b} OR {y})": 2,
    "{a} & {b} & NOT {y}": 0.8,
    "{k} & {a}": 2.2,
    "{k} {a}": 0.8,
    "{k} & NOT {y}": 0.4,
    "{k} OR {x}": 0.4,
    "{kw}*": 1.5,
    '"{k}"': 2,
    "_exists_:{has}": 1.6,
    "{a} & _exists_:{has}": 2.4,
    "{a} & NOT _exists_:{lacks}": 1.2,
    "_exists_:{has} & NOT _exists_:{lacks}": 0.8,
    "NOT _exists_:{lacks}": 0.4,
    "{a} & _exists_:{has} & {b}": 0.7,
    "({a} & {b}) OR ({x} & {y})": 0.6,
    "{k}~": 0.2,
    "{a}^2 OR {b}": 0.2,
}
# A field with more distinct values per value than this names one record, so nobody narrows a search by it.
IDENTIFYING = 0.45
EVERYTHING = ("*", "*:*", "__all__")
SIZES = {1: 14, 2: 2, 3: 3, 5: 7, 10: 5, 15: 1, 20: 8, 25: 2, 30: 1, 50: 7, 100: 14, 200: 2, 500: 3, 1000: 12, 0: 2}
STARTS = {10: 6, 20: 4, 50: 3, 100: 4, 500: 1, 1000: 3, 5: 1, 2000: 1}


@dataclass
class Template:
    """A question with its values left open. `made` remembers its requests: real clients ask the same thing again."""

    path: str
    pattern: str
    clauses: dict[str, FieldedQuestion]
    parameters: dict[str, str]
    habit: Habit
    fault: Fault | None
    stretch: IntervalFields | None = None
    needs: tuple[str, ...] = ()
    marks: dict[str, str] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)


class Asker:
    """Makes templates and requests for one API."""

    def __init__(self, base: str, topics: Topics, values: RecordRows, schema: Schema) -> None:
        self.base, self.topics, self.values, self.schema = base, topics, values, schema
        self._names = [name for name in topics.searches if topics.source(name) in values.holders]
        self._weights = [topics.searches[name].weight for name in self._names]
        self._plain = {name: weight for name, weight in topics.plain.items() if name in values.holders}
        self._returned_weights = [1.0 / (rank + 3) ** 0.7 for rank in range(len(topics.returned))]
        self._sections = sorted({name.split(".")[0] for name in values.holders if name != IDENTIFIER})
        self._stretches = [one for one in topics.intervals if one.start in values.holders]

    def template(self, rng: Random, *, careful: bool) -> Template:
        """A new template: mostly a search by query text, sometimes an interval, a facet count or everything."""
        habit = draw_habit(rng, careful=careful)
        path = f"{self.base}/query" + ("/" if habit.trailing_slash else "")
        fault = draw_fault(rng) if rng.random() < (0.02 if careful else 0.16) else None
        parameters = self._presentation(rng, habit)
        kind = rng.choices(("text", "interval", "facets", "all"), (94, 3 if self._stretches else 0, 2, 1))[0]
        if kind == "interval":
            return self._interval(path, parameters, habit, rng)
        if kind == "facets" and self.topics.facets:
            parameters = self._counting(parameters, rng)
        if kind == "all" or (kind == "facets" and rng.random() < 0.4):
            return Template(path, rng.choice(EVERYTHING), {}, parameters, habit, None)
        pattern, clauses = self._pattern(rng)
        if rng.random() < 0.012:
            parameters["filter"] = self._filter(clauses, rng)
        marks = {"has": rng.choice(self._sections), "lacks": rng.choice(self._sections)}
        if rng.random() < 0.5 and self._names:
            marks["has"] = self.topics.source(rng.choices(self._names, self._weights)[0])
        needs = tuple(clause.source for mark, clause in clauses.items() if mark in "abc")
        return Template(path, pattern, clauses, parameters, habit, fault, needs=needs, marks=marks)

    def request(self, template: Template, rng: Random) -> str:
        """One request of the template: an earlier one again, or one with new values."""
        if template.made and rng.random() < len(template.made) / (len(template.made) + 8.0):
            return rng.choice(template.made)
        text, parameters = self._fill(template, rng)
        if template.fault:
            text, parameters = template.fault(text, parameters, self.topics, rng)
        first = {} if text is None else {"q": text}
        made = url(template.path, first | parameters, template.habit.encoding)
        if len(template.made) < 200:
            template.made.append(made)
        return made

    def lookup(self, shape: str, entity: str, parameters: Mapping[str, str], habit: Habit, rng: Random) -> str:
        """A record asked for by identifier; `shape` is `{field}` with what people put before it."""
        before, name = shape.rstrip("}").split("{")
        row = self.values.pick((name,), rng, famous=rng.random() < 0.3)
        value = before + (row[name][0] if row else "unknown")
        if habit.encoding in ("plus", "percent", "double"):
            value = encode(value, "percent")
        return url(f"{self.base}/{entity}/{value}", dict(parameters), habit.encoding)

    def returned(self, rng: Random) -> str:
        """A list of returned fields: mostly a usual one, sometimes two together or one cut short."""
        chosen = rng.choices(self.topics.returned, self._returned_weights)[0]
        roll = rng.random()
        if roll < 0.25:
            more = rng.choices(self.topics.returned, self._returned_weights)[0]
            chosen = ",".join(dict.fromkeys((chosen + "," + more).split(",")))
        elif roll < 0.35:
            more = self.topics.source(rng.choices(self._names, self._weights)[0])
            chosen = ",".join(dict.fromkeys([*chosen.split(","), more]))
        elif roll < 0.42 and "," in chosen:
            chosen = ",".join(chosen.split(",")[:-1])
        return chosen.replace(",", ", ") if rng.random() < 0.03 else chosen

    def plain(self, rng: Random) -> str:
        """Something typed without a field."""
        name = rng.choices(list(self._plain), list(self._plain.values()))[0]
        row = self.values.pick((name,), rng, famous=True)
        return plain_text(rng.choice(row[name]), rng) if row else name

    def choose(self, weights: Mapping[str, float], rng: Random) -> str:
        return rng.choices(list(weights), list(weights.values()))[0]

    def _pattern(self, rng: Random) -> tuple[str, dict[str, FieldedQuestion]]:
        pattern = self.choose(PATTERNS, rng)
        marks = [mark for mark in "abc" if f"{{{mark}}}" in pattern]
        marks += [of for again, of in (("x", "a"), ("y", "b")) if f"{{{again}}}" in pattern and of not in marks]
        for _ in range(12):
            clauses = {mark: self._clause(rng, mark, pattern) for mark in marks}
            sources = [clauses[mark].source for mark in marks if f"{{{mark}}}" in pattern]
            if len(set(sources)) == len(sources) and self.values.rows_with(sources):
                again = {mark: clauses[of] for mark, of in (("x", "a"), ("y", "b")) if f"{{{mark}}}" in pattern}
                return pattern, {mark: clauses[mark] for mark in marks if f"{{{mark}}}" in pattern} | again
        return "{a}", {"a": self._clause(rng, "a", "{a}")}

    def _clause(self, rng: Random, mark: str, pattern: str) -> FieldedQuestion:
        """A clause for its place: what narrows another one down is no identifier, what is repeated no list."""
        name = rng.choices(self._names, self._weights)[0]
        narrows = mark != "a" or "{k}" in pattern or (len(pattern) > 3 and rng.random() < 0.5)
        for _ in range(8):
            if not narrows or self.values.uniqueness(self.topics.source(name)) < IDENTIFYING:
                break
            name = rng.choices(self._names, self._weights)[0]
        repeated = {"a": "{x}", "b": "{y}"}.get(mark, "{-}") in pattern
        return draw_clause(self.topics, self.schema, name, rng, single=repeated)

    def _fill(self, template: Template, rng: Random) -> tuple[str | None, dict[str, str]]:
        if template.stretch:
            return self._stretch_text(template.stretch, template.marks["style"], rng), dict(template.parameters)
        row = self.values.pick(template.needs, rng, famous=rng.random() < 0.5) or {}
        parts = self._parts(template, row, rng)
        parts["k"], parts["kw"] = self.plain(rng), self.plain(rng).split(" ")[0][: rng.randint(2, 6)]
        text = template.pattern.format(**parts)
        conjunction = template.habit.conjunction
        text = text.replace(" & ", " " if conjunction == " " else f" {conjunction} ")
        parameters = {name: value.format(**parts) for name, value in template.parameters.items()}
        return (None if text == "__all__" and rng.random() < 0.3 else text), parameters

    def _filter(self, clauses: Mapping[str, FieldedQuestion], rng: Random) -> str:
        """A second query text; or, as the documentation once had it, a list of fields."""
        marks = [mark for mark in "ba" if mark in clauses]
        return f"{{{marks[0]}}}" if marks else rng.choice(self.topics.returned)

    def _parts(self, template: Template, row: Row, rng: Random) -> dict[str, str]:
        """The clauses with values; what stands for another record tries not to say the same again."""
        parts: dict[str, str] = dict(template.marks)
        for mark in template.clauses:
            text = self._part(mark, template, row, rng)
            for _ in range(4):
                if mark not in "xy" or text not in parts.values():
                    break
                text = self._part(mark, template, row, rng)
            parts[mark] = text
        return parts

    def _part(self, mark: str, template: Template, row: Row, rng: Random) -> str:
        clause = template.clauses[mark]
        if mark in "xy":
            row = self._other(clause.source, row, rng)
        return clause.text(row, self.values, template.habit, rng) if clause.source in row else clause.name

    def _other(self, source: str, row: Row, rng: Random) -> Row:
        """Another row, with another value of the field if one turns up soon."""
        found = row
        for _ in range(5):
            found = self.values.pick((source,), rng, famous=True) or row
            if found.get(source) != row.get(source):
                break
        return found

    def _presentation(self, rng: Random, habit: Habit) -> dict[str, str]:
        """Parameters beside q, in the shares seen in public code, in the order in which somebody wrote them."""
        chosen: dict[str, str] = {}
        if rng.random() < 0.52:
            chosen["fields"] = self.returned(rng)
        if rng.random() < 0.26:
            chosen[habit.size_name] = str(rng.choices(list(SIZES), list(SIZES.values()))[0])
        if rng.random() < 0.035:
            chosen[habit.from_name] = str(rng.choices(list(STARTS), list(STARTS.values()))[0])
        if rng.random() < 0.03 and self.topics.sorts:
            chosen["sort"] = rng.choice(self.topics.sorts)
        if rng.random() < 0.02:
            chosen["dotfield"] = rng.choice(("true", "True", "1", "false"))
        if rng.random() < 0.02:
            chosen["fetch_all"] = rng.choice(("true", "TRUE", "1"))
        for name, weights in self.topics.parameters.items():
            if value := self.choose(weights, rng):
                chosen[name] = value
        names = list(chosen)
        rng.shuffle(names)
        return {name: chosen[name] for name in names}

    def _counting(self, parameters: dict[str, str], rng: Random) -> dict[str, str]:
        kept = {name: value for name, value in parameters.items() if name in self.topics.parameters}
        kept["facets"] = ",".join(rng.sample(self.topics.facets, rng.choices((1, 2), (8, 2))[0]))
        if rng.random() < 0.7:
            kept["size"] = "0"
        if rng.random() < 0.3:
            kept["facet_size"] = rng.choice(("5", "20", "50", "100", "1000"))
        return kept

    def _interval(self, path: str, parameters: dict[str, str], habit: Habit, rng: Random) -> Template:
        stretch = rng.choice(self._stretches)
        wanted = {} if rng.random() < 0.35 else stretch.parameters
        marks = {"style": rng.choice(("near", "near", "wide", "commas"))}
        return Template(path, "", {}, parameters | wanted, habit, None, stretch, marks=marks)

    def _stretch_text(self, stretch: IntervalFields, style: str, rng: Random) -> str:
        row = self.values.pick((stretch.chromosome, stretch.start, stretch.end), rng) or {}
        start, end = int(row[stretch.start][0]), int(row[stretch.end][0])
        reach = rng.choice((10_000, 100_000, 1_000_000)) if style == "wide" else rng.choice((0, 10, 100, 1_000))
        low, high = max(1, start - reach), end + reach
        if rng.random() < 0.3:
            low, high = max(1, low - low % 1000), high - high % 1000 + 1000
        shown = f"{low:,}-{high:,}" if style == "commas" and stretch.prefix else f"{low}-{high}"
        return f"{stretch.prefix}chr{row[stretch.chromosome][0]}:{shown}"
