"""What may lie in files of predictions and references, through `qa score`: a score, or a word why there is none."""

from __future__ import annotations

import gzip
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from query_assistant.cli import run
from query_assistant.scoring import files

RIGHT = "/v3/query?q=symbol:CDK2"
TWO = [{"id": "a", "api": "mygene", "query": RIGHT}, {"id": "b", "api": "mygene", "query": "/v3/query?q=symbol:CDK4"}]


@pytest.fixture(autouse=True)
def _probes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query_assistant.cli.scoring.load_replica_if_there", lambda api: None)


class Scored:
    """One run of `qa score --json`."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys

    def __call__(self, predictions: list[Any] | bytes, references: list[Any] | bytes = TWO) -> tuple[int, Any, str]:  # type: ignore[assignment]
        paths = [self._written("p.jsonl", predictions), self._written("r.jsonl", references)]
        code = run(["score", "--json", *paths])
        shown = self.capsys.readouterr()
        return code, json.loads(shown.out) if shown.out else None, shown.err

    def _written(self, name: str, lines: list[Any] | bytes) -> str:
        path = self.folder / name
        content = lines if isinstance(lines, bytes) else "\n".join(map(json.dumps, lines)).encode()
        path.write_bytes(content)
        return str(path)


@pytest.fixture
def scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Scored:
    return Scored(tmp_path, capsys)


def batch(custom_id: str, content: Any, **changed: Any) -> dict[str, Any]:
    """One line of OpenAI's batch output."""
    body = {"id": "chatcmpl-1", "choices": [{"index": 0, "message": {"role": "assistant", "content": content}}]}
    line = {"id": "batch_req_1", "custom_id": custom_id, "error": None}
    return line | {"response": {"status_code": 200, "request_id": "x", "body": body}} | changed


@pytest.mark.parametrize(
    "line",
    [
        {"id": "a", "query": RIGHT},
        {"id": "a", "path": RIGHT},
        {"id": "a", "query": f"GET https://mygene.info{RIGHT}"},
        {"id": "a", "response": RIGHT},
        {"id": "a", "response": [RIGHT]},
        {"id": "a", "response": f"https://mygene.info{RIGHT}\n"},
        {"id": "a", "text": RIGHT},
        batch("a", RIGHT),
        batch("a", [{"type": "text", "text": RIGHT}]),
    ],
)
def test_every_shape_of_a_right_answer_is_read(scored: Scored, line: dict[str, Any]) -> None:
    code, found, words = scored([line, {"id": "b", "query": None}])
    assert (code, found["selection"], found["items"][0]["relation"]) == (0, 0.5, "exact")
    assert words == "note: 1 predictions hold no answer and count as wrong: 'b'\n"


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        (
            [{"id": "a", "Query": RIGHT}],
            "`path`, `response` or `text` in its place; the first has Query, id",
        ),
        ([{"id": "a", "prediction": RIGHT}, {"id": "b", "prediction": RIGHT}], "the first has id, prediction"),
        ([{"id": "a"}, {"id": "b"}], "the first has id"),
        ([{"id": "A", "query": RIGHT}], "ids such as 'A' against 'a'"),
        ([{"id": "0", "response": RIGHT}, {"id": "1", "response": RIGHT}], "ids such as '0' against 'a'"),
        ([batch("A", RIGHT)], "ids such as 'A' against 'a'"),
        ([{"id": "a", "query": RIGHT}, {"id": "a", "query": RIGHT}], "'a' more than once"),
        ([batch("a", RIGHT), batch("a", RIGHT)], "'a' more than once"),
        ([{"query": RIGHT}], "line 1: not a valid Prediction: id"),
        ([{"id": None, "query": RIGHT}], "line 1: not a valid Prediction: id"),
        ([{"id": 7, "query": RIGHT}], "line 1: not a valid Prediction: id"),
        ([{"id": "a", "query": 7}], "line 1: not a valid Prediction: query"),
        ([{"id": "a", "response": {"text": RIGHT}}], "line 1: not a valid Prediction: query"),
        ([{"id": "a", "response": [RIGHT, RIGHT]}], "`response` lists 2 answers"),
        ([], "holds no predictions"),
        ([["a", RIGHT]], "expected one JSON object"),
        ([7], "expected one JSON object"),
        (b"a\t/v3/query?q=symbol:CDK2", "line 1: not a valid Prediction"),
        (b'{"doc_id": 1, "resps": ["x"]}', "line 1: not a valid Prediction: id"),
        (b'{"id": "a", "query": "/v3', "line 1: not a valid Prediction: Unterminated string"),
        (b"\xff\xfe", "expected UTF-8 text"),
        (b"[" * 100_000, "nested too deep"),
        (b"\0\0\0", "line 1: not a valid Prediction"),
    ],
)
def test_a_file_that_cannot_be_scored_is_one_line_and_never_a_score(
    scored: Scored, lines: list[Any] | bytes, named: str
) -> None:
    code, found, words = scored(lines)
    assert (code, found) == (2, None)
    assert words.startswith("error: ")
    assert named in words
    assert len(words.splitlines()) == 1


def test_what_is_missing_left_over_or_failed_is_counted_and_named(scored: Scored) -> None:
    lines = [
        {"id": "a", "query": RIGHT},
        {"id": "B", "query": RIGHT},
        {"id": "c", "query": ""},
        {"id": "d"},
        batch("e", None, response=None, error={"code": "expired"}),
        batch("f", None, response={"status_code": 429, "body": {}}),
        batch("g", None),
        batch("h", RIGHT, response={"status_code": 200, "body": "gone"}),
    ]
    references = [dict(TWO[0], id=name) for name in "abcdefgh"]
    code, found, words = scored(lines, references)
    assert (code, found["exact"], found["missing"], found["unmatched"]) == (0, 0.125, ["b"], ["B"])
    assert found["errors"] == {"empty_answer": 7}
    assert words.splitlines() == [
        "note: 1 references have no prediction and count as wrong: 'b'",
        "note: 1 predictions are for no reference and count nowhere: 'B'",
        "note: 6 predictions hold no answer and count as wrong: 'c', 'd', 'e' and 3 more",
        "note: 'd': its line has no `query`",
        'note: \'e\': its request failed: {"code": "expired"}',
        "note: 'f': its request failed with status 429",
        "note: 'g', 'h': its response has no choices[0].message.content",
    ]


def test_our_own_responses_are_read_as_the_pipeline_reads_them(scored: Scored) -> None:
    shared = {"api": "mygene", "system": "x", "instruction": "?", "prompt_sha256": "0", "prompt_tokens": 1}
    usable = {"id": "a", "text": RIGHT, "query": RIGHT, **shared}
    unusable = {"id": "b", "text": "I do not know", **shared}
    code, found, words = scored([usable, unusable])
    assert [item["error"] for item in found["items"]] == [None, "empty_answer"]
    assert (code, words) == (0, "note: 1 predictions hold no answer and count as wrong: 'b'\n")
    code, found, words = scored([unusable, {**unusable, "id": "a"}])
    assert (code, found["errors"]) == (0, {"empty_answer": 2})
    assert "2 predictions hold no answer" in words


@pytest.mark.parametrize(
    ("predictions", "references"),
    [
        (b"\xef\xbb\xbf" + json.dumps({"id": "a", "query": RIGHT}).encode() + b"\r\n\r\n", TWO),
        ([{"id": "a", "query": RIGHT}], b"\xef\xbb\xbf" + "\r\n".join(map(json.dumps, TWO)).encode()),
    ],
)
def test_a_byte_order_mark_and_windows_lines_do_not_count(
    scored: Scored, predictions: list[Any] | bytes, references: list[Any] | bytes
) -> None:
    code, found, _ = scored(predictions, references)
    assert (code, found["exact"]) == (0, 0.5)


@pytest.mark.parametrize("query", ["", " ", "\u2028", "\n"])
def test_an_empty_reference_is_named(scored: Scored, query: str) -> None:
    code, _, words = scored([{"id": "a", "query": RIGHT}], [{"id": "a", "api": "mygene", "query": query}])
    assert code == 2
    assert words.startswith("error: ")
    assert "r.jsonl, line 1: not a valid Reference: query" in words
    assert "it is empty; write the right query" in words


@pytest.mark.parametrize("query", ["?q=symbol:CDK2", "#x", "https://mygene.info?q=a", "x\u2028y", "\0"])
def test_a_reference_that_is_no_call_is_named_with_its_id(scored: Scored, query: str) -> None:
    code, _, words = scored([{"id": "a", "query": RIGHT}], [{"id": "a", "api": "mygene", "query": query}])
    assert code == 2
    assert words.startswith("error: reference 'a': ")
    assert words.endswith("correct it\n")


def test_line_separators_inside_a_value_divide_no_line(scored: Scored) -> None:
    query = "/v3/query?q=name:cyclin\u2028kinase\u0085x"
    lines = json.dumps({"id": "a", "query": query}, ensure_ascii=False).encode()
    code, found, _ = scored(lines, [{"id": "a", "api": "mygene", "query": query}])
    assert (code, found["exact"]) == (0, 1.0)


def test_half_a_surrogate_pair_is_a_wrong_answer_and_no_crash(scored: Scored) -> None:
    code, found, _ = scored(b'{"id": "a", "query": "/v3/query?q=symbol:\\ud800"}\n{"id": "b", "query": null}')
    assert (code, found["items"][0]["relation"]) == (0, "different")


@pytest.mark.parametrize("content", [b" " * 40_000, b"\n" * 40_000, b'{"id": "a", "query": "' + b"x" * 40_000 + b'"}'])
def test_what_a_small_archive_unpacks_to_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    for name, most in (("LONGEST_LINE", 10_000), ("MOST_LINES", 10_000), ("MOST_CHARACTERS", 20_000)):
        monkeypatch.setattr(files, name, most)
    (tmp_path / "r.jsonl").write_text(json.dumps(TWO[0]), encoding="utf-8")
    (tmp_path / "bomb.jsonl.gz").write_bytes(gzip.compress(content))
    assert run(["score", str(tmp_path / "bomb.jsonl.gz"), str(tmp_path / "r.jsonl")]) == 2
    assert "characters in a line" in capsys.readouterr().err


def test_imported_responses_are_scored_as_they_are(
    tmp_path: Path, scored: Scored, capsys: pytest.CaptureFixture[str]
) -> None:
    references = tmp_path / "references.jsonl"
    references.write_text("\n".join(map(json.dumps, TWO)), encoding="utf-8")
    (tmp_path / "x.pkl").write_bytes(pickle.dumps([f"https://mygene.info{RIGHT}", "no idea"]))
    command = ["import-responses", str(tmp_path / "x.pkl"), str(tmp_path / "imported.jsonl")]
    assert run([*command, "--references", str(references)]) == 0
    capsys.readouterr()
    code, found, words = scored((tmp_path / "imported.jsonl").read_bytes())
    assert (code, [item["error"] for item in found["items"]], words) == (0, [None, "unparsable"], "")
    assert run(command) == 0
    capsys.readouterr()
    assert scored((tmp_path / "imported.jsonl").read_bytes())[0] == 2


def test_responses_and_references_of_different_numbers_are_not_joined(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "r.jsonl").write_text("\n".join(map(json.dumps, TWO)), encoding="utf-8")
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(["one"]))
    command = ["import-responses", str(tmp_path / "x.pkl"), str(tmp_path / "out.jsonl")]
    assert run([*command, "--references", str(tmp_path / "r.jsonl")]) == 2
    assert "holds 1 responses" in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()


def test_several_systems_are_scored_in_one_run_and_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r.jsonl").write_text("\n".join(map(json.dumps, TWO)), encoding="utf-8")
    for name, queries in (("good", (RIGHT, TWO[1]["query"])), ("bad", (RIGHT, None))):
        lines = [{"id": line["id"], "query": query} for line, query in zip(TWO, queries, strict=True)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    names = [str(tmp_path / f"{name}.jsonl") for name in ("good", "bad", "r")]
    assert run(["score", "--json", *names]) == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert {name: one["selection"] for name, one in found["systems"].items()} == {"good": 1.0, "bad": 0.5}
    assert [(duel["left"], duel["right"], duel["difference"]) for duel in found["duels"]] == [("good", "bad", 0.5)] * 2
    assert shown.err == "note: bad: 1 predictions hold no answer and count as wrong: 'b'\n"
    assert run(["score", *names]) == 0
    table = capsys.readouterr().out
    assert "good less bad, selection: +50.0 points (+0.0 to +100.0), p = 1" in table
    assert run(["score", names[0], names[0], names[2]]) == 2
    assert "named twice" in capsys.readouterr().err
