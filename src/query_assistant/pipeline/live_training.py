"""Tells MLflow of a training while it goes on: losses, learning rate, tokens per second and memory by step.

    python -m query_assistant.pipeline.live_training models/adapter      # started by `watched`, beside a stage

Where MLflow cannot be reached it says so once and tries again until the training ends. Its standard input says how that
was: `done`, `failed`, or nothing where the training was killed.
"""

from __future__ import annotations

import logging
import os
import select
import sys
from pathlib import Path
from typing import IO, Literal

from query_assistant.errors import visible
from query_assistant.finetuning.following import Entry, FollowedTraining
from query_assistant.params import load_params
from query_assistant.pipeline.turned import begun
from query_assistant.pipeline.watching import DONE, FAILED
from query_assistant.reporting.pipeline_runs import current_pipeline_run
from query_assistant.reporting.training_run import TrainingRun

EVERY_S = 3.0
IMPATIENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
Status = Literal["FINISHED", "FAILED", "KILLED"]
log = logging.getLogger(__name__)
STATUS: dict[str, Status] = {DONE: "FINISHED", FAILED: "FAILED"}


class LiveTraining:
    """What is known of a training and what MLflow was told of it."""

    def __init__(self, followed: FollowedTraining, run: TrainingRun) -> None:
        self._followed, self._run = followed, run
        self._untold: list[Entry] = []
        self._complained = False

    def tell(self) -> None:
        """What is new; what cannot be told now is told later."""
        self._untold += self._followed.entries()
        self._tell(None)

    def end(self, status: Status) -> None:
        self._untold += self._followed.entries()
        self._untold += self._followed.all_losses() if status == "FINISHED" else []
        self._tell(status)

    def _tell(self, status: Status | None) -> None:
        try:
            if self._untold:
                self._run.log(self._untold)
                self._untold.clear()
            if status:
                self._run.end(status)
        except Exception as error:  # whatever it is, the training goes on
            if status or not self._complained:
                said = visible(str(error).splitlines()[0] if str(error) else type(error).__name__)
                log.warning("MLflow is not told of this training: %s", said)
            self._complained = True


def follow(live: LiveTraining, told: IO[str]) -> None:
    """Until the other end of `told` closes."""
    while not select.select([told], [], [], EVERY_S)[0]:
        live.tell()
    live.end(STATUS.get(told.read().strip(), "KILLED"))


def main() -> None:
    for name, value in IMPATIENT.items():
        os.environ.setdefault(name, value)
    params, pipeline = load_params(), current_pipeline_run()
    run = TrainingRun(params.score.mlflow_experiment, pipeline, begun(params, pipeline.git_revision))
    follow(LiveTraining(FollowedTraining(Path(sys.argv[1])), run), sys.stdin)


if __name__ == "__main__":
    main()
