"""Queries in the making: one small method for each kind of thing that people ask, out of one API's real values."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from query_assistant.apis import Api, IntervalRule
from query_assistant.apis.fields import Field
from query_assistant.drafting import clauses
from query_assistant.drafting.clauses import Material
from query_assistant.drafting.field_values import FieldValues, Record
from query_assistant.drafting.parameters import ParameterChooser
from query_assistant.drafting.rotation import FieldRotation
from query_assistant.drafting.shared_hits import clauses_of_record
from query_assistant.queries.paths import readable
from query_assistant.queries.tree import Boolean, Node
from query_assistant.records import Query
from query_assistant.verbalising.lexicon import Lexicon

Parameters = dict[str, Any]
COMBINED = 0.9  # how often fields are well known where several come together


@dataclass(frozen=True, slots=True)
class Draft:
    """A query in the making: an endpoint and its parameters; with `body` it is a POST."""

    parameters: Parameters
    identifier: str | None = None
    body: bool = False

    def to_query(self, api: Api) -> Query:
        """The draft as a call, not yet canonical."""
        records = "ids" in self.parameters or self.identifier is not None
        path = f"/{api.version}/{api.entity}" if records else f"/{api.version}/query"
        if self.body:
            return Query(query=path, body=self.parameters)
        if self.identifier is not None:
            path = f"{path}/{self.identifier}"
        return Query(query=readable(path, [(name, _text(value)) for name, value in self.parameters.items()]))

    def trimmed(self, total: int) -> Draft | None:
        """The same without what makes no sense for so few hits: a page beyond them, an order or counts of one."""
        kept = dict(self.parameters)
        if kept.get("from", 0) >= total:
            kept.pop("from", None)
        if total == 1 and not self.body and kept.get("size") != 0:
            for name in ("size", "sort", "facets", "facet_size"):
                kept.pop(name, None)
        return None if kept == self.parameters else Draft(kept, self.identifier, self.body)


class Drafter:
    """Draws drafts of one API."""

    def __init__(self, api: Api, values: FieldValues, rng: random.Random, popular_share: float) -> None:
        self.api = api
        self.values = values
        self.rng = rng
        self.popular_share = popular_share
        self.material = Material(api, Lexicon.load(api.name, api.schema), values, rng)
        self.fields = {each.name: each for each in api.schema.searchable if each.name in values and _askable(each, api)}
        self.popular = [each for name, each in self.fields.items() if self.material.lexicon.is_popular(name)]
        self.rotation = FieldRotation(
            self.popular, [each for each in self.fields.values() if each not in self.popular], rng
        )
        self.ordered = [each for each in self.fields.values() if clauses.is_ordered(self.material, each)]
        self.chooser = ParameterChooser(self.material)

    def draw(self, kind: str) -> Draft | None:
        """A draft of a kind of `KINDS`; None where luck offers nothing."""
        return MAKERS[kind](self)

    def possible(self, kind: str) -> bool:
        if kind == "interval":
            return self.api.definition.interval is not None
        if kind == "shorthand":
            return any(short.short for short in self.api.definition.shorthands)
        return bool(self.ordered) if kind == "range" else True

    def field(self, known_share: float | None = None) -> Field:
        return self.rotation.draw(self.popular_share if known_share is None else known_share)

    def _of_node(self, node: Node | None) -> Draft | None:
        return None if node is None else Draft(self.chooser.for_search({"q": clauses.drafted_text(node, self.api)}))

    def one_field(self) -> Draft | None:
        return self._of_node(clauses.clause(self.material, self.field()))

    def rare_operator(self) -> Draft | None:
        return self._of_node(self.rng.choice(clauses.RARE)(self.material, self.field()))

    def existence(self) -> Draft | None:
        """Whether records have a field at all."""
        recipe = self.rng.choice([clauses.exists, clauses.exists, clauses.lacks])
        return self._of_node(recipe(self.material, self.field()))

    def quantity(self) -> Draft | None:
        """A bound or two on a quantity; mostly one that people know."""
        known = [each for each in self.ordered if self.material.lexicon.is_popular(each.name)]
        chosen = self.rng.choice(known if known and self.rng.random() < COMBINED else self.ordered)
        return self._of_node(clauses.clause(self.material, chosen))

    def several(self) -> Draft | None:
        """Two or three conditions that one record meets."""
        wanted = self.popular if self.popular and self.rng.random() < COMBINED else list(self.fields.values())
        met = clauses_of_record(
            self.material, self.rng.choice(self.values.records), {each.name: each for each in wanted}
        )
        order = self.rng.sample(sorted(met), len(met))
        naming = [path for path in order if self.material.is_identifier(path)][: self.rng.choice([0, 0, 0, 1])]
        chosen = [*naming, *(path for path in order if not self.material.is_identifier(path))][
            : self.rng.choice([2, 2, 2, 3])
        ]
        chosen = list({path.rpartition(".")[2]: path for path in chosen}.values())  # not the same thing by two sources
        if len(chosen) < 2:
            return None
        return self._of_node(Boolean(must=tuple(met[path] for path in chosen)))

    def negated(self) -> Draft | None:
        """A condition and not another; now and then only the other."""
        denied_field = self.field(COMBINED)
        if self.rng.random() < 0.2:
            return self._of_node(clauses.without(self.material, denied_field))
        absent = self.rng.random() < 0.15
        denied = clauses.exists(self.material, denied_field) if absent else clauses.value(self.material, denied_field)
        kept_field = self.field(COMBINED)
        kept = clauses.clause(self.material, kept_field)
        if kept is None or denied is None or kept_field.name == denied_field.name:
            return None
        return self._of_node(Boolean(must=(kept,), must_not=(denied,)))

    def either(self) -> Draft | None:
        """One of several values of a field, less often of two fields, now and then with a third that must hold."""
        choice = self._values() if self.rng.random() < 0.8 else self._two_fields()
        third = clauses.clause(self.material, self.field(COMBINED)) if self.rng.random() < 0.25 else None
        if choice is None or third is None:
            return self._of_node(choice)
        return self._of_node(Boolean(must=(choice, third)))

    def _values(self) -> Node | None:
        field = self.field(COMBINED)
        several = clauses.either_word if self.material.is_prose(field.name) else clauses.either
        return None if clauses.is_ordered(self.material, field) else several(self.material, field)

    def _two_fields(self) -> Node | None:
        one, other = (self.field(COMBINED) for _ in range(2))
        nodes = [clauses.value(self.material, each) for each in (one, other)]
        said = tuple(node for node in nodes if node is not None)
        return Boolean(should=said) if len(said) == 2 and one.name != other.name else None

    def keyword(self) -> Draft | None:
        text = self._plain_words()
        return None if text is None else Draft(self.chooser.for_search({"q": text}))

    def keyword_operator(self) -> Draft | None:
        """Plain words with operators: a phrase, a prefix, one word and another, one or another, not a third."""
        words = [word for word in (self._plain_words(1) for _ in range(2)) if word and word.isalnum()]
        if len(words) < 2 or words[0] == words[1]:
            return None
        one, other = words
        text = self.rng.choice(
            [f"{one} OR {other}", f"{one} AND {other}", f"{one} AND NOT {other}", f"{one[:5]}*", f"{one[:4]}*"]
        )
        quoted = self._plain_words(3)
        if quoted and " " in quoted and self.rng.random() < 0.35:
            text = f'"{quoted}"'
        return Draft(self.chooser.for_search({"q": text}))

    def keyword_and_field(self) -> Draft | None:
        word = self._plain_words(1)
        node = clauses.clause(self.material, self.field())
        if word is None or node is None or not word.isalnum():
            return None
        text = clauses.drafted_text(node, self.api)
        joined = f"({text})" if isinstance(node, Boolean) and node.should else text
        return Draft(self.chooser.for_search({"q": f"{word} AND {joined}"}))

    def _plain_words(self, count: int | None = None) -> str | None:
        """What people type into a search box: a name, or a word or two of one."""
        paths = [path for path in self._named() if path in self.values]
        if not paths:
            return None
        path = self.rng.choice(paths)
        wanted = count or self.rng.choice([1, 1, 1, 2, 2, 3])
        if not self.material.is_prose(path):
            return self.values.draw(path, self.rng)
        return self.values.word(path, self.rng) if wanted == 1 else self.values.phrase(path, self.rng, wanted)

    def _named(self) -> list[str]:
        searched = [each for each in self.api.schema.searched_by_default if each.name in self.values]
        return [each.name for each in searched if each.type == "text" or each.name.endswith(("symbol", "alias"))] or [
            each.name for each in searched
        ]

    def interval(self) -> Draft | None:
        rule = self.api.definition.interval
        place = None if rule is None else _place(self.rng.choice(self.values.records), rule)
        if rule is None or place is None:
            return None
        chromosome, start = place
        width = self.rng.choice([0, 1_000, 10_000, 100_000, 500_000, 1_000_000, 5_000_000])
        low = start // width * width if width else start - self.rng.choice([0, 120, 5_000])
        high = low + width if width else start + self.rng.choice([0, 250, 7_300])
        q = f"chr{chromosome}:{max(low, 1)}-{max(high, low + 1)}"
        if rule.rule == "joined" and self.rng.random() < 0.4:
            node = clauses.clause(self.material, self.field())
            q += (
                f" AND {clauses.drafted_text(node, self.api)}"
                if node is not None and not isinstance(node, Boolean)
                else ""
            )
        return Draft(self.chooser.for_search({"q": q}))

    def shorthand(self) -> Draft | None:
        short = self.rng.choice([each for each in self.api.definition.shorthands if each.short])
        hidden = self.api.definition.hidden.get(short.becomes)
        covered = hidden.copies if hidden else tuple(each.name for each in self.api.schema.matching(short.becomes))
        paths = [path for path in covered if path in self.values]
        value = self.values.draw(self.rng.choice(paths), self.rng) if paths else None
        if value is None:
            return None
        return Draft(self.chooser.for_search({"q": f"{short.written}:{value.split(':')[-1]}"}))

    def everything(self) -> Draft:
        """No condition of its own: counts over all records, or a listing in some order."""
        return Draft(self.chooser.for_counts({"q": "__all__"}))

    def counts(self) -> Draft | None:
        node = clauses.clause(self.material, self.field())
        return None if node is None else Draft(self.chooser.for_counts({"q": clauses.drafted_text(node, self.api)}))

    def lookup(self) -> Draft | None:
        identifier = self._identifier()
        return None if identifier is None else Draft(self.chooser.returned({}), identifier=identifier)

    def batch_lookup(self) -> Draft | None:
        found = [each for _ in range(self.rng.choice([2, 2, 3, 3, 4, 6])) if (each := self._identifier())]
        return (
            Draft(self.chooser.returned({"ids": list(dict.fromkeys(found))}), body=True)
            if len(set(found)) > 1
            else None
        )

    def _identifier(self) -> str | None:
        record = self.rng.choice(self.values.records)
        paths = [path for path in self._identifying() if path in self.values]
        if not paths or self.rng.random() < 0.5:
            return str(record["_id"]) if len(str(record["_id"])) < 60 else None
        return self.values.draw(self.rng.choice(paths), self.rng)

    def _identifying(self) -> list[str]:
        patterns = [path for rule in self.api.definition.identifiers for path in rule.fields]
        return list(dict.fromkeys([*self.api.definition.lookup_fields, *patterns]))

    def batch(self) -> Draft | None:
        named = self.chooser.naming() if self.rng.random() < 0.15 else None
        scopes = [named] if named else self.chooser.scopes()
        drawn = [self.values.draw(scopes[0], self.rng) for _ in range(self.rng.choice([2, 2, 3, 3, 4, 5, 8]))]
        terms = list(dict.fromkeys(value for value in drawn if value))
        if len(terms) < 2:
            return None
        return Draft(self.chooser.for_batch({"q": terms, "scopes": scopes}), body=True)


KINDS = {
    "one field": 28, "range": 6, "existence": 4, "keyword": 12, "keyword operator": 2, "several": 18,
    "keyword and field": 3, "negated": 6, "either": 4, "rare operator": 2, "interval": 4, "shorthand": 2, "counts": 4,
    "everything": 1, "lookup": 8, "batch lookup": 2, "batch": 4,
}  # fmt: skip
VALUES_ARE_ALL = frozenset({"keyword", "lookup", "batch lookup", "interval"})  # kinds that name no field to vary
MAKERS: dict[str, Callable[[Drafter], Draft | None]] = {
    "one field": Drafter.one_field, "range": Drafter.quantity, "existence": Drafter.existence,
    "several": Drafter.several, "negated": Drafter.negated, "either": Drafter.either, "keyword": Drafter.keyword,
    "keyword operator": Drafter.keyword_operator, "keyword and field": Drafter.keyword_and_field,
    "rare operator": Drafter.rare_operator, "interval": Drafter.interval, "shorthand": Drafter.shorthand,
    "counts": Drafter.counts, "everything": Drafter.everything, "lookup": Drafter.lookup,
    "batch lookup": Drafter.batch_lookup, "batch": Drafter.batch,
}  # fmt: skip


def _askable(found: Field, api: Api) -> bool:
    """Reachable by a field query: neither hidden nor inside an object that only the interval syntax reaches."""
    if found.name == "_id" or found.name in api.definition.hidden:
        return False
    return not any(found.name.startswith(f"{path}.") for path in api.definition.nested)


def _place(record: Record, rule: IntervalRule) -> tuple[str, int] | None:
    """Where a record lies on its chromosome."""
    for stretch in (rule.stretch, *rule.prefixed.values()):
        if stretch is None:
            continue
        place = record.get(stretch.path)
        place = place[0] if isinstance(place, list) else place
        if isinstance(place, dict) and isinstance(place.get("start"), int):
            chromosome = place.get(stretch.chromosome.rpartition(".")[2], record.get(stretch.chromosome))
            if chromosome is not None and len(str(chromosome)) <= 2:
                return str(chromosome), place["start"]
    return None


def _text(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) else str(value)
