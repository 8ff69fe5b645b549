"""One system's document: strict and lenient readings side by side, every number under a name for MLflow."""

from __future__ import annotations

from query_assistant.apis import load_api
from query_assistant.records import BenchmarkItem, Response
from query_assistant.replica import Replica
from query_assistant.scoring.summary import flat_metrics, summarise

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


def test_a_call_in_prose_is_right_for_the_lenient_reader_alone() -> None:
    api = load_api("mygene")
    answers = [
        answer(0, "/v3/query?q=symbol:CDK2", "/v3/query?q=symbol:CDK2"),
        answer(1, "Try this:\n```\nhttps://mygene.info/v3/query?q=symbol:TP53\n```", None),
        answer(2, "I cannot help with genes.", None),
    ]
    replicas = {"mygene": Replica.from_records(api, RECORDS)}
    summary, rows = summarise(answers, {"benchmark": ITEMS}, {"mygene": api}, replicas, seed=1, text_metrics=False)
    found = summary["benchmark"]
    assert [round(found["parsed"], 4), round(found["selection"], 4)] == [0.3333, 0.3333]
    assert {key: round(value, 4) for key, value in found["lenient"].items()} == {"parsed": 0.6667, "selection": 0.6667}
    assert [row["relation"] for row in rows] == ["exact", "different", "different"]
    assert flat_metrics(summary)["benchmark.lenient.selection"] == found["lenient"]["selection"]
    assert summary["cost"]["latency_ms_median"] == 7.0
