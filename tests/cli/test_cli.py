"""The command line: exit codes, one line per failure, JSON where a program reads."""

from __future__ import annotations

import errno
import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from conftest import SYMBOLS, gene
from fake_engine import FakeEngine
from query_assistant.apis import load_api
from query_assistant.cli import COMMANDS, main, run
from query_assistant.cli.correcting import accepted_examples
from query_assistant.engines import Prompt
from query_assistant.prompts import PromptBuilder, PromptSettings
from query_assistant.systems.assistant import Assistant
from query_assistant.systems.generation import System

Ask = Callable[[str], int]
Answering = Callable[..., FakeEngine]


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Answering:
    """Puts an engine with set answers behind `ask` and `predict`, which asks one instruction at a time."""

    def answer_with(answers: Sequence[str], then: Callable[[Prompt], str] | None = None) -> FakeEngine:
        left = iter(answers)
        engine = FakeEngine(lambda prompt: next(left) if then is None else next(left, None) or then(prompt))
        apis = {"mygene": load_api("mygene")}
        builder = PromptBuilder(apis, PromptSettings(), engine.count_tokens)
        system = System.parse("base-zero_shot-closed-free")
        assistant = Assistant(system, apis, engine, builder, {}, 96, 1, "")
        monkeypatch.setattr("query_assistant.cli.answering.open_system", lambda *_, **__: assistant)
        return engine

    return answer_with


@pytest.fixture
def ask(answering: Answering) -> Ask:
    def asked(answer: str) -> int:
        answering([answer])
        return run(["ask", "--api", "mygene", "Find it"])

    return asked


def write_lines(path: Path, lines: Sequence[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return str(path)


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


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


def test_a_call_and_the_one_it_is_redirected_to_are_the_same(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query_assistant.cli.meaning.load_replica_if_there", lambda api: None)
    left, right = "/v1/variant/chr19:11227554C>T", "/v1/variant/chr19:g.11227554C>T"
    assert run(["compare", "--api", "myvariant", "--json", left, right]) == 0
    assert json.loads(capsys.readouterr().out)["relation"] == "canonical"
    assert run(["validate", "--api", "myvariant", left]) == 0


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ('{"path":' + "[" * 5000, 2),
        ('{"path":"/v3/query","body":{"q":' + "9" * 5000 + "}}", 2),
        ('{"path":""}', 1),
        ("?q=symbol:CDK2", 2),
        ("#x", 2),
        ("https://mygene.info?q=a", 1),
        ("/v3/query?q=\\ud800:abc", 1),
        ("/v3/query?q=\udc80", 2),
        ("/v3/query?q=a\x00b", 0),
        ('/v3/query?q=name:"a b"~' + "9" * 310, 0),
        ("/v3/query?q=cdk2^" + "9" * 40, 1),
        ("/v3/query?q=chr1:" + "9" * 5000 + "-2", 1),
        ("/v3/query?q=taxid:" + "9" * 5000, 1),
        ("/v3/query?species=" + "9" * 5000, 1),
        ('POST /v3/query {"q":["a"],"fields":[["symbol"]]}', 1),
    ],
)
def test_a_hostile_query_is_one_line_and_never_a_traceback(
    query: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["validate", "--api", "mygene", query]) == code
    out, err = capsys.readouterr()
    assert len((out + err).encode()) < 1000
    assert err.count("\n") == (code == 2)


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
        (["review", "--api", "mygene", "--limit", "-1"], "-1"),
        (["ask", "--api", "mygene", " \n"], "INSTRUCTION is empty"),
        (["ask", "--api", "mygene", "\udcff"], "\\udcff"),
        (["validate", "--api", "mygene", "/v3/query?q=\udcff:a"], "is not UTF-8"),
        (["compare", "--api", "mygene", "/v3/query?q=a", "\ud800"], "is not UTF-8"),
        (["execute", "--api", "mygene", 'POST /v3/query {"q": ["\\ud800"]}'], "is not UTF-8"),
        (["validate", "--api", "mygene", '{"path": "\\ud800"}'], "is not UTF-8"),
        (["validate", "--api", "mygene", '{"path": "/v3/query", "body": {"q": ["\\ud800"]}}'], "is not UTF-8"),
        (["validate", "--api", "mygene", '{"path": ' + "[" * 99_999], "recursion depth"),
        (["validate", "--api", "mygene", '{"path": ' + "[" * 300 + "]" * 300 + "}"], "64 deep"),
        (["validate", "--api", "mygene", "POST /v3/query {" + '"q":{' * 900 + "}" * 901], "64 deep"),
        (["validate", "--api", "mygene", '{"path": ' + "9" * 5000 + "}"], "4300 digits"),
        (["grammar", "--api", "mygene", "--format", "ebnf", "--end", "\udcff"], "is not UTF-8"),
        (["grammar", "--api", "mygene", "--format", "ebnf", "-o", "a\0b"], "holds a NUL"),
        (["grammar", "--api", "mygene", "--format", "ebnf", "-o", "/dev/full"], "No space left"),
        (["simulate", "--api", "mygene", "-o", "a\0b"], "holds a NUL"),
        (["predict", "in.jsonl", "a\0b"], "holds a NUL"),
        (["import-responses", "a\0b", "out"], "holds a NUL"),
        (["import-responses", "in.pkl", "a\0b"], "holds a NUL"),
        (["score", "a\0b", "a\0b"], "holds a NUL"),
        (["filter", "--api", "mygene", "log.txt", "-o", "a\0b"], "holds a NUL"),
        (["validate", "--api", "my\0gene", "/v3/query?q=a"], "my\\x00gene"),
        (["predict", "in.jsonl", "."], "name a file"),
        (["replica", "serve", "mygene", "--port", "99999"], "99999"),
    ],
)
def test_misuse_is_exit_code_2_and_one_line_that_names_the_value(
    arguments: list[str], names: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert not Path("a").exists()
    assert [line.startswith("error: ") and names in line for line in lines] == [True]


def test_a_grammar_goes_to_the_screen_or_whole_into_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["grammar", "--api", "mygene", "--format", "gbnf"]) == 0
    shown = capsys.readouterr().out
    assert run(["grammar", "--api", "mygene", "--format", "gbnf", "-o", str(tmp_path / "new" / "g")]) == 0
    assert "root ::=" in shown
    assert (tmp_path / "new" / "g").read_text(encoding="utf-8") == shown


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (["fine", float("nan")], "response 1 of "),
        (["\ud800"], "response 0 of "),
        ([10**5000], "response 0 of "),
        ([{1, 2}], "EMPTY_SET"),
        ([b"bytes"], "b'bytes'"),
    ],
)
def test_pickled_responses_that_json_cannot_hold_are_named_and_leave_no_file(
    tmp_path: Path, value: list[object], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(value))
    assert run(["import-responses", str(tmp_path / "x.pkl"), str(tmp_path / "out.jsonl")]) == 2
    assert named in capsys.readouterr().err
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


def test_a_model_writes_nothing_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str], ask: Ask) -> None:
    assert ask("/v3/query?q=name:\x1b]0;title\x07\u202eabc\x9b\x7fé\u2028b") == 0
    shown = capsys.readouterr().out
    assert shown == "/v3/query?q=name:%1B]0;title%07%E2%80%AEabc%C2%9B%7Fé%E2%80%A8b\n"
    assert ask('POST /v3/query {"q": ["\\u001b[2J\x7f\u202e\\ud800"]}') == 0
    shown = capsys.readouterr().out
    assert shown == '{"body": {"q": ["\\u001b[2J\\u007f\\u202e\\ud800"]}, "path": "/v3/query"}\n'
    assert json.loads(shown)["body"]["q"] == ["\x1b[2J\x7f\u202e\ud800"]


@pytest.mark.parametrize("command", ["validate", "compare"])
def test_what_is_shown_of_a_query_is_nothing_that_a_terminal_obeys(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query_assistant.cli.meaning.load_replica_if_there", lambda api: None)
    query = "/v3/query?q=symbol:a&unknown\x1b[2J=\x9b\u202e"
    for form in ([], ["--json"]):
        run([command, "--api", "mygene", *form, *[query] * (1 if command == "validate" else 2)])
        shown = capsys.readouterr().out
        assert "\n" not in shown.rstrip("\n") or not form
        assert shown.replace("\n", "").isprintable()


LINES = [
    {
        "id": "a",
        "api": "mygene",
        "instruction": "Find 1",
        "query": "/v3/query",
        "body": {"q": ["right"]},
        "tags": ["x"],
    },
    {"id": "b", "api": "mygene", "instruction": "Find\u20282", "alternatives": [{"query": "/v3/query?q=right"}]},
    {"id": "c", "api": "mygene", "instruction": "Find 3", "query": "/v3/query?q=right"},
]
ANSWERS = ["/v3/query", 'POST /v3/query {"q": ["a\\ud800"]}', "I cannot know."]
PREDICTIONS = [
    {"id": "a", "api": "mygene", "instruction": "Find 1", "query": "/v3/query", "tags": ["x"]},
    {"id": "b", "api": "mygene", "instruction": "Find\u20282", "query": "/v3/query", "body": {"q": ["a?"]}},
    {"id": "c", "api": "mygene", "instruction": "Find 3", "query": None},
]


def test_an_answer_takes_the_place_of_the_right_one(tmp_path: Path, answering: Answering) -> None:
    """A benchmark is a natural input of `predict`: nothing of what is right may stand in the prediction."""
    source = write_lines(tmp_path / "in.jsonl", LINES)
    answering(ANSWERS)
    assert run(["predict", source, str(tmp_path / "out.jsonl")]) == 0
    assert read_lines(tmp_path / "out.jsonl") == PREDICTIONS
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


@pytest.mark.parametrize("target", ["-", "/dev/stdout"])
def test_predictions_go_to_standard_output_and_the_summary_beside_it(
    tmp_path: Path, target: str, answering: Answering, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    source = write_lines(tmp_path / "in.jsonl", LINES)
    answering(ANSWERS)
    assert run(["predict", source, target]) == 0
    shown = capfdbinary.readouterr()
    assert [json.loads(line) for line in shown.out.split(b"\n")[:-1]] == PREDICTIONS
    assert b"2 queries for 3 instructions in" in shown.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl"]


def test_predictions_behind_a_link_and_into_a_device(tmp_path: Path, answering: Answering) -> None:
    source = write_lines(tmp_path / "in.jsonl", LINES)
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there/out.jsonl")
    for target in (tmp_path / "link", Path("/dev/null")):
        answering(ANSWERS)
        assert run(["predict", source, str(target)]) == 0
    assert read_lines(tmp_path / "there" / "out.jsonl") == PREDICTIONS
    assert not list(Path("/dev").glob(".null*"))


def test_a_stopped_prediction_is_said_and_goes_on(
    tmp_path: Path, answering: Answering, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = write_lines(tmp_path / "in.jsonl", LINES), str(tmp_path / "out.jsonl")

    def stop(prompt: Prompt) -> str:
        os.kill(os.getpid(), signal.SIGINT)
        return ""

    answering(["/v3/query?q=a\u2028b"], then=stop)
    assert run(["predict", source, target]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "interrupted"
    asked = answering(["/v3/query?q=b", "/v3/query?q=c"])
    assert run(["predict", source, target]) == 0
    assert asked.batches == [["Find 2"], ["Find 3"]]
    assert [line["query"] for line in read_lines(tmp_path / "out.jsonl")] == [
        "/v3/query?q=a\u2028b",
        "/v3/query?q=b",
        "/v3/query?q=c",
    ]


def test_two_predictions_of_one_output_are_kept_apart(
    tmp_path: Path, answering: Answering, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = write_lines(tmp_path / "in.jsonl", LINES), str(tmp_path / "out.jsonl")
    codes = []

    def meanwhile(prompt: Prompt) -> str:
        codes.append(run(["predict", source, target]))
        return "/v3/query?q=a"

    answering([], then=meanwhile)
    assert run(["predict", source, target]) == 0
    assert codes == [2, 2, 2]
    assert "another run is writing" in capsys.readouterr().err
    assert len(read_lines(tmp_path / "out.jsonl")) == 3


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('{"id": "a", "api": "mygene", "instruction": " "}', "it is empty"),
        ('{"id": "a", "api": "my\\u0000gene", "instruction": "x"}', "unknown API"),
        ('{"id": "a", "api": "mygene"}', "instruction"),
        ("", "holds no instructions"),
        ("\0" * 99, "line 1"),
    ],
)
def test_an_instruction_that_is_none_is_named(
    tmp_path: Path, line: str, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.jsonl").write_text(line + "\n", encoding="utf-8")
    assert run(["predict", str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl")]) == 2
    assert named in capsys.readouterr().err


def qa(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """The command as a shell runs it."""
    return subprocess.run(
        [sys.executable, "-m", "query_assistant.cli", *arguments], capture_output=True, check=False, **options
    )


def test_every_writer_writes_to_standard_output(tmp_path: Path) -> None:
    pickled = tmp_path / "x.pkl"
    pickled.write_bytes(pickle.dumps(["é"]))
    grammar = qa("grammar", "--api", "mygene", "--format", "ebnf", "-o", "-", cwd=tmp_path)
    imported = qa("import-responses", str(pickled), "-", cwd=tmp_path)
    assert grammar.stdout.startswith(b"root ::=")
    assert imported.stdout == '{"id": "0", "response": "é"}\n'.encode()
    assert imported.stderr == b"1 responses in -\n"
    assert [path.name for path in tmp_path.iterdir()] == ["x.pkl"]


@pytest.mark.parametrize("content", [b"KEY=\xe9\n", b"KEY=a\0b\n"])
def test_keys_that_cannot_be_read_are_one_line_of_every_command_and_help_still_comes(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data" / "apis").mkdir(parents=True)
    (tmp_path / ".env").write_bytes(content)
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(tmp_path))
    for command in COMMANDS:
        with pytest.raises(SystemExit) as left:
            main([command, "x"])
        said = capsys.readouterr().err
        assert (left.value.code, said.count("\n"), ".env" in said, said[:6]) == (2, 1, True, "error:"), command
    assert run(["--help"]) == 0
    done = qa("validate", "x")
    assert (done.returncode, done.stderr.count(b"\n"), b".env" in done.stderr) == (2, 1, True)


def test_bytes_that_are_no_text_are_asked_for_again_in_review(tmp_path: Path) -> None:
    pair = {
        "id": "a",
        "api": "mygene",
        "instruction": "Genes \x1b[2J\u202e",
        "query": "/v3/query?q=a",
        "form": "imperative",
    }
    write_lines(tmp_path / "pairs.jsonl", [pair | {"origin": "log", "skeleton": "s"}])
    apis = Path(__file__).parents[2] / "data" / "apis"
    shutil.copytree(apis / "mygene", tmp_path / "data" / "apis" / "mygene")
    shutil.copy(apis / "family.yaml", tmp_path / "data" / "apis")
    typed = b"\xff\n" + b"x" * 30_000 + b"\n" + b"e\n" + b"caf\xe9\n" + "café genes\n".encode()
    done = qa(
        "review",
        "--api",
        "mygene",
        "--pairs",
        str(tmp_path / "pairs.jsonl"),
        input=typed,
        env={**os.environ, "QUERY_ASSISTANT_ROOT": str(tmp_path)},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"not UTF-8 text") == 2
    assert done.stdout.count(b"over 10,000 signs") == 1
    assert b"\x1b" not in done.stdout
    decided = (tmp_path / "data" / "apis" / "mygene" / "review.jsonl").read_text(encoding="utf-8")
    assert json.loads(decided)["instruction"] == "café genes"


def test_a_full_disk_is_said_even_where_python_buffers_nothing() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "query_assistant.cli", "grammar", "--api", "mygene", "--format", "ebnf"],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    assert (done.returncode, done.stderr.count(b"\n"), b"No space left" in done.stderr) == (2, 1, True)


def test_a_reader_that_has_seen_enough_is_no_failure() -> None:
    script = '"$@" | head -c 5; echo ${PIPESTATUS[0]}'
    command = [sys.executable, "-m", "query_assistant.cli", "grammar", "--api", "mygene", "--format", "ebnf"]
    done = subprocess.run(["bash", "-c", script, "bash", *command], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"root 0\n", b"")


SIMULATING = """
import sys
from pathlib import Path
from query_assistant.cli import data, main
data.records_path = lambda _: Path(sys.argv[2])
main(["simulate", "--api", "mygene", "--lines", "9999999", "-o", sys.argv[1]])
"""


def test_ctrl_c_is_one_word_and_exit_code_130(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log")
    records = write_lines(tmp_path / "records.jsonl", [gene(number, symbol) for number, symbol in enumerate(SYMBOLS)])
    process = subprocess.Popen(
        [sys.executable, "-c", SIMULATING, str(tmp_path / "log"), records],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with (tmp_path / "log").open("rb") as log:
        log.readline()  # the command is at its work
        process.send_signal(signal.SIGINT)
        while log.read(65_536):
            pass
    out, err = process.communicate()
    assert (process.returncode, out, err) == (130, b"", b"interrupted\n")


def test_an_unexpected_failure_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(COMMANDS, "validate", ("nowhere", ""))
    with pytest.raises(SystemExit) as left:
        main(["validate"])
    lines = capsys.readouterr().err.splitlines()
    assert (left.value.code, len(lines)) == (2, 1)
    assert "ModuleNotFoundError" in lines[0]


HEAVY = ("numpy", "pandas", "torch", "transformers", "duckdb", "mlflow", "query_assistant.replica.replica")


@pytest.mark.parametrize("arguments", [["--help"], ["validate", "--api", "mygene", "/v3/query?q=a"]])
def test_what_needs_no_records_waits_for_no_heavy_library(arguments: list[str]) -> None:
    script = (
        f"import sys; from query_assistant.cli import run; run({arguments}); print(*set(sys.modules) & set({HEAVY}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout.splitlines()[-1] == b""


def test_asking_waits_for_no_library_that_the_model_need_not() -> None:
    modules = "query_assistant.cli.answering, query_assistant.engines.openvino"
    heavy = ("torch", "faiss", "gguf", "query_assistant.replica")  # faiss is loaded beside the model
    script = f"import sys, {modules}; print(*set(sys.modules) & set({heavy}))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout.strip() == b""


@pytest.mark.parametrize(
    "command", [["predict", "x", "x"], ["import-responses", "x", "x"], ["filter", "--api", "mygene", "x", "-o", "x"]]
)
def test_no_command_writes_over_what_it_reads(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(Path.cwd()))
    monkeypatch.chdir(tmp_path)
    Path("x").write_text("mine")
    assert run(command) == 2
    assert "x is also what is read" in capsys.readouterr().err
    assert Path("x").read_text() == "mine"


def test_a_closed_stderr_leaves_stdout_to_the_answer() -> None:
    script = '"$@" 2>&-'
    command = [sys.executable, "-m", "query_assistant.cli", "validate", "--api", "nosuch", "/v3/query?q=a"]
    done = subprocess.run(["bash", "-c", script, "bash", *command], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (2, b"")


def test_a_query_is_read_back_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "--api", "mygene", "/v3/query?q=symbol:CDK2&species=mouse&size=3"]) == 0
    said = capsys.readouterr().out
    assert all(re.search(word, said) for word in ("CDK2", "mice|mouse", "three|3")), said


def test_a_query_without_words_is_said_to_have_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "--api", "mygene", "/v3/query?q=symbol:CDK2^4"]) == 1
    assert "no words for it" in capsys.readouterr().err


def test_an_answer_is_read_back_beside_it(capsys: pytest.CaptureFixture[str], answering: Answering) -> None:
    answering(["/v3/query?q=symbol:CDK2"])
    assert run(["ask", "--api", "mygene", "Find it", "--explain"]) == 0
    out, err = capsys.readouterr()
    assert out == "/v3/query?q=symbol:CDK2\n"
    assert "CDK2" in err


def test_the_doctor_says_what_is_missing_and_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path.cwd()
    for name in ("data/apis", "params.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(root / name)
    shared = tmp_path / "data" / "shared"
    shared.mkdir()
    (shared / "records.tar.gz.dvc").touch()
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(tmp_path))
    assert run(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "missing  shared data: no records.tar.gz: dvc pull" in said
    assert "missing  published assistant: not yet" in said
    assert "ok       Python" in said
    assert "ok       model=smollm2-135m: can be trained and asked here" in said
    assert run(["doctor", "--json"]) == 1
    assert {"what", "there", "found", "remedy"} == set(json.loads(capsys.readouterr().out)[0])


def test_a_program_is_told_what_an_answer_is_worth(capsys: pytest.CaptureFixture[str], answering: Answering) -> None:
    answering(["/v3/query?q=nofield:CDK2", "I do not know"])
    assert run(["ask", "--api", "mygene", "Find it", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["query"], told["valid"], told["confidence"]) == ("/v3/query?q=nofield:CDK2", False, None)
    assert "nofield" in told["issues"][0]
    assert run(["ask", "--api", "mygene", "Find it", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {
        "api": "mygene", "query": None, "confidence": None, "text": "I do not know",
    }  # fmt: skip


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with the real APIs and nothing else."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "apis").symlink_to(Path.cwd() / "data" / "apis")
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(tmp_path))
    return tmp_path


def test_a_correction_is_kept_listed_exported_and_taken_back(
    installation: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    question, query = "zinc fingers of the fly, please", "/v3/query?q=zinc finger&species=fruitfly"
    assert run(["corrections", "add", "--api", "mygene", question, query, "--given", "/v3/query?q=zinc finger"]) == 0
    said = capsys.readouterr().out
    assert "right and given are different" in said and "kept as 1" in said
    assert run(["corrections", "add", "--api", "mygene", "broken", "/v3/query?q=symbol:("]) == 1
    assert "not kept" in capsys.readouterr().out
    assert run(["corrections", "list", "--json"]) == 0
    (kept,) = json.loads(capsys.readouterr().out)
    assert (kept["instruction"], kept["state"], kept["remarks"]) == (question, "accepted", [])
    assert [pair.query for pair in accepted_examples(installation, {"mygene": load_api("mygene")})] == [query]
    target = installation / "written.jsonl"
    assert run(["corrections", "export", "--api", "mygene", str(target)]) == 0
    assert json.loads(target.read_text()) == {"instruction": question, "query": query}
    assert run(["corrections", "withdraw", "1"]) == 0
    assert accepted_examples(installation, {"mygene": load_api("mygene")}) == []
    capsys.readouterr()
    assert run(["corrections", "withdraw", "7"]) == 2
    assert "no correction 7" in capsys.readouterr().err


def test_a_correction_of_a_benchmark_question_is_kept_and_never_exported(
    installation: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = json.loads((installation / "data/apis/mygene/benchmark.jsonl").read_text().splitlines()[3])
    assert run(["corrections", "add", "--api", "mygene", line["instruction"], line["query"]]) == 0
    assert f"not for training: near to {line['id']}" in capsys.readouterr().out
    target = installation / "written.jsonl"
    assert run(["corrections", "export", "--api", "mygene", str(target)]) == 0
    assert target.read_text() == ""
