"""A search in MLflow: one run for the search, and below it one per trial with its knobs, its losses and its result."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE

from query_assistant.params import load_params
from query_assistant.pipeline.search_space import SearchParams
from query_assistant.reporting.store import exclusively, open_store

if TYPE_CHECKING:
    from query_assistant.pipeline.searching import TriedKnobs

_STATUS = {"finished": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}


class SearchLog:
    """The runs of the search `key`. What is logged already is left alone, what a kill cut off is finished."""

    def __init__(self, root: Path, key: str, params: SearchParams) -> None:
        self._experiment = load_params(root / "params.yaml").score.mlflow_experiment
        self._key, self._params = key, params

    def add(self, tried: Sequence[TriedKnobs], losses: Mapping[int, Mapping[int, float]]) -> None:
        """Logs the trials that are not in the store yet, and the best of all in the search's own run."""
        with exclusively():
            client, experiment_id = open_store(self._experiment)
            parent = self._parent(client, experiment_id)
            logged = self._logged(client, experiment_id, parent)
            for one in sorted(tried, key=lambda one: one.number):
                if logged.get(str(one.number), ("", ""))[1] not in _STATUS.values():
                    run_id = logged.get(str(one.number), ("", ""))[0] or self._begun(client, experiment_id, parent, one)
                    self._fill(client, run_id, one, losses.get(one.number, {}))
            finished = [one for one in tried if one.value is not None]
            if finished:
                self._best(client, parent, finished[0], len(tried))

    def _parent(self, client: MlflowClient, experiment_id: str) -> str:
        found = client.search_runs([experiment_id], f"tags.search = '{self._key}'", max_results=1)
        if found:
            return str(found[0].info.run_id)
        about = f"Knobs searched for by `qa search`: {self._params.measure}, experiment `{self._params.experiment}`."
        tags = {"search": self._key, "kind": "search", MLFLOW_RUN_NOTE: about}
        parent = client.create_run(experiment_id, tags=tags, run_name=f"search {self._key}")
        ranges = {name: str(one.model_dump(exclude_defaults=True)) for name, one in self._params.knobs.items()}
        client.log_batch(parent.info.run_id, params=[Param(name, value) for name, value in sorted(ranges.items())])
        return str(parent.info.run_id)

    def _logged(self, client: MlflowClient, experiment_id: str, parent: str) -> dict[str, tuple[str, str]]:
        """Run and status by the trial's number."""
        below = client.search_runs([experiment_id], f"tags.{MLFLOW_PARENT_RUN_ID} = '{parent}'", max_results=1000)
        return {run.data.tags["trial"]: (str(run.info.run_id), run.info.status) for run in below}

    def _begun(self, client: MlflowClient, experiment_id: str, parent: str, one: TriedKnobs) -> str:
        tags = {MLFLOW_PARENT_RUN_ID: parent, "trial": str(one.number), "kind": "trial"}
        tags |= {"dvc_experiment": one.experiment, "state": one.state}
        run = client.create_run(experiment_id, tags=tags, run_name=f"trial {one.number}")
        return str(run.info.run_id)

    def _fill(self, client: MlflowClient, run_id: str, one: TriedKnobs, losses: Mapping[int, float]) -> None:
        now = int(time.time() * 1000)
        curve = [Metric("training/validation_loss", loss, now, step) for step, loss in sorted(losses.items())]
        value = [Metric(self._params.measure, one.value, now, 0)] if one.value is not None else []
        knobs = [Param(name, str(knob)) for name, knob in sorted(one.knobs.items())]
        client.log_batch(run_id, metrics=[*curve, *value], params=knobs)
        client.set_terminated(run_id, status=_STATUS[one.state])

    def _best(self, client: MlflowClient, parent: str, best: TriedKnobs, trials: int) -> None:
        now = int(time.time() * 1000)
        figures = {f"best/{self._params.measure}": best.value or 0.0, "trials": float(trials)}
        client.log_batch(parent, metrics=[Metric(name, value, now, trials) for name, value in figures.items()])
        client.set_tag(parent, "best_trial", str(best.number))
        client.set_terminated(parent)
