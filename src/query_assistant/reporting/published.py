"""The published responses scored again: the whole benchmark, no model, whatever experiment lies in the workspace.

APIs, seed and model are those of the params.yaml that came with the responses, so no knob turned here can make the
published table one of fewer instructions.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import yaml
from tqdm import tqdm

from query_assistant.apis import load_api
from query_assistant.errors import MissingResourceError
from query_assistant.records import Response, read_jsonl, write_json
from query_assistant.replica import Replica
from query_assistant.reporting.pipeline_runs import SystemAnswers, SystemsCompared
from query_assistant.reporting.provenance import RUN, describe_run, with_first_revision, write_provenance
from query_assistant.reporting.tables import read_scores, systems_table
from query_assistant.scoring import Judge
from query_assistant.scoring.documents import score_system
from query_assistant.statistics import Resampling
from query_assistant.systems.evaluation_sets import BENCHMARK, Item, load_benchmark

EXPERIMENT = "published"


def rescore(responses: Path, records: Path, apis: Path, scores: Path, revision: str) -> SystemsCompared:
    """Writes a score document per published system, their table and what it is of; returns all of it, for MLflow.

    Args:
        responses: the unpacked bundle, a JSON Lines file per system and the run's params.yaml.
        records: folder of the replicas' records, <api>.jsonl.gz.
        apis: folder with <api>/benchmark.jsonl.
        scores: the folder to write.

    Raises:
        MissingResourceError: no responses there.
    """
    settings = published_params(responses)
    known = {name: load_api(name) for name in settings["apis"]}
    sets: dict[str, list[Item]] = {BENCHMARK: list(load_benchmark(apis, settings["apis"]))}
    judge = Judge(known, {name: Replica.load(api, records / f"{name}.jsonl.gz") for name, api in known.items()})
    written, answered = [], {}
    for path in tqdm(sorted(responses.glob("*.jsonl")), desc="published responses", unit="system"):
        answers = read_jsonl(path, Response)
        score, rows = score_system(
            path.stem, answers, sets, judge, Resampling(), seed=settings["seed"], text_metrics=False
        )
        written.append(scores / f"{path.stem}.json")
        write_json(written[-1], score.model_dump(mode="json", exclude_none=True))
        now = time.time()  # the file's own time is that of unpacking
        answered[path.stem] = SystemAnswers(path, answers, rows, now)
    for stray in (path for path in scores.glob("*.json") if path not in written and path.name != RUN):
        stray.unlink()  # of a bundle that was published before
    documents = read_scores(written)
    model = settings["model"]["name"]
    run = describe_run(documents, experiment=EXPERIMENT, turned={}, model=model, revision=revision)
    run = with_first_revision(run, scores)
    write_provenance(run, scores)
    (scores / "systems.md").write_text(f"{run.caption}\n\n{systems_table(documents)}", encoding="utf-8")
    return SystemsCompared(run, written, answered, sets, files=[scores / "systems.md", responses / "params.yaml"])


def published_params(responses: Path) -> dict[str, Any]:
    """The parameters that the published run was made with; of another version's schema, so as plain values.

    Raises:
        MissingResourceError: there are none.
    """
    try:
        settings = yaml.safe_load((responses / "params.yaml").read_text(encoding="utf-8"))
    except OSError as error:
        raise MissingResourceError(
            f"no published responses in {responses} ({error}); run `dvc pull` and `dvc repro unpack`"
        ) from None
    return dict(settings)
