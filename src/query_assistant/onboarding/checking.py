"""What an API's folder holds, whether each part can be read, and what a missing part costs.

    check_api("hpo")   # [Part("definition.yaml", "ok", "..."), Part("words.yaml", "missing", "..."), ...]

Only the definition and the field list are needed to parse, validate, compare and constrain queries. Everything else
makes the answers better; nothing else is required by any stage.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from query_assistant.apis import api_folder, load_api, records_file
from query_assistant.apis.fields import load_schema
from query_assistant.descriptions.documentation import chunks
from query_assistant.descriptions.glossary import glossary_of
from query_assistant.drafting.field_values import FieldValues
from query_assistant.errors import ConfigurationError, QueryAssistantError
from query_assistant.judging.contents import single_valued
from query_assistant.pairs.written import WRITTEN, written_pairs
from query_assistant.records import BenchmarkItem, iterate_documents, read_jsonl
from query_assistant.simulator.topics import RecordRows, load_topics
from query_assistant.verbalising.lexicon import field_words

State = Literal["ok", "missing", "wrong"]


@dataclass(frozen=True, slots=True)
class Part:
    """One file or folder of an API: `says` is what it holds, what its absence costs, or what is wrong with it."""

    file: str
    state: State
    says: str


@dataclass(frozen=True, slots=True)
class _Kind:
    """A part that a folder may have: how it is read, and what its absence costs."""

    file: str
    read: Callable[[str], str]
    cost: str
    required: bool = False


def check_api(name: str) -> list[Part]:
    """Every part of the API's folder, in reading order; nothing is raised, what is wrong is said.

    Raises:
        ConfigurationError: there is no such folder.
    """
    if not api_folder(name).is_dir():
        load_api(name)  # names the folders there are
    return [_checked(kind, name) for kind in KINDS]


def is_usable(parts: list[Part]) -> bool:
    """Whether nothing is wrong and nothing required is missing."""
    required = {kind.file for kind in KINDS if kind.required}
    return not any(part.state == "wrong" or (part.state == "missing" and part.file in required) for part in parts)


def _checked(kind: _Kind, name: str) -> Part:
    place = records_file(name) if kind.file == RECORDS else api_folder(name) / kind.file
    if not place.exists():
        return Part(kind.file, "missing", kind.cost)
    try:
        return Part(kind.file, "ok", kind.read(name))
    except QueryAssistantError as error:
        return Part(kind.file, "wrong", str(error))


def _definition(name: str) -> str:
    api = load_api(name)
    return f"{api.title}: {len(api.parameters)} parameters, {len(api.definition.identifiers)} kinds of identifier"


def _fields(name: str) -> str:
    schema = load_api(name).schema
    return f"{len(schema.leaves)} fields with values, {len(schema.searched_by_default)} searched by plain words"


def _records(name: str) -> str:
    schema = load_api(name).schema
    values = FieldValues.collect(iterate_documents(records_file(name)), schema)
    filled = sum(leaf.name in values for leaf in schema.leaves)
    return f"{len(values.records)} records, values in {filled} of {len(schema.leaves)} fields"


def _documentation(name: str) -> str:
    return f"{len(chunks(api_folder(name) / 'documentation.md'))} passages"


def _glossary(name: str) -> str:
    glossary = glossary_of(name)
    schema = load_schema(api_folder(name) / "fields.csv")
    lacking = [field.name for field in schema if glossary is not None and glossary.entry(field.name) is None]
    if lacking:
        raise ConfigurationError(f"no rule fits {len(lacking)} fields: {', '.join(lacking[:5])}; add rules for them")
    return f"every one of {len(schema.fields)} fields described"


def _words(name: str) -> str:
    schema = load_api(name).schema
    unknown = [field for field in field_words(name) if field not in schema and field != "_id"]
    if unknown:
        raise ConfigurationError(f"names fields that do not exist: {', '.join(unknown[:5])}; see fields.csv")
    return f"people's words for {len(field_words(name))} fields"


def _topics(name: str) -> str:
    schema = load_api(name).schema
    return f"{len(load_topics(name, schema, RecordRows((), schema)).searches)} searched fields"


def _contents(name: str) -> str:
    return f"{len(single_valued(load_api(name)))} fields of one value a record"


def _benchmark(name: str) -> str:
    return f"{len(read_jsonl(api_folder(name) / 'benchmark.jsonl', BenchmarkItem))} questions"


def _written(name: str) -> str:
    return f"{len(written_pairs(api_folder(name) / WRITTEN, load_api(name)))} pairs"


RECORDS = "records.jsonl.gz"
KINDS = (
    _Kind("definition.yaml", _definition, "nothing works: `qa api add` drafts it", required=True),
    _Kind("fields.csv", _fields, "nothing works: `qa api add` makes it of /metadata/fields", required=True),
    _Kind(RECORDS, _records, "queries are judged on probes alone; no logs are filtered and no training pairs are made"),
    _Kind("documentation.md", _documentation, "prompts show fields and examples, no passages"),
    _Kind("glossary", _glossary, "descriptions are the paths spelled out; `annotate=llm` writes better ones"),
    _Kind("words.yaml", _words, "instructions call fields by the names of the glossary, none is asked for more often"),
    _Kind(WRITTEN, _written, "training holds templates' words alone, and people's questions are answered worse"),
    _Kind("topics.yaml", _topics, "simulated logs ask for fields by their type alone"),
    _Kind("contents.csv", _contents, "any field may hold several values, so probes tell apart what no record can"),
    _Kind(
        "benchmark.jsonl",
        _benchmark,
        "a pipeline run ends at `score`, which wants a question of every kind: write one at least",
    ),
)
