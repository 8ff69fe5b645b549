"""Clauses on a given field: one small function per kind of clause, each filled from real records' values.

A maker of clauses returns a tree (or None where the field has nothing to offer). Operators come from the field's type:
numbers get thresholds and ranges, prose gets words and phrases, codes get equality, prefixes, lists.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from query_assistant.apis import Api
from query_assistant.apis.fields import Field
from query_assistant.drafting.field_values import FieldValues, as_text
from query_assistant.queries.rendering import render_text
from query_assistant.queries.rules.shorthands import leaf_writer
from query_assistant.queries.tree import Boolean, Exists, Fuzzy, Node, Phrase, Range, Regex, Wildcard, Words
from query_assistant.verbalising.lexicon import Lexicon
from query_assistant.verbalising.planning import TextReader

FEW_VALUES = 30
NUMBER_CODE = re.compile(r"(?:id|taxid|cid|pubmed|pmid|retired)$")


@dataclass(frozen=True)
class Material:
    """What clauses are made of: an API, its words, values of its records, and chance."""

    api: Api
    lexicon: Lexicon
    values: FieldValues
    rng: random.Random

    def is_prose(self, path: str) -> bool:
        return TextReader(self.api).is_prose(path)

    def is_number_code(self, field: Field) -> bool:
        """A number that names something (a taxid, a PubMed id): nobody asks for more than 9606 of it."""
        return field.numeric and NUMBER_CODE.search(field.name.lower()) is not None

    def is_identifier(self, path: str) -> bool:
        """Whether nearly every record has a value of its own."""
        codes = not self.is_prose(path) and not self.api.schema[path].numeric
        return codes and self.values.distinct(path) > max(FEW_VALUES, self.values.holders[path] // 3)

    def year(self, path: str) -> bool:
        return self.lexicon.wording(path).year


ClauseMaker = Callable[[Material, Field], Node | None]


def clause(material: Material, field: Field) -> Node | None:
    """A clause on the field with an operator that suits its type, the plain ones most often."""
    return material.rng.choice(_suitable(material, field))(material, field)


def is_ordered(material: Material, field: Field) -> bool:
    """Whether people ask for more or less of it: a quantity of several values, not a code."""
    return field.numeric and not material.is_number_code(field) and material.values.distinct(field.name) > 3


def _suitable(material: Material, field: Field) -> list[ClauseMaker]:
    """By how often people use them; whether a field has a value at all is asked elsewhere, save for dates."""
    if material.values.distinct(field.name) < 2 and field.type != "date":
        return [exists, exists, lacks]
    if is_ordered(material, field):
        bounds: list[ClauseMaker] = [at_least, at_least, above, above, above, at_most, below, below]
        return [*bounds, between, between, between, strictly, half_open, number]
    if field.type == "date":
        return [at_least, at_least, below, between, exists]
    if material.is_prose(field.name):
        return [word, word, word, word, two_words, phrase, phrase, either_word, prefix]
    if field.numeric or field.type == "boolean" or material.values.distinct(field.name) <= FEW_VALUES:
        return [equals, equals, equals, equals, either] if field.type != "boolean" else [equals]
    return [equals, equals, equals, equals, either, prefix]


def value(material: Material, field: Field) -> Node | None:
    """One plain value or word of the field; None for quantities and dates, of which nobody names one."""
    if is_ordered(material, field) or field.type == "date":
        return None
    return word(material, field) if material.is_prose(field.name) else equals(material, field)


def value_node(material: Material, field: Field, value: str) -> Node:
    """A value as people write it: bare where it is one word, else quoted."""
    if re.search(r"[\s:/(){}\[\]\"]", value):
        return Phrase(field.name, value)
    return Words(field.name, (value,))


def equals(material: Material, field: Field) -> Node | None:
    value = material.values.draw(field.name, material.rng)
    return None if value is None else value_node(material, field, value)


def number(material: Material, field: Field) -> Node | None:
    numbers = [each for each in material.values.numbers(field.name) if each == int(each) and abs(each) < 100_000]
    return Words(field.name, (as_text(material.rng.choice(numbers)),)) if numbers else None


def either(material: Material, field: Field) -> Node | None:
    """Two or three values of one field."""
    drawn = {material.values.draw(field.name, material.rng) for _ in range(material.rng.choice([2, 2, 2, 3, 4]))} - {
        None
    }
    nodes = [value_node(material, field, value) for value in sorted(value for value in drawn if value)]
    return Boolean(should=tuple(nodes)) if len(nodes) > 1 else None


def without(material: Material, field: Field) -> Node | None:
    node = value(material, field)
    return None if node is None else Boolean(must_not=(node,))


def exists(material: Material, field: Field) -> Node:
    return Exists(field.name)


def lacks(material: Material, field: Field) -> Node:
    return Boolean(must_not=(Exists(field.name),))


def word(material: Material, field: Field) -> Node | None:
    found = material.values.word(field.name, material.rng)
    return None if found is None else Words(field.name, (found,))


def either_word(material: Material, field: Field) -> Node | None:
    found = sorted({each for _ in range(2) if (each := material.values.word(field.name, material.rng))})
    return Boolean(should=tuple(Words(field.name, (each,)) for each in found)) if len(found) > 1 else None


def two_words(material: Material, field: Field) -> Node | None:
    """Two words of one text, in no order."""
    for _ in range(8):
        text = material.rng.choice(material.values.texts(field.name))
        found = sorted({each.lower() for each in material.values.words(text)})
        if len(found) >= 2:
            return Words(field.name, tuple(material.rng.sample(found, 2)))
    return None


def phrase(material: Material, field: Field) -> Node | None:
    found = material.values.phrase(field.name, material.rng)
    return None if found is None else Phrase(field.name, found)


def near(material: Material, field: Field) -> Node | None:
    found = material.values.phrase(field.name, material.rng)
    return None if found is None else Phrase(field.name, found, slop=material.rng.choice([2, 2, 3, 5]))


def fuzzy(material: Material, field: Field) -> Node | None:
    """A word with a letter missing, as typos go."""
    found = material.values.word(field.name, material.rng)
    if found is None or len(found) < 6:
        return None
    gap = material.rng.randrange(1, len(found) - 1)
    return Fuzzy(field.name, found[:gap] + found[gap + 1 :], edits=2)


def prefix(material: Material, field: Field) -> Node | None:
    stem = _stem(material, field)
    return None if stem is None else Wildcard(field.name, f"{stem}*")


def suffix(material: Material, field: Field) -> Node | None:
    found = material.values.word(field.name, material.rng)
    return None if found is None or len(found) < 6 else Wildcard(field.name, f"*{found[-4:]}")


def infix(material: Material, field: Field) -> Node | None:
    found = material.values.word(field.name, material.rng)
    return None if found is None or len(found) < 8 else Wildcard(field.name, f"*{found[2:-2]}*")


def pattern(material: Material, field: Field) -> Node | None:
    """One character left open: CDK?"""
    value = material.values.draw(field.name, material.rng)
    if value is None or not re.fullmatch(r"[A-Za-z]{2,}\d", value):
        return None
    return Wildcard(field.name, f"{value[:-1]}?")


def regex(material: Material, field: Field) -> Node | None:
    value = material.values.draw(field.name, material.rng)
    found = re.fullmatch(r"([A-Za-z]{3,5})\d+\w*", value or "")
    return None if found is None else Regex(field.name, f"{found[1].lower()}[0-9]+")


def _stem(material: Material, field: Field) -> str | None:
    if material.is_prose(field.name):
        found = material.values.word(field.name, material.rng)
        return found[: material.rng.randint(4, max(4, len(found) - 2))] if found and len(found) > 5 else None
    value = material.values.draw(field.name, material.rng)
    if value is None or len(value) < 4 or not re.fullmatch(r"[\w.-]+", value):
        return None
    letters = re.match(r"[A-Za-z]{3,}", value)
    named = letters is not None and len(letters[0]) < len(value) and not material.is_identifier(field.name)
    stem = letters[0] if letters is not None and named else value[: max(3, len(value) - 2)]
    return None if stem.upper() in {"AND", "NOT", "OR"} else stem


def _bound(material: Material, field: Field) -> str | None:
    if field.type == "date":
        value = material.values.draw(field.name, material.rng)
        return None if value is None else f"{value[:4]}-01-01" if material.rng.random() < 0.6 else value[:10]
    integer = field.type not in {"float", "double"}
    return material.values.threshold(field.name, material.rng, year=material.year(field.name), integer=integer)


def _open_range(material: Material, field: Field, *, low: bool, included: bool) -> Node | None:
    bound = _bound(material, field)
    if bound is None:
        return None
    return open_range_at(field, bound, low=low, included=included)


def open_range_at(field: Field, bound: str, *, low: bool, included: bool) -> Node:
    if low:
        return Range(field.name, bound, None, include_low=included, include_high=False)
    return Range(field.name, None, bound, include_low=False, include_high=included)


def at_least(material: Material, field: Field) -> Node | None:
    return _open_range(material, field, low=True, included=True)


def above(material: Material, field: Field) -> Node | None:
    return _open_range(material, field, low=True, included=False)


def at_most(material: Material, field: Field) -> Node | None:
    return _open_range(material, field, low=False, included=True)


def below(material: Material, field: Field) -> Node | None:
    return _open_range(material, field, low=False, included=False)


def between(material: Material, field: Field) -> Range | None:
    bounds = sorted({bound for _ in range(4) if (bound := _bound(material, field))}, key=_order)
    return Range(field.name, bounds[0], bounds[-1]) if len(bounds) > 1 else None


def strictly(material: Material, field: Field) -> Node | None:
    found = between(material, field)
    return None if found is None else replace(found, include_low=False, include_high=False)


def half_open(material: Material, field: Field) -> Node | None:
    found = between(material, field)
    low = material.rng.random() < 0.5
    return None if found is None else replace(found, include_low=low, include_high=not low)


def _order(bound: str) -> tuple[float, str]:
    try:
        return (float(bound), "")
    except ValueError:
        return (0.0, bound)


RARE: tuple[ClauseMaker, ...] = (near, fuzzy, suffix, infix, pattern, regex)


def drafted_text(node: Node, api: Api) -> str:
    """The query text of a tree, spelled so that the API's own rewriting leaves it alone."""
    return render_text(node, "and", leaf_writer(api))
