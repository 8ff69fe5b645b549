"""What people ask for beside the records: which fields to return, how many, in what order, of which species.

`ParameterChooser` adds to the parameters of a query in the making, in the proportions seen in public code (fields in
about half of the calls, sizes in a quarter, species in a third where there are any, the rest rarely).
"""

from __future__ import annotations

import re
from typing import Any

from query_assistant.apis.fields import Field
from query_assistant.drafting.clauses import FEW_VALUES, Material
from query_assistant.verbalising.lexicon import field_words

Parameters = dict[str, Any]

SIZES = [1, 1, 2, 3, 3, 5, 5, 5, 8, 15, 20, 20, 25, 30, 50, 50, 100, 100, 200, 500, 1000]
PAGE_SIZES = [5, 20, 25, 50, 100]
MORE_SPECIES = 0.18
NEVER_LISTED = re.compile(r"(?:alt|ref|chrom|chr|alleles?)$")  # nobody has a list of bases or chromosomes to look up
SORTED = re.compile(r"(?:symbol|name|label|date|position|start|location)$")
NAMES = re.compile(r"(?:^|[._])(?:name|label|pref_name|synonyms?|exact)$")


class ParameterChooser:
    """Draws presentations for one API."""

    def __init__(self, material: Material) -> None:
        self.material = material
        self.rng = material.rng
        schema = material.api.schema
        hidden = material.api.definition.hidden
        self.leaves = [each.name for each in schema.leaves if each.name not in hidden]
        self.unasked = self.rng.sample(self.leaves, len(self.leaves))
        self.popular = [path for path in field_words(material.api.name) if path in schema and path != "_id"]
        self.sortable = [
            each
            for each in schema.searchable
            if each.name in material.values and each.type != "text" and self._plain(each, material)
        ]
        countable = [each.name for each in self.sortable if self._is_countable(each)]
        self.countable = countable + 4 * [path for path in countable if material.lexicon.is_popular(path)]

    def _plain(self, field: Field, material: Material) -> bool:
        hidden = field.name == "_id" or field.name in material.api.definition.hidden
        return not hidden and _flat(field.name, material) and not material.is_number_code(field)

    def _is_countable(self, field: Field) -> bool:
        """Few values over many records."""
        if field.numeric and not self.material.lexicon.is_popular(field.name):
            return False
        several = 1 < self.material.values.distinct(field.name) <= 2 * FEW_VALUES
        return (
            several and field.type not in {"float", "double", "date"} and self.material.values.holders[field.name] > 20
        )

    def for_search(self, parameters: Parameters) -> Parameters:
        """Parameters of a search with whatever a person might add."""
        draw = self.rng.random
        if draw() < 0.36:
            self.returned(parameters, always=True)
        if draw() < 0.17:
            parameters["size"] = self.rng.choice(SIZES)
        if draw() < 0.04:
            self._paged(parameters)
        if draw() < 0.08 and self.sortable:
            parameters["sort"] = self._sort()
        if draw() < 0.015 and self.countable:
            parameters["facets"] = self.rng.choice(self.countable)
        return self._of_species(parameters, 0.33)

    def for_counts(self, parameters: Parameters) -> Parameters:
        """Parameters of a search for numbers only: facets, or a bare total."""
        if self.countable and (self.rng.random() < 0.75 or parameters["q"] == "__all__"):
            parameters["facets"] = self.rng.choice(self.countable)
            if self.rng.random() < 0.15:
                parameters["facet_size"] = self.rng.choice([3, 5, 20, 50, 100])
        parameters["size"] = 0
        return self._of_species(parameters, 0.3)

    def returned(self, parameters: Parameters, *, always: bool = False) -> Parameters:
        """Returned fields: well-known ones most often, else neighbours that nobody has asked for yet."""
        draw = self.rng.random()
        if not always and draw < 0.4:
            return parameters
        if self.material.api.definition.default_fields and self.rng.random() < 0.08:
            parameters["fields"] = ["all"]
        elif self.rng.random() < 0.66:
            parameters["fields"] = self.rng.sample(self.popular, self.rng.choice([1, 1, 1, 1, 2, 2, 2, 3, 3]))
        else:
            parameters["fields"] = self._neighbours(self.rng.choice([1, 1, 2, 2, 3]))
        return parameters

    def _neighbours(self, count: int) -> list[str]:
        if not self.unasked:
            self.unasked = self.rng.sample(self.leaves, len(self.leaves))
        first = self.unasked.pop()
        parent = first.rpartition(".")[0]
        near = [path for path in self.unasked if parent and path.startswith(f"{parent}.")][: count - 1]
        self.unasked = [path for path in self.unasked if path not in near]
        return [first, *near]

    def _paged(self, parameters: Parameters) -> None:
        size = self.rng.choice(PAGE_SIZES) if self.rng.random() < 0.6 else None
        parameters["from"] = (size or 10) * self.rng.choice([1, 1, 2, 2, 3, 4])
        if size:
            parameters["size"] = size
        elif "size" in parameters:
            del parameters["size"]

    def _sort(self) -> str:
        """A quantity or a name that people know, hardly ever another field: an order of codes tells nobody anything."""
        popular = [each for each in self.sortable if self.material.lexicon.is_popular(each.name)]
        known = [each for each in popular if each.numeric or SORTED.search(each.name)]
        chosen = self.rng.choice(known if known and self.rng.random() < 0.92 else self.sortable)
        return f"-{chosen.name}" if self.rng.random() < (0.65 if chosen.numeric else 0.25) else chosen.name

    def _of_species(self, parameters: Parameters, share: float) -> Parameters:
        species = self.material.api.definition.species
        if not species or "taxid" not in self.material.values or self.rng.random() > share:
            return parameters
        if str(parameters.get("q", "")).count("taxid:"):
            return parameters
        present = self.material.values.counts["taxid"]
        named = [(name, present[str(number)]) for name, number in species.items() if present[str(number)]]
        names = self.rng.choices([name for name, _ in named], [count for _, count in named], k=1)
        if self.rng.random() < MORE_SPECIES:
            names += [name for name, _ in self.rng.sample(named, 1)]
        parameters["species"] = sorted(set(names))
        return parameters

    def scopes(self) -> list[str]:
        """Where the terms of a batch are looked for."""
        values = self.material.values
        coded = [path for path in self.popular if path in values and self._is_code(path)]
        first = self.rng.choice(coded or [path for path in self.leaves if path in values])
        more = [path for path in coded if path != first and path.split(".")[0] == first.split(".")[0]]
        if first == "symbol" and self.rng.random() < 0.25:
            return ["symbol", "alias"]
        return [first, self.rng.choice(more)] if more and self.rng.random() < 0.1 else [first]

    def naming(self) -> str | None:
        """A well-known field of names of several words, in which a batch of whole names may be looked for."""
        values = self.material.values
        named = [
            path for path in self.popular if path in values and NAMES.search(path) and self.material.is_prose(path)
        ]
        return self.rng.choice(named) if named else None

    def _is_code(self, path: str) -> bool:
        found = self.material.api.schema.fields.get(path)
        if found is None or not found.indexed or not found.leaf or not _flat(path, self.material):
            return False
        if (
            NEVER_LISTED.search(path)
            or (found.numeric and not self.material.is_number_code(found))
            or found.type in {"boolean", "date"}
        ):
            return False
        return not self.material.is_prose(path) and self.material.values.distinct(path) > FEW_VALUES

    def for_batch(self, parameters: Parameters) -> Parameters:
        """Parameters of a batch: mostly with the fields that the terms are to be mapped to."""
        if self.rng.random() < 0.75:
            self.returned(parameters, always=True)
        if self.rng.random() < 0.12:
            parameters["size"] = self.rng.choice([1, 2, 3, 5])
        if self.rng.random() < 0.5:
            self._of_species(parameters, 0.6)
        return parameters


def _flat(path: str, material: Material) -> bool:
    """Not inside an object that only the interval syntax reaches."""
    return not any(path.startswith(f"{nested}.") for nested in material.api.definition.nested)
