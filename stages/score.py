"""score: the responses of all systems -> metrics/score/, metrics/techniques.json, metrics/times/, and their runs."""

from itertools import product, starmap
from pathlib import Path

from query_assistant.apis import records_file
from query_assistant.params import Params
from query_assistant.pipeline.stage import load_apis, run_stage
from query_assistant.pipeline.turned import described
from query_assistant.records import Response, read_jsonl, write_json
from query_assistant.replica import Replica
from query_assistant.reporting.pipeline_runs import SystemAnswers, SystemsCompared, current_pipeline_run
from query_assistant.reporting.techniques import Effects, all_twins, effects, verdicts
from query_assistant.reporting.tracking import log_comparison
from query_assistant.scoring import Judge
from query_assistant.scoring.documents import score_system, times
from query_assistant.statistics import Resampling
from query_assistant.systems.evaluation_sets import load_evaluation_sets
from query_assistant.systems.generation import System

SCORES, TIMES, TECHNIQUES = Path("metrics/score"), Path("metrics/times"), Path("metrics/techniques.json")


def main(params: Params) -> None:
    apis, knobs = load_apis(params), params.generate
    limits = {"test_limit": knobs.test_limit, "benchmark_limit": knobs.benchmark_limit, "seed": params.seed}
    sets = load_evaluation_sets(Path("data/splits"), Path("data/apis"), params.apis, held_out=knobs.held_out, **limits)
    replicas = {name: Replica.load(api, records_file(name)) for name, api in apis.items()}
    judge, text_metrics = Judge(apis, replicas), params.score.text_metrics
    resampling = Resampling(params.score.bootstrap_samples, params.score.confidence)
    answers, documents = {}, []
    for system in starmap(System, product(params.model.weights, knobs.examples, knobs.context, knobs.decoding)):
        path = Path(f"data/responses/{system.weights}/{system}.jsonl")
        responses = read_jsonl(path, Response)
        score, rows = score_system(
            str(system), responses, sets, judge, resampling, seed=params.seed, text_metrics=text_metrics
        )
        documents.append(SCORES / f"{system}.json")
        write_json(documents[-1], score.model_dump(mode="json", exclude_none=True))
        write_json(TIMES / f"{system}.json", times(str(system), responses).model_dump())
        answers[str(system)] = SystemAnswers(path, responses, rows, path.stat().st_mtime)
        print(f"{system}: {100 * score.benchmark.selection:.1f}% of the benchmark select the right records")
    worth = effects(all_twins(list(answers)), verdicts({name: one.rows for name, one in answers.items()}))
    write_json(TECHNIQUES, Effects(effects=tuple(worth)).model_dump(mode="json"))
    pipeline = current_pipeline_run()
    run = described(params, documents, pipeline.git_revision)
    found = SystemsCompared(run, documents, answers, sets, effects=worth)
    log_comparison(params.score.mlflow_experiment, pipeline, found)


if __name__ == "__main__":
    run_stage(main, kept=False)  # MLflow is told anew
