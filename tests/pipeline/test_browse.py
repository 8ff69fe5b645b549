"""`make ui`: what lies in the workspace is in the store as a whole, and the address leads to it, whoever serves it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from query_assistant.params import load_params
from query_assistant.pipeline.browse import addresses, browse, free_port, log_workspace
from query_assistant.reporting.store import open_store

ROOT = Path(__file__).parents[2]
EXPERIMENT = load_params(ROOT / "params.yaml").score.mlflow_experiment


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(ROOT))


@pytest.fixture
def store(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    shutil.copyfile(empty_store, tmp_path / "mlflow.db")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    client = MlflowClient(uri)
    client.create_experiment(EXPERIMENT, artifact_location=(tmp_path / "artifacts").as_uri())
    return uri


def systems_of(parent: str | None) -> list[Run]:
    client, experiment = open_store(EXPERIMENT)
    return list(client.search_runs([experiment], f"tags.comparison = '{parent}'"))


def test_committed_scores_are_logged_once_as_a_finished_comparison(store: str) -> None:
    parent = log_workspace(ROOT)
    assert parent is not None
    assert log_workspace(ROOT) == parent
    names = {path.stem for path in Path("metrics/score").glob("*.json")}
    assert {run.info.run_name for run in systems_of(parent)} == names
    assert {run.info.status for run in systems_of(parent)} == {"FINISHED"}
    client, _ = open_store(EXPERIMENT)
    assert "training/loss" in client.get_run(parent).data.metrics
    assert "accuracy.svg" in {file.path for file in client.list_artifacts(parent)}


def test_a_comparison_that_was_cut_off_is_completed(store: str) -> None:
    parent = log_workspace(ROOT)
    assert parent is not None
    client, _ = open_store(EXPERIMENT)
    lost = systems_of(parent)[0]
    client.delete_run(lost.info.run_id)
    client.update_run(parent, status="RUNNING")
    assert log_workspace(ROOT) == parent
    assert {run.info.run_name for run in systems_of(parent)} >= {lost.info.run_name}
    assert client.get_run(parent).info.status == "FINISHED"


def test_a_port_in_use_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert port < free_port(port) < port + 100


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A real MLflow server, with a store and files of its own."""
    port = free_port(5600)
    words = ["server", "--backend-store-uri", f"sqlite:///{tmp_path / 'served.db'}", "--port", str(port)]
    words += ["--artifacts-destination", str(tmp_path / "served"), "--workers", "1"]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", *words], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address, end = f"http://127.0.0.1:{port}", time.monotonic() + 120
    while time.monotonic() < end:
        try:
            urlopen(f"{address}/health").read()
            break
        except OSError:
            time.sleep(0.5)
    yield address
    process.terminate()
    process.wait()


@pytest.mark.slow
def test_a_server_gets_all_of_it_and_the_addresses_are_its_own(
    server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    browse(ROOT)
    client, experiment = open_store(EXPERIMENT)
    assert capsys.readouterr().out == f"{addresses(server, experiment)}\n"
    parent = log_workspace(ROOT)
    assert len(systems_of(parent)) == len(list(Path("metrics/score").glob("*.json")))
    assert parent is not None
    assert Path(client.download_artifacts(parent, "params.yaml", str(tmp_path))).is_file()
