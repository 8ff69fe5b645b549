"""A first folder for an API, from what its service or its records say: nobody should have to type a field list.

    draft_api("doid", read_fields(text), base="https://biothings.ncats.io", version="doid", record="disease", ...)

Field lists come as the service's own `/metadata/fields` answer, as a saved query answer, or as records (JSON Lines,
gzip or not). From records alone, types are read off the values, and what is searched by default cannot be known.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, get_args

from query_assistant.apis import api_folder
from query_assistant.apis.fields import FieldType
from query_assistant.errors import InputError

HEAD = ("field", "type", "indexed", "searched_by_default", "analyzer")
MAX_BYTES = 200_000_000
ENOUGH_RECORDS = 50_000  # to read types off; more say nothing new
SOURCE_KEYS = frozenset({"_score", "_version", "query", "notfound", "_license"})


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One row of fields.csv."""

    field: str
    type: str
    indexed: bool = True
    searched_by_default: bool = False
    analyzer: str = ""


def read_fields(text: str) -> list[FieldRow]:
    """The field list in a `/metadata/fields` answer, a query answer, or JSON Lines of records.

    Raises:
        InputError: it is none of these, or holds no field.
    """
    try:
        whole = json.loads(text)
    except ValueError:
        whole = None
    if (
        isinstance(whole, dict)
        and whole
        and all(isinstance(value, dict) and "type" in value for value in whole.values())
    ):
        return [_listed(name, entry) for name, entry in whole.items()]
    rows = _of_records(_records(whole, text))
    if not rows:
        raise InputError(
            "no fields found; expected the answer of /metadata/fields, a query's answer with hits, or records"
        )
    return rows


def draft_api(
    name: str, rows: Iterable[FieldRow], *, base: str, version: str, record: str, title: str, about: str
) -> Path:
    """Writes data/apis/<name>/ with a definition and a field list, and returns it; what is there is never overwritten.

    Raises:
        InputError: the name is no word, or the folder exists.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise InputError(f"{name!r} is no name for an API; expected lower-case letters, digits and _, as in mygeneset")
    folder = api_folder(name)
    if folder.exists():
        raise InputError(f"{folder} exists; look at it with `qa api check {name}`, or choose another name")
    folder.mkdir(parents=True)
    (folder / "fields.csv").write_text(_csv(rows), encoding="utf-8")
    (folder / "definition.yaml").write_text(
        DEFINITION.format(
            **{
                key: json.dumps(value, ensure_ascii=False)
                for key, value in {
                    "title": title,
                    "about": about,
                    "base": base,
                    "version": version,
                    "record": record,
                }.items()
            }
        ),
        encoding="utf-8",
    )
    return folder


def read_source(place: Path) -> str:
    """The text of a file, gzip or not, of a bounded size.

    Raises:
        InputError: it is too large, damaged, or not UTF-8.
    """
    try:
        with gzip.open(place) if place.suffix == ".gz" else place.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise InputError(f"{place} holds over {MAX_BYTES:,} bytes; give a part of it")
        return content.decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {place}: {error}; expected UTF-8 text, gzip or not") from error


def _listed(name: str, entry: Mapping[str, Any]) -> FieldRow:
    """A row of `/metadata/fields`: {"type": "keyword", "index": false, "searched_by_default": true}."""
    kind = str(entry["type"])
    if kind not in get_args(FieldType):
        kind = "object" if kind == "nested" else "keyword"
    return FieldRow(
        name,
        kind,
        entry.get("index", True) is not False,
        bool(entry.get("searched_by_default")),
        str(entry.get("analyzer", "")),
    )


def _records(whole: Any, text: str) -> list[Any]:
    if isinstance(whole, dict):
        return list(whole.get("hits") or [whole])
    if isinstance(whole, list):
        return whole
    try:
        return [json.loads(line) for line in text.split("\n")[:ENOUGH_RECORDS] if line.strip()]
    except ValueError as error:
        raise InputError(f"neither JSON nor JSON Lines: {error}; expected a service's answer, or records") from error


def _of_records(records: Iterable[Any]) -> list[FieldRow]:
    """Types read off values: text where some value holds a blank, a number where all are, else a keyword."""
    kinds: dict[str, set[str]] = {}
    for record in records:
        if isinstance(record, dict):
            _collect(record, "", kinds)
    return [FieldRow(name, _type(found)) for name, found in sorted(kinds.items())]


def _collect(value: Any, path: str, kinds: dict[str, set[str]]) -> None:
    if isinstance(value, list):
        for inner in value:
            _collect(inner, path, kinds)
    elif isinstance(value, dict):
        if path:
            kinds.setdefault(path, set()).add("object")
        for key, inner in value.items():
            if key not in SOURCE_KEYS and not (key == "_id" and not path):
                _collect(inner, f"{path}.{key}" if path else key, kinds)
    elif value is not None:
        kinds.setdefault(path, set()).add(_kind(value))


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "long" if abs(value) > 2**31 - 1 else "integer"
    if isinstance(value, float):
        return "double"
    text = str(value)
    return "date" if _is_date(text) else "text" if " " in text.strip() else "keyword"


def _is_date(text: str) -> bool:
    try:
        return len(text) == 10 and date.fromisoformat(text) is not None
    except ValueError:
        return False


def _type(found: set[str]) -> str:
    """The widest of the kinds seen."""
    if "object" in found or len(found) == 1:
        return "object" if "object" in found else next(iter(found))
    if found <= {"integer", "long", "double"}:
        return "double" if "double" in found else "long"
    return "text" if "text" in found else "keyword"


def _csv(rows: Iterable[FieldRow]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEAD)
    for row in rows:
        writer.writerow((row.field, row.type, _flag(row.indexed), _flag(row.searched_by_default), row.analyzer))
    return out.getvalue()


def _flag(value: bool) -> str:
    return "true" if value else "false"


DEFINITION = """\
# Drafted by `qa api add`; docs/query-language.md explains every key, docs/extending.md what to look at next.
title: {title}
about: {about}
base: {base}
version: {version}
record: {record}
entities: {{{record}: default}}

lenient: true # a value that does not fit its field's type is an empty answer, not an error
default_scopes: [_id]
lookup_fields: [_id]
"""
