"""A new API's folder: drafted from each kind of source, never over another, and checked part by part."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest

from query_assistant.apis import load_api
from query_assistant.cli import run
from query_assistant.errors import ConfigurationError, InputError
from query_assistant.onboarding.checking import KINDS, check_api, is_usable
from query_assistant.onboarding.drafting import FieldRow, draft_api, read_fields, read_source
from query_assistant.project import project_root

LISTED = {
    "symbol": {"type": "keyword", "searched_by_default": True},
    "summary": {"type": "text", "index": False},
    "pos": {"type": "nested"},
    "pos.start": {"type": "integer"},
}
RECORD = {
    "_id": "1",
    "name": "insulin receptor",
    "count": 3,
    "share": 0.5,
    "seen": "2024-01-31",
    "known": True,
    "long": 3_000_000_000,
    "place": [{"chr": "1", "start": 5}],
    "mixed": ["a", "b c"],
    "none": None,
}
TYPES = {
    "count": "integer", "known": "boolean", "long": "long", "mixed": "text", "name": "text", "place": "object",
    "place.chr": "keyword", "place.start": "integer", "seen": "date", "share": "double",
}  # fmt: skip


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of its own, with the family and one small API."""
    (tmp_path / "data/apis").mkdir(parents=True)
    for name in ("family.yaml", "family.md"):
        shutil.copy(project_root() / "data/apis" / name, tmp_path / "data/apis")
    shutil.copytree(project_root() / "data/apis/taxon", tmp_path / "data/apis/taxon")
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(tmp_path))
    return tmp_path


def test_a_field_list_keeps_types_flags_and_unknown_types_are_told_apart() -> None:
    assert read_fields(json.dumps(LISTED)) == [
        FieldRow("symbol", "keyword", True, True),
        FieldRow("summary", "text", False, False),
        FieldRow("pos", "object"),
        FieldRow("pos.start", "integer"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(RECORD),
        json.dumps([RECORD]),
        json.dumps({"took": 1, "total": 1, "hits": [{**RECORD, "_score": 1.0}]}),
        json.dumps(RECORD) + "\n" + json.dumps(RECORD) + "\n",
    ],
)
def test_types_are_read_off_records_whatever_they_come_in(text: str) -> None:
    assert {row.field: row.type for row in read_fields(text)} == TYPES


@pytest.mark.parametrize("text", ["", "<html>", "[]", "{}", '{"hits": []}', "3"])
def test_what_holds_no_field_is_refused_with_what_is_expected(text: str) -> None:
    with pytest.raises(InputError, match="expected"):
        read_fields(text)


def test_sources_may_be_gzip_and_damaged_ones_are_one_clear_error(tmp_path: Path) -> None:
    good, bad = tmp_path / "records.jsonl.gz", tmp_path / "bad.gz"
    good.write_bytes(gzip.compress(json.dumps(RECORD).encode()))
    bad.write_bytes(good.read_bytes()[:-9])
    assert json.loads(read_source(good)) == RECORD
    for place in (bad, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="cannot read"):
            read_source(place)


def test_a_drafted_api_works_at_once(checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "fields.json"
    source.write_text(json.dumps(LISTED), encoding="utf-8")
    assert run(["api", "add", "toys", str(source), "--base", "https://toys.example", "--version", "v1"]) == 0
    assert load_api("toys").schema["symbol"].searched_by_default
    assert run(["validate", "--api", "toys", "/v1/query?q=symbol:a AND pos.start:>5"]) == 0
    assert run(["validate", "--api", "toys", "/v1/query?q=symbl:a"]) == 1
    assert "symbol" in capsys.readouterr().out


def test_nothing_that_is_there_is_overwritten(checkout: Path) -> None:
    before = (checkout / "data/apis/taxon/definition.yaml").read_bytes()
    with pytest.raises(InputError, match="exists"):
        draft_api("taxon", [], base="b", version="v", record="r", title="t", about="a")
    assert (checkout / "data/apis/taxon/definition.yaml").read_bytes() == before


@pytest.mark.parametrize("name", ["../x", "A", "", "a/b", "a b"])
def test_a_name_that_is_no_word_is_refused(checkout: Path, name: str) -> None:
    with pytest.raises(InputError, match="no name for an API"):
        draft_api(name, [], base="b", version="v", record="r", title="t", about="a")


def test_every_part_is_read_or_its_absence_priced(checkout: Path) -> None:
    parts = check_api("taxon")
    assert [part.file for part in parts] == [kind.file for kind in KINDS]
    assert {part.file: part.state for part in parts} == {
        "definition.yaml": "ok", "fields.csv": "ok", "records.jsonl.gz": "ok", "documentation.md": "ok",
        "glossary": "missing", "words.yaml": "missing", "topics.yaml": "missing", "contents.csv": "missing",
        "benchmark.jsonl": "missing", "written.jsonl": "missing",
    }  # fmt: skip
    assert is_usable(parts)


@pytest.mark.parametrize(
    ("file", "content", "usable"),
    [
        ("fields.csv", None, False),
        ("definition.yaml", "titel: x", False),
        ("words.yaml", "nosuch: {names: [a]}", False),
        ("documentation.md", None, True),
        ("records.jsonl.gz", None, True),
    ],
)
def test_what_is_wrong_or_needed_is_said_and_nothing_is_raised(
    checkout: Path, file: str, content: str | None, usable: bool
) -> None:
    place = checkout / "data/apis/taxon" / file
    if content is None:
        place.unlink()
    else:
        place.write_text(content, encoding="utf-8")
    assert is_usable(check_api("taxon")) is usable


def test_an_api_that_is_not_there_tells_those_that_are(checkout: Path) -> None:
    with pytest.raises(ConfigurationError, match="known are taxon"):
        check_api("toys")
