"""What figures are of: which experiment, model and APIs, how many instructions, at which revision.

Every folder of figures holds it as run.json and every table begins with it, so that no table of a small run can be
taken for that of a large one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from query_assistant.errors import InputError
from query_assistant.records import write_json
from query_assistant.scoring.documents import Score

RUN = "run.json"
SETS = {"benchmark": "benchmark instructions", "test": "instructions of the test split"}


@dataclass(frozen=True)
class Provenance:
    """What one folder of figures is of.

    Attributes:
        experiment: the name of its file in conf/experiment/.
        turned: every knob that was set otherwise than that experiment says.
        instructions: how many, by test set and API.
        scores_sha256: identifies the score documents that the figures come from.
        revision: the commit at which these very scores first came out.
    """

    experiment: str
    turned: Mapping[str, str]
    model: str
    instructions: Mapping[str, Mapping[str, int]]
    scores_sha256: str
    revision: str

    @property
    def title(self) -> str:
        """What was turned, for a run's name: `default`, or `smoke, finetune.learning_rate=0.0005`."""
        shown = [f"{name}={value}" for name, value in list(self.turned.items())[:3]]
        more = [f"{len(self.turned) - 3} more"] if len(self.turned) > 3 else []
        return ", ".join([*([] if self.experiment == "default" and shown else [self.experiment]), *shown, *more])

    @property
    def knobs(self) -> dict[str, str]:
        """What was turned, and of which model and experiment, as MLflow's parameters."""
        return {"model": self.model, "experiment": self.experiment, **self.turned}

    @property
    def caption(self) -> str:
        """One line of Markdown."""
        counts = [f"{sum(by_api.values())} {SETS[name]}" for name, by_api in self.instructions.items()]
        knobs = "".join(f", `{name}={value}`" for name, value in self.turned.items())
        each = ", ".join(f"{name} {count}" for name, count in self.instructions["benchmark"].items())
        return (
            f"Experiment `{self.experiment}`{knobs}; {self.model}; {' and '.join(counts)} "
            f"(benchmark: {each}); revision {self.revision}."
        )


def describe_run(
    scores: Sequence[Score], *, experiment: str, turned: Mapping[str, str], model: str, revision: str
) -> Provenance:
    """The provenance of figures made from `scores`.

    Raises:
        InputError: the scores are of different instructions, so that no one line is true of all.
    """
    counted = [_instructions(score) for score in scores]
    for score, found in zip(scores, counted, strict=True):
        if found != counted[0]:
            raise InputError(
                f"{score.system} was scored on {found}, {scores[0].system} on {counted[0]}; "
                "figures of different instructions make no table: run `dvc repro score`"
            )
    documents = json.dumps([score.model_dump(mode="json") for score in scores], sort_keys=True)
    digest = hashlib.sha256(documents.encode()).hexdigest()
    return Provenance(experiment, dict(turned), model, counted[0], digest, revision)


def _instructions(score: Score) -> dict[str, dict[str, int]]:
    return {name: {api: part.by_api[api].n for api in sorted(part.by_api)} for name, part in score.sets.items()}


def with_first_revision(run: Provenance, folder: Path) -> Provenance:
    """The run as it is to be written to `folder`: if these very scores came out before, that revision stays."""
    try:
        before = json.loads((folder / RUN).read_text(encoding="utf-8"))
        known = before["revision"] if before["scores_sha256"] == run.scores_sha256 else run.revision
    except (OSError, ValueError, KeyError):
        known = run.revision
    return replace(run, revision=str(known))


def is_of(run: Provenance, folder: Path) -> bool:
    """Whether the figures in a folder are of this very run: its scores, its experiment and knobs."""
    try:
        known = json.loads((folder / RUN).read_text(encoding="utf-8"))
        return (known["scores_sha256"], known["experiment"], known["turned"]) == (
            run.scores_sha256, run.experiment, dict(run.turned),
        )  # fmt: skip
    except (OSError, ValueError, KeyError):
        return False


def write_provenance(run: Provenance, folder: Path) -> None:
    write_json(folder / RUN, asdict(run))


def check_provenance(folder: Path, experiment: str) -> None:
    """Refuses figures of another run than the named one.

    Raises:
        InputError: they are of another experiment, or knobs were turned, or they do not say what they are of.
    """
    try:
        run = json.loads((folder / RUN).read_text(encoding="utf-8"))
        turned = [f"{name}={value}" for name, value in run["turned"].items()]
        found = ", ".join([run["experiment"], *turned])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder} does not say what its figures are of ({error}); run `dvc repro`") from None
    if found != experiment:
        raise InputError(
            f"the figures in {folder} are of the experiment {found!r}, the table's marker names {experiment!r}; "
            f"run that one (`make repro` for default, `make quick` for published), or rename the marker"
        )
