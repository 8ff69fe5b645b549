"""MLflow: one run per system, nested under one parent per pipeline run, never twice for the same result.

What a person sees there: runs called like their system, the four words of a system as parameters, the two dozen figures
that count as metrics (the whole score document is a file of the run), every answer as a table, and how long answering
took. The parent is called after what was turned, holds the tables that compare its systems, and the training curve.

Whoever logs a pipeline run logs all of its systems, so a parent is complete from the first moment, whatever the next
stage does or fails to do. What is there already is left alone, what was cut off is finished:

- A system's run is found again by its score document and, where they are known, its answers.
- Answers that an earlier pipeline run gave, for nothing that they depend on was turned, carry its name: `answers_of`.
- `comparison` marks what belongs to a parent now; results that were replaced under the same parent lose it.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run
from mlflow.utils.mlflow_tags import (
    MLFLOW_LOGGED_ARTIFACTS,
    MLFLOW_PARENT_RUN_ID,
    MLFLOW_RUN_NAME,
    MLFLOW_RUN_NOTE,
)

from query_assistant.reporting.pipeline_runs import PipelineRun, SystemAnswers, SystemsCompared
from query_assistant.reporting.run_contents import (
    CLOCK,
    answer_table,
    shown_figures,
    system_note,
    tested_on,
    trained_on,
)
from query_assistant.reporting.store import exclusively, open_store
from query_assistant.reporting.tables import api_table, read_scores, summary, systems_table, techniques_table
from query_assistant.reporting.techniques import effect_figures
from query_assistant.reporting.views import write_views
from query_assistant.scoring.documents import Score, read_score, times

ROLES = ("weights", "examples", "context", "decoding")  # the four words of a system
FINISHED = "attributes.status = 'FINISHED'"
TABLE = "answers.json"  # of one name in all runs, so that MLflow puts them side by side
LONGEST = 6000  # characters of a parameter
BATCH = 1000  # metrics that MLflow takes at once
INTRODUCTION = """One run of the pipeline. Each run below it is a system: `<weights>-<examples>-<context>-<decoding>`.
Shares of 1; `selection`: the query selects the records that were meant.
"""


def log_comparison(experiment: str, pipeline: PipelineRun, found: SystemsCompared) -> str:
    """Logs all systems of a pipeline run under their parent, and returns the parent's id.

    Called again, by a later stage or after a kill, it adds what is missing.
    """
    with exclusively():
        client, experiment_id = open_store(experiment)
        log = _Log(client, experiment_id, pipeline, found)
        log.systems()
        return log.parent_run()


def is_logged(experiment: str, scores_sha256: str) -> str | None:
    """The finished pipeline run with all of these scores, the newest if there are several."""
    with exclusively():
        client, experiment_id = open_store(experiment)
        run = _find(client, experiment_id, f"tags.kind = 'pipeline' AND tags.scores = '{scores_sha256}' AND {FINISHED}")
        return str(run.info.run_id) if run else None


class _Log:
    """One pipeline run on its way into the store, which is held meanwhile."""

    def __init__(self, client: MlflowClient, experiment_id: str, pipeline: PipelineRun, found: SystemsCompared) -> None:
        self._client, self._experiment_id, self._pipeline, self._found = client, experiment_id, pipeline, found
        self._knobs = {"model": found.run.model, "experiment": found.run.experiment, **found.run.turned}
        self._earlier = {document: self._earlier_run(document) for document in found.documents}
        self._parent = self._open_parent()

    def systems(self) -> None:
        """A finished run for each system, and none besides that counts as of this comparison."""
        current = {self._system(document) for document in self._found.documents}
        for run in self._search(f"{self._below()} AND tags.comparison = '{self._parent.info.run_id}'", 100):
            if run.info.run_id not in current:
                self._client.set_tag(run.info.run_id, "comparison", "replaced")

    def parent_run(self) -> str:
        """Completes the parent and finishes it."""
        run, run_id, scores = self._found.run, str(self._parent.info.run_id), read_scores(self._found.documents)
        effects = self._found.effects
        tables = [("systems", systems_table(scores))]
        tables += [("techniques", techniques_table(effects))] if effects else []
        tables += [("APIs", api_table(scores))] if len(scores[0].benchmark.by_api) > 1 else []
        note = [INTRODUCTION, run.caption, *(f"**{name}**\n\n{table}" for name, table in tables)]
        self._client.set_tag(run_id, MLFLOW_RUN_NOTE, "\n\n".join(note))  # MLflow folds all but the first lines
        self._client.set_tag(run_id, MLFLOW_RUN_NAME, run.title)
        self._client.set_tag(run_id, "scores", run.scores_sha256)
        self._log_training()
        if not self._parent.inputs.dataset_inputs:
            self._client.log_inputs(run_id, datasets=[*tested_on(self._found.sets), *trained_on(Path("dvc.lock"))])
        self._fill(
            self._parent,
            self._knobs,
            {**summary(scores), **effect_figures(effects), **self._found.numbers},
            self._found.files,
        )
        self._client.set_terminated(run_id)
        write_views(self._client, self._experiment_id, run_id)
        return run_id

    def _log_training(self) -> None:
        if any(name.startswith("training/") for name in self._parent.data.metrics):
            return
        now = _milliseconds()
        points = [
            Metric(f"training/{name}", value, now, int(entry["step"]))
            for entry in self._found.training
            for name, value in entry.items()
            if name != "step"
        ]
        for first in range(0, len(points), BATCH):
            self._client.log_batch(self._parent.info.run_id, metrics=points[first : first + BATCH])

    def _open_parent(self) -> Run:
        """The parent; a new one began when the first of its own answers was being given."""
        found = self._find(f"tags.pipeline = '{self._pipeline.key}' AND tags.kind = 'pipeline'")
        if found:
            return found
        new = [document.stem for document, made in self._earlier.items() if not made]
        own = [self._found.answers[system].period[0] for system in new if system in self._found.answers]
        tags = {"pipeline": self._pipeline.key, "kind": "pipeline", **_tags(self._pipeline)}
        start = min(own, default=_milliseconds())
        return self._client.create_run(self._experiment_id, start, tags, run_name=self._found.run.title)

    def _earlier_run(self, document: Path) -> Run | None:
        """The run of another pipeline run that has the same answers, or the same score where none are at hand."""
        system, answered = document.stem, self._found.answers.get(document.stem)
        alike = f"tags.answers = '{answered.digest}'" if answered else f"tags.score = '{_sha256(document)}'"
        elsewhere = f"tags.pipeline != '{self._pipeline.key}'"
        return self._find(f"tags.system = '{system}' AND {alike} AND {elsewhere} AND {FINISHED}")

    def _system(self, document: Path) -> str:
        """The id of a system's run: the one that is there, finished if it was cut off, or a new one."""
        score, answered, made = read_score(document), self._found.answers.get(document.stem), self._earlier[document]
        tags = {"system": score.system, "score": _sha256(document)} | ({"answers": answered.digest} if answered else {})
        alike = " AND ".join(f"tags.{name} = '{value}'" for name, value in tags.items())
        known = self._find(f"{self._below()} AND {alike}")
        if known and known.info.status == "FINISHED":
            self._client.set_tag(known.info.run_id, "comparison", self._parent.info.run_id)
            return str(known.info.run_id)
        run = known or self._new_system(score, made, tags)
        metrics = shown_figures(score, times(score.system, answered.responses) if answered else None)
        if made and not answered:
            metrics |= {name: made.data.metrics[name] for name in CLOCK if name in made.data.metrics}
        knobs = dict(zip(ROLES, score.system.split("-"), strict=False)) | self._knobs
        if answered:
            self._answers(run, answered)
            self._fill(run, knobs, metrics, [answered.file, document])
        else:
            self._fill_from(run, made, knobs, metrics, document)
        end = made.info.end_time if made else answered.period[1] if answered else run.info.start_time
        self._client.set_terminated(run.info.run_id, end_time=end)
        return str(run.info.run_id)

    def _new_system(self, score: Score, made: Run | None, identity: Mapping[str, str]) -> Run:
        answered = self._found.answers.get(score.system)
        tags = _tags(self._pipeline) | {"pipeline": self._pipeline.key, **identity}
        tags |= {MLFLOW_PARENT_RUN_ID: self._parent.info.run_id, "comparison": self._parent.info.run_id}
        tags |= {MLFLOW_RUN_NOTE: system_note(score)}
        if made:
            tags |= {"answers_of": made.data.tags.get("answers_of") or self._name_of_parent(made)}
        began = made.info.start_time if made else answered.period[0] if answered else _milliseconds()
        return self._client.create_run(self._experiment_id, began, tags, run_name=score.system)

    def _name_of_parent(self, run: Run) -> str:
        parent = self._client.get_run(run.data.tags[MLFLOW_PARENT_RUN_ID])
        return f"{parent.info.run_name} ({run.data.tags.get('git_revision', '')[:7]})"

    def _answers(self, run: Run, answered: SystemAnswers) -> None:
        """Every answer beside what was wanted, as a table of the run; and what was asked, as its datasets."""
        if MLFLOW_LOGGED_ARTIFACTS not in run.data.tags:
            self._client.log_table(run.info.run_id, answer_table(answered.rows, self._found.sets), TABLE)
        if not run.inputs.dataset_inputs:
            self._client.log_inputs(run.info.run_id, datasets=tested_on(self._found.sets))

    def _fill_from(
        self, run: Run, made: Run | None, params: Mapping[str, object], metrics: Mapping[str, float], document: Path
    ) -> None:
        """As `_fill`, with the files of the run that has the same score, where there is one."""
        with tempfile.TemporaryDirectory() as folder:
            if made and self._client.list_artifacts(made.info.run_id):
                self._client.download_artifacts(made.info.run_id, "", folder)
                for tag in {MLFLOW_LOGGED_ARTIFACTS} & made.data.tags.keys():
                    self._client.set_tag(run.info.run_id, tag, made.data.tags[tag])
            self._fill(run, params, metrics, sorted(Path(folder).iterdir()) or [document])

    def _fill(
        self, run: Run, params: Mapping[str, object], metrics: Mapping[str, float], files: Iterable[Path]
    ) -> None:
        """Logs what the run lacks."""
        run_id, now, known = str(run.info.run_id), _milliseconds(), run.data
        new = {name: value for name, value in sorted(metrics.items()) if known.metrics.get(name) != value}
        turned = {name: str(value)[:LONGEST] for name, value in sorted(params.items()) if name not in known.params}
        self._client.log_batch(
            run_id,
            metrics=[Metric(name, value, now, 0) for name, value in new.items()],
            params=[Param(name, value) for name, value in turned.items()],
        )
        for file in files:
            self._client.log_artifact(run_id, str(file))

    def _below(self) -> str:
        return f"tags.mlflow.parentRunId = '{self._parent.info.run_id}'"

    def _find(self, condition: str) -> Run | None:
        return _find(self._client, self._experiment_id, condition)

    def _search(self, condition: str, most: int) -> list[Run]:
        return list(self._client.search_runs([self._experiment_id], condition, max_results=most))


def _find(client: MlflowClient, experiment_id: str, condition: str) -> Run | None:
    """The newest run that fits."""
    runs = client.search_runs([experiment_id], condition, max_results=1)
    return runs[0] if runs else None


def _tags(pipeline: PipelineRun) -> dict[str, str]:
    return {
        "git_revision": pipeline.git_revision,
        "params_sha256": pipeline.params_sha256,
        "dvc_experiment": pipeline.name,
    }


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _milliseconds() -> int:
    return int(time.time() * 1000)
