"""The command line: exit codes, one line per failure, JSON where a program reads."""

from __future__ import annotations

import errno
import json
import pickle
from pathlib import Path

import pytest

from query_assistant.cli import COMMANDS, run


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_tells_its_use(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    assert "Usage: qa" in capsys.readouterr().out


def test_a_query_that_cannot_find_anything_is_exit_code_1_with_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", "--api", "mygene", "/v3/query?q=ensembl.ensembl_id:ENSG00000123374"]) == 1
    assert "did you mean `ensembl.gene`" in capsys.readouterr().out


def test_validate_speaks_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", "--api", "mygene", "--json", "/v3/query?q=cdk2&scopes=symbol"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["valid"] is True
    assert [issue["severity"] for issue in answer["issues"]] == ["no_effect"]


@pytest.mark.parametrize(
    ("left", "right", "relation", "code"),
    [
        ("/v3/query?q=symbol:CDK2", "/v3/query?q=symbol:CDK2", "exact", 0),
        ("/v3/query?q=symbol:CDK2&species=9606", "/v3/query?species=human&q=symbol:cdk2&limit=10", "canonical", 0),
        ("/v3/query?q=symbol:CDK2", "/v3/query?q=symbol:CDK4", "different", 1),
    ],
)
def test_compare_prints_the_strongest_relation(
    left: str, right: str, relation: str, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query_assistant.cli.meaning.load_replica_if_there", lambda api: None)
    assert run(["compare", "--api", "mygene", "--json", left, right]) == code
    assert json.loads(capsys.readouterr().out)["relation"] == relation


def test_a_post_is_given_as_path_and_body(capsys: pytest.CaptureFixture[str]) -> None:
    query = '{"path": "/v3/query", "body": {"q": ["CDK2"], "scopes": ["symbol"]}}'
    assert run(["validate", "--api", "mygene", query]) == 0


def test_score_reports_the_ladder_and_every_item(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query_assistant.cli.scoring.load_replica_if_there", lambda api: None)
    references, predictions = tmp_path / "r.jsonl", tmp_path / "p.jsonl"
    references.write_text(
        '{"id": "a", "api": "mygene", "query": "/v3/query?q=symbol:CDK2"}\n'
        '{"id": "b", "api": "mygene", "query": "/v3/query?q=symbol:CDK4"}\n'
    )
    predictions.write_text('{"id": "a", "query": "/v3/query?q=symbol:cdk2&size=10"}\n{"id": "b", "query": null}\n')
    assert run(["score", "--json", str(predictions), str(references)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["n"], answer["canonical"], answer["exact"]) == (2, 0.5, 0.0)
    assert answer["items"] == [
        {"id": "a", "relation": "canonical", "error": None},
        {"id": "b", "relation": "different", "error": "empty_answer"},
    ]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["validate", "--api", "mygnee", "/v3/query?q=a"], "mygnee"),
        (["validate", "--api", "mygene", "cdk2"], "cdk2"),
        (["validate", "--api", "mygene", '{"path": ' + "[" * 100_000], "expected a path"),
        (["validate", "--api", "mygene"], "QUERY"),
        (["score", "nowhere.jsonl", "neither.jsonl"], "neither.jsonl"),
        (["ask", "--api", "mygene", "x", "--system", "huge-model"], "huge-model"),
        (["grammar", "--api", "mygene", "--format", "yacc"], "yacc"),
        (["flter"], "flter"),
        (["validate", "--api", "my\x1b[31mgene", "/v3/query?q=a"], "my\\x1b[31mgene"),
        (["filter", "--api", "mygene", "log.txt", "-o", "out.jsonl", "--per-signature", "-1"], "-1"),
        (["filter", "--api", "mygene", "log.txt", "-o", "."], "name a file"),
        (["filter", "--api", "mygene", "log.txt", "-o", "/dev/null/out"], "/dev/null/out"),
        (["simulate", "--api", "mygene", "-o", "/dev/null/out"], "/dev/null/out"),
        (["simulate", "--api", "mygene", "-o", "out", "--lines", "-5"], "-5"),
        (["grammar", "--api", "mygene", "--format", "ebnf", "-o", "/dev/null/out"], "/dev/null/out"),
        (["review", "--api", "mygene", "--pairs", "."], "error: cannot read .:"),
        (["predict", "in.jsonl", "."], "name a file"),
        (["replica", "serve", "mygene", "--port", "99999"], "99999"),
    ],
)
def test_misuse_is_exit_code_2_and_one_line_that_names_the_value(
    arguments: list[str], names: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.startswith("error: ") and names in line for line in lines] == [True]


def test_a_grammar_goes_to_the_screen_or_whole_into_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["grammar", "--api", "mygene", "--format", "gbnf"]) == 0
    shown = capsys.readouterr().out
    assert run(["grammar", "--api", "mygene", "--format", "gbnf", "-o", str(tmp_path / "new" / "g")]) == 0
    assert "root ::=" in shown
    assert (tmp_path / "new" / "g").read_text(encoding="utf-8") == shown


@pytest.mark.parametrize("value", [["fine", float("nan")], ["\ud800"], [{1, 2}], [b"bytes"]])
def test_pickled_responses_that_json_cannot_hold_are_named_and_leave_no_file(
    tmp_path: Path, value: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(value))
    assert run(["import-responses", str(tmp_path / "x.pkl"), str(tmp_path / "out.jsonl")]) == 2
    assert f"response {len(value) - 1} of " in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["x.pkl"]


def test_a_disk_that_fails_is_one_line_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "out.csv")

    monkeypatch.setattr("query_assistant.cli.data.records_path", full)
    assert run(["simulate", "--api", "mygene", "-o", str(tmp_path / "out.csv")]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: cannot read or write out.csv: No space left on device; "
        "check that it exists, may be written and the disk has room"
    ]


@pytest.mark.parametrize("arguments", [[], ["replica"]])
def test_without_a_command_the_commands_are_listed_line_by_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "\nCommands:\n  " in shown.err
