"""One MLflow run per result, nested under one parent per pipeline run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from query_assistant.errors import MissingResourceError
from query_assistant.reporting import tracking
from query_assistant.reporting.tracking import (
    PipelineRun,
    chart_name,
    current_pipeline_run,
    describe,
    flat_params,
    log_pipeline,
    log_system,
    open_store,
)

PIPELINE = PipelineRun("abc123", "f" * 64, "brave-mole")


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's tables: making them takes a second, copying them nothing."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(autouse=True)
def store(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    monkeypatch.chdir(tmp_path)


def log(system: str, result: str, pipeline: PipelineRun = PIPELINE, artifacts: tuple[Path, ...] = ()) -> str:
    metrics = {"benchmark.selection": 0.5, "benchmark.by_api.mygene.selection": 0.25}
    params = {"weights": "base", "prompt_sha256": "ab12"}
    return log_system("lab", pipeline, system, params=params, metrics=metrics, artifacts=artifacts, result=result)


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
    assert client.get_run(children[0]).data.metrics == {
        "accuracy/benchmark_selection": 0.5,
        "benchmark/by_api/mygene_selection": 0.25,
    }
    assert [file.path for file in client.list_artifacts(children[1])] == ["systems.md"]
    assert len(client.search_runs([experiment])) == 3


def test_what_tells_systems_apart_are_parameters_and_what_only_identifies_them_are_tags() -> None:
    child = open_store("lab")[0].get_run(log("base-zero_shot-closed-free", "r1"))
    assert child.info.run_name == "base-zero_shot-closed-free"
    assert child.data.params == {"weights": "base"}
    tags = {name: value for name, value in child.data.tags.items() if not name.startswith("mlflow.")}
    assert tags == {
        "system": "base-zero_shot-closed-free",
        "result": "r1",
        "prompt_sha256": "ab12",
        "git_revision": "abc123",
        "params_sha256": "f" * 64,
        "dvc_experiment": "brave-mole",
    }


def test_a_system_is_described_in_words_with_its_headline_numbers() -> None:
    child = open_store("lab")[0].get_run(log("finetuned-few_shot-rag-free", "r1"))
    assert child.data.tags[MLFLOW_RUN_NOTE] == (
        "Weights fine-tuned on the training pairs, examples from the training pairs in the prompt, "
        "retrieved fields and documentation in the prompt, free decoding.\n\n"
        "- benchmark, right records: **50.0%**"
    )
    assert describe("hosted-zero_shot", {}) == "Hosted, no examples in the prompt.\n"


def test_the_parent_shows_the_report_s_tables_its_numbers_and_its_knobs(tmp_path: Path) -> None:
    table = tmp_path / "systems.md"
    table.write_text("| system |\n", encoding="utf-8")
    log("base-zero_shot-closed-free", "r1")
    figures = tmp_path / "errors.csv"
    figures.write_text("system,error\n", encoding="utf-8")
    run = log_pipeline("lab", PIPELINE, [table, figures], params={"seed": 17}, metrics={"best_selection": 0.5})
    parent = open_store("lab")[0].get_run(run)
    assert parent.info.run_name == "brave-mole abc123"
    assert parent.info.status == "FINISHED"
    assert parent.data.params == {"seed": "17"}
    assert parent.data.metrics == {"best_selection": 0.5}
    assert parent.data.tags[MLFLOW_RUN_NOTE].endswith("\n**systems**\n\n| system |\n")


def test_knobs_have_the_names_that_set_them() -> None:
    settings = {"seed": 17, "generate": {"rag": {"k": 8}, "examples": ["few_shot"]}}
    assert flat_params(settings) == {"seed": 17, "generate.rag.k": 8, "generate.examples": ["few_shot"]}


def test_metrics_are_in_folders_two_deep_at_most() -> None:
    assert [
        chart_name(name) for name in ("cost.latency_ms_median", "test.interval.valid.low", "test.components.clauses_f1")
    ] == ["cost/latency_ms_median", "test/interval/valid_low", "test/components/clauses_f1"]


def test_a_pipeline_run_is_the_same_from_its_first_stage_to_its_last(tmp_path: Path) -> None:
    names = {"dvc.lock": "a", "metrics/score/one.json": "{}", "params.yaml": "seed: 1", "src/code.py": "pass"}
    for name, text in names.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    for command in ("init -q", "add .", "-c user.name=a -c user.email=a@b commit -qm first"):
        subprocess.run(["git", *command.split()], check=True)
    before = current_pipeline_run()
    for written in ("dvc.lock", "metrics/score/one.json", "untracked"):
        (tmp_path / written).write_text("changed", encoding="utf-8")
    assert current_pipeline_run() == before
    (tmp_path / "src" / "code.py").write_text("changed", encoding="utf-8")
    assert current_pipeline_run().git_revision == f"{before.git_revision}-dirty"
    assert current_pipeline_run().label == f"workspace {before.git_revision[:7]}-dirty"


def test_without_git_the_revision_says_so() -> None:
    Path("params.yaml").write_text("seed: 1", encoding="utf-8")
    assert current_pipeline_run().git_revision == "no_git"


def test_another_pipeline_run_has_another_parent() -> None:
    other = PipelineRun("abc123", "e" * 64, "calm-newt")
    assert log_pipeline("lab", PIPELINE, []) != log_pipeline("lab", other, [])


def test_an_experiment_in_a_temporary_copy_writes_to_the_original_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / ".dvc" / "tmp" / "exps" / "tmpabc"
    (copy / "data" / "apis").mkdir(parents=True)
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(copy))
    assert tracking.store_root() == tmp_path.resolve()


def test_a_store_that_cannot_be_opened_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://nowhere")
    with pytest.raises(MissingResourceError, match="MLFLOW_TRACKING_URI"):
        open_store("lab")
