"""score: every system's responses -> metrics/score/<system>.json, and a run in MLflow each."""

import hashlib
import json
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from query_assistant.apis import records_file
from query_assistant.params import Params
from query_assistant.pipeline.stage import load_apis, run_stage
from query_assistant.records import Response, read_jsonl, write_json
from query_assistant.replica import Replica
from query_assistant.reporting.tracking import current_pipeline_run, flat_params, log_system
from query_assistant.scoring.summary import flat_metrics, summarise
from query_assistant.systems.evaluation_sets import load_evaluation_sets
from query_assistant.systems.generation import System

Summary = dict[str, Any]


def main(params: Params) -> None:
    apis, knobs = load_apis(params), params.generate
    limits = {"test_limit": knobs.test_limit, "benchmark_limit": knobs.benchmark_limit, "seed": params.seed}
    sets = load_evaluation_sets(Path("data/splits"), Path("data/apis"), params.apis, **limits)
    replicas = {name: Replica.load(api, records_file(name)) for name, api in apis.items()}
    for words in product(params.model.weights, knobs.examples, knobs.context, knobs.decoding):
        system = System.parse("-".join(words))
        path = Path(f"data/responses/{system.weights}/{system}.jsonl")
        responses = read_jsonl(path, Response)
        summary, items = summarise(
            responses, sets, apis, replicas, seed=params.seed, text_metrics=params.score.text_metrics
        )
        write_json(f"metrics/score/{system}.json", {"system": str(system), **summary})
        _track(params, system, summary, items, path, responses)
        print(f"{system}: {100 * summary['benchmark']['selection']:.1f}% of the benchmark select the right records")


def _track(
    params: Params, system: System, summary: Summary, items: list[Summary], path: Path, responses: list[Response]
) -> None:
    answers = json.dumps([(response.id, response.text) for response in responses])
    # the words of all systems are left out: a run has its own
    others = {"model": {"weights", "trained"}, "generate": {"examples", "context", "decoding"}}
    sections = {"seed", "model", "generate", "finetune"}
    settings = params.model_dump(mode="json", include=sections, exclude=others)
    facts: Summary = {
        "model": params.model.name,
        "revision": params.model.source.revision or params.model.engine.model_name,
        "prompt_sha256": hashlib.sha256("".join(r.prompt_sha256 for r in responses).encode()).hexdigest(),
        **vars(system),
        **flat_params(settings),
    }
    with tempfile.TemporaryDirectory() as folder:
        errors = Path(folder, "errors.csv")
        pd.DataFrame(items).to_csv(errors, index=False)
        log_system(
            params.score.mlflow_experiment,
            current_pipeline_run(),
            str(system),
            params=facts,
            metrics=flat_metrics(summary),
            artifacts=[path, Path(f"metrics/score/{system}.json"), errors],
            result=hashlib.sha256(f"{answers}{sorted(facts.items())}".encode()).hexdigest(),
        )


if __name__ == "__main__":
    run_stage(main, kept=False)  # MLflow is told anew
