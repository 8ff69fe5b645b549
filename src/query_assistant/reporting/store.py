"""Where runs are kept: MLflow's store, opened so that it survives moving, copying, killing and company.

The store is `mlflow.db` in the checkout (also when DVC works in a temporary copy of it), its files in `mlartifacts/`
beside it; or whatever `MLFLOW_TRACKING_URI` names.

- MLflow writes absolute places of files into its database. A checkout that was moved or copied would show no file, or
  write into the one it was copied from, so opening the store puts its own place there.
- Whoever writes holds the store's lock: of two processes that log one pipeline run, one waits. The lock is the
  operating system's and falls with its process.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import mlflow
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from query_assistant.errors import MissingResourceError
from query_assistant.project import project_root

URI_VARIABLE = "MLFLOW_TRACKING_URI"
DATABASE, ARTIFACTS = "mlflow.db", "mlartifacts"
PLACES = (  # tables and their columns of absolute places
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
    ("model_versions", "source"),
    ("trace_tags", "value"),  # of which one is where a trace lies
)


def store_root() -> Path:
    """The checkout whose store is used: a DVC experiment in a temporary copy writes to the original's."""
    root = project_root().resolve()
    inside = [parent for parent in root.parents if root.is_relative_to(parent / ".dvc" / "tmp" / "exps")]
    return inside[-1] if inside else root


def store_uri() -> str:
    """The store's URI; the checkout's own store is brought up to date with where the checkout lies."""
    named = os.environ.get(URI_VARIABLE)
    if named:
        return named
    relocate(store_root())
    return f"sqlite:///{store_root() / DATABASE}"


@contextmanager
def exclusively() -> Iterator[None]:
    """Holds the lock of the checkout's store, which also covers a server that several processes here write to."""
    with FileLock(store_root() / f".{DATABASE}.lock"):
        yield


def open_store(experiment: str) -> tuple[MlflowClient, str]:
    """A client and the id of the named MLflow experiment, made if it is new.

    Raises:
        MissingResourceError: the server that `MLFLOW_TRACKING_URI` names does not answer.
    """
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # one for each small file
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # one for each run on a server
    for chatty in ("mlflow", "alembic"):  # they announce the making of each table
        logging.getLogger(chatty).setLevel(logging.WARNING)
    uri = store_uri()
    try:
        client = MlflowClient(uri)
        found = client.get_experiment_by_name(experiment)
        if found is not None:
            return client, found.experiment_id
        local = None if URI_VARIABLE in os.environ else (store_root() / ARTIFACTS).as_uri()
        return client, client.create_experiment(experiment, artifact_location=local)
    except MlflowException as error:
        raise MissingResourceError(f"no MLflow store at {uri}: {error}; start it or unset {URI_VARIABLE}") from error


@contextmanager
def process_store(uri: str) -> Iterator[None]:
    """Within the block the whole process has this store, for parts of MLflow that ask for no client's."""
    named, before = os.environ.get(URI_VARIABLE), mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
    use_in_process(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)  # None: none is set
        _restore(named)


def use_in_process(uri: str) -> None:
    """From here on the whole process has this store."""
    named = os.environ.get(URI_VARIABLE)
    mlflow.set_tracking_uri(uri)
    _restore(named)


def _restore(named: str | None) -> None:
    """MLflow puts its store into the environment, where it would look as if somebody had named it."""
    os.environ.pop(URI_VARIABLE, None)
    if named is not None:
        os.environ[URI_VARIABLE] = named


def relocate(root: Path) -> int:
    """Puts `root` in every place of the store that names another checkout's `mlartifacts/`; returns how many.

    Runs, models and traces whose files did not come along, but still lie at their old place, keep that place.
    """
    database = root / DATABASE
    if not database.is_file():
        return 0
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        return sum(_relocate(connection, table, column, root) for table, column in PLACES)


def _relocate(connection: sqlite3.Connection, table: str, column: str, root: Path) -> int:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
        return 0
    sought = f"SELECT DISTINCT {column} FROM {table} WHERE {column} LIKE ?"
    places = [place for (place,) in connection.execute(sought, (f"%/{ARTIFACTS}%",))]
    holds_files = table != "experiments"
    moved = [(here, place) for place in places if (here := _here(place, root, holds_files)) not in (None, place)]
    connection.executemany(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", moved)
    return len(moved)


def _here(place: str | None, root: Path, keep_reachable: bool) -> str | None:
    """The same folder of `mlartifacts/` under `root`; None for what is no local folder of that name."""
    parts = urlsplit(place or "")
    folder = Path(unquote(parts.path))
    if parts.scheme not in ("", "file") or ARTIFACTS not in folder.parts:
        return None
    depth = len(folder.parts) - folder.parts[::-1].index(ARTIFACTS)
    here = root.joinpath(ARTIFACTS, *folder.parts[depth:])
    return None if keep_reachable and folder.exists() and not here.exists() else here.as_uri()
