"""Who watches a training sees each of its steps once more than never: torn lines, resumed and removed logs included."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from query_assistant.finetuning.following import FollowedTraining
from query_assistant.finetuning.run import LossLog


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "models" / ".adapter.training-abc"
    folder.mkdir(parents=True)
    return folder


def add(work: Path, name: str, text: str) -> None:
    with (work / name).open("a", encoding="utf-8") as out:
        out.write(text)


def test_new_steps_are_told_once_and_a_torn_line_when_it_is_whole(work: Path) -> None:
    followed = FollowedTraining(work.parent / "adapter")
    assert followed.entries() == []
    add(work, "training.jsonl", '{"loss": 2.0, "step": 1}\n{"lo')
    assert followed.entries() == [{"loss": 2.0, "step": 1}]
    add(work, "training.jsonl", 'ss": 1.5, "step": 2}\n')
    assert followed.entries() == [{"loss": 1.5, "step": 2}]
    assert followed.entries() == []


def test_the_clock_is_told_as_speed_and_memory(work: Path) -> None:
    followed = FollowedTraining(work.parent / "adapter")
    add(work, "speed.jsonl", '{"peak_memory_gb": 1.5, "seconds": 2.0, "step": 1, "tokens": 50}\n')
    add(work, "speed.jsonl", '{"peak_memory_gb": 1.5, "seconds": 0.0, "step": 2, "tokens": 0}\n')
    assert followed.entries() == [
        {"step": 1, "peak_memory_gb": 1.5, "tokens_per_second": 25.0},
        {"step": 2, "peak_memory_gb": 1.5},
    ]


def test_a_resumed_training_begins_its_log_anew_and_is_followed_there(work: Path) -> None:
    followed, losses = FollowedTraining(work.parent / "adapter"), LossLog(str(work), 3)
    losses.start_after(0)
    losses.log_dict({"loss": 2.0, "lr": 0.1}, 1)
    losses.log_dict({"loss": 1.5, "lr": 0.1}, 2)
    assert [entry["step"] for entry in followed.entries() if "loss" in entry] == [1, 2]
    again = LossLog(str(work), 3)
    again.start_after(1)
    again.log_dict({"loss": 1.4, "lr": 0.1}, 2)
    told = [entry for entry in followed.entries() if "loss" in entry]
    assert [(entry["step"], entry["loss"]) for entry in told] == [(1, 2.0), (2, 1.4)]


def test_what_was_logged_last_is_told_though_the_log_is_gone(work: Path) -> None:
    followed = FollowedTraining(work.parent / "adapter")
    add(work, "training.jsonl", '{"loss": 2.0, "step": 1}\n')
    followed.entries()
    add(work, "training.jsonl", '{"loss": 1.0, "step": 2}\n')
    shutil.rmtree(work)
    assert followed.entries() == [{"loss": 1.0, "step": 2}]


def test_a_step_has_the_memory_that_it_took(work: Path) -> None:
    losses = LossLog(str(work), 1)
    losses.start_after(0)
    losses.tokens = 7
    losses.log_dict({"loss": 2.0, "lr": 0.1}, 1)
    (told,) = [entry for entry in FollowedTraining(work.parent / "adapter").entries() if "loss" not in entry]
    assert 0.01 < told["peak_memory_gb"] < 1000
