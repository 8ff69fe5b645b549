"""MLflow: one run per system, nested under one parent per pipeline run, never twice for the same result.

What a person sees there: runs called like their system, the four words of a system as parameters, metrics in sections
(`benchmark/valid`, `benchmark/by_api/mygene_valid`) of which `accuracy`, the first, holds the two numbers that count, a
description on each run, and on the parent the table that compares all systems.

The store is `mlflow.db` in the checkout (also when DVC works in a temporary copy of it), or whatever
`MLFLOW_TRACKING_URI` names. A system's run carries the tag `result`, a hash of its answers: a stage that is
reproduced with the same answers finds its run by that tag and leaves it alone.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE

from query_assistant.errors import MissingResourceError
from query_assistant.project import project_root

URI_VARIABLE = "MLFLOW_TRACKING_URI"
WRITTEN_BY_RUNS = (":!dvc.lock", ":!metrics", ":!params.yaml")  # they change while one pipeline run goes on
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
    """What makes one pipeline run: the code, the parameters and the name DVC gave the experiment."""

    git_revision: str
    params_sha256: str
    name: str

    @property
    def key(self) -> str:
        return f"{self.git_revision}-{self.params_sha256[:12]}-{self.name}"

    @property
    def label(self) -> str:
        """What its run is called: `brave-mole 0123456`, with `-dirty` where the code had changes."""
        commit, *dirty = self.git_revision.split("-")
        return "-".join([f"{self.name} {commit[:7]}", *dirty])


def current_pipeline_run(params: Path = Path("params.yaml")) -> PipelineRun:
    """The pipeline run this process belongs to; the same from the first stage to the last.

    A working tree with changes has a revision ending in `-dirty`. Files that the run itself writes are no changes, and
    params.yaml counts by its hash.
    """
    digest = hashlib.sha256(params.read_bytes()).hexdigest()
    return PipelineRun(_git_revision(), digest, os.environ.get("DVC_EXP_NAME", "workspace"))


def _git_revision() -> str:
    commit = _git("rev-parse", "--short=12", "HEAD")
    changes = _git("status", "--porcelain", "--untracked-files=no", "--", ":/", *WRITTEN_BY_RUNS)
    return f"{commit}-dirty" if commit and changes else commit or "no_git"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def store_root() -> Path:
    """The checkout whose store is used: a DVC experiment in a temporary copy writes to the original's."""
    root = project_root().resolve()
    inside = [parent for parent in root.parents if root.is_relative_to(parent / ".dvc" / "tmp" / "exps")]
    return inside[-1] if inside else root


def open_store(experiment: str) -> tuple[MlflowClient, str]:
    """A client and the id of the named MLflow experiment, made if it is new.

    Raises:
        MissingResourceError: the server that `MLFLOW_TRACKING_URI` names does not answer.
    """
    uri = os.environ.get(URI_VARIABLE, f"sqlite:///{store_root() / 'mlflow.db'}")
    try:
        client = MlflowClient(uri)
        found = client.get_experiment_by_name(experiment)
        if found is not None:
            return client, found.experiment_id
        local = None if URI_VARIABLE in os.environ else (store_root() / "mlartifacts").as_uri()
        return client, client.create_experiment(experiment, artifact_location=local)
    except MlflowException as error:
        raise MissingResourceError(f"no MLflow store at {uri}: {error}; start it or unset {URI_VARIABLE}") from error


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
    client, experiment_id = open_store(experiment)
    parent = _parent(client, experiment_id, pipeline)
    mine = f"tags.mlflow.parentRunId = '{parent.info.run_id}' AND tags.result = '{result}'"
    if found := _find(client, experiment_id, mine):
        return str(found.info.run_id)
    measured = {chart_name(name): value for name, value in metrics.items()}
    tags = {name: str(params[name]) for name in FACTS if name in params} | _tags(pipeline)
    tags |= {MLFLOW_PARENT_RUN_ID: parent.info.run_id, MLFLOW_RUN_NOTE: describe(system, measured)}
    run = client.create_run(experiment_id, run_name=system, tags={**tags, "system": system, "result": result})
    return _fill(client, run, {name: params[name] for name in params if name not in FACTS}, measured, artifacts)


def log_pipeline(
    experiment: str,
    pipeline: PipelineRun,
    artifacts: Iterable[Path],
    *,
    params: Mapping[str, object] | None = None,
    metrics: Mapping[str, float] | None = None,
) -> str:
    """Adds the report to the parent run and returns its id; the Markdown tables among the artifacts become its text."""
    client, experiment_id = open_store(experiment)
    parent = _parent(client, experiment_id, pipeline)
    files = list(artifacts)
    tables = [f"**{file.stem}**\n\n{file.read_text(encoding='utf-8')}" for file in files if file.suffix == ".md"]
    text = "\n".join([INTRODUCTION, *sorted(tables, key=len)])  # MLflow folds all but the first lines
    client.set_tag(parent.info.run_id, MLFLOW_RUN_NOTE, text)
    return _fill(client, parent, params or {}, metrics or {}, files)


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


def describe(system: str, metrics: Mapping[str, float]) -> str:
    """A system in words with its headline numbers, as Markdown."""
    words = ", ".join(WORDS.get(word, word) for word in system.split("-"))
    figures = [f"- {label}: **{100 * metrics[name]:.1f}%**" for name, label in HEADLINES.items() if name in metrics]
    return "\n".join([f"{words[:1].upper()}{words[1:]}.\n", *figures])


def _fill(
    client: MlflowClient, run: Run, params: Mapping[str, object], metrics: Mapping[str, float], files: Iterable[Path]
) -> str:
    run_id = str(run.info.run_id)
    client.log_batch(
        run_id,
        metrics=[Metric(name, value, timestamp=0, step=0) for name, value in sorted(metrics.items())],
        params=[Param(name, str(value)[:6000]) for name, value in sorted(params.items())],
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


def _find(client: MlflowClient, experiment_id: str, condition: str) -> Run | None:
    runs = client.search_runs([experiment_id], condition, max_results=1)
    return runs[0] if runs else None


def _tags(pipeline: PipelineRun) -> dict[str, str]:
    return {
        "git_revision": pipeline.git_revision,
        "params_sha256": pipeline.params_sha256,
        "dvc_experiment": pipeline.name,
    }
