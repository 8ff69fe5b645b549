"""One trial of a search: an experiment of DVC in a copy of the checkout, its losses while it trains, its result.

DVC makes the copy, takes what was made before from its run cache, and keeps the result as a commit under
`refs/exps/`, from where it is read: metrics/finetune.json, metrics/training.csv, metrics/score/<system>.json.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from query_assistant.pipeline.configuration import compose
from query_assistant.pipeline.search_space import SearchParams, Value
from query_assistant.reporting.experiments import committed_file

_COPIES = Path(".dvc/tmp/exps/standalone")
_LOSSES = "models/.adapter.training-*/training.jsonl"
_GRACE_S = 30


@dataclass(frozen=True)
class TrialRun:
    """An experiment called `name`, of the checkout `root`, with some knobs turned."""

    root: Path
    name: str
    search: SearchParams
    values: Mapping[str, Value]

    @property
    def overrides(self) -> list[str]:
        """What stands behind `-S`."""
        found = [f"experiment={self.search.experiment}", *(f"{name}={value}" for name, value in self.values.items())]
        if self.search.measure == "selection":  # neither the test split nor the benchmark may choose knobs
            found += ["generate.held_out=validation", "generate.benchmark_limit=1"]
        return found

    def compose(self, target: Path) -> str:
        """The parameters as the copy has them; `target` is written.

        Raises:
            ConfigurationError: a knob is unknown or a value not allowed.
        """
        compose(self.overrides, target)
        return target.read_text(encoding="utf-8")

    def start(self, log: Path, lock: IO[bytes]) -> subprocess.Popen[bytes]:
        """The experiment's process, which holds `lock` as long as it lives."""
        command = [sys.executable, "-m", "dvc", "exp", "run", "--temp", "--name", self.name]
        command += [word for override in self.overrides for word in ("-S", override)]
        command += ["finetune"] if self.search.measure == "validation_loss" else ["score"]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        with log.open("wb") as out:
            return subprocess.Popen(
                command,
                cwd=self.root,
                env={**os.environ, "PATH": path},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                pass_fds=[lock.fileno()],
                start_new_session=True,
            )

    def copy(self, params: str) -> Path | None:
        """The folder in which the experiment runs: the one with its parameters; None before it is made."""
        for file in (self.root / _COPIES).glob("*/params.yaml"):
            try:
                if file.read_text(encoding="utf-8") == params:
                    return file.parent
            except OSError:  # just going
                continue
        return None

    def value(self) -> float | None:
        """What the trial came to; None where the experiment did not end well."""
        if self.search.measure == "validation_loss":
            text = self._committed("metrics/finetune.json")
            found = json.loads(text).get("validation_loss") if text else None
        else:
            text = self._committed(f"metrics/score/{self.search.system}.json")
            found = (json.loads(text).get("test") or {}).get("selection") if text else None
        return None if found is None else float(found)

    def _committed(self, file: str) -> str:
        return committed_file(self.root, self.name, file)


def losses_in(copy: Path) -> dict[int, float]:
    """The validation losses of the training that goes on in a copy, by step."""
    from query_assistant.finetuning.run import read_entries

    entries = [entry for file in copy.glob(_LOSSES) for entry in read_entries(file)]
    return {int(entry["step"]): entry["validation_loss"] for entry in entries if "validation_loss" in entry}


def stop(process: subprocess.Popen[bytes], copy: Path | None) -> None:
    """Ends an experiment with all that it has started, and removes its copy."""
    for number, patience in ((signal.SIGINT, _GRACE_S), (signal.SIGKILL, None)):
        if process.poll() is None:
            os.killpg(process.pid, number)
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                continue
    if copy is not None:
        shutil.rmtree(copy, ignore_errors=True)


def check_space(root: Path, search: SearchParams) -> None:
    """Nothing, if every knob is one and its bounds are allowed.

    Raises:
        ConfigurationError: a knob is unknown, or a bound is not allowed.
    """
    ends: Sequence[dict[str, Value]] = [{name: one.bounds[at] for name, one in search.knobs.items()} for at in (0, -1)]
    with tempfile.TemporaryDirectory() as folder:
        for values in ends:
            TrialRun(root, "ends", search, values).compose(Path(folder) / "params.yaml")


def last_line(log: Path) -> str:
    """Why an experiment failed, in its own words."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    errors = [line for line in lines if line.startswith("error:")] or [line for line in lines if line.strip()]
    return errors[-1].removeprefix("error: ") if errors else "it said nothing"
