"""MLflow: one run per system, nested under one parent per pipeline run, never twice for the same result.

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

from query_assistant.errors import MissingResourceError
from query_assistant.project import project_root

URI_VARIABLE = "MLFLOW_TRACKING_URI"


@dataclass(frozen=True)
class PipelineRun:
    """What makes one pipeline run: the code, the parameters and the name DVC gave the experiment."""

    git_revision: str
    params_sha256: str
    name: str

    @property
    def key(self) -> str:
        return f"{self.git_revision}-{self.params_sha256[:12]}-{self.name}"


def current_pipeline_run(params: Path = Path("params.yaml")) -> PipelineRun:
    """The pipeline run this process belongs to. A working tree with changes has a revision ending in `-dirty`."""
    digest = hashlib.sha256(params.read_bytes()).hexdigest()
    return PipelineRun(_git_revision(), digest, os.environ.get("DVC_EXP_NAME", "workspace"))


def _git_revision() -> str:
    command = ["git", "describe", "--always", "--abbrev=12", "--dirty", "--exclude=*"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "no-git"


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
    """Logs one scored system and returns its run id; the same `result` (a hash) under one parent is logged once."""
    client, experiment_id = open_store(experiment)
    parent = _parent(client, experiment_id, pipeline)
    mine = f"tags.mlflow.parentRunId = '{parent.info.run_id}' AND tags.result = '{result}'"
    if found := _find(client, experiment_id, mine):
        return str(found.info.run_id)
    tags = {"mlflow.parentRunId": parent.info.run_id, "system": system, "result": result, **_tags(pipeline)}
    run = client.create_run(experiment_id, run_name=system, tags=tags)
    return _fill(client, run, params, metrics, artifacts)


def log_pipeline(experiment: str, pipeline: PipelineRun, artifacts: Iterable[Path]) -> str:
    """Adds the report's table and figures to the parent run and returns its id."""
    client, experiment_id = open_store(experiment)
    parent = _parent(client, experiment_id, pipeline)
    return _fill(client, parent, {}, {}, artifacts)


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
    tags = {"pipeline": pipeline.key, "kind": "pipeline", **_tags(pipeline)}
    return client.create_run(experiment_id, run_name=pipeline.name, tags=tags)


def _find(client: MlflowClient, experiment_id: str, condition: str) -> Run | None:
    runs = client.search_runs([experiment_id], condition, max_results=1)
    return runs[0] if runs else None


def _tags(pipeline: PipelineRun) -> dict[str, str]:
    return {
        "git_revision": pipeline.git_revision,
        "params_sha256": pipeline.params_sha256,
        "dvc_experiment": pipeline.name,
    }
