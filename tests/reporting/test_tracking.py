"""One MLflow run per result, nested under one parent per pipeline run, complete whoever logs it."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from query_assistant.records import BenchmarkItem, Response
from query_assistant.reporting.pipeline_runs import PipelineRun, SystemAnswers, SystemsCompared, current_pipeline_run
from query_assistant.reporting.provenance import describe_run
from query_assistant.reporting.run_contents import system_note
from query_assistant.reporting.store import open_store
from query_assistant.reporting.tables import read_scores
from query_assistant.reporting.tracking import TABLE, is_logged, log_comparison
from reporting.scores import EFFECT, score

PIPELINE = PipelineRun("abc123", "f" * 64, "brave-mole")
LATER = PipelineRun("def456", "e" * 64, "calm-newt")
SYSTEMS = ("base-zero_shot-closed-free", "base-few_shot-closed-free", "base-few_shot-rag-free")
ENDED = 1_800_000_000.0
ITEM = BenchmarkItem(id="b1", api="mygene", instruction="cdk2", query="/v3/query?q=CDK2", tags=())


@pytest.fixture(autouse=True)
def store(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    monkeypatch.chdir(tmp_path)


def answered(system: str, text: str = "/v3/query?q=CDK2") -> SystemAnswers:
    """One answer, which took two seconds."""
    file = Path(f"{system}.jsonl")
    file.write_text(f"{text}\n", encoding="utf-8")
    given = Response(
        id="b1", api="mygene", system=system, instruction="cdk2", text=text, query=text,
        prompt_sha256="ab", prompt_tokens=9, answer_tokens=3, latency_ms=2000.0,
    )  # fmt: skip
    verdict = {"relation": "different", "error": "wrong_value", "differences": ("q: CDK2, CDK4",)}
    row = {"set": "benchmark", "id": "b1", "api": "mygene", "answer": text, **verdict}
    return SystemAnswers(file, [given], [row], ENDED)


def comparison(systems: Sequence[str] = SYSTEMS, turned: dict[str, str] | None = None, **more: Any) -> SystemsCompared:
    """Systems of which each has half of the answers right."""
    documents = [Path(f"{system}.json") for system in systems]
    for document in documents:
        document.write_text(score(document.stem, 0.5).model_dump_json(), encoding="utf-8")
    run = describe_run(
        read_scores(documents), experiment="default", turned=turned or {}, model="small", revision="abc123"
    )
    return SystemsCompared(run, documents, sets={"benchmark": [ITEM]}, **more)


def with_answers(systems: Sequence[str] = SYSTEMS, **more: Any) -> SystemsCompared:
    return comparison(systems, answers={system: answered(system) for system in systems}, **more)


def children(parent: str) -> dict[str, Run]:
    """The systems under a parent by name, each there once."""
    client, experiment = open_store("lab")
    found = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{parent}'")
    named = {run.info.run_name: run for run in found}
    assert len(named) == len(found), "a run is there twice"
    return named


def run_of(run_id: str) -> Run:
    return open_store("lab")[0].get_run(run_id)


def test_all_systems_stand_under_a_finished_parent_that_is_called_after_what_was_turned() -> None:
    parent = log_comparison("lab", PIPELINE, with_answers(turned={"generate.rag.k": "4"}, effects=[EFFECT]))
    found = run_of(parent)
    assert (found.info.run_name, found.info.status) == ("generate.rag.k=4", "FINISHED")
    assert found.data.params == {"model": "small", "experiment": "default", "generate.rag.k": "4"}
    worth = {"technique/rag": 0.1, "technique/rag_low": 0.02, "technique/rag_high": 0.2, "technique/rag_p": 0.04}
    gained = {"gain_few_shot": 0.0, "gain_rag": 0.0}
    assert found.data.metrics == {"best_selection": 0.5, "best_test": 0.5, **gained, **worth}
    assert "+10.0 (+2.0 to +20.0)" in found.data.tags[MLFLOW_RUN_NOTE]
    systems = children(parent)
    assert sorted(systems) == sorted(SYSTEMS)
    assert {run.info.status for run in systems.values()} == {"FINISHED"}
    assert {run.data.tags["comparison"] for run in systems.values()} == {parent}


def test_a_system_has_its_words_as_parameters_and_two_dozen_metrics_with_short_names() -> None:
    (run,) = children(log_comparison("lab", PIPELINE, with_answers(SYSTEMS[:1]))).values()
    words = {"weights": "base", "examples": "zero_shot", "context": "closed", "decoding": "free"}
    assert run.data.params == words | {"model": "small", "experiment": "default"}
    assert run.data.metrics == {
        "selection": 0.5, "selection_low": 0.1, "selection_high": 0.9,
        "valid": 0.5, "exact": 0.5, "canonical": 0.5, "execution": 0.5,
        "api/mygene": 0.5, "error/wrong_field": 0.3, "test/selection": 0.5, "test/valid": 0.5,
        "cost/prompt_tokens": 99.6, "cost/answer_tokens": 12.0, "cost/ms": 2000.0, "cost/ms_p95": 2000.0,
    }  # fmt: skip


def test_a_system_took_as_long_as_its_answers_and_the_parent_began_with_them() -> None:
    parent = log_comparison("lab", PIPELINE, with_answers())
    for run in children(parent).values():
        assert (run.info.start_time, run.info.end_time) == (1000 * ENDED - 2000, 1000 * ENDED)
    assert run_of(parent).info.start_time == 1000 * ENDED - 2000


def test_every_answer_is_in_a_table_and_what_was_asked_is_a_dataset_with_its_digest(tmp_path: Path) -> None:
    runs = children(log_comparison("lab", PIPELINE, with_answers()))
    client, _ = open_store("lab")
    for run in runs.values():
        table = json.loads(Path(client.download_artifacts(run.info.run_id, TABLE, str(tmp_path))).read_text())
        assert dict(zip(table["columns"], *table["data"], strict=True)) == {
            "question": "cdk2", "answer": "/v3/query?q=CDK2", "verdict": "different", "error": "wrong_value",
            "why": "q: CDK2, CDK4", "right query": "/v3/query?q=CDK2", "API": "mygene", "set": "benchmark", "id": "b1",
        }  # fmt: skip
    datasets = {(one.dataset.name, one.dataset.digest) for run in runs.values() for one in run.inputs.dataset_inputs}
    assert [name for name, _ in datasets] == ["benchmark"]


def test_the_parent_has_the_curve_by_step_and_the_datasets_of_the_training(tmp_path: Path) -> None:
    lock = "stages: {split: {outs: [{path: data/splits/train.jsonl, md5: 0123456789abcdef}]}}"
    (tmp_path / "dvc.lock").write_text(lock, encoding="utf-8")
    curve = [{"step": 1, "loss": 2.0, "learning_rate": 0.1}, {"step": 2, "loss": 1.0, "validation_loss": 1.5}]
    for _ in range(2):
        parent = log_comparison("lab", PIPELINE, comparison(training=curve))
    client, _ = open_store("lab")
    history = client.get_metric_history(parent, "training/loss")
    assert [(point.step, point.value) for point in history] == [(1, 2.0), (2, 1.0)]
    assert [point.step for point in client.get_metric_history(parent, "training/validation_loss")] == [2]
    found = {(one.dataset.name, one.dataset.digest) for one in run_of(parent).inputs.dataset_inputs}
    assert ("train", "0123456789ab") in found


def test_what_one_knob_left_alone_is_marked_as_reused_with_its_time_and_its_table() -> None:
    first = log_comparison("lab", PIPELINE, with_answers())
    changed = with_answers(turned={"generate.few_shot.k": "4"})
    answers = {**changed.answers, SYSTEMS[1]: answered(SYSTEMS[1], "/v3/query?q=CDK4")}
    later = {name: SystemAnswers(one.file, one.responses, one.rows, ENDED + 60) for name, one in answers.items()}
    second = log_comparison("lab", LATER, SystemsCompared(changed.run, changed.documents, later, changed.sets))
    runs = children(second)
    assert sorted(runs) == sorted(children(first)) == sorted(SYSTEMS)
    assert {name: run.data.tags.get("answers_of") for name, run in runs.items()} == {
        SYSTEMS[0]: "default (abc123)", SYSTEMS[1]: None, SYSTEMS[2]: "default (abc123)",
    }  # fmt: skip
    assert {name: run.info.end_time for name, run in runs.items()} == {
        SYSTEMS[0]: 1000 * ENDED, SYSTEMS[1]: 1000 * ENDED + 60_000, SYSTEMS[2]: 1000 * ENDED,
    }  # fmt: skip
    assert run_of(second).info.start_time == 1000 * ENDED + 58_000, "not when the reused ones were made"
    client, _ = open_store("lab")
    assert {TABLE} <= {file.path for file in client.list_artifacts(runs[SYSTEMS[0]].info.run_id)}


def test_another_result_under_the_same_parent_takes_the_place_of_the_first() -> None:
    log_comparison("lab", PIPELINE, with_answers(SYSTEMS[:1]))
    again = comparison(SYSTEMS[:1], answers={SYSTEMS[0]: answered(SYSTEMS[0], "/v3/query?q=CDK4")})
    parent = log_comparison("lab", PIPELINE, again)
    client, experiment = open_store("lab")
    found = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{parent}'")
    assert sorted(run.data.tags["comparison"] for run in found) == sorted([parent, "replaced"])


def test_the_report_adds_figures_and_makes_no_run_anew(tmp_path: Path) -> None:
    figure = tmp_path / "accuracy.svg"
    figure.write_text("<svg/>", encoding="utf-8")
    first = log_comparison("lab", PIPELINE, with_answers())
    before = {name: run.info.run_id for name, run in children(first).items()}
    assert log_comparison("lab", PIPELINE, comparison(files=[figure])) == first
    assert {name: run.info.run_id for name, run in children(first).items()} == before
    assert [file.path for file in open_store("lab")[0].list_artifacts(first)] == ["accuracy.svg"]


def test_scores_alone_are_logged_with_the_files_of_the_run_that_has_the_same() -> None:
    log_comparison("lab", PIPELINE, with_answers(SYSTEMS[:1]))
    (run,) = children(log_comparison("lab", LATER, comparison(SYSTEMS[:1]))).values()
    files = {file.path for file in open_store("lab")[0].list_artifacts(run.info.run_id)}
    assert files == {TABLE, f"{SYSTEMS[0]}.json", f"{SYSTEMS[0]}.jsonl"}
    assert run.data.metrics["cost/ms"] == 2000.0
    assert TABLE in run.data.tags["mlflow.loggedArtifacts"]


def test_what_is_logged_is_found_by_its_scores() -> None:
    found = comparison()
    assert is_logged("lab", found.run.scores_sha256) is None
    assert log_comparison("lab", PIPELINE, found) == is_logged("lab", found.run.scores_sha256)


def test_the_experiment_opens_on_the_systems_of_the_last_run() -> None:
    parent = log_comparison("lab", PIPELINE, comparison())
    client, experiment = open_store("lab")
    tags = client.get_experiment(experiment).tags
    assert tags["mlflow.experimentKind"] == "custom_model_development"
    view = json.loads(json.loads(tags["mlflow.sharedViewState.systems"])["state"])
    assert {run.info.run_name for run in client.search_runs([experiment], view["searchFilter"])} == set(SYSTEMS)
    assert parent in view["searchFilter"]
    logged = set(children(parent)[SYSTEMS[0]].data.metrics)
    columns = {name.removeprefix("metrics.").strip("`") for name in view["selectedColumns"] if "metrics" in name}
    assert columns - logged == {"cost/ms"}, "a time is known of answers only"


def test_a_system_is_described_in_words_with_its_headline_figures() -> None:
    assert system_note(score("finetuned-few_shot-rag-free", 0.5)) == (
        "Weights fine-tuned on the training pairs, examples from the training pairs in the prompt, "
        "retrieved fields and documentation in the prompt, free decoding.\n\n"
        "- benchmark, right records: **50.0%** (10.0% to 90.0%)\n"
        "- test split, right records: **50.0%**\n"
        "- benchmark, valid queries: **50.0%**"
    )


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
    assert log_comparison("lab", PIPELINE, comparison()) != log_comparison("lab", LATER, comparison())


def write_all(found: SystemsCompared, killed_in: str = "") -> None:
    if killed_in:
        setattr(MlflowClient, killed_in, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
    log_comparison("lab", PIPELINE, found)


def started(found: SystemsCompared, killed_in: str = "") -> multiprocessing.Process:
    """A process of its own that logs; forked, for importing MLflow anew takes seconds."""
    process = multiprocessing.get_context("fork").Process(target=write_all, args=(found, killed_in))
    process.start()
    return cast(multiprocessing.Process, process)


@pytest.mark.parametrize("moment", ["log_table", "log_inputs", "log_batch", "log_artifact", "set_terminated"])
def test_a_run_that_was_killed_is_finished_by_the_next(moment: str) -> None:
    found = with_answers()
    process = started(found, moment)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    parent = log_comparison("lab", PIPELINE, found)
    assert {run.info.status for run in (run_of(parent), *children(parent).values())} == {"FINISHED"}
    assert sorted(children(parent)) == sorted(SYSTEMS)
    assert {run.data.metrics["selection"] for run in children(parent).values()} == {0.5}


def test_two_processes_that_log_one_pipeline_run_make_each_run_once() -> None:
    found = with_answers()
    both = [started(found), started(found)]
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    client, experiment = open_store("lab")
    runs = client.search_runs([experiment])
    assert sorted(run.info.run_name for run in runs) == sorted([*SYSTEMS, "default"])
    assert {run.info.status for run in runs} == {"FINISHED"}
    history = [client.get_metric_history(run.info.run_id, name) for run in runs for name in run.data.metrics]
    assert {len(points) for points in history} == {1}


def test_an_experiment_may_have_a_name_with_an_apostrophe() -> None:
    quoted = PipelineRun("abc123", "f" * 64, "it's")
    assert log_comparison("lab", quoted, comparison()) == log_comparison("lab", quoted, comparison())
