"""A fine-tuning that is killed ends with the same bytes as one that is not: the stage script itself, as DVC runs it,
with its own relative paths, killed with SIGKILL in the middle of what it does to its files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from finetuning.tiny import SMALL_KNOBS, SMALL_LORA, make_model
from query_assistant.project import project_root
from query_assistant.records import Pair, write_jsonl

ROOT = project_root()
KILLING = Path(__file__).parent / "killing"
OUTPUTS = [f"models/adapter/{name}" for name in ("adapter_config.json", "adapter_model.safetensors", "training.jsonl")]
OUTPUTS += ["metrics/finetune.json", "metrics/training.csv"]

# One life after the other: each goes on where the one before was killed.
DEATHS = {
    "torchtune": [
        "2 open .*/training.jsonl a .*",  # before the first checkpoint
        "1 open .*/saving/epoch_0/adapter_config.json .*",  # while it is written
        "1 os.rename .*/saving/epoch_0 .*",  # before it is renamed
        "1 os.rename .*/recipe_state.pt .*",  # renamed, but without the optimiser's state
        "1 os.rename .* .*/complete.json .*",  # whole, but not yet marked so
        "5 open .*/training.jsonl a .*",  # after the first checkpoint
        "1 shutil.rmtree .*/checkpoint-1 .*",  # the second is there, the first not yet gone
        "1 os.rename .*/models/.adapter.building-.* .*/models/adapter .*",  # trained, not yet handed out
        "1 shutil.rmtree .*/models/.adapter.training-.*",  # handed out, not yet tidied up
    ],
    "hf": [
        "2 open .*/training.jsonl a .*",
        "1 open .*/checkpoint-3/adapter_config.json w.*",
        "1 open .*/checkpoint-3/trainer_state.json .*",
        "5 open .*/training.jsonl a .*",
        "1 open .*/checkpoint-6/trainer_state.json .*",
        "1 os.rename .*/models/.adapter.building-.* .*/models/adapter .*",
        "1 shutil.rmtree .*/models/.adapter.training-.*",
    ],
}


def workspace(folder: Path, engine: str) -> Path:
    """A checkout with what the stage reads: parameters, splits, and a tiny base model."""
    make_model(folder / "models" / "base")
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["finetune"] |= {**SMALL_KNOBS, "engine": engine, "epochs": 1, "max_seq_len": 1024, "max_steps": 7}
    params["finetune"] |= {"mix": {"zero_shot-closed": 1.0}, "max_pairs": 0, "tokens_per_batch": 1000}
    params["model"]["lora"] = {**SMALL_LORA, "dropout": 0.1}
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    for part, count in (("train", 24), ("validation", 3)):
        write_jsonl(folder / "data" / "splits" / f"{part}.jsonl", [lesson(part, number) for number in range(count)])
    (folder / "data" / "apis").symlink_to(ROOT / "data" / "apis")
    return folder


def lesson(part: str, number: int) -> Pair:
    return Pair(
        id=f"{part}-{number}",
        api="mygene",
        instruction=f"Find gene {number * 37}",
        query=f"/v3/query?q=symbol:A{number}",
        form="imperative",
        origin="log",
        skeleton="symbol",
    )


def run(folder: Path, death: str = "0 ") -> int:
    """The stage's exit code. `death` says where it is killed; by default nowhere."""
    paths = os.pathsep.join([str(KILLING), *os.environ.get("PYTHONPATH", "").split(os.pathsep), str(ROOT / "src")])
    environment = {**os.environ, "PYTHONPATH": paths, "KILL_AT": death}
    command = [sys.executable, str(ROOT / "stages" / "finetune.py")]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


@pytest.mark.slow
@pytest.mark.parametrize("engine", sorted(DEATHS))
def test_a_killed_stage_ends_with_the_bytes_of_one_that_was_not(tmp_path: Path, engine: str) -> None:
    whole = workspace(tmp_path / "whole", engine)
    assert run(whole) == 0
    killed = workspace(tmp_path / "killed", engine)
    for death in DEATHS[engine]:
        assert run(killed, death) == -signal.SIGKILL, f"never came to {death}"
    assert run(killed) == 0
    for name in OUTPUTS:
        assert (killed / name).read_bytes() == (whole / name).read_bytes(), name
    assert sorted(path.name for path in (killed / "models").iterdir()) == ["adapter", "base"]
