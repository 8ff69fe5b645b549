"""MLflow: one run per system, nested under one parent per pipeline run, never twice for the same result.

What a person sees there: runs called like their system, the four words of a system as parameters, metrics in sections
(`benchmark/valid`, `benchmark/by_api/mygene_valid`) of which `accuracy`, the first, holds the two numbers that count, a
description on each run, and on the parent, called after what was turned, the table that compares all systems.

A system's run carries the tag `result`, a hash of its answers: a stage that is reproduced with the same answers finds
its run by that tag and leaves it alone. A run that was cut off is found the same way and finished. The report adds the
systems that had nothing to do this time, so that every parent has all of its systems.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NAME, MLFLOW_RUN_NOTE

from query_assistant.reporting.store import exclusively, open_store
from query_assistant.scoring.documents import Times, numbers, read_score

WRITTEN_BY_RUNS = (":!dvc.lock", ":!metrics", ":!params.yaml")  # they change while one pipeline run goes on
ROLES = ("weights", "examples", "context", "decoding")  # the four words of a system
FINISHED = "attributes.status = 'FINISHED'"
FACTS = ("prompt_sha256", "revision")  # logged as tags: what tells systems apart in MLflow's comparison is their words
WORDS = {
    "base": "the base model's weights",
    "finetuned": "weights fine-tuned on the training pairs",
    "zero_shot": "no examples in the prompt",
    "few_shot": "examples from the training pairs in the prompt",
    "closed": "no retrieval",
    "rag": "retrieved fields and documentation in the prompt",
    "free": "free decoding",
    "grammar": "decoding within the API's grammar",
}
INTRODUCTION = """One run of the pipeline. Each run below it is a system: `<weights>-<examples>-<context>-<decoding>`.
Shares in percent; right means that the query selects the records that were meant.
"""
ACCURACY = {"benchmark.selection": "accuracy/benchmark_selection", "test.selection": "accuracy/test_selection"}
HEADLINES = {
    "accuracy/benchmark_selection": "benchmark, right records",
    "accuracy/test_selection": "test split, right records",
    "benchmark/valid": "benchmark, valid queries",
}


@dataclass(frozen=True)
class PipelineRun:
    """What makes one pipeline run: the code, the parameters and the name DVC gave the experiment.

    `changes` tells one uncommitted state of the code from another; empty where nothing is changed.
    """

    git_revision: str
    params_sha256: str
    name: str
    changes: str = ""

    @property
    def key(self) -> str:
        words = [self.git_revision, self.changes, self.params_sha256[:12], self.name]
        return "-".join(word.replace("'", "") for word in words if word)

    @property
    def label(self) -> str:
        """Which run it is: `brave-mole 0123456`, with `-dirty` where the code had changes."""
        commit, *dirty = self.git_revision.split("-")
        return "-".join([f"{self.name} {commit[:7]}", *dirty])


def current_pipeline_run(params: Path = Path("params.yaml"), name: str | None = None) -> PipelineRun:
    """The pipeline run this process belongs to; the same from the first stage to the last.

    A working tree with changes has a revision ending in `-dirty`. Files that the run itself writes are no changes, and
    params.yaml counts by its hash.
    """
    digest = hashlib.sha256(params.read_bytes()).hexdigest()
    commit = _git("rev-parse", "--short=12", "HEAD")
    changes = _git("diff", "HEAD", "--", ":/", *WRITTEN_BY_RUNS)
    revision = f"{commit}-dirty" if commit and changes else commit or "no_git"
    state = hashlib.sha256(changes.encode()).hexdigest()[:12] if changes else ""
    return PipelineRun(revision, digest, name or os.environ.get("DVC_EXP_NAME", "workspace"), state)


def _git(*arguments: str) -> str:
    if not shutil.which("git"):
        return ""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, errors="replace", check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def log_system(
    experiment: str,
    pipeline: PipelineRun,
    system: str,
    *,
    params: Mapping[str, object],
    metrics: Mapping[str, float],
    artifacts: Iterable[Path],
    result: str,
) -> str:
    """Logs one scored system and returns its run id; the same `result` (a hash) under one parent is logged once.

    Metrics have dotted names (`benchmark.by_api.mygene.selection`); MLflow gets them by section, see `chart_name`.
    """
    files = list(artifacts)
    facts = {name: str(params[name]) for name in FACTS if name in params} | {"system": system, "result": result}
    for document in (file for file in files if file.name == f"{system}.json"):
        facts["score"] = _sha256(document)
    knobs = {name: params[name] for name in params if name not in FACTS}
    with exclusively():
        client, experiment_id = open_store(experiment)
        parent = _parent(client, experiment_id, pipeline)
        measured = {chart_name(name): value for name, value in metrics.items()}
        run_id = _log_child(client, parent, pipeline, facts, knobs, measured, files)
        client.set_terminated(parent.info.run_id)  # until the next system, or the report, adds to it
    return run_id


def log_pipeline(
    experiment: str,
    pipeline: PipelineRun,
    artifacts: Iterable[Path],
    *,
    title: str = "",
    scores: Sequence[Path] = (),
    times: Mapping[str, Times] | None = None,
    params: Mapping[str, object] | None = None,
    metrics: Mapping[str, float] | None = None,
) -> str:
    """Completes the parent run and returns its id; the Markdown tables among the artifacts become its text.

    Args:
        title: what it is called, such as `finetune.learning_rate=0.0005`; its `label` stands behind it.
        scores: the score documents of all its systems. One that no run of this pipeline run logged, for nothing of it
            was up to be done, is logged now, with the files of the run that made it where there is one.
        times: what a clock said of each system, where it is known.
    """
    files = list(artifacts)
    tables = [f"**{file.stem}**\n\n{file.read_text(encoding='utf-8')}" for file in files if file.suffix == ".md"]
    text = "\n".join([INTRODUCTION, *sorted(tables, key=len)])  # MLflow folds all but the first lines
    with exclusively():
        client, experiment_id = open_store(experiment)
        parent = _parent(client, experiment_id, pipeline)
        for path in scores:
            _log_score(client, parent, pipeline, path, (times or {}).get(path.stem), params or {})
        client.set_tag(parent.info.run_id, MLFLOW_RUN_NOTE, text)
        if title:
            client.set_tag(parent.info.run_id, MLFLOW_RUN_NAME, f"{title} ({pipeline.label})")
        return _fill(client, parent, params or {}, metrics or {}, files)


def _log_score(
    client: MlflowClient,
    parent: Run,
    pipeline: PipelineRun,
    path: Path,
    taken: Times | None,
    params: Mapping[str, object],
) -> None:
    score, digest = read_score(path), _sha256(path)
    system = score.system
    alike = f"tags.system = '{system}' AND tags.score = '{digest}'"
    if _find(client, parent.info.experiment_id, f"{_below(parent)} AND {alike} AND {FINISHED}"):
        return
    made = _find(client, parent.info.experiment_id, f"{alike} AND {FINISHED}")
    facts = {name: made.data.tags[name] for name in (*FACTS, "result") if made and name in made.data.tags}
    facts = {"result": digest} | facts | {"system": system, "score": digest}
    knobs = dict(params) | dict(zip(ROLES, system.split("-"), strict=False))
    metrics = dict(made.data.metrics) if made else {}
    metrics |= {chart_name(name): value for name, value in numbers(score, taken).items()}
    with tempfile.TemporaryDirectory() as folder:
        if made and client.list_artifacts(made.info.run_id):
            client.download_artifacts(made.info.run_id, "", folder)
        files = sorted(Path(folder).iterdir()) or [path]
        _log_child(client, parent, pipeline, facts, knobs, metrics, files)


def _log_child(
    client: MlflowClient,
    parent: Run,
    pipeline: PipelineRun,
    facts: Mapping[str, str],
    params: Mapping[str, object],
    metrics: Mapping[str, float],
    files: Iterable[Path],
) -> str:
    """The run of one system and result under its parent: the one that is there, finished if it was cut off, or a new
    one."""
    experiment_id, mine = parent.info.experiment_id, f"{_below(parent)} AND tags.result = '{facts['result']}'"
    mine += f" AND tags.system = '{facts['system']}'"
    if found := _find(client, experiment_id, f"{mine} AND {FINISHED}"):
        return str(found.info.run_id)
    parentage = {MLFLOW_PARENT_RUN_ID: parent.info.run_id, MLFLOW_RUN_NOTE: system_note(facts["system"], metrics)}
    tags = _tags(pipeline) | parentage | dict(facts)
    run = _find(client, experiment_id, mine) or client.create_run(experiment_id, run_name=facts["system"], tags=tags)
    return _fill(client, run, params, metrics, files)


def _fill(
    client: MlflowClient, run: Run, params: Mapping[str, object], metrics: Mapping[str, float], files: Iterable[Path]
) -> str:
    """Logs what the run lacks, and finishes it."""
    run_id, now = str(run.info.run_id), int(time.time() * 1000)
    known = run.data.metrics
    client.log_batch(
        run_id,
        metrics=[Metric(name, metrics[name], now, 0) for name in sorted(metrics) if known.get(name) != metrics[name]],
        params=[Param(name, str(params[name])[:6000]) for name in sorted(params) if name not in run.data.params],
    )
    for file in files:
        client.log_artifact(run_id, str(file))
    client.set_terminated(run_id)
    return run_id


def _parent(client: MlflowClient, experiment_id: str, pipeline: PipelineRun) -> Run:
    found = _find(client, experiment_id, f"tags.pipeline = '{pipeline.key}' AND tags.kind = 'pipeline'")
    if found:
        return found
    tags = {"pipeline": pipeline.key, "kind": "pipeline", MLFLOW_RUN_NOTE: INTRODUCTION, **_tags(pipeline)}
    return client.create_run(experiment_id, run_name=pipeline.label, tags=tags)


def _below(parent: Run) -> str:
    return f"tags.mlflow.parentRunId = '{parent.info.run_id}'"


def _find(client: MlflowClient, experiment_id: str, condition: str) -> Run | None:
    """The newest run that fits."""
    runs = client.search_runs([experiment_id], condition, max_results=1)
    return runs[0] if runs else None


def _tags(pipeline: PipelineRun) -> dict[str, str]:
    return {
        "git_revision": pipeline.git_revision,
        "params_sha256": pipeline.params_sha256,
        "dvc_experiment": pipeline.name,
    }


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def chart_name(name: str) -> str:
    """`benchmark.by_api.mygene.valid` -> `benchmark/by_api/mygene_valid`: MLflow draws a section per folder.

    It opens on the metric that comes first by name, hence a section of its own for selection.
    """
    *folders, last = name.split(".", 2)
    return ACCURACY.get(name) or "/".join([*folders, last.replace(".", "_")])


def flat_params(settings: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Every knob under its dotted name, as one writes it behind `-S`: `generate.rag.k`."""
    flat: dict[str, object] = {}
    for key, value in settings.items():
        flat |= flat_params(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def system_note(system: str, metrics: Mapping[str, float]) -> str:
    """A system in words with its headline numbers, as Markdown."""
    words = ", ".join(WORDS.get(word, word) for word in system.split("-"))
    figures = [f"- {label}: **{100 * metrics[name]:.1f}%**" for name, label in HEADLINES.items() if name in metrics]
    return "\n".join([f"{words[:1].upper()}{words[1:]}.\n", *figures])
