from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from finetuning.tiny import lessons
from query_assistant.finetuning.loss_log import read_losses
from query_assistant.finetuning.settings import FinetuneSettings
from query_assistant.finetuning.training import finetune

SETTINGS: dict[str, Any] = {
    "engine": "hf",
    "lora_rank": 4,
    "lora_alpha": 8,
    "learning_rate": 1e-2,
    "warmup_steps": 2,
    "tokens_per_batch": 320,
    "checkpoint_every": 3,
    "validation_samples": 4,
    "epochs": 2,
}


def train(base: Path, destination: Path) -> dict[str, Any]:
    return finetune(lessons(), lessons(30)[24:], base, destination, FinetuneSettings(**SETTINGS))


KILL = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from finetuning import test_hf as t
from query_assistant.finetuning import loss_log

def log(self, values, step, log=loss_log.LossLog.log_dict):
    log(self, values, step)
    if step == 5:
        os.kill(os.getpid(), signal.SIGKILL)

loss_log.LossLog.log_dict = log
t.train(Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.slow
def test_resuming_after_kill_9_equals_not_stopping(tiny: Path, tmp_path: Path) -> None:
    run = [sys.executable, "-c", KILL.format(tests=str(Path(__file__).parents[1])), str(tiny), str(tmp_path / "killed")]
    assert subprocess.run(run, capture_output=True, env=os.environ, check=False).returncode == -signal.SIGKILL
    train(tiny, tmp_path / "killed")
    summary = train(tiny, tmp_path / "whole")
    killed, whole = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("killed", "whole"))
    assert len(whole) == 2 * 2 * 7
    for name in whole:
        torch.testing.assert_close(killed[name], whole[name])
    steps = [
        [entry["step"] for entry in read_losses(tmp_path / name / "training.jsonl")] for name in ("killed", "whole")
    ]
    assert steps[0] == steps[1]
    losses = [entry["loss"] for entry in read_losses(tmp_path / "whole" / "training.jsonl") if "loss" in entry]
    assert losses[-1] < losses[0] - 0.3
    assert summary["validation_loss"] > 0
