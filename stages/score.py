"""score: the responses of all systems -> metrics/score/<system>.json, metrics/times/, and a run in MLflow each."""

import hashlib
import json
import tempfile
from itertools import product, starmap
from pathlib import Path

import pandas as pd

from query_assistant.apis import records_file
from query_assistant.params import Params
from query_assistant.pipeline.stage import load_apis, run_stage
from query_assistant.records import Response, read_jsonl, write_json
from query_assistant.replica import Replica
from query_assistant.reporting.tracking import current_pipeline_run, flat_params, log_system
from query_assistant.scoring import Judge
from query_assistant.scoring.documents import Rows, Score, Times, numbers, score_system, times
from query_assistant.statistics import Resampling
from query_assistant.systems.evaluation_sets import load_evaluation_sets
from query_assistant.systems.generation import System

SCORES, TIMES = Path("metrics/score"), Path("metrics/times")


def main(params: Params) -> None:
    apis, knobs = load_apis(params), params.generate
    limits = {"test_limit": knobs.test_limit, "benchmark_limit": knobs.benchmark_limit, "seed": params.seed}
    sets = load_evaluation_sets(Path("data/splits"), Path("data/apis"), params.apis, **limits)
    replicas = {name: Replica.load(api, records_file(name)) for name, api in apis.items()}
    judge, text_metrics = Judge(apis, replicas), params.score.text_metrics
    resampling = Resampling(params.score.bootstrap_samples, params.score.confidence)
    for system in starmap(System, product(params.model.weights, knobs.examples, knobs.context, knobs.decoding)):
        path = Path(f"data/responses/{system.weights}/{system}.jsonl")
        responses = read_jsonl(path, Response)
        score, rows = score_system(
            str(system), responses, sets, judge, resampling, seed=params.seed, text_metrics=text_metrics
        )
        taken = times(str(system), responses)
        write_json(SCORES / f"{system}.json", score.model_dump(mode="json", exclude_none=True))
        write_json(TIMES / f"{system}.json", taken.model_dump())
        _track(params, path, score, taken, rows, responses)
        print(f"{system}: {100 * score.benchmark.selection:.1f}% of the benchmark select the right records")


def _track(params: Params, path: Path, score: Score, taken: Times, rows: Rows, given: list[Response]) -> None:
    system = System.parse(score.system)
    answers = json.dumps([(response.id, response.text) for response in given])
    others = {"model": {"weights", "trained"}, "generate": {"examples", "context", "decoding"}}  # a run has its own
    sections = {"seed", "model", "generate", "finetune", "score"}
    facts: dict[str, object] = {
        "model": params.model.name,
        "revision": params.model.source.revision or params.model.engine.model_name,
        "prompt_sha256": hashlib.sha256("".join(r.prompt_sha256 for r in given).encode()).hexdigest(),
        **vars(system),
        **flat_params(params.model_dump(mode="json", include=sections, exclude=others)),
    }
    with tempfile.TemporaryDirectory() as folder:
        errors = Path(folder, "errors.csv")
        pd.DataFrame(rows).to_csv(errors, index=False)
        log_system(
            params.score.mlflow_experiment,
            current_pipeline_run(),
            str(system),
            params=facts,
            metrics=numbers(score, taken),
            artifacts=[path, SCORES / f"{system}.json", errors],
            result=hashlib.sha256(f"{answers}{sorted(facts.items())}".encode()).hexdigest(),
        )


if __name__ == "__main__":
    run_stage(main, kept=False)  # MLflow is told anew
