"""What things are called: fields, values, species, records. Out of the glossary, an API's words.yaml and `words/`.

A name of an API's field may be said only if it cannot be taken for another field. The files in `words/` decide who
owns the names that people use most ("molecular weight" is PubChem's); the glossary names everything else.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from query_assistant.apis import api_folder
from query_assistant.apis.fields import Schema
from query_assistant.descriptions.glossary import names as glossary_names
from query_assistant.errors import ConfigurationError
from query_assistant.inputs import read_text
from query_assistant.verbalising import wording

WORDS = Path(__file__).parent / "words"
COUNTABLE = re.compile(r"[A-Z]?[a-z-]+|\w*IDs?|InChIKeys?|UNIIs?|CUIs?|[mt]?RNAs?")
CAPITALISED = re.compile(r"[A-Z][a-z]{3,}(?:[ _][a-z-]+)*")  # "Likely pathogenic": people do not write the capital
NAMES_THINGS = re.compile(r"symbol|gene_?name|alias|wikipedia|[Ii]d$")
CLAUSE = re.compile(r"(?:how|what|which|whether) ")
SHARE_OF_PATHS = 0.03  # experts write a field's path now and then; models must understand that too


@cache
def words(name: str) -> dict[str, Any]:
    """One file of `words/`; the same object each time, not to be changed."""
    return _read(WORDS / f"{name}.yaml")


@cache
def field_words(api: str) -> dict[str, dict[str, Any]]:
    """People's words for the fields of one API, by field; empty where nobody has written them down."""
    file = api_folder(api) / "words.yaml"
    return _read(file) if file.is_file() else {}


def _read(file: Path) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = yaml.safe_load(read_text(file))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}; expected YAML as in {WORDS}") from error
    return loaded


@dataclass(frozen=True, slots=True)
class Wording:
    """How one field is spoken of. `idioms`: by operator and kind of fragment, frames that fit only this field."""

    names: tuple[str, ...]
    plural: str | None = None
    units: tuple[str, ...] = ()
    year: bool = False
    idioms: Mapping[str, Mapping[str, list[str]]] = field(default_factory=dict)
    values: Mapping[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Lexicon:
    """All words for one API."""

    api: str
    schema: Schema
    wordings: Mapping[str, Wording]

    @classmethod
    def load(cls, api: str, schema: Schema) -> Lexicon:
        curated = field_words(api)
        claimed = {name.casefold(): of for of, entry in curated.items() for name in entry["names"]}
        return cls(
            api, schema, {each: _wording(api, each, curated.get(each), claimed) for each in _known(schema, curated)}
        )

    def wording(self, path: str) -> Wording:
        return self.wordings.get(path) or Wording(names=(_spelled(path),))

    def is_popular(self, path: str) -> bool:
        """Whether people's words for the field were written down by hand."""
        return path in field_words(self.api)

    def name(self, path: str, rng: random.Random) -> str:
        """One of the field's names, the plainest most often, its path once in a while."""
        names = self.wording(path).names
        if rng.random() < SHARE_OF_PATHS and "." in path:
            return path
        return names[0] if rng.random() < 0.4 else rng.choice(names)

    def plural(self, path: str, rng: random.Random) -> str:
        """The field's name for several values: "gene symbols"; never "Entrezs"."""
        wanted = self.wording(path)
        if wanted.plural and rng.random() < 0.6:
            return wanted.plural
        name = self.name(path, rng)
        noun = wording.head(name)[0].split()[-1]
        return wording.pluralise(name if COUNTABLE.fullmatch(noun) else wanted.names[0])

    def value(self, path: str | None, value: str, rng: random.Random) -> str:
        """A value in words people use, where any are written down; else as it is."""
        return rng.choice(self.aliases(path, value))

    def aliases(self, path: str | None, value: str) -> list[str]:
        """Every way to say a value, itself first."""
        if path is None:
            return [value]
        given = {key.casefold(): forms for key, forms in self.wording(path).values.items()}
        forms = given.get(value.casefold(), [])
        if re.fullmatch(r"[A-Za-z]+(_[A-Za-z]+)+", value):
            forms = [value.replace("_", " "), *forms]
        if CAPITALISED.fullmatch(value) and not NAMES_THINGS.search(path):
            forms = [value.lower(), *forms]
        return list(dict.fromkeys([value, *forms]))

    def orders(self, key: str) -> list[str]:
        """Ways to say a sort key without its field's name: "lightest first"."""
        direction = "descending" if key.startswith("-") else "ascending"
        known: dict[str, dict[str, list[str]]] = words("orders").get(self.api, {})
        return known.get(key.lstrip("-"), {}).get(direction, [])

    def noun(self, rng: random.Random) -> str:
        """What a record is called, `plural~singular`."""
        nouns: dict[str, list[str]] = words("nouns")
        return rng.choice(nouns.get(self.api, nouns["any"]))


def species_names(taxid: str) -> list[str]:
    """Everything that a species may be called, its number included."""
    entry = words("species").get(taxid, {})
    return list(dict.fromkeys([*entry.get("adjective", []), *entry.get("place", []), entry.get("name", taxid), taxid]))


def _known(schema: Schema, curated: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys([*schema.fields, *curated]))


def _wording(api: str, path: str, entry: dict[str, Any] | None, claimed: Mapping[str, str]) -> Wording:
    own = entry["names"] if entry else []
    others = [name for name in _glossary(api, path) if claimed.get(name.casefold(), path) == path]
    nouns = [name for name in others if not CLAUSE.match(name)]
    names = tuple(dict.fromkeys([*own, *(nouns or others)])) or (_spelled(path),)
    entry = entry or {}
    return Wording(
        names=names,
        plural=entry.get("plural"),
        units=tuple(entry.get("unit", ())),
        year=bool(entry.get("year", False)),
        idioms=entry.get("idioms", {}),
        values={str(value): [str(form) for form in forms] for value, forms in entry.get("values", {}).items()},
    )


def _glossary(api: str, path: str) -> tuple[str, ...]:
    try:
        return glossary_names(api, path)
    except ConfigurationError:
        return ()


def _spelled(path: str) -> str:
    """A path as words, when nobody has named it: "exons cdsstart"."""
    return re.sub(r"[._\s]+", " ", path).strip()
