"""The records that flow between stages, and the one way in which they are read and written: JSON Lines.

A pair, as it lies in data/pairs/mygene.jsonl (keys are sorted in the file):

    {"api": "mygene", "id": "mygene-00017-q", "instruction": "Which human genes have insulin in their name?",
     "query": "/v3/query?q=name:insulin&species=human", "form": "question", "origin": "log", ...}

`query` is always a GET path as a person would read it (not percent-encoded beyond need), or, together with
`body`, the path of a POST. Records are immutable and refuse unknown keys, so that a typo is an error with a name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from query_assistant.errors import InputError
from query_assistant.files import atomic_writer
from query_assistant.inputs import read_lines

DEEPEST_BODY = 64  # no API needs more, and readers of JSON have their limits
Body = dict[str, Any]
Form = Literal["imperative", "question", "keywords", "written"]
Origin = Literal["log", "synthesised", "written", "correction"]
View = Literal["seen_skeleton", "unseen_skeleton"]


class Record(BaseModel):
    """One line of a JSON Lines file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Query(Record):
    """One API call: a GET path, or the path and the JSON body of a POST."""

    query: str
    body: Body | None = None


class FieldDescription(Record):
    """What one field of an API holds. `example` comes from a real record and is None where the replica has none."""

    field: str
    type: str
    description: str
    source: str
    indexed: bool
    searched_by_default: bool = False
    leaf: bool = True
    example: str | None = None


class GoodQuery(Query):
    """A canonical query, from the logs or synthesised, that was executed and had `hits` hits.

    `count` is the number of log lines that asked it.
    """

    api: str
    signature: str
    skeleton: str
    count: int
    hits: int
    origin: Origin = "log"


class Pair(Query):
    """An instruction and the query that answers it. `skeleton` is the query with its literals masked.

    `view` is set in the test split only: whether training holds other queries with this skeleton, or none.
    """

    id: str
    api: str
    instruction: str
    form: Form
    origin: Origin
    skeleton: str
    constructs: tuple[str, ...] = ()
    view: View | None = None


class WrittenPair(Query):
    """A question that a person wrote for training, with its query in any spelling."""

    instruction: str


class BenchmarkItem(Query):
    """A hand-written test item. `alternatives` are other right queries; `tags` name the features it tests."""

    id: str
    api: str
    instruction: str
    tags: tuple[str, ...]
    alternatives: tuple[Query, ...] = ()
    note: str | None = None


class Response(Record):
    """What one system answered to one instruction.

    `text` is the engine's raw answer, `query` and `body` what was extracted from it (None: nothing usable).
    `latency_ms` is wall time per answer: the batch's time divided by its size. `logprob` is the natural logarithm of
    the answer's probability, where the engine says it.
    """

    id: str
    api: str
    system: str
    instruction: str
    text: str
    query: str | None = None
    body: Body | None = None
    prompt_sha256: str
    prompt_tokens: int
    answer_tokens: int
    latency_ms: float
    logprob: float | None = None


R = TypeVar("R", bound=Record)


def dump(record: Record) -> str:
    """One record as one line of JSON, absent values left out."""
    return json_line(record.model_dump(exclude_none=True))


def json_line(value: Any) -> str:
    """A value as one line of JSON: sorted keys, UTF-8 as it is.

    Half a surrogate pair, which a model can write and UTF-8 cannot hold, becomes `?`.
    """
    return as_utf8(json.dumps(value, sort_keys=True, ensure_ascii=False))


def as_utf8(text: str) -> str:
    """The text, with `?` for each half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode("utf-8")


def read_jsonl(path: Path | str, kind: type[R]) -> list[R]:
    """All records of a file (.jsonl or .jsonl.gz).

    Raises:
        InputError: the file is missing, or a line is not a valid `kind`; the message names the file and line.
    """
    return list(iterate_jsonl(path, kind))


def iterate_jsonl(path: Path | str, kind: type[R]) -> Iterator[R]:
    """The records of a file one by one, in constant memory."""
    for number, line in enumerate(read_lines(Path(path)), start=1):
        if line.strip():
            yield _parse_line(line, kind, f"{path}, line {number}")


def iterate_documents(path: Path | str) -> Iterator[dict[str, Any]]:
    """An API's own documents, one JSON object a line, one by one.

    Raises:
        InputError: the file is missing, or a line is not a JSON object; the message names the file and line.
    """
    for number, line in enumerate(read_lines(Path(path)), start=1):
        if line.strip():
            yield _parse_document(line, f"{path}, line {number}")


def _parse_document(line: str, place: str) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(f"{place}: not JSON: {error.msg}") from None
    except (RecursionError, ValueError) as error:
        raise InputError(f"{place}: no JSON that can be read: {error}") from None
    if not isinstance(document, dict):
        raise InputError(f"{place}: expected a JSON object, found {line.strip()[:40]!r}")
    return document


def _parse_line(line: str, kind: type[R], place: str) -> R:
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the line"
        raise InputError(f"{place}: not a valid {kind.__name__}: {where}: {first['msg']}") from None


def write_jsonl(path: Path | str, records: Iterable[Record]) -> int:
    """Writes all records or none (temporary file, then rename) and returns how many."""
    count = 0
    with atomic_writer(Path(path)) as out:
        for record in records:
            out.write(dump(record) + "\n")
            count += 1
    return count


def write_json(path: Path | str, value: Any) -> None:
    """Writes one JSON document atomically: sorted keys, two-space indent, a final newline."""
    with atomic_writer(Path(path)) as out:
        out.write(json.dumps(value, sort_keys=True, ensure_ascii=False, indent=2) + "\n")
