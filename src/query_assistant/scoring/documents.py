"""Scores as documents: one for `qa score --json`, one for each system (metrics/score/<system>.json), one for its times.

Every key is explained in docs/metrics.md, which a test compares with these records. A system's document holds what
repeats; what a clock says is in a document of its own, which is not committed.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from pydantic import ValidationError

from query_assistant.errors import InputError
from query_assistant.judging.comparison import Relation
from query_assistant.prompts import read_answer_leniently
from query_assistant.queries.request import to_text
from query_assistant.records import BenchmarkItem, Pair, Query, Record, Response
from query_assistant.scoring.diagnosis import COMPONENTS, ErrorClass
from query_assistant.scoring.files import Prediction, Reference
from query_assistant.scoring.ladder import Judge
from query_assistant.scoring.results import RUNGS, Results, ScoredAnswer, mean
from query_assistant.scoring.text import bert_scores, meteor
from query_assistant.statistics import Resampling

LowHigh = tuple[float, float]
Rows = list[dict[str, object]]


class Shares(Record):
    """The ladder over `n` answers."""

    n: int
    parsed: float
    valid: float
    exact: float
    canonical: float
    selection: float
    execution: float


class ComponentShares(Record):
    endpoint: float
    clauses_f1: float
    parameters_f1: float
    returned_fields_f1: float


class ItemOutcome(Record):
    """One answer in `items`."""

    id: str
    relation: Relation
    error: ErrorClass | None


class FileScore(Shares):
    """What `qa score --json` prints."""

    by_api: dict[str, Shares]
    components: ComponentShares
    errors: dict[ErrorClass, int]
    missing: tuple[str, ...]
    unmatched: tuple[str, ...]
    items: tuple[ItemOutcome, ...]


class LenientShares(Record):
    """The two plainest rungs when the call is looked for in fences, prose and full URLs, as a patient person would."""

    parsed: float
    selection: float


class TextMetrics(Record):
    """The original's continuity metrics, over the answers that were given."""

    meteor: float
    bert_score: float
    empty: float


class SetScore(Shares):
    """One system on one test set. `missing` is the number of references without an answer."""

    by_api: dict[str, Shares]
    components: ComponentShares
    errors: dict[ErrorClass, int]
    missing: int
    interval: dict[str, LowHigh]
    lenient: LenientShares
    text: TextMetrics | None = None


class Cost(Record):
    """What the answers took, in tokens."""

    answers: int
    prompt_tokens_mean: float
    answer_tokens_mean: float


class Score(Record):
    """One system: metrics/score/<system>.json. Published answers have no test split."""

    system: str
    confidence: float
    cost: Cost
    benchmark: SetScore
    test: SetScore | None = None

    @property
    def sets(self) -> dict[str, SetScore]:
        return {"benchmark": self.benchmark} | ({"test": self.test} if self.test else {})


class Times(Record):
    """What a clock said of one system's answers: metrics/times/<system>.json. Never twice the same."""

    system: str
    answers: int
    latency_ms_median: float
    latency_ms_p95: float


def file_score(results: Results) -> FileScore:
    """The ladder over all and per API, and the relation and error of every answer."""
    return FileScore(
        **_shares(results.answers).model_dump(),
        by_api={api: _shares(results.of_api(api)) for api in results.apis},
        components=_component_shares(results),
        errors=_occurring(results),
        missing=results.missing,
        unmatched=results.unmatched,
        items=tuple(ItemOutcome(id=one.id, relation=one.relation, error=one.error) for one in results.answers),
    )


def read_score(path: Path) -> Score:
    """The score of one system.

    Raises:
        InputError: the file is missing or no score; the message names it.
    """
    try:
        return Score.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"no score at {path}: {error.strerror}; run `dvc repro score`") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise InputError(f"{path} is no score: {where}: {first['msg']}; run `dvc repro score`") from None


def score_system(
    system: str,
    responses: Sequence[Response],
    sets: Mapping[str, Sequence[Pair | BenchmarkItem]],
    judge: Judge,
    resampling: Resampling,
    *,
    seed: int,
    text_metrics: bool,
) -> tuple[Score, Rows]:
    """A system's score on its test sets (`benchmark`, `test`), and every answer in full beside its instruction."""
    answers = {response.id: response for response in responses}
    scores: dict[str, SetScore] = {}
    rows: Rows = []
    for name, items in sets.items():
        mine = [answers[item.id] for item in items if item.id in answers]
        references = [_reference(item) for item in items]
        results = judge.score([_prediction(answer) for answer in mine], references)
        scores[name] = SetScore(
            **_shares(results.answers).model_dump(),
            by_api={api: _shares(results.of_api(api)) for api in results.apis},
            components=_component_shares(results),
            errors=_occurring(results),
            missing=len(results.missing),
            interval=_bounds(results, seed, resampling),
            lenient=_lenient(mine, references, judge),
            text=_text_metrics(mine, references) if text_metrics else None,
        )
        rows.extend({"set": name, **_row(answers.get(one.id)), **asdict(one)} for one in results.answers)
    return Score(system=system, confidence=resampling.confidence, cost=_cost(responses), **scores), rows


def _shares(answers: Sequence[ScoredAnswer]) -> Shares:
    rungs = {rung: _rounded(mean(answer.value(rung) for answer in answers)) for rung in RUNGS}
    return Shares(n=len(answers), **rungs)


def _component_shares(results: Results) -> ComponentShares:
    return ComponentShares(**{metric: _rounded(results.share(metric)) for metric in COMPONENTS})


def _occurring(results: Results) -> dict[ErrorClass, int]:
    return {name: count for name, count in results.errors.items() if count}


def _bounds(results: Results, seed: int, resampling: Resampling) -> dict[str, LowHigh]:
    found = results.intervals(seed=seed, resampling=resampling)
    return {metric: (_rounded(one.low), _rounded(one.high)) for metric, one in found.items()}


def _rounded(value: float) -> float:
    """Six decimals: finer than any share over fewer than a million items, and the same bytes everywhere."""
    return round(value, 6)


def _prediction(response: Response) -> Prediction:
    return Prediction(id=response.id, api=response.api, query=response.query, body=response.body)


def _lenient(responses: Sequence[Response], references: Sequence[Reference], judge: Judge) -> LenientShares:
    read = [(response, read_answer_leniently(response.text)) for response in responses]
    answers = [
        Prediction(id=one.id, api=one.api, query=query.query if query else None, body=query.body if query else None)
        for one, query in read
    ]
    results = judge.score(answers, references)
    return LenientShares(**{rung: _rounded(results.share(rung)) for rung in LenientShares.model_fields})


def _reference(item: Pair | BenchmarkItem) -> Reference:
    alternatives = item.alternatives if isinstance(item, BenchmarkItem) else ()
    return Reference(id=item.id, api=item.api, query=item.query, body=item.body, alternatives=alternatives)


def _row(response: Response | None) -> dict[str, object]:
    return {"instruction": response.instruction, "answer": response.text} if response else {}


def _cost(responses: Sequence[Response]) -> Cost:
    return Cost(
        answers=len(responses),
        prompt_tokens_mean=round(mean(response.prompt_tokens for response in responses), 4),
        answer_tokens_mean=round(mean(response.answer_tokens for response in responses), 4),
    )


def times(system: str, responses: Sequence[Response]) -> Times:
    """How long one answer took: the wall time of its batch divided by the batch's size."""
    latencies = sorted(response.latency_ms for response in responses) or [0.0]
    return Times(
        system=system,
        answers=len(responses),
        latency_ms_median=round(statistics.median(latencies), 1),
        latency_ms_p95=round(latencies[int(0.95 * (len(latencies) - 1))], 1),
    )


def _text_metrics(responses: Sequence[Response], references: Sequence[Reference]) -> TextMetrics:
    right = {line.id: to_text(Query(query=line.query, body=line.body)) for line in references}
    texts = [response.text.strip() for response in responses]
    gold = [right[response.id] for response in responses]
    return TextMetrics(
        meteor=round(mean(meteor(text, best) for text, best in zip(texts, gold, strict=True)), 4),
        bert_score=round(mean(bert_scores(texts, gold)), 4),
        empty=round(mean(float(not text) for text in texts), 4),
    )
