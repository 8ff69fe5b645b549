"""rescore: published responses -> metrics/published/: their scores on the whole benchmark, without any model."""

from pathlib import Path

from query_assistant.params import Params
from query_assistant.pipeline.stage import load_apis, run_stage
from query_assistant.records import Response, read_jsonl, write_json
from query_assistant.replica import Replica
from query_assistant.reporting.report import read_scores, systems_table
from query_assistant.scoring import Judge
from query_assistant.scoring.documents import score_system
from query_assistant.statistics import Resampling
from query_assistant.systems.evaluation_sets import load_benchmark

PUBLISHED, SCORES = Path("data/raw/published-responses"), Path("metrics/published")


def main(params: Params) -> None:
    apis = load_apis(params)
    sets = {"benchmark": load_benchmark(Path("data/apis"), params.apis)}
    replicas = {name: Replica.load(api, Path(f"data/raw/records/{name}.jsonl.gz")) for name, api in apis.items()}
    judge = Judge(apis, replicas)
    resampling = Resampling(params.score.bootstrap_samples, params.score.confidence)
    SCORES.mkdir(parents=True, exist_ok=True)
    for path in sorted(PUBLISHED.glob("*.jsonl")):
        responses = [response for response in read_jsonl(path, Response) if response.api in apis]
        score, _ = score_system(path.stem, responses, sets, judge, resampling, seed=params.seed, text_metrics=False)
        write_json(SCORES / f"{path.stem}.json", score.model_dump(mode="json", exclude_none=True))
    table = systems_table(read_scores(sorted(SCORES.glob("*.json"))))
    (SCORES / "systems.md").write_text(table, encoding="utf-8")
    print(table)


if __name__ == "__main__":
    run_stage(main)
