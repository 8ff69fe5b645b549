"""`make ui`: MLflow in the browser, opened on the systems of this workspace's last run, side by side.

    python -m query_assistant.pipeline.browse

Scores that are here but not in the store are logged first: those of a run that was pulled instead of made, or of one
that was cut off before it was logged. Where `MLFLOW_TRACKING_URI` names a server, the addresses are that server's and
none is started.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

from query_assistant.exits import run_to_exit
from query_assistant.params import load_params
from query_assistant.pipeline.turned import described
from query_assistant.project import load_environment, project_root
from query_assistant.reporting.figures import curve_entries
from query_assistant.reporting.pipeline_runs import SystemsCompared, current_pipeline_run
from query_assistant.reporting.store import open_store, store_uri
from query_assistant.reporting.techniques import read_effects
from query_assistant.reporting.tracking import is_logged, log_comparison
from query_assistant.reporting.views import PIPELINE_RUNS, SYSTEMS, view_address, write_views

TECHNIQUES_FILE = Path("metrics/techniques.json")
HOST, PORT = "127.0.0.1", 5000
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # eight processes of 250 MB for jobs that nobody here starts
}


def log_workspace(root: Path) -> str | None:
    """Makes sure that the scores in metrics/score/ are in MLflow as a whole; returns their pipeline run's id.

    None where the workspace lacks a score, as in the middle of a run.
    """
    os.chdir(root)  # like the stages
    params = load_params()
    knobs, experiment = params.generate, params.score.mlflow_experiment
    systems = map("-".join, product(params.model.weights, knobs.examples, knobs.context, knobs.decoding))
    documents = [Path(f"metrics/score/{system}.json") for system in systems]
    if not all(document.is_file() for document in documents):
        return None
    pipeline, report, training = current_pipeline_run(), Path("metrics/report"), Path("metrics/training.csv")
    run = described(params, documents, pipeline.git_revision)
    if known := is_logged(experiment, run.scores_sha256):
        return known
    files = [*sorted(path for path in report.glob("*") if path.is_file()), Path("params.yaml")]
    curve = curve_entries(training) if params.model.trained and training.is_file() else []
    worth = read_effects(TECHNIQUES_FILE) if TECHNIQUES_FILE.is_file() else []  # none of scores made before it was
    found = SystemsCompared(run, documents, training=curve, effects=worth, files=files)
    return log_comparison(experiment, pipeline, found)


def addresses(server: str, experiment_id: str) -> str:
    return (
        f"the systems compared:       {view_address(server, experiment_id, SYSTEMS)}\n"
        f"their answers side by side: {view_address(server, experiment_id, SYSTEMS, 'ARTIFACT')}\n"
        f"all pipeline runs:          {view_address(server, experiment_id, PIPELINE_RUNS)}"
    )


def browse(root: Path) -> None:
    """Prints where MLflow shows the systems; without a server of your own, starts one and waits for its end."""
    shown = log_workspace(root)
    client, experiment_id = open_store(load_params().score.mlflow_experiment)
    if shown:
        write_views(client, experiment_id, shown)
    uri = store_uri()
    if uri.startswith("http"):
        print(addresses(uri, experiment_id), flush=True)  # noqa: T201
        return
    port = free_port(PORT)
    words = ["-m", "mlflow", "ui", "--backend-store-uri", uri, "--host", HOST, "--port", str(port), "--workers", "1"]
    command = [sys.executable, *words, "--uvicorn-opts", "--log-level warning"]
    with subprocess.Popen(command, env={**QUIET, **os.environ}) as server:
        try:
            if answers(port, server):
                print(addresses(f"http://{HOST}:{port}", experiment_id), "Ctrl-C ends it", sep="\n", flush=True)  # noqa: T201
            server.wait()
        except KeyboardInterrupt:  # the server was told as well
            server.wait()


def answers(port: int, server: subprocess.Popen[bytes]) -> bool:
    """Waits until the server listens; False where it ended instead."""
    while server.poll() is None:
        with socket.socket() as tried:
            if tried.connect_ex((HOST, port)) == 0:
                return True
        time.sleep(0.2)
    return False


def free_port(first: int) -> int:
    """The first port from `first` on that nobody listens at."""
    for port in range(first, first + 100):
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind((HOST, port))
            except OSError:
                continue
        return port
    return 0


def main() -> None:
    load_environment()
    browse(project_root())


if __name__ == "__main__":
    sys.exit(run_to_exit(main))
