"""What people put right in the prototype's server is kept here, once, and its database is not touched."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from query_assistant.apis import Api, load_api
from query_assistant.cli import run
from query_assistant.corrections import importing
from query_assistant.corrections.importing import import_corrections
from query_assistant.corrections.store import Corrections
from query_assistant.errors import InputError
from query_assistant.models.cache import sha256_of

SCHEMA = """
CREATE TABLE user_interactions (id INTEGER PRIMARY KEY AUTOINCREMENT, user_input TEXT, llm_response TEXT,
    user_correction TEXT);
CREATE TABLE queries (id INTEGER PRIMARY KEY AUTOINCREMENT, query TEXT, response TEXT);
"""
Row = Sequence[object]
GOOD = ("go terms of cdk2", "/v3/query?q=cdk2", "/v3/query?q=symbol:CDK2&fields=go")


@pytest.fixture
def api() -> Api:
    return load_api("mygene")


def database(path: Path, rows: Sequence[Row], asked: int = 0, schema: str = SCHEMA) -> Path:
    with closing(sqlite3.connect(path)) as made, made:
        made.executescript(schema)
        for row in rows:
            made.execute(
                "INSERT INTO user_interactions (user_input, llm_response, user_correction) VALUES (?,?,?)", row
            )
        for number in range(asked):
            made.execute("INSERT INTO queries (query, response) VALUES (?, '/v3/query?q=a')", (str(number),))
    return path


def test_corrections_come_over_once_and_the_rest_is_said(api: Api, tmp_path: Path) -> None:
    source = database(
        tmp_path / "responses.db",
        [
            GOOD,
            ("mouse cdk4 ", None, " https://mygene.info/v3/query?q=cdk4&species=mouse "),
            ("all fine here", "/v3/query?q=a", ""),
            ("broken", "/v3/query?q=b", "/v3/query?q=symbol:("),
            ("elsewhere", "", "https://example.org/v3/query?q=c"),
            ("", "", "/v3/query?q=d"),
            (b"\xff\xfe", "", "/v3/query?q=e"),
            ("null", "", None),
            ("x" * 5000, "", "/v3/query?q=f"),
            GOOD,
        ],
        asked=3,
    )
    before, target = sha256_of(source), tmp_path / "kept.sqlite"
    found = import_corrections(source, api, target)
    assert (found.kept, found.only_asked) == ([1, 2], 3)
    reasons = [line.partition(": ")[2] for line in found.left_out]
    assert [line.partition(":")[0] for line in found.left_out] == [f"row {number}" for number in range(3, 11)]
    for reason, said in zip(
        reasons,
        (
            "may have been right",
            "ends at position",
            "another server",
            "no question",
            "no text",
            "no text",
            "over 4,096",
            "already",
        ),
        strict=True,
    ):
        assert said in reason
    with Corrections.open(target) as kept:
        first, second = kept.all()
    assert (first.instruction, first.given, first.query) == (GOOD[0], GOOD[1], GOOD[2])
    assert (second.instruction, second.query) == ("mouse cdk4", "/v3/query?q=cdk4&species=mouse")
    assert import_corrections(source, api, target).kept == []
    assert sha256_of(source) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.sqlite", "responses.db"]


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("CREATE TABLE other (id INTEGER);", "it holds other"),
        ("CREATE VIEW user_interactions AS SELECT 1 AS id;", "has no table user_interactions"),
        ("CREATE TABLE user_interactions (id INTEGER, user_input TEXT);", "no column llm_response"),
    ],
)
def test_another_database_is_named(api: Api, tmp_path: Path, schema: str, said: str) -> None:
    source = database(tmp_path / "responses.db", [], schema=schema)
    with pytest.raises(InputError, match=said):
        import_corrections(source, api, tmp_path / "kept.sqlite")


def test_what_is_no_database_is_refused(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, pipe, torn = tmp_path / "a.txt", tmp_path / "pipe", tmp_path / "torn.db"
    text.write_text("hello")
    os.mkfifo(pipe)
    torn.write_bytes(database(tmp_path / "whole.db", [GOOD] * 50).read_bytes()[:5000])
    for source, said in (
        (text, "no SQLite"),
        (pipe, "named pipe"),
        (tmp_path / "none", "cannot read"),
        (torn, "torn.db"),
    ):
        with pytest.raises(InputError, match=said):
            import_corrections(source, api, tmp_path / "kept.sqlite")
    whole = database(tmp_path / "more.db", [GOOD] * 3)
    monkeypatch.setattr(importing, "MOST_ROWS", 2)
    with pytest.raises(InputError, match="over 2 rows"):
        import_corrections(whole, api, tmp_path / "kept.sqlite")
    monkeypatch.setattr(importing, "MOST_BYTES", 10)
    with pytest.raises(InputError, match="over 10 bytes"):
        import_corrections(whole, api, tmp_path / "kept.sqlite")


def test_the_command_says_what_came_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "apis").symlink_to(Path.cwd() / "data" / "apis")
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(tmp_path))
    source = database(tmp_path / "responses.db", [GOOD, ("q", "a", "\x1b[31m")], asked=1)
    assert run(["corrections", "import", "--api", "mygene", str(source)]) == 0
    out = capsys.readouterr().out
    assert "1 corrections kept, 1 rows left out" in out and "\x1b" not in out
    assert run(["corrections", "import", "--api", "mygene", "--json", str(source)]) == 0
    assert json.loads(capsys.readouterr().out)["kept"] == []
