"""dvc.yaml says what really happens: scripts, dependencies, parameters and outputs that exist and agree."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from committed import committed
from imports import suggested

ROOT = Path(__file__).parents[2]
DEFINED = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def stage(name: str) -> dict[str, Any]:
    found: dict[str, Any] = DEFINED[name]
    return found.get("do", found)


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_every_stage_has_a_script_of_its_name_and_every_script_a_stage() -> None:
    assert sorted(DEFINED) == sorted(path.stem for path in (ROOT / "stages").glob("*.py"))


@pytest.mark.parametrize("name", sorted(DEFINED))
def test_a_stage_lists_what_its_script_imports(name: str) -> None:
    listed = sorted(dep for dep in stage(name)["deps"] if dep.startswith("src/"))
    assert listed == suggested(Path("stages") / f"{name}.py"), "python tests/imports.py lists them"


@pytest.mark.parametrize("name", sorted(DEFINED))
def test_a_stage_is_described_and_runs_its_own_script(name: str) -> None:
    assert stage(name)["desc"]
    assert stage(name)["cmd"].startswith(f"python stages/{name}.py")
    assert f"stages/{name}.py" in stage(name)["deps"]


@pytest.mark.parametrize("script", sorted((ROOT / "stages").glob("*.py")), ids=lambda path: path.stem)
def test_a_stage_script_stays_a_script(script: Path) -> None:
    lines = script.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith(f'"""{script.stem}: ')
    assert len(lines) <= 70


def test_the_lock_is_current() -> None:
    if committed("params.yaml") not in ("", (ROOT / "params.yaml").read_text(encoding="utf-8")):
        pytest.skip("params.yaml is an experiment's: the committed lock is of the default")
    command = [sys.executable, "-m", "dvc", "repro", "--dry", "--allow-missing"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    ran = [line for line in done.stdout.splitlines() if line.startswith("Running stage")]
    assert (done.returncode, ran) == (0, []), done.stderr


def test_every_metric_of_the_lock_is_committed_json() -> None:
    for path in sorted((ROOT / "metrics" / "score").glob("*.json")):
        assert json.loads(path.read_text(encoding="utf-8"))["system"] == path.stem


def test_what_python_leaves_in_folders_changes_no_stage() -> None:
    ignored = (ROOT / ".dvcignore").read_text(encoding="utf-8").splitlines()
    assert "__pycache__" in ignored
