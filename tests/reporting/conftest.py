"""An MLflow store with its tables: making them takes seconds, so once for all workers; copying them nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from filelock import FileLock
from mlflow import MlflowClient


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.getbasetemp()  # of this worker, where there are several
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "mlflow-store"
    shared.mkdir(exist_ok=True)
    with FileLock(shared / "lock"):
        if not (shared / "made").exists():
            MlflowClient(f"sqlite:///{shared / 'mlflow.db'}").search_experiments()
            (shared / "made").touch()
    return shared / "mlflow.db"
