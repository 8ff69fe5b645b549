"""Every answer is judged on its own: none ends the scoring of the others, and none costs without bound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from query_assistant.apis import load_api
from query_assistant.cli import run
from query_assistant.judging import comparison
from query_assistant.scoring import Judge, Prediction, Reference, ladder, score
from query_assistant.scoring.ladder import LONGEST_ANSWER

API = load_api("mygene")
RIGHT = "/v3/query?q=symbol:CDK2"
TWO = [Reference(id=name, api="mygene", query=RIGHT) for name in ("odd", "good")]


def scored(**odd: Any) -> tuple[str | None, str | None]:
    """The errors of an odd answer and of a right one beside it."""
    answers = [Prediction(id="odd", **odd), Prediction(id="good", query=RIGHT)]
    one, other = score(answers, TWO, {"mygene": API}, {}).answers
    return one.error, other.error


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "odd",
    [
        {"query": "?q=symbol:CDK2"},
        {"query": "https://mygene.info?q=a"},
        {"query": "#x"},
        {"query": "\u2028"},
        {"query": "", "body": {"q": ["a"]}},
        {"query": "/v3/query", "body": {"q": ["a"], "fields": [["symbol"]]}},
        {"query": "/v3/query", "body": {"q": ["a"], "sort": [["symbol"]]}},
        {"query": "/v3/gene", "body": {"ids": [["1017"]]}},
        {"query": "/v3/query", "body": {"q": deep(150)}},
        {"query": "/v3/query", "body": {"q": deep(900)}},
        {"query": f'/v3/query?q=symbol:CDK2 AND name:"cyclin kinase"~{"9" * 8}'},
        {"query": f'/v3/query?q=name:"cyclin kinase"~1{"0" * 300}'},
        {"query": f"/v3/query?q=taxid:{'9' * 4301}"},
        {"query": f"/v3/gene/{'9' * 4301}"},
        {"query": f"{RIGHT}&size={'9' * 5000}"},
        {"query": f"/v3/query?q=symbol:CDK4^{'9' * 40}"},
        {"query": f"/v3/query?q=chr1:{'9' * 5000}-2"},
        {"query": "/v3/query?q=" + "(" * 4000},
        {"query": "/v3/query?q=name:\ud7ff\0"},
    ],
)
def test_an_odd_answer_is_wrong_and_the_others_are_scored(odd: dict[str, Any]) -> None:
    error, other = scored(**odd)
    assert error is not None
    assert other is None


def test_what_fails_in_the_judge_is_counted_as_not_judged_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compared = comparison.compare_readings

    def failing(left: Any, right: Any, *rest: Any) -> Any:
        if "taxid" in right.query.query:
            raise RecursionError("too deep")
        return compared(left, right, *rest)

    monkeypatch.setattr(ladder, "compare_readings", failing)
    monkeypatch.setattr("query_assistant.cli.scoring.load_replica_if_there", lambda api: None)
    answers = [{"id": "odd", "query": f"{RIGHT} AND taxid:9606"}, {"id": "good", "query": RIGHT}]
    for name, lines in (("p", answers), ("r", [line.model_dump(exclude_none=True) for line in TWO])):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    assert run(["score", str(tmp_path / "p.jsonl"), str(tmp_path / "r.jsonl")]) == 0
    shown = capsys.readouterr()
    assert "1 not judged" in shown.out
    assert shown.err == "note: 'odd' could not be judged, our mistake: RecursionError: too deep\n"


def test_a_long_answer_is_not_read_unless_the_right_one_is_long_too(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"CDK{number}" for number in range(2000)]
    body = {"q": names, "scopes": ["symbol"]}
    assert len(json.dumps(body)) > LONGEST_ANSWER
    line = Reference(id="a", api="mygene", query="/v3/query", body=body)
    assert score([Prediction(id="a", query="/v3/query", body=body)], [line], {"mygene": API}, {}).share("exact") == 1
    read, queries = ladder.reading_of, []
    monkeypatch.setattr(ladder, "reading_of", lambda query, api: queries.append(query.query) or read(query, api))
    long = Prediction(id="odd", query=f"/v3/query?q=symbol:{'x' * 50_000}")
    (found,) = score([long], TWO[:1], {"mygene": API}, {}).answers
    assert (found.error, found.parsed, queries) == ("unparsable", False, [RIGHT])
    assert found.differences == ("50,032 characters; 8,192 are read",)


def test_an_answer_that_several_systems_give_is_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    compared = comparison.compare_readings

    def counted(left: Any, right: Any, *rest: Any) -> Any:
        calls.append(right.query.query)
        return compared(left, right, *rest)

    monkeypatch.setattr(ladder, "compare_readings", counted)
    judge, other = Judge({"mygene": API}, {}), f"{RIGHT}&size=3"
    first = judge.score([Prediction(id="odd", query=RIGHT), Prediction(id="good", query=other)], TWO)
    again = judge.score([Prediction(id="odd", query=other), Prediction(id="good", query=RIGHT)], TWO)
    assert calls == [RIGHT, other]
    assert [one.id for one in again.answers] == ["odd", "good"]
    assert [one.relation for one in again.answers] == [one.relation for one in first.answers][::-1]
