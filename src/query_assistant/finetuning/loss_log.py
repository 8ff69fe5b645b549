"""The loss as it falls, one JSON object a line, for plots:

{"learning_rate": 0.0005, "loss": 1.93, "step": 5, "tokens_per_second": 310.2}
{"step": 50, "validation_loss": 0.41}
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from query_assistant.files import atomic_writer


class LossLog:
    """Appends to a file as training goes; a resumed run first forgets the steps it will take again.

    `tokens` is added to by whoever feeds the model: prompt and answer tokens, padding not counted.
    """

    def __init__(self, file: str) -> None:
        self._file = Path(file)
        self.tokens = 0
        self._since = (time.perf_counter(), 0)

    def log_config(self, config: Any) -> None:
        """torchtune asks; the configuration is in params.yaml already."""

    def forget_after(self, step: int) -> None:
        kept = [entry for entry in read_losses(self._file) if entry["step"] <= step]
        with atomic_writer(self._file) as out:
            out.writelines(json.dumps(entry, sort_keys=True) + "\n" for entry in kept)

    def log_dict(self, values: Mapping[str, Any], step: int) -> None:
        """One training step, in torchtune's names or in ours."""
        now, tokens = time.perf_counter(), self.tokens
        speed = (tokens - self._since[1]) / max(now - self._since[0], 1e-9)
        self._since = (now, tokens)
        rate = values.get("lr", values.get("learning_rate"))
        self._append(
            step=step, loss=float(values["loss"]), learning_rate=float(rate or 0), tokens_per_second=round(speed, 1)
        )

    def log_validation(self, loss: float, step: int) -> None:
        self._append(step=step, validation_loss=loss)
        self._since = (time.perf_counter(), self.tokens)

    def close(self) -> None:
        """Nothing is held open between lines."""

    def _append(self, **entry: float) -> None:
        with self._file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(entry, sort_keys=True) + "\n")


def read_losses(file: Path) -> list[dict[str, float]]:
    """The entries of a loss log; a last line cut off by a kill is left out."""
    if not file.is_file():
        return []
    lines = file.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1] if line]
