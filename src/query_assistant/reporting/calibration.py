"""How sure the assistant may be, learnt on the development set: its own answers to it, and which of them are right.

    python -m query_assistant.reporting.calibration   # -> models/confidence.json, which `make publish` takes along

What is reported of the calibration is cross-validated: each fifth of the questions is judged by what the others taught.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from query_assistant.apis import load_api, records_file
from query_assistant.exits import run_to_exit
from query_assistant.params import load_params
from query_assistant.project import project_root
from query_assistant.records import BenchmarkItem, Response, write_json
from query_assistant.replica import Replica
from query_assistant.scoring import Judge
from query_assistant.scoring.documents import score_system
from query_assistant.statistics import Resampling
from query_assistant.systems.answering import answers_of
from query_assistant.systems.assistant import open_assistant
from query_assistant.systems.confidence import CALIBRATION, Confidence, features, fit
from query_assistant.systems.evaluation_sets import load_development
from query_assistant.systems.generation import System
from query_assistant.systems.published import SYSTEM

FOLDS = 5
Known = tuple[dict[str, float], bool]


def known_of(answers: Sequence[Response], right: Mapping[str, bool]) -> list[Known]:
    """Features of each answer, and whether it was right."""
    return [(_features(answer), right[answer.id]) for answer in answers]


def _features(answer: Response) -> dict[str, float]:
    return features(answer.instruction, answer, is_call=answer.query is not None)


def right_of(system: str, answers: Sequence[Response], items: Sequence[BenchmarkItem], judge: Judge) -> dict[str, bool]:
    """Whether each answer means the right records."""
    _, rows = score_system(system, answers, {"benchmark": items}, judge, Resampling(1), seed=0, text_metrics=False)
    return {str(row["id"]): row["relation"] != "different" for row in rows}


def cross_validated(known: Sequence[Known], seed: int = 17) -> list[float]:
    """The chance of each answer by a calibration that has not seen it, in their order."""
    folds = [number % FOLDS for number in range(len(known))]
    random.Random(seed).shuffle(folds)
    taught = [fit([one for one, fold in zip(known, folds, strict=True) if fold != left]) for left in range(FOLDS)]
    return [taught[fold].of(one) for (one, _), fold in zip(known, folds, strict=True)]


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
    """The calibration of this workspace's assistant, and its cross-validated figures."""
    params = load_params(root / "params.yaml")
    apis = {name: load_api(name) for name in params.apis}
    items = load_development(root / "data/apis", params.apis)
    assistant = open_assistant(System.parse(SYSTEM), params, apis, root / "models")
    with answers_of(assistant, items, root / "models/.calibration.partial") as found:
        answers = list(found)
    judge = Judge(apis, {name: Replica.load(api, records_file(name)) for name, api in apis.items()})
    known = known_of(answers, right_of(str(assistant.system), answers, items, judge))
    return fit(known), figures(cross_validated(known), [was for _, was in known])


def main() -> None:
    root = project_root()
    found, report = calibrate(root)
    write_json(root / "models" / CALIBRATION, found.model_dump())
    print(report)  # noqa: T201


if __name__ == "__main__":
    sys.exit(run_to_exit(main))
