"""Good queries made from real records and, for fields that no record fills, from the field list."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from mutants.good import Clause, Form, Good
from query_assistant.apis import Api
from query_assistant.apis.fields import Field

MADE_UP = {"keyword": ("zx81", "q7"), "text": ("alpha", "late onset"), "integer": ("42", "1500"), "long": ("42", "99"),
           "float": ("0.5", "12.25"), "double": ("0.5",), "boolean": ("true", "false")}  # fmt: skip
RESERVED = ("AND", "OR", "NOT")
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9]+")


@dataclass(frozen=True)
class Spare:
    """What an API offers for an exchange: values by field, searchable fields by type."""

    values: Mapping[str, list[str]]
    fields: Mapping[str, list[str]]

    def value(self, clause: Clause, random: Random) -> str | None:
        """Another value of the field, none of whose words is in the clause."""
        taken = tokens(clause.value)
        options = [value for value in self.values.get(clause.field, ()) if not taken & tokens(value)]
        return random.choice(options) if options else None

    def field(self, random: Random, type_: str, *used: str) -> str:
        """Another searchable field of the type; a keyword where the type has no other."""
        options = [name for name in self.fields[type_] if name not in used]
        return random.choice(options or self.fields["keyword"])


def tokens(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def spare_of(api: Api, records: list[dict[str, Any]]) -> Spare:
    values: dict[str, list[str]] = defaultdict(list)
    fields: dict[str, list[str]] = defaultdict(list)
    for field in api.schema.searchable:
        if usable(field.name, api):
            fields[kind_of(field)].append(field.name)
    for record in records:
        for name, value in leaves(record):
            if name in api.schema and api.schema[name].indexed and usable(name, api) and len(values[name]) < 40:
                values[name].append(value)
    return Spare({name: list(dict.fromkeys(found)) for name, found in values.items() if found}, fields)


def kind_of(field: Field) -> str:
    """The type that mutations go by: text taken as one value behaves as a keyword."""
    return "keyword" if field.analyzer == "string_lowercase" else field.type


def usable(name: str, api: Api) -> bool:
    """Whether the arguments of the mutations hold for a field.

    Not for hidden or nested ones, names that MyGene's text replacement or the splitting of lists would break, fields
    that ignore versions, and the one that the API's own filter already decides.
    """
    broken = any(name.lower().endswith(rule.written) and name != rule.becomes for rule in api.definition.shorthands)
    inside = any(name.startswith(f"{path}.") for path in api.nested)
    if name in api.hidden or inside or broken or "+" in name:
        return False
    return api.schema[name].analyzer != "refseq_analyzer" and name != "mondo.is_obsolete"


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every value of a record as text that a query can hold, by its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value[:4]:
            yield from leaves(inner, path)
    else:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if 1 < len(text) < 50 and not re.search(r'["\\]', text):
            yield path, text


def good_queries(api: Api, records: list[dict[str, Any]], count: int, seed: int = 0) -> list[Good]:
    """That many different queries, in the proportions of real traffic: four of five are searches."""
    random, spare = Random(f"{seed}/{api.name}"), spare_of(api, records)
    found: dict[str, Good] = {}
    while len(found) < count:
        good = _one(api, random.choice(records), spare, random)
        if good is not None:
            found.setdefault(good.query().model_dump_json(), good)
    return list(found.values())


def _one(api: Api, record: dict[str, Any], spare: Spare, random: Random) -> Good | None:
    blank = Good(api.name, api.version, api.entity)
    kind = random.random()
    if kind < 0.12:
        return _shown(Good(api.name, api.version, api.entity, lookup=record["_id"]), spare, random, lookup=True)
    if kind < 0.22:
        return _batch(blank, spare, random)
    if kind < 0.27 and api.definition.interval:
        start = random.randint(10_000, 90_000_000)
        end = start + random.randint(9, 9999)
        clause = Clause(random.choice("123456789X"), "interval", "interval", str(start), str(end))
        return _species(_shown(_with(blank, [clause]), spare, random), random)
    if kind < 0.40:
        return _species(_shown(_with(blank, _plain(record)), spare, random), random)
    return _species(_shown(_with(blank, _clauses(api, record, spare, random), random), spare, random), random)


def _with(blank: Good, clauses: list[Clause], random: Random | None = None) -> Good | None:
    if not clauses:
        return None
    either = len(clauses) > 1 and random is not None and random.random() < 0.35
    if either and any(clause.negative for clause in clauses):
        either = False
    return Good(blank.api, blank.version, blank.entity, tuple(clauses), " OR " if either else " AND ")


def _plain(record: dict[str, Any]) -> list[Clause]:
    """One or two words of some name."""
    for name, value in leaves(record):
        words = [word for word in PLAIN.findall(value) if word not in RESERVED and not word.startswith("chr")]
        if name.rpartition(".")[2] in ("name", "label", "symbol", "pref_name", "genename") and words:
            return [Clause("", "text", "plain", " ".join(words[:2]).lower())]
    return []


def _clauses(api: Api, record: dict[str, Any], spare: Spare, random: Random) -> list[Clause]:
    """One to three clauses on different fields: on values of the record, some on fields without data."""
    held = [(name, value) for name, value in leaves(record) if name in spare.values]
    clauses: dict[str, Clause] = {}
    for number in range(random.choice((1, 1, 1, 2, 2, 3))):
        if held and random.random() < 0.7:
            name, value = random.choice(held)
        else:
            name = spare.field(random, random.choice([kind for kind in MADE_UP if spare.fields[kind]]))
            value = random.choice(MADE_UP[kind_of(api.schema[name])])
        clause = _clause(name, value, api, random, negative=number > 0 and random.random() < 0.2)
        if clause is not None and name not in clauses:
            clauses[name] = clause
    return list(clauses.values())


def _clause(name: str, value: str, api: Api, random: Random, negative: bool) -> Clause | None:
    kind = kind_of(api.schema[name])
    if kind == "date":
        return None
    if random.random() < 0.07:
        return Clause(name, kind, "exists", "", negative=negative)
    if kind in ("integer", "long", "float", "double") and random.random() < 0.7:
        return _range(name, kind, value, random, negative)
    if kind == "text":
        words = [word for word in PLAIN.findall(value) if word not in RESERVED][: random.choice((1, 2, 2, 3))]
        form: Form = "word" if len(words) == 1 else random.choice(("words", "phrase"))
        return Clause(name, kind, form, " ".join(words), negative=negative) if words else None
    if " " in value:
        replaced = ":" in value and api.definition.shorthands  # MyGene replaces names inside quotes too
        return None if replaced else Clause(name, kind, "phrase", value, negative=negative)
    if kind == "keyword" and value.isalnum() and len(value) > 5 and random.random() < 0.15:
        return Clause(name, kind, "prefix", value[:4], negative=negative)
    return Clause(name, kind, "word", value, negative=negative)


def _range(name: str, kind: str, value: str, random: Random, negative: bool) -> Clause:
    number, width = float(value), random.choice((10, 100, 5000))
    ends = [number - width, number + width]
    low, high = (str(int(end) if kind in ("integer", "long") else end) for end in ends)
    return Clause(name, kind, "range", low, high, random.choice(("[]", "[]", "{}", "[}")), negative)


def _batch(blank: Good, spare: Spare, random: Random) -> Good | None:
    names = [name for name in spare.fields["keyword"] if any(" " not in value for value in spare.values.get(name, ()))]
    scopes = random.sample(names, random.choice((1, 1, 2)))
    terms = [value for value in spare.values[scopes[0]] if " " not in value][: random.randint(1, 4)]
    return Good(blank.api, blank.version, blank.entity, terms=tuple(terms), scopes=tuple(scopes))


def _shown(good: Good | None, spare: Spare, random: Random, lookup: bool = False) -> Good | None:
    """Returned fields for half, a size for a quarter, now and then a page, an order or facets."""
    if good is None:
        return None
    names = [*spare.values]
    if random.random() < 0.48:
        chosen = random.sample(names, random.choice((1, 1, 2, 3)))
        parents = [name.partition(".")[0] if random.random() < 0.2 else name for name in chosen]
        good = good.having(fields=",".join(dict.fromkeys(parents)))
    if lookup or good.terms:
        return good
    if random.random() < 0.23:
        good = good.having(size=str(random.choice((1, 3, 5, 20, 100))))
    if random.random() < 0.03:
        good = good.having(from_=str(random.choice((20, 50))))
    sortable = [name for name in spare.fields["keyword"] if name in spare.values]
    if random.random() < 0.05:
        good = good.having(sort=random.choice(("", "-")) + random.choice(sortable))
    if random.random() < 0.05:
        good = good.having(facets=random.choice(sortable))
    return good


def _species(good: Good | None, random: Random) -> Good | None:
    """Species for a third of MyGene's; not beside a clause on the same field, which one of them may decide."""
    if good is None or good.api != "mygene" or random.random() > 0.31:
        return good
    if any(clause.field == "taxid" for clause in good.clauses):
        return good
    return good.having(species=random.choice(("human", "mouse", "rat", "human,mouse")))
