"""The store stays whole when its checkout is moved or copied, and says what is wrong when it cannot be opened."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import unquote

import pytest
from mlflow import MlflowClient

from query_assistant.errors import MissingResourceError
from query_assistant.reporting.adapters import ALIAS, REGISTERED
from query_assistant.reporting.pipeline_runs import PipelineRun, SystemsCompared
from query_assistant.reporting.provenance import describe_run
from query_assistant.reporting.store import open_store, relocate, store_root, store_uri
from query_assistant.reporting.tables import read_scores
from query_assistant.reporting.tracking import log_comparison
from reporting.scores import score

PIPELINE = PipelineRun("abc123", "f" * 64, "brave-mole")
SYSTEM = "base-zero_shot-closed-free"


def found(root: Path) -> SystemsCompared:
    """One system's score, and a table of the whole."""
    document, table = root / f"{SYSTEM}.json", root / "systems.md"
    document.write_text(score(SYSTEM, 0.5).model_dump_json(), encoding="utf-8")
    table.write_text("| system |\n", encoding="utf-8")
    adapter = root / "adapter"
    adapter.mkdir(exist_ok=True)
    (adapter / "adapter_model.safetensors").write_bytes(b"weights")
    run = describe_run(read_scores([document]), experiment="default", turned={}, model="small", revision="abc123")
    return SystemsCompared(run, [document], files=[table], adapter=adapter)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> tuple[Path, str]:
    """A checkout with one run that has one file, and the run's id."""
    root = checkout(tmp_path_factory.mktemp("filled") / "lab one")
    shutil.copy(empty_store, root / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("QUERY_ASSISTANT_ROOT", str(root))
        return root, log_comparison("lab", PIPELINE, found(root))


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def checkout(root: Path) -> Path:
    (root / "data" / "apis").mkdir(parents=True)
    return root


def shown(root: Path, run: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The run's file, as a client of the checkout's store gets it."""
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(root))
    client = MlflowClient(store_uri())
    folder.mkdir()
    return Path(client.download_artifacts(run, "systems.md", str(folder))).read_text(encoding="utf-8")


def test_a_moved_checkout_keeps_its_files(
    filled: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = tmp_path / "moved ü"
    shutil.copytree(filled[0], tmp_path / "first")
    assert relocate(tmp_path / "first") == 5, "the experiment, the parent, the system, the model and its version"
    (tmp_path / "first").rename(moved)
    assert shown(moved, filled[1], tmp_path / "got", monkeypatch) == "| system |\n"
    client = MlflowClient(store_uri())
    version = client.get_model_version_by_alias(REGISTERED, ALIAS)
    place = unquote(client.get_model_version_download_uri(REGISTERED, version.version).removeprefix("file://"))
    assert Path(place).is_relative_to(moved)
    assert (Path(place) / "adapter_model.safetensors").read_bytes() == b"weights"


def test_a_copied_checkout_writes_nothing_into_the_one_it_came_from(
    filled: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(filled[0], copy)
    before = sorted(path for path in filled[0].rglob("*") if path.is_file())
    assert shown(copy, filled[1], tmp_path / "got", monkeypatch) == "| system |\n"
    run = log_comparison("lab", PipelineRun("def456", "e" * 64, "calm-newt"), found(copy))
    assert sorted(path for path in filled[0].rglob("*") if path.is_file()) == before
    assert (copy / "mlartifacts" / run / "artifacts" / "systems.md").is_file()


def test_files_that_did_not_come_along_are_still_found_where_they_lie(
    filled: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = checkout(tmp_path / "copy")
    shutil.copy(filled[0] / "mlflow.db", copy)
    assert shown(copy, filled[1], tmp_path / "got", monkeypatch) == "| system |\n"


def test_a_store_that_lies_where_it_was_is_left_alone(filled: tuple[Path, str], tmp_path: Path) -> None:
    assert relocate(filled[0]) == 0
    assert relocate(tmp_path) == 0
    (tmp_path / "mlflow.db").touch()
    assert relocate(tmp_path) == 0


def test_places_elsewhere_are_not_ours_to_change(
    filled: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(filled[0], copy)
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(copy))
    client, _ = open_store("lab")
    for name, place in (("cloud", "s3://bucket/mlartifacts"), ("own", (tmp_path / "own").as_uri())):
        client.create_experiment(name, artifact_location=place)
    relocate(copy)
    known = {name: client.get_experiment_by_name(name) for name in ("cloud", "own")}
    assert {name: one.artifact_location for name, one in known.items() if one} == {
        "cloud": "s3://bucket/mlartifacts",
        "own": (tmp_path / "own").as_uri(),
    }


def test_an_experiment_in_a_temporary_copy_writes_to_the_original_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(checkout(tmp_path / ".dvc" / "tmp" / "exps" / "tmpabc")))
    assert store_root() == tmp_path.resolve()


def test_a_store_that_cannot_be_opened_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://nowhere")
    with pytest.raises(MissingResourceError, match="MLFLOW_TRACKING_URI"):
        open_store("lab")
