"""A training in MLflow while it goes on: losses, learning rate, tokens per second and memory by step.

They stand on the parent of the pipeline run that trains, which is thereby begun. A training that is resumed goes on in
the same run; one that was killed or failed is marked so until then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from mlflow import MlflowClient

from query_assistant.reporting.parents import (
    begin_parent,
    find_parent,
    known_points,
    log_curve,
    milliseconds,
    missing_params,
)
from query_assistant.reporting.pipeline_runs import PipelineRun
from query_assistant.reporting.provenance import Provenance
from query_assistant.reporting.store import exclusively, open_store


class TrainingRun:
    """The run that a training is logged to; opened by the first call, for the store may not be there at first.

    Every call may raise what MLflow raises, and can then be made again.
    """

    def __init__(self, experiment: str, pipeline: PipelineRun, run: Provenance) -> None:
        self._experiment, self._pipeline, self._run = experiment, pipeline, run
        self._began = milliseconds()
        self._known: set[tuple[str, int]] = set()
        self._opened: tuple[MlflowClient, str] | None = None

    def log(self, entries: Iterable[Mapping[str, float]]) -> None:
        """Adds entries of the curve, each with its `step`."""
        with exclusively():
            client, run_id = self._open()
            log_curve(client, run_id, entries, self._known)

    def end(self, status: Literal["FINISHED", "FAILED", "KILLED"]) -> None:
        """Closes the run; the stages that come later complete it."""
        with exclusively():
            client, run_id = self._open()
            client.set_terminated(run_id, status)

    def _open(self) -> tuple[MlflowClient, str]:
        if self._opened is None:
            client, experiment_id = open_store(self._experiment)
            found = find_parent(client, experiment_id, self._pipeline)
            run = found or begin_parent(client, experiment_id, self._pipeline, self._run.title, self._began)
            run_id = str(run.info.run_id)
            client.update_run(run_id, status="RUNNING")
            client.log_batch(run_id, params=missing_params(run, self._run.knobs))
            self._known = known_points(client, run)
            self._opened = client, run_id
        return self._opened
