"""The parent of one pipeline run in MLflow: found or begun, by whichever of its stages comes first.

Training begins it and adds its curve while it goes on, scoring puts the systems below it, the report completes it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run

from query_assistant.reporting.pipeline_runs import PipelineRun

CURVE = "training/"  # before the names of what is known by step
BATCH = 1000  # metrics that MLflow takes at once
LONGEST = 6000  # characters of a parameter


def find_run(client: MlflowClient, experiment_id: str, condition: str) -> Run | None:
    """The newest run that fits."""
    runs = client.search_runs([experiment_id], condition, max_results=1)
    return runs[0] if runs else None


def find_parent(client: MlflowClient, experiment_id: str, pipeline: PipelineRun) -> Run | None:
    return find_run(client, experiment_id, f"tags.pipeline = '{pipeline.key}' AND tags.kind = 'pipeline'")


def begin_parent(client: MlflowClient, experiment_id: str, pipeline: PipelineRun, title: str, start: int) -> Run:
    tags = {"pipeline": pipeline.key, "kind": "pipeline", **pipeline_tags(pipeline)}
    return client.create_run(experiment_id, start, tags, run_name=title)


def pipeline_tags(pipeline: PipelineRun) -> dict[str, str]:
    return {
        "git_revision": pipeline.git_revision,
        "params_sha256": pipeline.params_sha256,
        "dvc_experiment": pipeline.name,
    }


def missing_params(run: Run, params: Mapping[str, object]) -> list[Param]:
    """Those that the run has not, as MLflow takes them."""
    return [Param(key, str(value)[:LONGEST]) for key, value in sorted(params.items()) if key not in run.data.params]


def known_points(client: MlflowClient, run: Run) -> set[tuple[str, int]]:
    """What the run has of its curve: names and steps."""
    names = [name for name in run.data.metrics if name.startswith(CURVE)]
    return {(name, one.step) for name in names for one in client.get_metric_history(run.info.run_id, name)}


def log_curve(
    client: MlflowClient, run_id: str, entries: Iterable[Mapping[str, float]], known: set[tuple[str, int]]
) -> None:
    """Adds what is not `known` of the entries, each with its `step`, to a run's curve, and to `known` once it is there.

    A step that a resumed training takes again stands there once: it repeats what was logged.
    """
    now = milliseconds()
    points = {
        (f"{CURVE}{name}", int(entry["step"])): value
        for entry in entries
        for name, value in entry.items()
        if name != "step"
    }
    new = [Metric(name, value, now, step) for (name, step), value in points.items() if (name, step) not in known]
    for first in range(0, len(new), BATCH):
        part = new[first : first + BATCH]
        client.log_batch(run_id, metrics=part)
        known.update((one.key, one.step) for one in part)


def milliseconds() -> int:
    """Now, as MLflow counts."""
    return int(time.time() * 1000)
