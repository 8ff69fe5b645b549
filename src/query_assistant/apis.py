"""One API as data: `conf/api/<name>.yaml`, its field list, and what all APIs of the family share (family.yaml).

    api = load_api("mygene")
    api.schema["ensembl.gene"].type             # "keyword"
    api.parameter("GET query", "limit").name    # "size"

Rules that differ between the APIs are data here and small named functions in queries/rules/; nothing asks for an
API's name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic import Field as Setting

from query_assistant.errors import ConfigurationError
from query_assistant.project import project_root
from query_assistant.queries.tree import MatchMode
from query_assistant.schema.fields import Field, FieldType, Schema, load_schema

EndpointKey = Literal[
    "GET query", "POST query", "GET annotation", "POST annotation", "GET metadata", "GET fields", "GET status"
]
ParameterType = Literal["text", "list", "species", "integer", "boolean", "word"]
Scalar = str | int | bool

FOLDER = "conf/api"
FAMILY = Path(__file__).with_name("family.yaml")


class _Part(BaseModel):
    """A part of an API's file: unknown keys are errors, values are fixed once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Parameter(_Part):
    """One parameter on the endpoints of `at`.

    `spellings` are all names the server accepts, the winning one first. A text must fit `pattern` as a whole. `clause`,
    `any_of` and `has` say which records it keeps: those that the clause matches, that have one of the values in the
    field, that have all or none of the listed fields.
    """

    name: str
    type: ParameterType
    at: tuple[EndpointKey, ...]
    about: str
    spellings: tuple[str, ...] = ()
    default: Scalar | tuple[str, ...] | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    pattern: str | None = None
    example: str = ""
    json_: Literal["typed", "any", "strings", "array"] = Setting("typed", alias="json")
    required: bool = False
    effect: Literal["full", "none"] = "full"
    clause: str | None = None
    any_of: str | None = None
    has: Literal["all", "none"] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return self.spellings or (self.name,)

    @property
    def is_list(self) -> bool:
        return self.type in ("list", "species")


class HiddenField(_Part):
    """A field that the field list does not show. `copies` name the fields whose values it collects."""

    type: FieldType
    analyzer: str = ""
    index: str | None = None
    copies: tuple[str, ...] = ()
    maximum_length: int | None = None


class Shorthand(_Part):
    """A field name that the server replaces. `value_prefix` is put before the value, escaped."""

    written: str
    becomes: str
    value_prefix: str = ""
    short: bool = False


class WordsPart(_Part):
    """One of the searches that plain words stand for; without fields it is query text on the default fields."""

    weight: float
    fields: tuple[str, ...] = ()
    mode: MatchMode = "all"


class PlainWords(_Part):
    """How a q without operators is read: as a pattern, as a number, else as the best of several searches."""

    wildcard: tuple[str, ...]
    integer: tuple[str, ...]
    best_of: tuple[WordsPart, ...]


class ScoreFactor(_Part):
    """Multiplies the score of hits that `clause` (query text) matches."""

    clause: str
    factor: float


class Stretch(_Part):
    """The object that holds a record's start and end, and the field with its chromosome."""

    path: str
    chromosome: str


class IntervalRule(_Part):
    """`rule` names a function of queries/rules/intervals.py."""

    rule: Literal["alone", "joined"]
    stretch: Stretch | None = None
    prefixed: dict[str, Stretch] = {}
    by_parameter: str | None = None


class IdentifierPattern(_Part):
    """Identifiers that fit `pattern` as a whole, in any case, are looked up by its group `term` in `fields`."""

    pattern: str
    fields: tuple[str, ...]

    @model_validator(mode="after")
    def _has_term(self) -> IdentifierPattern:
        try:
            groups = re.compile(self.pattern).groupindex
        except re.error as error:
            raise ValueError(f"pattern {self.pattern!r} is no regular expression: {error}") from None
        if "term" not in groups:
            raise ValueError(f"pattern {self.pattern!r} needs a group (?P<term>...)")
        return self


class ApiDefinition(_Part):
    """The schema of conf/api/<name>.yaml."""

    title: str
    about: str
    base: str
    version: str
    record: str
    entities: dict[str, str] = Setting(min_length=1)
    index_parameter: str | None = None
    field_list: str | None = None
    lenient: bool = True
    default_fields: tuple[str, ...] = ()
    default_scopes: tuple[str, ...] = ("_id",)
    lookup_fields: tuple[str, ...] = ("_id",)
    search_fields: tuple[str, ...] = ("_id", "all")
    hidden: dict[str, HiddenField] = {}
    nested: tuple[str, ...] = ()
    case_sensitive: tuple[str, ...] = ()
    species: dict[str, int] = {}
    genome_assemblies: dict[str, str] = {}
    parameters: tuple[Parameter, ...] = ()
    form_json_terms: bool = False
    pages: tuple[str, ...] = ()
    shorthands: tuple[Shorthand, ...] = ()
    plain_words: PlainWords | None = None
    score_factors: tuple[ScoreFactor, ...] = ()
    interval: IntervalRule | None = None
    identifiers: tuple[IdentifierPattern, ...] = ()
    identifier_names_field: bool = True


class _Family(_Part):
    parameters: tuple[Parameter, ...]
    pages: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Api:
    """One API, ready to be asked: its definition, all of its fields and all of its parameters."""

    name: str
    definition: ApiDefinition
    schema: Schema
    parameters: tuple[Parameter, ...]
    pages: frozenset[str]

    @property
    def title(self) -> str:
        return self.definition.title

    @property
    def about(self) -> str:
        return self.definition.about

    @property
    def base(self) -> str:
        return self.definition.base

    @property
    def version(self) -> str:
        return self.definition.version

    @property
    def record(self) -> str:
        """What one record is called: gene, variant, ..."""
        return self.definition.record

    @cached_property
    def entity(self) -> str:
        """The word of the path that is written: /v3/gene/1017."""
        return next(iter(self.definition.entities))

    @cached_property
    def entities(self) -> dict[str, str]:
        """Every word of the path that names records, and the index it reads."""
        return self.definition.entities

    @cached_property
    def default_index(self) -> str:
        return self.entities[self.entity]

    @property
    def lenient(self) -> bool:
        """Whether a value in q that does not fit its field's type is an empty answer rather than an error."""
        return self.definition.lenient

    @property
    def default_fields(self) -> tuple[str, ...]:
        """Returned fields of /query when none are asked for; empty means everything."""
        return self.definition.default_fields

    @property
    def default_scopes(self) -> tuple[str, ...]:
        return self.definition.default_scopes

    @property
    def lookup_fields(self) -> tuple[str, ...]:
        """Where an identifier that fits no pattern is looked up."""
        return self.definition.lookup_fields

    @property
    def search_fields(self) -> tuple[str, ...]:
        """Where words without a field are searched."""
        return self.definition.search_fields

    @cached_property
    def hidden(self) -> dict[str, HiddenField]:
        """Fields of `schema` that the API's own field list does not show."""
        always = {"_id": HiddenField(type="keyword"), "all": HiddenField(type="text")}
        return {**always, **self.definition.hidden}

    @cached_property
    def case_sensitive(self) -> frozenset[str]:
        """Fields whose values must be spelled exactly."""
        return frozenset({"_id", *self.definition.case_sensitive})

    @cached_property
    def nested(self) -> frozenset[str]:
        """Objects whose fields only the interval syntax reaches."""
        return frozenset(self.definition.nested)

    @property
    def species(self) -> dict[str, int]:
        return self.definition.species

    @cached_property
    def species_names(self) -> dict[int, str]:
        """The name of each taxid that has one."""
        return {taxid: name for name, taxid in reversed(self.species.items())}

    @cached_property
    def _by_spelling(self) -> dict[str, dict[str, Parameter]]:
        table: dict[str, dict[str, Parameter]] = {}
        for parameter in self.parameters:
            for key in parameter.at:
                spellings = table.setdefault(key, {})
                spellings.update(dict.fromkeys(parameter.names, parameter))
        return table

    def spellings(self, endpoint: str) -> Mapping[str, Parameter]:
        """Every accepted parameter name of an endpoint such as "GET query"."""
        return self._by_spelling.get(endpoint, {})

    def parameter(self, endpoint: str, name: str) -> Parameter | None:
        """The parameter that a name means on an endpoint, None where the server ignores it."""
        return self.spellings(endpoint).get(name)

    def parameters_on(self, endpoint: str) -> tuple[Parameter, ...]:
        return tuple({parameter.name: parameter for parameter in self.spellings(endpoint).values()}.values())

    def known_anywhere(self, name: str) -> bool:
        """Whether some endpoint knows the name."""
        return any(name in spellings for spellings in self._by_spelling.values())

    def default(self, endpoint: str, name: str) -> Any:
        """What the server assumes for a parameter that is not given; None is nothing."""
        if name == "fields" and endpoint.endswith(" query"):
            return self.default_fields or None
        if name == "scopes" and endpoint == "POST query":
            return self.default_scopes
        parameter = self.parameter(endpoint, name)
        return parameter.default if parameter else None


def api_names() -> tuple[str, ...]:
    """The APIs that have a file in conf/api, in alphabetical order."""
    return tuple(sorted(path.stem for path in (project_root() / FOLDER).glob("*.yaml")))


def load_api(name: str) -> Api:
    """The API of that name.

    Raises:
        ConfigurationError: there is no such API, or its file says something impossible.
    """
    return _load(name, project_root())


@lru_cache(maxsize=64)
def _load(name: str, root: Path) -> Api:
    path = root / FOLDER / f"{name}.yaml"
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name) or not path.is_file():
        known = ", ".join(api_names())
        raise ConfigurationError(f"unknown API {name!r}: known are {known}; a new one needs {FOLDER}/{name}.yaml")
    definition = _read(path, ApiDefinition)
    family = _read(FAMILY, _Family)
    listed = load_schema(root / (definition.field_list or f"data/schema/{name}.csv"))
    api = Api(
        name=name,
        definition=definition,
        schema=listed,
        parameters=_merged(family.parameters, definition.parameters),
        pages=frozenset((*family.pages, *definition.pages)),
    )
    hidden = {name: Field(name, part.type, True, False, part.analyzer) for name, part in api.hidden.items()}
    object.__setattr__(api, "schema", Schema({**listed.fields, **hidden}))
    return api


def _merged(family: tuple[Parameter, ...], own: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    """The family's parameters, less where the API defines the same name for the same endpoint."""
    taken = {(parameter.name, key) for parameter in own for key in parameter.at}
    kept = (
        parameter.model_copy(update={"at": tuple(key for key in parameter.at if (parameter.name, key) not in taken)})
        for parameter in family
    )
    return (*(parameter for parameter in kept if parameter.at), *own)


def _read(path: Path, kind: type[Any]) -> Any:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_loader())
        return kind.model_validate(content)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"cannot read {path.name}: {error}; expected YAML") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigurationError(f"{path.name}: {where}: {first['msg']} (found {first['input']!r})") from None


def _loader() -> Any:
    """PyYAML's safe loader, the C one where it was built: ten times as fast."""
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)
