"""Learning against forgetting, from the commits of experiments."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from query_assistant.errors import InputError
from query_assistant.reporting.learning_curve import FIGURE, learning_curve


def experiment(root: Path, name: str, steps: int, right: float, changed: float | None) -> None:
    """An experiment as DVC leaves it: a commit that no branch holds, under refs/exps/."""
    spread = None if changed is None else [changed - 0.02, changed + 0.03]
    mean = {"tasks": 7, "difference": changed, "difference_interval": spread, "p_value": 0.5}
    files = {
        "finetune": {"steps": steps},
        "forget": {"of": {}, "tasks": {}, **({"mean": mean} if changed is not None else {})},
        "report/summary": {"best_selection": right},
    }
    for file, content in files.items():
        (root / f"metrics/{file}.json").parent.mkdir(parents=True, exist_ok=True)
        (root / f"metrics/{file}.json").write_text(json.dumps(content), encoding="utf-8")
    git(root, "add", "-A")
    commit = git(root, "commit-tree", git(root, "write-tree"), "-m", name)
    git(root, "update-ref", f"refs/exps/ab/cdef/{name}", commit)


def git(root: Path, *words: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    done = subprocess.run(["git", *identity, *words], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    experiment(tmp_path, "long", 40, 0.4, -0.031)
    experiment(tmp_path, "short", 10, 0.2, 0.01)
    experiment(tmp_path, "blind", 20, 0.3, None)
    return tmp_path


def test_a_row_and_a_dot_for_each_experiment_in_order_of_steps(checkout: Path) -> None:
    table = learning_curve(checkout, ["long", "short"])
    assert table.splitlines()[2:] == [
        "| `short` | 10 | 20.0 | +1.0 (-1.0 to +4.0) |",
        "| `long` | 40 | 40.0 | -3.1 (-5.1 to -0.1) |",
    ]
    figure = (checkout / FIGURE).read_text(encoding="utf-8")
    assert "10 steps" in figure and "40 steps" in figure


@pytest.mark.parametrize(
    ("names", "says"),
    [(["nobody"], "no experiment 'nobody'"), (["blind"], "-S forget=subset"), ([], "dvc exp list"), (["-x"], "'-x'")],
)
def test_what_cannot_be_drawn_is_one_sentence(checkout: Path, names: list[str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        learning_curve(checkout, names)
