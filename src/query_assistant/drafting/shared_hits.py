"""Clauses that one and the same record meets: the way to several conditions that have a hit in common."""

from __future__ import annotations

from query_assistant.apis.fields import Field
from query_assistant.drafting.clauses import Material, open_range_at, value_node
from query_assistant.drafting.field_values import Record, is_typable
from query_assistant.nesting import leaf_texts
from query_assistant.queries.tree import Exists, Node, Words


def clauses_of_record(material: Material, record: Record, fields: dict[str, Field]) -> dict[str, Node]:
    """Clauses that one record meets, by field: the way to several conditions with a hit in common."""
    rng = material.rng
    met: dict[str, Node] = {}
    for path, value in reversed(list(leaf_texts(record))):  # any order would do; seeds were drawn in this one
        found = fields.get(path)
        if found is None or not is_typable(value) or (path in met and rng.random() < 0.5):
            continue
        node = _met_by(material, found, value)
        if node is not None:
            met[path] = node
    return met


def _met_by(material: Material, field: Field, value: str) -> Node | None:
    rng = material.rng
    if rng.random() < 0.08:
        return Exists(field.name)
    if field.numeric:
        if material.values.distinct(field.name) <= 3 or material.is_number_code(field):
            return Words(field.name, (value,))
        bound = material.values.threshold(
            field.name, rng, year=material.year(field.name), integer=field.type not in {"float", "double"}
        )
        if bound is None:
            return None
        high = float(bound) <= float(value)
        return open_range_at(field, bound, low=high, included=rng.random() < 0.5)
    if material.is_prose(field.name):
        words = material.values.words(value)
        return Words(field.name, (rng.choice(words).lower(),)) if words else None
    return value_node(material, field, value) if field.type != "date" else None
