"""`qa search`: what may be searched for, and real searches through DVC in a checkout whose training is a formula."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from query_assistant.errors import ConfigurationError
from query_assistant.pipeline.search_space import SEARCH_KNOBS, load_search_params

ROOT = Path(__file__).parents[2]
SPACE = "knobs={finetune.learning_rate: {low: 1e-5, high: 1e-1, log: true}}"
# Slower where it is worse, so that who falls behind is seen to fall behind.
TRAINING = """
import json, math, pathlib, time, yaml
rate = yaml.safe_load(pathlib.Path("params.yaml").read_text())["finetune"]["learning_rate"]
work = pathlib.Path("models/.adapter.training-0")
work.mkdir(parents=True, exist_ok=True)
with (work / "training.jsonl").open("w") as log:
    for step in (1, 2, 3):
        loss = abs(math.log10(rate) + 3) + 1 / step
        print(json.dumps({"step": step, "validation_loss": loss}), file=log, flush=True)
        time.sleep(2)
pathlib.Path("metrics").mkdir(exist_ok=True)
pathlib.Path("metrics/finetune.json").write_text(json.dumps({"validation_loss": loss}))
"""
PIPELINE = """
stages:
  finetune:
    foreach: ${model.trained}
    do:
      cmd: python train.py
      deps: [train.py]
      params: [finetune]
      outs:
        - metrics/finetune.json: {cache: false}
"""


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("trials=0", "trials"),
        ("knobs={}", "knobs"),
        ("knobs={seed: {low: 1, high: 9}}", "seed is not searched for"),
        ("knobs={finetune.learning_rate: {low: 1, high: 1}}", "low < high"),
        ("knobs={finetune.learning_rate: {low: 0, high: 1, log: true}}", "order of magnitude"),
        ("knobs={finetune.learning_rate: {low: 0, high: 1, choices: [1]}}", "choices, or low and high"),
        ("knobs={generate.rag.k: {low: 2, high: 16}}", "set measure=selection"),
        ("knobs={finetune.prompt.fields: {low: 2, high: 16}}", "set measure=selection"),
        ("trial=3", "trial: Extra inputs"),
        ("trials", "turns nothing"),
    ],
)
def test_what_cannot_be_searched_for_is_one_sentence(override: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        load_search_params(ROOT / SEARCH_KNOBS, [override])


def test_numbers_are_numbers_and_whole_ones_stay_whole() -> None:
    params = load_search_params(ROOT / SEARCH_KNOBS, [SPACE])
    assert params.knobs["finetune.learning_rate"].bounds == (1e-5, 1e-1)
    both = load_search_params(ROOT / SEARCH_KNOBS, ["measure=selection", "knobs={generate.rag.k: {low: 2, high: 16}}"])
    assert both.knobs["generate.rag.k"].is_whole
    assert not params.knobs["finetune.learning_rate"].is_whole


def test_the_knobs_of_the_file_are_knobs_of_the_pipeline() -> None:
    from query_assistant.pipeline.trial_runs import check_space

    check_space(ROOT, load_search_params(ROOT / SEARCH_KNOBS))
    wrong = load_search_params(ROOT / SEARCH_KNOBS, ["knobs={finetune.learning_rat: {low: 0.1, high: 0.2}}"])
    with pytest.raises(ConfigurationError, match="learning_rat"):
        check_space(ROOT, wrong)


def test_answers_are_chosen_by_questions_that_neither_test_nor_train() -> None:
    from query_assistant.pipeline.trial_runs import TrialRun

    search = load_search_params(ROOT / SEARCH_KNOBS, ["measure=selection"])
    run = TrialRun(ROOT, "x", search, {"generate.rag.k": 4})
    assert "generate.held_out=validation" in run.overrides


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of git and DVC with the real configuration."""
    pytest.importorskip("optuna")
    root = tmp_path / "checkout"
    (root / "data/apis").mkdir(parents=True)
    (root / "data/apis/.keep").touch()
    for part in ("conf", "src"):
        (root / part).symlink_to(ROOT / part)
    (root / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    (root / "train.py").write_text(TRAINING, encoding="utf-8")
    (root / "dvc.yaml").write_text(PIPELINE, encoding="utf-8")
    (root / ".gitignore").write_text(
        "/models/\n/.cache/\n/mlflow.db*\n/mlartifacts/\n.mlflow.db.lock\n", encoding="utf-8"
    )
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(root))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    for command in (
        ["git", "init", "-q"],
        [sys.executable, "-m", "dvc", "init", "-q"],
        ["cp", str(ROOT / ".dvc/config"), ".dvc/config"],
        ["git", "add", "-A"],
        ["git", *identity, "commit", "-qm", "t"],
    ):
        subprocess.run(command, cwd=root, check=True)
    for key, value in (("user.name", "t"), ("user.email", "t@example.org")):
        subprocess.run(["git", "config", key, value], cwd=root, check=True)
    return root


def searching(root: Path, *turned: str) -> subprocess.Popen[str]:
    words = [word for one in (SPACE, "startup=2", *turned) for word in ("-S", one)]
    command = [sys.executable, "-m", "query_assistant.cli", "search", "rates", "--json", *words]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    out, err = process.communicate(timeout=1800)
    assert process.returncode == 0, err
    found: list[dict[str, Any]] = json.loads(out)
    return found


def in_mlflow(root: Path) -> tuple[int, Mapping[str, str]]:
    """How many runs the search has, and the status of each trial by its number."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{root / 'mlflow.db'}")
    runs = client.search_runs([one.experiment_id for one in client.search_experiments()])
    trials = [run for run in runs if "trial" in run.data.tags]
    assert len({run.data.tags["trial"] for run in trials}) == len(trials), "a trial was logged twice"
    assert len({run.data.tags["mlflow.parentRunId"] for run in trials}) == 1
    parents = [run for run in runs if "search" in run.data.tags]
    return len(parents), {run.data.tags["trial"]: run.info.status for run in trials}


@pytest.mark.slow
def test_a_search_that_is_killed_goes_on_and_ends_with_the_best(checkout: Path) -> None:
    first = searching(checkout, "trials=3")
    until = time.monotonic() + 900
    while not list((checkout / ".dvc/tmp/exps/standalone").glob("*/models/.adapter.training-0")):
        assert time.monotonic() < until
        assert first.poll() is None, first.stderr.read() if first.stderr else ""
        time.sleep(0.2)
    os.kill(first.pid, signal.SIGKILL)  # its experiment lives on, and its result counts
    tried = ended(searching(checkout, "trials=3"))
    assert [one["number"] for one in sorted(tried, key=lambda one: one["number"])] == [0, 1, 2]
    values = [one["value"] for one in tried if one["state"] == "finished"]
    assert len(values) >= 2
    assert values == sorted(values)
    assert all(one["value"] is None for one in tried if one["state"] == "pruned")
    parents, trials = in_mlflow(checkout)
    assert parents == 1
    assert sorted(trials) == ["0", "1", "2"]
    listing = ["git", "for-each-ref", "refs/exps"]
    refs = subprocess.run(listing, cwd=checkout, capture_output=True, text=True, check=True)
    assert tried[0]["experiment"] in refs.stdout
    assert ended(searching(checkout, "trials=3")) == tried, "nothing is tried again"
    other = searching(checkout, "trials=3", "seed=18")
    _, said = other.communicate(timeout=600)
    assert other.returncode == 2
    assert "was begun with another experiment, measure, seed or knobs" in said
    assert not list((checkout / ".dvc/tmp/exps/standalone").glob("*/params.yaml"))
