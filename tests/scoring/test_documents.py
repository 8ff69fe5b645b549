"""One system's documents: strict and lenient readings side by side, no clock among what is committed."""

from __future__ import annotations

from pathlib import Path

import pytest

from query_assistant.apis import load_api
from query_assistant.errors import InputError
from query_assistant.records import BenchmarkItem, Response, write_json
from query_assistant.replica import Replica
from query_assistant.scoring import Judge
from query_assistant.scoring.documents import Score, Times, read_score, score_system, times
from query_assistant.statistics import Resampling

ITEMS = [
    BenchmarkItem(id=f"b{number}", api="mygene", instruction="find", query=f"/v3/query?q=symbol:{gene}", tags=())
    for number, gene in enumerate(("CDK2", "TP53", "MYC"))
]
RECORDS = [{"_id": "1", "symbol": "CDK2"}, {"_id": "2", "symbol": "TP53"}, {"_id": "3", "symbol": "MYC"}]


def answer(number: int, text: str, query: str | None) -> Response:
    return Response(
        id=f"b{number}",
        api="mygene",
        instruction="find",
        system="base-zero_shot-closed-free",
        text=text,
        query=query,
        body=None,
        prompt_sha256="0" * 64,
        prompt_tokens=10,
        answer_tokens=5,
        latency_ms=7.0,
    )


ANSWERS = [
    answer(0, "/v3/query?q=symbol:CDK2", "/v3/query?q=symbol:CDK2"),
    answer(1, "Try this:\n```\nhttps://mygene.info/v3/query?q=symbol:TP53\n```", None),
    answer(2, "I cannot help with genes.", None),
]


def scored(answers: list[Response], resampling: Resampling | None = None) -> tuple[Score, list[dict[str, object]]]:
    api = load_api("mygene")
    judge = Judge({"mygene": api}, {"mygene": Replica.from_records(api, RECORDS)})
    chosen = resampling or Resampling()
    sets = {"benchmark": ITEMS}
    return score_system("base-zero_shot-closed-free", answers, sets, judge, chosen, seed=1, text_metrics=False)


def test_a_call_in_prose_is_right_for_the_lenient_reader_alone() -> None:
    score, rows = scored(ANSWERS)
    found = score.benchmark
    assert [round(found.parsed, 4), round(found.selection, 4)] == [0.3333, 0.3333]
    assert (found.lenient.parsed, found.lenient.selection) == (0.666667, 0.666667)
    assert [row["relation"] for row in rows] == ["exact", "different", "different"]


def test_what_is_committed_does_not_depend_on_the_clock() -> None:
    slower = [one.model_copy(update={"latency_ms": 2 * one.latency_ms + number}) for number, one in enumerate(ANSWERS)]
    assert scored(slower)[0] == scored(ANSWERS)[0]
    assert times("x", ANSWERS) == Times(system="x", answers=3, latency_ms_median=7.0, latency_ms_p95=7.0)
    assert times("x", slower).latency_ms_median == 15.0


@pytest.mark.parametrize("knob", [Resampling(samples=9), Resampling(confidence=0.6)])
def test_each_knob_of_the_intervals_moves_them_and_no_share(knob: Resampling) -> None:
    usual, turned = scored(ANSWERS)[0].benchmark, scored(ANSWERS, knob)[0].benchmark
    assert turned.interval != usual.interval
    assert turned.model_copy(update={"interval": usual.interval}) == usual


def test_a_score_comes_back_from_its_file_and_anything_else_is_named(tmp_path: Path) -> None:
    score, _ = scored(ANSWERS)
    path = tmp_path / "score.json"
    write_json(path, score.model_dump(mode="json", exclude_none=True))
    assert read_score(path) == score
    path.write_text('{"system": "x"}', encoding="utf-8")
    with pytest.raises(InputError, match=r"score\.json is no score: confidence: Field required"):
        read_score(path)
    with pytest.raises(InputError, match=r"no score at .*missing\.json"):
        read_score(tmp_path / "missing.json")
