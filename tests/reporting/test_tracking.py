"""One MLflow run per result, nested under one parent per pipeline run."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import cast

import pytest
from mlflow import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from query_assistant.reporting.store import open_store
from query_assistant.reporting.tracking import (
    PipelineRun,
    chart_name,
    current_pipeline_run,
    flat_params,
    log_pipeline,
    log_system,
    system_note,
)
from reporting.scores import score

PIPELINE = PipelineRun("abc123", "f" * 64, "brave-mole")


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
    assert system_note("hosted-zero_shot", {}) == "Hosted, no examples in the prompt.\n"


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
    once = current_pipeline_run()
    (tmp_path / "src" / "code.py").write_text("changed again", encoding="utf-8")
    assert (once.git_revision, once.key) != (before.git_revision, before.key)
    assert once.key != current_pipeline_run().key, "two states of changed code are two pipeline runs"


def test_without_git_the_revision_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("params.yaml").write_text("seed: 1", encoding="utf-8")
    assert current_pipeline_run().git_revision == "no_git"
    monkeypatch.setenv("PATH", "")
    assert current_pipeline_run().git_revision == "no_git", "not even the program"


def test_another_pipeline_run_has_another_parent() -> None:
    other = PipelineRun("abc123", "e" * 64, "calm-newt")
    assert log_pipeline("lab", PIPELINE, []) != log_pipeline("lab", other, [])


SYSTEMS = ("base-zero_shot-closed-free", "base-few_shot-closed-free", "base-few_shot-rag-free")


def write_all(systems: Iterable[str], killed_in: str = "") -> None:
    if killed_in:
        setattr(MlflowClient, killed_in, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
    for system in systems:
        metrics = {"benchmark.selection": 0.5}
        log_system("lab", PIPELINE, system, params={"weights": "base"}, metrics=metrics, artifacts=[], result="r1")
    log_pipeline("lab", PIPELINE, [], title="smoke", params={"seed": 17}, metrics={"best": 0.5})


def started(systems: Iterable[str], killed_in: str = "") -> multiprocessing.Process:
    """A process of its own that logs; forked, for importing MLflow anew takes seconds."""
    process = multiprocessing.get_context("fork").Process(target=write_all, args=(systems, killed_in))
    process.start()
    return cast(multiprocessing.Process, process)


def runs_of_the_lab() -> dict[str, tuple[str, dict[str, float], dict[str, str]]]:
    client, experiment = open_store("lab")
    found = client.search_runs([experiment])
    named = {run.info.run_name: (run.info.status, run.data.metrics, run.data.params) for run in found}
    assert len(named) == len(found), "a run is there twice"
    return named


@pytest.mark.parametrize("moment", ["log_batch", "set_terminated"])
def test_a_run_that_was_killed_is_finished_by_the_next(moment: str) -> None:
    process = started(SYSTEMS[:1], moment)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert runs_of_the_lab()[SYSTEMS[0]][0] == "RUNNING"
    write_all(SYSTEMS[:1])
    assert runs_of_the_lab() == {
        SYSTEMS[0]: ("FINISHED", {"accuracy/benchmark_selection": 0.5}, {"weights": "base"}),
        "smoke (brave-mole abc123)": ("FINISHED", {"best": 0.5}, {"seed": "17"}),
    }


def test_two_processes_that_log_one_pipeline_run_make_each_run_once() -> None:
    both = [started(SYSTEMS), started(SYSTEMS[::-1])]
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    found = runs_of_the_lab()
    assert sorted(found) == sorted([*SYSTEMS, "smoke (brave-mole abc123)"])
    assert {status for status, _, _ in found.values()} == {"FINISHED"}
    client, experiment = open_store("lab")
    history = [
        client.get_metric_history(run.info.run_id, name)
        for run in client.search_runs([experiment])
        for name in run.data.metrics
    ]
    assert [len(points) for points in history] == [1] * 4


def test_a_parent_is_given_the_systems_that_had_nothing_to_do(tmp_path: Path) -> None:
    document, answers = tmp_path / "base-zero_shot-closed-free.json", tmp_path / "answers.jsonl"
    document.write_text(score(document.stem, 0.5).model_dump_json(), encoding="utf-8")
    answers.write_text("{}\n", encoding="utf-8")
    log(document.stem, "r1", artifacts=(document, answers))
    later = PipelineRun("def456", "e" * 64, "calm-newt")
    parent = log_pipeline("lab", later, [], scores=[document], params={"generate.rag.k": 8})
    again = log_pipeline("lab", later, [], scores=[document], params={"generate.rag.k": 8})
    client, experiment = open_store("lab")
    (child,) = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{parent}'")
    assert again == parent
    assert (child.info.run_name, child.info.status) == (document.stem, "FINISHED")
    assert child.data.metrics["accuracy/benchmark_selection"] == child.data.metrics["accuracy/test_selection"] == 0.5
    assert {"weights": "base", "decoding": "free", "generate.rag.k": "8"}.items() <= child.data.params.items()
    assert [file.path for file in client.list_artifacts(child.info.run_id)] == [answers.name, document.name]


def test_a_system_that_no_run_logged_is_logged_from_its_scores(tmp_path: Path) -> None:
    document = tmp_path / "base-zero_shot-closed-free.json"
    document.write_text(score(document.stem, 0.25).model_dump_json(), encoding="utf-8")
    parent = log_pipeline("lab", PIPELINE, [], scores=[document])
    client, experiment = open_store("lab")
    (child,) = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{parent}'")
    assert child.data.metrics["accuracy/benchmark_selection"] == 0.25
    assert [file.path for file in client.list_artifacts(child.info.run_id)] == [document.name]


def test_a_report_made_anew_shows_its_new_figure() -> None:
    run = log_pipeline("lab", PIPELINE, [], metrics={"best": 0.5, "same": 1.0})
    log_pipeline("lab", PIPELINE, [], metrics={"best": 0.25, "same": 1.0})
    client, _ = open_store("lab")
    assert client.get_run(run).data.metrics == {"best": 0.25, "same": 1.0}
    assert len(client.get_metric_history(run, "same")) == 1


def test_an_experiment_may_have_a_name_with_an_apostrophe() -> None:
    quoted = PipelineRun("abc123", "f" * 64, "it's")
    assert log_pipeline("lab", quoted, []) == log_pipeline("lab", quoted, [])
