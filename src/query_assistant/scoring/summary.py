"""One system's scores as one document: both test sets, intervals, costs (metrics/score/<system>.json)."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from query_assistant.apis import Api
from query_assistant.prompts import read_answer_leniently
from query_assistant.queries.request import to_text
from query_assistant.records import Query, Response
from query_assistant.replica import Replica
from query_assistant.scoring.files import Prediction, Reference
from query_assistant.scoring.ladder import score
from query_assistant.scoring.text import bert_scores, meteor
from query_assistant.systems.evaluation_sets import Item

UNTRACKED = ("missing", "unmatched", "items")


def summarise(
    responses: Sequence[Response],
    sets: Mapping[str, Sequence[Item]],
    apis: Mapping[str, Api],
    replicas: Mapping[str, Replica],
    *,
    seed: int,
    text_metrics: bool,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The summary, and every item in full beside its instruction and answer."""
    answers = {response.id: response for response in responses}
    summary: dict[str, Any] = {"cost": _cost(responses)}
    rows: list[dict[str, Any]] = []
    for name, items in sets.items():
        mine = [answers[item.id] for item in items if item.id in answers]
        references = [_reference(item) for item in items]
        results = score([_prediction(answer) for answer in mine], references, apis, replicas)
        document = {key: value for key, value in results.to_json().items() if key not in UNTRACKED}
        intervals = results.intervals_json(seed)
        found = _lenient(mine, references, apis, replicas)
        summary[name] = document | {"interval": intervals["all"], "missing": len(results.missing), "lenient": found}
        if text_metrics:
            summary[name]["text"] = _text_metrics(mine, references)
        rows.extend({"set": name, **_row(answers.get(row["id"])), **row} for row in results.details())
    return summary, rows


def _prediction(response: Response) -> Prediction:
    return Prediction(id=response.id, api=response.api, query=response.query, body=response.body)


def _lenient(
    responses: Sequence[Response],
    references: Sequence[Reference],
    apis: Mapping[str, Api],
    replicas: Mapping[str, Replica],
) -> dict[str, float]:
    """The two plainest rungs when the call is looked for in fences, prose and full URLs, as a patient person would."""
    read = [(response, read_answer_leniently(response.text)) for response in responses]
    answers = [
        Prediction(id=one.id, api=one.api, query=query.query if query else None, body=query.body if query else None)
        for one, query in read
    ]
    document = score(answers, references, apis, replicas).to_json()
    return {"parsed": document["parsed"], "selection": document["selection"]}


def _reference(item: Item) -> Reference:
    alternatives = getattr(item, "alternatives", ())
    return Reference(id=item.id, api=item.api, query=item.query, body=item.body, alternatives=alternatives)


def _row(response: Response | None) -> dict[str, Any]:
    return {"instruction": response.instruction, "answer": response.text} if response else {}


def _cost(responses: Sequence[Response]) -> dict[str, float]:
    """Tokens and time per answer. Times are this machine's; everything else is the same everywhere."""
    latencies = sorted(response.latency_ms for response in responses) or [0.0]
    return {
        "answers": len(responses),
        "prompt_tokens_mean": _mean([response.prompt_tokens for response in responses]),
        "answer_tokens_mean": _mean([response.answer_tokens for response in responses]),
        "latency_ms_median": round(statistics.median(latencies), 1),
        "latency_ms_p95": round(latencies[int(0.95 * (len(latencies) - 1))], 1),
    }


def _text_metrics(responses: Sequence[Response], references: Sequence[Reference]) -> dict[str, float]:
    """The original's continuity metrics, over the answers that were given."""
    right = {line.id: to_text(Query(query=line.query, body=line.body)) for line in references}
    texts = [response.text.strip() for response in responses]
    gold = [right[response.id] for response in responses]
    return {
        "meteor": _mean([meteor(text, best) for text, best in zip(texts, gold, strict=True)]),
        "bert_score": _mean(bert_scores(texts, gold)),
        "empty": _mean([float(not text) for text in texts]),
    }


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4) if values else 0.0


def flat_metrics(summary: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Every number of a summary under a dotted name, as MLflow wants them: `benchmark.by_api.mygene.selection`."""
    flat: dict[str, float] = {}
    for key, value in summary.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= flat_metrics(value, f"{name}.")
        elif isinstance(value, list):
            flat |= {f"{name}.low": float(value[0]), f"{name}.high": float(value[1])}
        elif isinstance(value, int | float):
            flat[name] = float(value)
    return flat
