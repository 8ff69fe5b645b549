"""dvc.yaml says what really happens: scripts, dependencies, parameters and outputs that exist and agree."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.reading import SAYS_WHAT_IT_IS_OF, parameters_read
from query_assistant.pipeline.fingerprints import PARTS

ROOT = Path(__file__).parents[2]
DEFINED = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
OF_ALL = ("check", "report")  # which depend on all of params.yaml
NAMES = sorted(DEFINED)
FOR_PEOPLE = {"topics.yaml"}  # of an API's folder: read by `qa simulate` alone


def stage(name: str) -> dict[str, Any]:
    found: dict[str, Any] = DEFINED[name]
    return found.get("do", found)


def outputs(name: str) -> list[str]:
    return [next(iter(one)) if isinstance(one, dict) else one for one in stage(name)["outs"]]


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_every_stage_has_a_script_of_its_name_and_every_script_a_stage() -> None:
    assert sorted(path.stem for path in (ROOT / "stages").glob("*.py")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_is_described_and_runs_its_own_script_on_its_own_checkout(name: str) -> None:
    assert stage(name)["desc"]
    assert stage(name)["cmd"].startswith(f"PYTHONPATH=src python stages/{name}.py")


@pytest.mark.parametrize("name", [name for name in NAMES if name != "check"])
def test_a_stage_depends_on_what_its_code_means_and_on_no_letters(name: str) -> None:
    code = [dep for dep in stage(name)["deps"] if dep.startswith((".fingerprints/code/", "src", "stages"))]
    assert code == [f".fingerprints/code/{name}"]


@pytest.mark.parametrize("name", NAMES)
def test_what_a_stage_depends_on_is_made_by_another_or_lies_there(name: str) -> None:
    made = [output.split("${")[0] for other in NAMES if other != name for output in outputs(other)]
    for dep in (dep.split("${")[0].rstrip("/") for dep in stage(name)["deps"]):
        assert (ROOT / dep).exists() or any(dep.startswith(out.rstrip("/")) or out.startswith(dep) for out in made), dep


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OF_ALL])
def test_a_stage_names_the_parameters_that_it_reads_and_no_others(name: str) -> None:
    script, named = ROOT / "stages" / f"{name}.py", set(stage(name).get("params", ()))
    read = parameters_read(script, but=SAYS_WHAT_IT_IS_OF)
    # `apis` names an API of a matrix: its files are dependencies, and which others there are does not matter
    unnamed = {one for one in read if not any(covers(each, one) for each in named)} - {"apis"}
    unnamed -= {"score.mlflow_experiment"} if name == "rescore" else set()  # where it is logged, not what
    unread = {one for one in named if not any(covers(one, each) or covers(each, one) for each in read)}
    assert (unnamed, unread) == (set(), set())


def covers(section: str, knob: str) -> bool:
    return knob == section or knob.startswith(f"{section}.")


def leaves(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield from leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else [f"{prefix}{key}"]


KNOBS = sorted({*leaves(yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8")))} - {"schema"})


@pytest.fixture(scope="module")
def all_read() -> set[str]:
    scripts = [script for script in sorted((ROOT / "stages").glob("*.py")) if script.stem not in OF_ALL]
    read = {one for script in scripts for one in parameters_read(script, but=SAYS_WHAT_IT_IS_OF)}
    return read | {"model.trained", "model.gpu_gigabytes"}  # dvc.yaml's `foreach`; `check`, which is told all


@pytest.mark.parametrize("knob", KNOBS)
def test_every_knob_is_read_by_a_stage(knob: str, all_read: set[str]) -> None:
    assert any(covers(one, knob) for one in all_read)


def test_every_file_of_an_api_is_in_a_part_that_stages_depend_on() -> None:
    patterns = {pattern for part in PARTS.values() for pattern in part}
    for folder in (path for path in (ROOT / "data/apis").iterdir() if path.is_dir()):
        covered = {file.resolve() for pattern in patterns for file in folder.glob(pattern)}
        files = {file.resolve() for file in folder.rglob("*") if file.is_file()}
        assert {file.name for file in files - covered} <= FOR_PEOPLE


@pytest.mark.parametrize("script", sorted((ROOT / "stages").glob("*.py")), ids=lambda path: path.stem)
def test_a_stage_script_stays_a_script(script: Path) -> None:
    lines = script.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith(f'"""{script.stem}: ')
    assert len(lines) <= 85


def test_no_output_goes_to_the_cache_that_a_plain_pull_asks_the_remote_for() -> None:
    uncached = [next(iter(one.values())) for name in NAMES for one in stage(name)["outs"] if isinstance(one, dict)]
    assert len(uncached) == sum(len(stage(name)["outs"]) for name in NAMES)
    assert [one.get("cache") for one in uncached] == [False] * len(uncached)


def test_git_holds_the_shared_tarballs_of_dvc_and_nothing_else() -> None:
    shared = [
        yaml.safe_load(path.read_text(encoding="utf-8"))["outs"][0]["md5"] for path in ROOT.glob("data/shared/*.dvc")
    ]
    held = [path.parent.name + path.name for path in (ROOT / "remote").rglob("*") if path.is_file()]
    assert sorted(held) == sorted(shared)


def test_the_lock_and_the_parameters_can_be_read_through() -> None:
    lock = ROOT / "dvc.lock"
    assert not lock.exists() or len(lock.read_text(encoding="utf-8").splitlines()) < 2500
    assert len((ROOT / "params.yaml").read_text(encoding="utf-8").splitlines()) < 130


def test_every_metric_of_the_lock_is_committed_json() -> None:
    for path in sorted((ROOT / "metrics" / "score").glob("*.json")):
        assert json.loads(path.read_text(encoding="utf-8"))["system"] == path.stem


def test_what_a_killed_run_leaves_changes_no_stage() -> None:
    left = [
        "data/pairs/.mygene.jsonl.x1y2",
        "data/responses/base/.some.jsonl.x1y2",
        "metrics/score/.some.json.x1y2",
        "models/.adapter.training-1f2e",
        "models/index/.rag.building",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "check-ignore", *left], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == left


def test_what_python_leaves_in_folders_changes_no_stage() -> None:
    ignored = (ROOT / ".dvcignore").read_text(encoding="utf-8").splitlines()
    assert "__pycache__" in ignored
