"""MLflow is told of a training while it goes on, and whatever befalls MLflow, the training goes on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from query_assistant.finetuning.following import FollowedTraining
from query_assistant.params import load_params
from query_assistant.pipeline import watching
from query_assistant.pipeline.live_training import LiveTraining
from query_assistant.reporting.pipeline_runs import PipelineRun
from query_assistant.reporting.provenance import Provenance
from query_assistant.reporting.training_run import TrainingRun

ROOT = Path(__file__).parents[2]
EXPERIMENT = load_params(ROOT / "params.yaml").score.mlflow_experiment
PIPELINE = PipelineRun("abc123", "f" * 64, "brave-mole")
STARTED = """
import os, sys, time
from pathlib import Path
from query_assistant.pipeline.watching import watched
with watched(Path(sys.argv[1])):
    print("begun", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def store(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(ROOT))
    monkeypatch.chdir(ROOT)
    return MlflowClient(uri)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "models" / ".adapter.training-abc"
    folder.mkdir(parents=True)
    return folder


def train(work: Path, *steps: int) -> None:
    """Logs steps as a training does."""
    with (work / "training.jsonl").open("a", encoding="utf-8") as out:
        out.writelines(f'{{"learning_rate": 0.1, "loss": {1 / step}, "step": {step}}}\n' for step in steps)


def curve(client: MlflowClient, run: Run) -> list[tuple[int, float]]:
    return sorted((one.step, one.value) for one in client.get_metric_history(run.info.run_id, "training/loss"))


def runs(client: MlflowClient) -> list[Run]:
    experiment = client.get_experiment_by_name(EXPERIMENT)
    return list(client.search_runs([experiment.experiment_id])) if experiment else []


def statuses(client: MlflowClient) -> list[str]:
    return [run.info.status for run in runs(client)]


def only_run(client: MlflowClient) -> Run:
    (run,) = runs(client)
    return run


def run_of(title: str = "default") -> TrainingRun:
    return TrainingRun(EXPERIMENT, PIPELINE, Provenance(title, {}, "small", {}, "", "abc123"))


def test_a_resumed_training_goes_on_in_the_same_run_with_each_step_once(store: MlflowClient, work: Path) -> None:
    first = LiveTraining(FollowedTraining(work.parent / "adapter"), run_of())
    train(work, 1, 2)
    first.tell()
    run = only_run(store)
    assert (run.info.status, curve(store, run)) == ("RUNNING", [(1, 1.0), (2, 0.5)])
    first.end("KILLED")
    assert only_run(store).info.status == "KILLED"
    again = LiveTraining(FollowedTraining(work.parent / "adapter"), run_of())
    train(work, 2, 4)
    again.tell()
    assert only_run(store).info.status == "RUNNING"
    again.end("FINISHED")
    run = only_run(store)
    assert (run.info.status, curve(store, run)) == ("FINISHED", [(1, 1.0), (2, 0.5), (4, 0.25)])
    assert run.data.params == {"model": "small", "experiment": "default"}


class Broken(TrainingRun):
    """Cannot be reached until it is mended."""

    mended = False

    def log(self, entries: Iterable[Mapping[str, float]]) -> None:
        if not self.mended:
            raise ConnectionError("nobody\nthere")
        super().log(entries)


def test_what_could_not_be_told_is_told_later_and_complained_of_once(
    store: MlflowClient, work: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = Broken(EXPERIMENT, PIPELINE, Provenance("default", {}, "small", {}, "", "abc123"))
    live = LiveTraining(FollowedTraining(work.parent / "adapter"), run)
    for step in (1, 2):
        train(work, step)
        live.tell()
    assert caplog.messages == ["MLflow is not told of this training: nobody"]
    run.mended = True
    live.end("FINISHED")
    assert curve(store, only_run(store)) == [(1, 1.0), (2, 0.5)]


def test_a_watcher_sees_how_the_training_ended(store: MlflowClient, work: Path) -> None:
    train(work, 1)
    with watching.watched(work.parent / "adapter"):
        train(work, 2)
    run = only_run(store)
    assert (run.info.status, curve(store, run)) == ("FINISHED", [(1, 1.0), (2, 0.5)])
    with pytest.raises(ZeroDivisionError), watching.watched(work.parent / "adapter"):
        raise ZeroDivisionError
    assert only_run(store).info.status == "FAILED"


def test_a_training_that_was_killed_is_marked_so(store: MlflowClient, work: Path) -> None:
    train(work, 1)
    command = [sys.executable, "-c", STARTED, str(work.parent / "adapter")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as training:
        assert training.stdout is not None
        training.stdout.readline()
        training.send_signal(signal.SIGKILL)
    end = time.monotonic() + 120
    while time.monotonic() < end and statuses(store) != ["KILLED"]:
        time.sleep(0.2)
    assert statuses(store) == ["KILLED"]


def test_no_watcher_and_no_store_stop_no_training(monkeypatch: pytest.MonkeyPatch, work: Path) -> None:
    monkeypatch.setattr(watching, "WATCHER", "query_assistant.no_such_program")
    done = []
    with watching.watched(work.parent / "adapter"):
        done.append(True)
    assert done
