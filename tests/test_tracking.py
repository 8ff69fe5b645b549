"""One MLflow run per result, nested under one parent per pipeline run."""

from __future__ import annotations

from pathlib import Path

import pytest

from query_assistant import tracking
from query_assistant.errors import MissingResourceError
from query_assistant.tracking import PipelineRun, log_pipeline, log_system, open_store

PIPELINE = PipelineRun("abc123", "f" * 64, "brave-mole")


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.chdir(tmp_path)


def log(system: str, result: str, pipeline: PipelineRun = PIPELINE, artifacts: tuple[Path, ...] = ()) -> str:
    metrics = {"benchmark.selection": 0.5}
    return log_system(
        "lab", pipeline, system, params={"weights": "base"}, metrics=metrics, artifacts=artifacts, result=result
    )


def test_the_same_result_is_logged_once_and_another_again() -> None:
    assert log("base-zero_shot-closed-free", "r1") == log("base-zero_shot-closed-free", "r1")
    assert log("base-zero_shot-closed-free", "r2") != log("base-zero_shot-closed-free", "r1")


def test_systems_are_children_of_their_pipeline_run(tmp_path: Path) -> None:
    table = tmp_path / "systems.md"
    table.write_text("| system |\n", encoding="utf-8")
    children = [log("base-zero_shot-closed-free", "r1"), log("base-few_shot-closed-free", "r2", artifacts=(table,))]
    parent = log_pipeline("lab", PIPELINE, [table])
    client, experiment = open_store("lab")
    for child in children:
        assert client.get_run(child).data.tags["mlflow.parentRunId"] == parent
    assert client.get_run(children[0]).data.metrics == {"benchmark.selection": 0.5}
    assert [file.path for file in client.list_artifacts(children[1])] == ["systems.md"]
    assert len(client.search_runs([experiment])) == 3


def test_another_pipeline_run_has_another_parent() -> None:
    other = PipelineRun("abc123", "e" * 64, "calm-newt")
    assert log_pipeline("lab", PIPELINE, []) != log_pipeline("lab", other, [])


def test_an_experiment_in_a_temporary_copy_writes_to_the_original_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / ".dvc" / "tmp" / "exps" / "tmpabc"
    (copy / "conf" / "api").mkdir(parents=True)
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(copy))
    assert tracking.store_root() == tmp_path.resolve()


def test_a_store_that_cannot_be_opened_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://nowhere")
    with pytest.raises(MissingResourceError, match="MLFLOW_TRACKING_URI"):
        open_store("lab")
