"""One API as data: its folder `data/apis/<name>/`, and what all APIs of the family share (`data/apis/family.yaml`).

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
from typing import Any

import yaml
from pydantic import ValidationError

from query_assistant.apis.definition import (
    ApiDefinition,
    EndpointKey,
    Family,
    HiddenField,
    IntervalRule,
    Parameter,
    Shorthand,
    Stretch,
    WordsPart,
)
from query_assistant.apis.fields import Field, Schema, ValueKind, load_schema
from query_assistant.errors import ConfigurationError, InputError
from query_assistant.inputs import read_text
from query_assistant.project import project_root

__all__ = [
    "Api",
    "ApiDefinition",
    "EndpointKey",
    "IntervalRule",
    "Parameter",
    "Shorthand",
    "Stretch",
    "WordsPart",
    "api_names",
    "load_api",
]

FOLDER = "data/apis"
DEFINITION, FIELDS = "definition.yaml", "fields.csv"
FAMILY = "family.yaml"
WORDS_FILE = "words.yaml"
_FOLDED = frozenset({"text", "whole", "prefix"})
_SINGLE = frozenset({"whole", "number", "boolean", "date"})


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

    @cached_property
    def assemblies(self) -> tuple[str, ...]:
        """The values of the parameter that chooses an index; empty where there is none."""
        name = self.definition.index_parameter
        parameter = self.parameter("GET query", name) if name else None
        return parameter.choices if parameter else ()

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

    def kind(self, name: str | None) -> ValueKind:
        """How the values of a field are compared, or of the fields that a name with `*` stands for."""
        return _kind(name, self)

    def folds_case(self, name: str | None) -> bool:
        """Whether upper and lower case of a value are the same value in the field."""
        return _folds_case(name, self)

    def takes_whole(self, name: str | None) -> bool:
        """Whether a run of words, quoted or not, is one value of the field."""
        return _kind(name, self) in _SINGLE

    @cached_property
    def well_known(self) -> dict[str, Any]:
        """The fields that people speak of, the best known first: those that the API's words name."""
        path = api_folder(self.name) / WORDS_FILE
        return dict.fromkeys(yaml.load(read_text(path), Loader=_loader()) if path.is_file() else ())

    @cached_property
    def redirects(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        """Paths that the server answers with another path, and that path with the pattern's groups in it."""
        return tuple((re.compile(rule.path), rule.to) for rule in self.definition.redirects)

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

    @cached_property
    def _by_endpoint(self) -> dict[str, tuple[Parameter, ...]]:
        named = {key: {one.name: one for one in spellings.values()} for key, spellings in self._by_spelling.items()}
        return {key: tuple(parameters.values()) for key, parameters in named.items()}

    def parameters_on(self, endpoint: str) -> tuple[Parameter, ...]:
        return self._by_endpoint.get(endpoint, ())

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


@lru_cache(maxsize=65536)
def _kind(name: str | None, api: Api) -> ValueKind:
    return api.schema.kind(name)


@lru_cache(maxsize=65536)
def _folds_case(name: str | None, api: Api) -> bool:
    if name is None or _kind(name, api) not in _FOLDED:
        return False
    return not any(field.name in api.case_sensitive for field in api.schema.matching(name))


def api_names() -> tuple[str, ...]:
    """The APIs that have a folder with a definition, in alphabetical order."""
    return tuple(sorted(path.parent.name for path in (project_root() / FOLDER).glob(f"*/{DEFINITION}")))


def api_folder(name: str) -> Path:
    """Where everything that is known of an API lies, whether or not it is there."""
    return project_root() / FOLDER / name


def records_file(name: str) -> Path:
    """Where the real records of an API lie, whether or not they are there: in its own folder, else unpacked."""
    own = api_folder(name) / "records.jsonl.gz"
    return own if own.is_file() else project_root() / "data" / "raw" / "records" / f"{name}.jsonl.gz"


def load_api(name: str) -> Api:
    """The API of that name.

    Raises:
        ConfigurationError: there is no such API, or its file says something impossible.
    """
    return _load(name, project_root())


@lru_cache(maxsize=64)
def _load(name: str, root: Path) -> Api:
    path = root / FOLDER / name / DEFINITION
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name) or not path.exists():  # a pipe is refused below
        known = ", ".join(api_names())
        raise ConfigurationError(f"unknown API {name!r}: known are {known}; `qa api add` drafts a new one")
    definition = _read(path, ApiDefinition)
    family = _family(root)
    listed = load_schema(path.with_name(FIELDS))
    api = Api(
        name=name,
        definition=definition,
        schema=listed,
        parameters=_merged(family.parameters, definition),
        pages=frozenset((*family.pages, *definition.pages)),
    )
    hidden = {name: Field(name, part.type, True, False, part.analyzer) for name, part in api.hidden.items()}
    object.__setattr__(api, "schema", Schema({**listed.fields, **hidden}))
    return api


def load_family() -> Family:
    """What all APIs share.

    Raises:
        ConfigurationError: data/apis/family.yaml cannot be read, or says something impossible.
    """
    return _family(project_root())


@lru_cache(maxsize=64)
def _family(root: Path) -> Family:
    found: Family = _read(root / FOLDER / FAMILY, Family)
    return found


def _merged(family: tuple[Parameter, ...], definition: ApiDefinition) -> tuple[Parameter, ...]:
    """The family's parameters, less where the API defines the same name for the same endpoint."""
    own = tuple(_with_role(part, _namesake(part, family), definition.index_parameter) for part in definition.parameters)
    taken = {(parameter.name, key) for parameter in own for key in parameter.at}
    kept = (
        parameter.model_copy(update={"at": tuple(key for key in parameter.at if (parameter.name, key) not in taken)})
        for parameter in family
    )
    return (*(parameter for parameter in kept if parameter.at), *own)


def _namesake(own: Parameter, family: tuple[Parameter, ...]) -> Parameter | None:
    return next((part for part in family if part.name == own.name and not set(part.at).isdisjoint(own.at)), None)


def _with_role(own: Parameter, shared: Parameter | None, index_parameter: str | None) -> Parameter:
    """The API's own parameter; one of the family's name has the family's role where it names none itself.

    What it says of records counts only where it is also said which: else nobody knows what the parameter does.
    """
    if "role" not in own.model_fields_set:
        inherited = shared.model_dump(include=_ROLE_KEYS - own.model_fields_set) if shared else {}
        own = own.model_copy(update=inherited | ({"role": "selects"} if own.restricts else {}))
    known = shared is not None or own.restricts or own.name == index_parameter
    return own if known or own.role not in ("asks", "selects") else own.model_copy(update={"role": "unknowable"})


_ROLE_KEYS = {
    *("role", "query_text", "after_facets", "ordered", "lists", "needs", "silenced_by", "not_with", "literal"),
    *("in_grammar", "in_words"),
}


def _read(path: Path, kind: type[Any]) -> Any:
    try:
        content = yaml.load(read_text(path), Loader=_loader())
        return kind.model_validate(content)
    except (InputError, yaml.YAMLError, RecursionError) as error:
        raise ConfigurationError(f"cannot read {_short(path)}: {error}; expected YAML") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigurationError(f"{_short(path)}: {where}: {first['msg']} (found {first['input']!r})") from None


def _short(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _loader() -> Any:
    """PyYAML's safe loader, the C one where it was built: ten times as fast."""
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)
