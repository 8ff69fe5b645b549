"""What makes a pipeline run, and what it found: the code, the parameters, and the answers and scores of its systems."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from query_assistant.records import Response
from query_assistant.reporting.provenance import Provenance
from query_assistant.reporting.techniques import Effect
from query_assistant.scoring.documents import Rows
from query_assistant.systems.evaluation_sets import Item

WRITTEN_BY_RUNS = (":!dvc.lock", ":!metrics", ":!params.yaml")  # they change while one pipeline run goes on


@dataclass(frozen=True)
class PipelineRun:
    """What makes one pipeline run: the code, the parameters and the name DVC gave the experiment.

    `changes` tells one uncommitted state of the code from another; empty where nothing is changed.
    """

    git_revision: str
    params_sha256: str
    name: str
    changes: str = ""

    @property
    def key(self) -> str:
        words = [self.git_revision, self.changes, self.params_sha256[:12], self.name]
        return "-".join(word.replace("'", "") for word in words if word)


def current_pipeline_run(params: Path = Path("params.yaml"), name: str | None = None) -> PipelineRun:
    """The pipeline run this process belongs to; the same from the first stage to the last.

    A working tree with changes has a revision ending in `-dirty`. Files that the run itself writes are no changes, and
    params.yaml counts by its hash.
    """
    digest = hashlib.sha256(params.read_bytes()).hexdigest()
    commit = _git("rev-parse", "--short=12", "HEAD")
    changes = _git("diff", "HEAD", "--", ":/", *WRITTEN_BY_RUNS)
    revision = f"{commit}-dirty" if commit and changes else commit or "no_git"
    state = hashlib.sha256(changes.encode()).hexdigest()[:12] if changes else ""
    return PipelineRun(revision, digest, name or os.environ.get("DVC_EXP_NAME", "workspace"), state)


def _git(*arguments: str) -> str:
    if not shutil.which("git"):
        return ""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, errors="replace", check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


@dataclass(frozen=True)
class SystemAnswers:
    """What one system answered.

    Attributes:
        file: the answers as they were written.
        rows: each with its verdict, as `score_system` gives them.
        ended: when the last was given, in seconds since 1970; a file's time of change, say.
    """

    file: Path
    responses: Sequence[Response]
    rows: Rows
    ended: float

    @property
    def digest(self) -> str:
        """The same for the same answers to the same questions, however long they took."""
        given = [(one.id, one.text, one.prompt_sha256) for one in self.responses]
        return hashlib.sha256(json.dumps(given).encode()).hexdigest()

    @property
    def period(self) -> tuple[int, int]:
        """From the first answer to the last, in milliseconds since 1970."""
        end = int(1000 * self.ended)
        return end - round(sum(one.latency_ms for one in self.responses)), end


@dataclass(frozen=True)
class SystemsCompared:
    """What one pipeline run found.

    Attributes:
        run: what was turned, of which model, on how many instructions.
        documents: the score documents of all its systems.
        answers: by system, where they are at hand.
        sets: what was asked, by set.
        training: entries of the training curve, each with its `step`.
        effects: what its techniques are worth, for the parent.
        numbers: of the whole run, such as what was forgotten, for the parent.
        files: figures, tables and parameters, for the parent.
    """

    run: Provenance
    documents: Sequence[Path]
    answers: Mapping[str, SystemAnswers] = field(default_factory=dict)
    sets: Mapping[str, Sequence[Item]] = field(default_factory=dict)
    training: Sequence[Mapping[str, float]] = ()
    effects: Sequence[Effect] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)
    files: Sequence[Path] = ()
