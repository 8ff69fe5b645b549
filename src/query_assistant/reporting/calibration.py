"""How sure the assistant may be, learnt on the development set: its own answers to it, and which of them are right.

    python -m query_assistant.reporting.calibration   # -> models/confidence.json, and the answers of the assistant that
                                                       # has it to the benchmark; `make publish` takes both along

What is reported of the calibration is cross-validated: each fifth of the questions is judged by what the others taught.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from query_assistant.apis import load_api, records_file
from query_assistant.exits import run_to_exit
from query_assistant.params import load_params
from query_assistant.project import project_root
from query_assistant.records import BenchmarkItem, Response, write_json, write_jsonl
from query_assistant.replica import Replica
from query_assistant.scoring import Judge
from query_assistant.scoring.documents import score_system
from query_assistant.statistics import Resampling
from query_assistant.systems.answering import all_answers_of, answers_of
from query_assistant.systems.assistant import open_assistant
from query_assistant.systems.choosing import Interpretation
from query_assistant.systems.confidence import CALIBRATION, OF_THE_SAMPLE, Confidence, fit
from query_assistant.systems.evaluation_sets import load_benchmark, load_development
from query_assistant.systems.generation import System
from query_assistant.systems.kept_prompts import PROMPTS, read_prompts, write_prompts
from query_assistant.systems.published import SYSTEM

FOLDS = 5


@dataclass(frozen=True)
class Weighed:
    """A reading of a question's answers: what is known of it, and whether it is right."""

    known: Mapping[str, float]
    right: bool


Question = Sequence[Weighed]
"""The readings of one question."""


def right_of(answers: Sequence[Response], items: Mapping[str, BenchmarkItem], judge: Judge) -> list[bool]:
    """Whether each answer means the right records; a question may have several."""
    asked = [items[answer.id].model_copy(update={"id": f"{answer.id}#{at}"}) for at, answer in enumerate(answers)]
    named = [answer.model_copy(update={"id": item.id}) for answer, item in zip(answers, asked, strict=True)]
    _, rows = score_system(SYSTEM, named, {"benchmark": asked}, judge, Resampling(1), seed=0, text_metrics=False)
    relations = {str(row["id"]): row["relation"] for row in rows}
    return [relations[item.id] != "different" for item in asked]


def cross_validated(questions: Sequence[Question], seed: int = 17) -> list[tuple[float, bool]]:
    """The chance of each question's likeliest reading, by a calibration that has not seen it, and its outcome."""
    folds = [number % FOLDS for number in range(len(questions))]
    random.Random(seed).shuffle(folds)
    taught = [
        fitted([one for one, fold in zip(questions, folds, strict=True) if fold != left]) for left in range(FOLDS)
    ]
    given = [_given(taught[fold], question) for question, fold in zip(questions, folds, strict=True)]
    return [(taught[fold].of_given(one.known), one.right) for one, fold in zip(given, folds, strict=True)]


def fitted(questions: Sequence[Question]) -> Confidence:
    """What ranks the readings of a question, and how sure the first of them is, without what is of the sample alone."""
    choice = fit([(one.known, one.right) for question in questions for one in question])
    first = [_given(choice, question) for question in questions]
    return choice.model_copy(update={"given": fit([(_without_sample(one.known), one.right) for one in first])})


def _given(choice: Confidence, question: Question) -> Weighed:
    return max(question, key=lambda one: choice.of(one.known))


def _without_sample(known: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in known.items() if name not in OF_THE_SAMPLE}


def figures(chances: Sequence[float], right: Sequence[bool]) -> dict[str, float]:
    """How far the chances can be trusted.

    Returns:
        answers and the share of right ones; `right_of_surest_half` and `_quarter`; `brier`, the mean square of chance
        less outcome (lower is better; the share alone gives share * (1 - share)).
    """
    ranked = [was for _, was in sorted(zip(chances, right, strict=True), key=lambda pair: -pair[0])]
    half, quarter = ranked[: len(ranked) // 2], ranked[: len(ranked) // 4]
    return {
        "answers": float(len(ranked)),
        "right": round(sum(ranked) / len(ranked), 4),
        "right_of_surest_half": round(sum(half) / len(half), 4),
        "right_of_surest_quarter": round(sum(quarter) / len(quarter), 4),
        "brier": round(sum((chance - was) ** 2 for chance, was in zip(chances, right, strict=True)) / len(ranked), 4),
    }


def calibrate(root: Path) -> tuple[Confidence, dict[str, float]]:
    """The calibration of this workspace's assistant, and its cross-validated figures.

    `right_greedily` is the share without choosing, `right_at_best` with a choice that is never wrong.
    """
    params = load_params(root / "params.yaml")
    apis = {name: load_api(name) for name in params.apis}
    items = load_development(root / "data/apis", params.apis)
    assistant = open_assistant(System.parse(SYSTEM), params, apis, root / "models")
    with all_answers_of(assistant, items, root / "models/.calibration.partial", though_sure=True) as given:
        read = [assistant.readings(answers[0].instruction, answers, answers[0].api) for answers in given]
        greedy = [answers[0] for answers in given]
    judge = Judge(apis, {name: Replica.load(api, records_file(name)) for name, api in apis.items()})
    by_id = {item.id: item for item in items}
    flat = [reading for question in read for reading in question]
    right = dict(zip(map(id, flat), right_of([_response(one) for one in flat], by_id, judge), strict=True))
    questions = [[Weighed(one.known, right[id(one)]) for one in question] for question in read]
    chances, outcomes = zip(*cross_validated(questions), strict=True)
    found = figures(chances, outcomes) | {
        "right_greedily": round(sum(right_of(greedy, by_id, judge)) / len(greedy), 4),
        "right_at_best": round(sum(any(one.right for one in question) for question in questions) / len(questions), 4),
    }
    return fitted(questions), found


def answer_benchmark(root: Path, calibration: Confidence) -> Path:
    """Writes what the assistant answers to the benchmark, as `qa predict` would, and its prompts; returns the file."""
    params = load_params(root / "params.yaml")
    apis = {name: load_api(name) for name in params.apis}
    items = load_benchmark(root / "data/apis", params.apis)
    assistant = open_assistant(System.parse(SYSTEM), params, apis, root / "models", calibration=calibration)
    file = root / "data/responses" / assistant.system.weights / f"{SYSTEM}.jsonl"
    with answers_of(assistant, items, root / "models/.benchmark.partial") as answers:
        write_jsonl(file, answers)
    prompts = file.with_name(PROMPTS)
    asked = [assistant.builder.build(item.instruction, item.api) for item in items]
    write_prompts(prompts, [*read_prompts(prompts).values(), *asked])
    return file


def _response(reading: Interpretation) -> Response:
    assert isinstance(reading.answer, Response)
    return reading.answer


def main() -> None:
    root = project_root()
    found, report = calibrate(root)
    write_json(root / "models" / CALIBRATION, found.model_dump())
    print(report)  # noqa: T201
    print(answer_benchmark(root, found))  # noqa: T201


if __name__ == "__main__":
    sys.exit(run_to_exit(main))
