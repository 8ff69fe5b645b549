"""One fine-tuning as both engines see it: what is taught with which settings, its checkpoints, its falling loss.

work/training.jsonl repeats with the training, one JSON object a line:

    {"learning_rate": 0.0005, "loss": 1.93, "step": 5}
    {"step": 50, "validation_loss": 0.41}

work/speed.jsonl holds the clock, which does not repeat:

    {"peak_memory_gb": 1.41, "seconds": 2.9, "step": 5, "tokens": 890}
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from query_assistant.errors import ConfigurationError, QueryAssistantError
from query_assistant.files import atomic_writer
from query_assistant.finetuning.samples import TokenSample
from query_assistant.params import FinetuneParams, LoraParams
from query_assistant.records import write_json

LOSSES, SPEED = "training.jsonl", "speed.jsonl"
IGNORED = -100  # the label of a token that is not learnt
_TASK = "task.json"
_CHECKPOINT = "checkpoint-"


@dataclass(frozen=True)
class Run:
    """The samples, the base model's folder, the settings, and `work`, where the state of an interrupted run lies.

    All paths are absolute: torchtune joins relative ones to each other. `start` is the folder of the adapter that
    training starts from; None: a fresh one, which changes nothing yet.
    """

    samples: Sequence[TokenSample]
    validation: Sequence[TokenSample]
    base: Path
    work: Path
    knobs: FinetuneParams
    lora: LoraParams
    seed: int
    start: Path | None = None

    def capped(self, steps: int) -> int:
        """How many optimiser steps are made where the data is good for `steps`.

        Raises:
            ConfigurationError: none.
        """
        if steps == 0:
            raise ConfigurationError(
                f"nothing to train on: 0 of the samples fit max_seq_len={self.knobs.max_seq_len}; raise it"
            )
        return min(steps, self.knobs.max_steps) if self.knobs.max_steps else steps


def save_run(run: Run) -> Path:
    """The run as a file, for the processes that train it together."""
    values = {
        "samples": [asdict(sample) for sample in run.samples],
        "validation": [asdict(sample) for sample in run.validation],
        "paths": [str(run.base), str(run.work)],
        "knobs": run.knobs.model_dump(),
        "lora": run.lora.model_dump(),
        "seed": run.seed,
        "start": str(run.start) if run.start else None,
    }
    write_json(run.work / _TASK, values)
    return run.work / _TASK


def load_run(file: Path) -> Run:
    values = json.loads(file.read_text(encoding="utf-8"))
    base, work = map(Path, values["paths"])
    samples, validation = (
        [TokenSample(tuple(one["prompt"]), tuple(one["answer"]), one["opening"]) for one in values[part]]
        for part in ("samples", "validation")
    )
    knobs, lora = FinetuneParams(**values["knobs"]), LoraParams(**values["lora"])
    return Run(
        samples, validation, base, work, knobs, lora, values["seed"], Path(values["start"]) if values["start"] else None
    )


def launch(launcher: Sequence[str], module: str, file: Path) -> None:
    """Runs `python -m <module> <file>` under a launcher of several processes, and waits for its end."""
    done = subprocess.run([sys.executable, "-m", *launcher, "-m", module, str(file)], check=False)
    if done.returncode != 0:
        raise QueryAssistantError(
            f"{launcher[0]} ended with {done.returncode}; its log above says why, "
            f"{file.parent} holds the state to resume from"
        )


def last_checkpoint(work: Path, closing_file: str) -> Path | None:
    """The newest checkpoint that was written to its end: `closing_file`, written last, is there and whole."""
    whole = [folder for folder in work.glob(f"{_CHECKPOINT}*") if _is_whole(folder / closing_file)]
    return max(whole, key=checkpoint_number, default=None)


def checkpoint_number(folder: Path) -> int:
    return int(folder.name.removeprefix(_CHECKPOINT))


def checkpoint_folder(work: Path, number: int) -> Path:
    return work / f"{_CHECKPOINT}{number}"


def _is_whole(file: Path) -> bool:
    """A file that holds a whole JSON document."""
    try:
        json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


class LossLog:
    """Appends each step to the two logs and moves the progress bar; torchtune's metric logger as well.

    A resumed run first forgets the steps it will take again. `tokens` is added to by whoever feeds the model: prompt
    and answer tokens, padding not counted.
    """

    def __init__(self, work: str, steps: int) -> None:
        self._work, self._steps = Path(work), steps
        self._since = time.perf_counter()
        self._bar: Any = None
        self.tokens = 0

    def log_config(self, config: Any) -> None:
        """torchtune asks; the configuration is in params.yaml already."""

    def start_after(self, step: int) -> None:
        """Called once, before the first step that this process makes."""
        for name in (LOSSES, SPEED):
            kept = [entry for entry in read_entries(self._work / name) if name == SPEED or entry["step"] <= step]
            with atomic_writer(self._work / name) as out:
                out.writelines(json.dumps(entry, sort_keys=True) + "\n" for entry in kept)
        self._bar = tqdm(total=self._steps, initial=step, desc="finetune", unit="step")
        self._since = time.perf_counter()

    def log_dict(self, values: Mapping[str, Any], step: int) -> None:
        """One training step, in torchtune's names or in ours."""
        now = time.perf_counter()
        seconds, memory = round(now - self._since, 3), peak_memory_gb()
        self._append(SPEED, step=step, tokens=self.tokens, seconds=seconds, peak_memory_gb=memory)
        self._since, self.tokens = now, 0
        rate = values.get("lr", values.get("learning_rate"))
        self._append(LOSSES, step=step, loss=float(values["loss"]), learning_rate=float(rate or 0))
        self._bar.set_postfix(loss=f"{float(values['loss']):.3f}", refresh=False)
        self._bar.update(step - self._bar.n)

    def log_validation(self, loss: float, step: int) -> None:
        self._append(LOSSES, step=step, validation_loss=loss)
        self._since = time.perf_counter()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def _append(self, name: str, **entry: float) -> None:
        with (self._work / name).open("a", encoding="utf-8") as out:
            out.write(json.dumps(entry, sort_keys=True) + "\n")


def peak_memory_gb() -> float:
    """The most that this process has held so far: of the GPU where it uses one, else of main memory."""
    torch = sys.modules.get("torch")  # whoever trains has it
    if torch and torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return float(round(torch.cuda.max_memory_allocated() / 1e9, 3))
    unit = 1 if sys.platform == "darwin" else 1024  # of getrusage, in bytes
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9, 3)


def read_entries(file: Path) -> list[dict[str, float]]:
    """The entries of a log; a last line cut off by a kill is left out."""
    if not file.is_file():
        return []
    lines = file.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1] if line]


def tokens_per_second(work: Path) -> float:
    """Trained tokens by time spent in steps, steps that a kill undid included."""
    entries = read_entries(work / SPEED)
    seconds = sum(entry["seconds"] for entry in entries)
    return round(sum(entry["tokens"] for entry in entries) / seconds, 1) if seconds else 0.0
