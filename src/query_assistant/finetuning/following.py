"""A training watched from another process: what its logs have gained since they were last looked at.

followed = FollowedTraining(Path("models/adapter"))
followed.entries()     # [{"step": 5, "loss": 1.93, "learning_rate": 0.0005}, {"step": 5, "tokens_per_second": 307.0}]
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from query_assistant.finetuning.run import LOSSES, SPEED, read_entries

Entry = dict[str, float]


class FollowedTraining:
    """The training of an adapter, found by its work folder; an open file outlives that folder."""

    def __init__(self, adapter: Path) -> None:
        self._adapter = adapter
        self._files: dict[str, IO[str]] = {}
        self._torn: dict[str, str] = {}

    def entries(self) -> list[Entry]:
        """What is new, each entry with its `step`; a log that a resumed training began anew is new as a whole."""
        return [*self._new(LOSSES), *(_speed(entry) for entry in self._new(SPEED))]

    def all_losses(self) -> list[Entry]:
        """The whole curve of an adapter that is trained to its end."""
        return read_entries(self._adapter / LOSSES)

    def _new(self, name: str) -> Iterator[Entry]:
        self._look_for(name)
        if name in self._files:
            *lines, self._torn[name] = (self._torn[name] + self._files[name].read()).split("\n")
            yield from (json.loads(line) for line in lines if line)

    def _look_for(self, name: str) -> None:
        path = next(iter(self._adapter.parent.glob(f".{self._adapter.name}.training-*/{name}")), None)
        known = self._files.get(name)
        if path is None or (known and os.path.samestat(os.fstat(known.fileno()), path.stat())):
            return
        if known:
            known.close()
        self._files[name], self._torn[name] = path.open(encoding="utf-8"), ""


def _speed(entry: Entry) -> Entry:
    """An entry of the clock's log as a point of a curve; no speed where nothing was counted, as in a first step."""
    told = {name: value for name, value in entry.items() if name not in ("seconds", "tokens")}
    timed = entry["seconds"] > 0 and entry["tokens"] > 0
    return told | ({"tokens_per_second": round(entry["tokens"] / entry["seconds"], 1)} if timed else {})
