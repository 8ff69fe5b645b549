"""The schema of data/apis/<name>/definition.yaml: what each key may hold. docs/query-language.md explains them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from query_assistant.apis.fields import FieldType, MatchMode

EndpointKey = Literal[
    "GET query", "POST query", "GET annotation", "POST annotation", "GET metadata", "GET fields", "GET status"
]
ParameterType = Literal["text", "list", "species", "integer", "boolean", "word"]
Role = Literal["asks", "selects", "presents", "pages", "unknowable", "none"]
ListedFields = Literal["returned", "searched", "sorted", "counted", "existing"]
Scalar = str | int | bool


class _Part(BaseModel):
    """A part of an API's file: unknown keys are errors, values are fixed once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Parameter(_Part):
    """One parameter on the endpoints of `at`.

    `spellings` are all names the server accepts, the winning one first. A text must fit `pattern` as a whole, and be an
    expression of its `language` where it has one. Items of a `paired` list may be lists themselves. `clause`, `any_of`,
    `has` and `query_text` say which records it keeps: those that the clause matches, that have one of the values in the
    field, that have all or none of the listed fields, that its value matches as query text. What it does to the answer,
    from `role` on, is explained in data/apis/family.yaml.
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
    language: Literal["jmespath"] | None = None
    example: str = ""
    paired: bool = False
    json_: Literal["typed", "any", "strings", "array"] = Field("typed", alias="json")
    required: bool = False
    clause: str | None = None
    any_of: str | None = None
    has: Literal["all", "none"] | None = None
    query_text: bool = False
    role: Role = "unknowable"
    after_facets: bool = False
    ordered: bool = True
    lists: ListedFields | None = None
    needs: str | None = None
    silenced_by: tuple[str, ...] = ()
    not_with: tuple[str, ...] = ()
    literal: Literal["size", "number", "text"] | None = None
    in_grammar: bool = True
    in_words: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return self.spellings or (self.name,)

    @property
    def is_list(self) -> bool:
        return self.type in ("list", "species")

    @property
    def restricts(self) -> bool:
        """Whether it is known which records it keeps."""
        return bool(self.clause or self.any_of or self.has or self.query_text)

    def silent(self, given: Mapping[str, Any]) -> bool:
        """Whether it has no effect beside the given parameters."""
        return bool(self.needs and not given.get(self.needs)) or any(given.get(name) for name in self.silenced_by)


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
        if "term" not in _compiled(self.pattern).groupindex:
            raise ValueError(f"pattern {self.pattern!r} needs a group (?P<term>...)")
        return self


class Redirect(_Part):
    """A path, still percent-encoded, that fits `path` as a whole is answered with `to`, `{0}` the first group in it."""

    path: str
    to: str

    @model_validator(mode="after")
    def _has_groups(self) -> Redirect:
        try:
            self.to.format(*[""] * _compiled(self.path).groups)
        except (IndexError, KeyError, ValueError):
            raise ValueError(f"{self.to!r} names a group that {self.path!r} does not have") from None
        return self


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"pattern {pattern!r} is no regular expression: {error}") from None


class ApiDefinition(_Part):
    """The schema of data/apis/<name>/definition.yaml."""

    title: str
    about: str
    base: str
    version: str
    record: str
    entities: dict[str, str] = Field(min_length=1)
    index_parameter: str | None = None
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
    redirects: tuple[Redirect, ...] = ()
    shorthands: tuple[Shorthand, ...] = ()
    plain_words: PlainWords | None = None
    score_factors: tuple[ScoreFactor, ...] = ()
    interval: IntervalRule | None = None
    identifiers: tuple[IdentifierPattern, ...] = ()
    identifier_names_field: bool = True


class ReadingOrder(_Part):
    """Names of parameters as a person reads them; those that no list names come last, in alphabetical order."""

    first: tuple[str, ...]
    selecting: tuple[str, ...]
    then: tuple[str, ...]

    @model_validator(mode="after")
    def _names_each_once(self) -> ReadingOrder:
        names = [*self.first, *self.selecting, *self.then]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"{twice!r} stands twice; a parameter has one place, remove the other")
        return self

    @cached_property
    def places(self) -> dict[str, tuple[int, int, str]]:
        """What each named parameter is sorted by."""
        return {
            **{name: (0, number, "") for number, name in enumerate(self.first)},
            **{name: (1, 0, name) for name in self.selecting},
            **{name: (2, number, "") for number, name in enumerate(self.then)},
        }

    def place(self, name: str) -> tuple[int, int, str]:
        """What a parameter is sorted by."""
        return self.places.get(name) or (3, 0, name)


class Family(_Part):
    parameters: tuple[Parameter, ...]
    pages: tuple[str, ...]
    reading_order: ReadingOrder
