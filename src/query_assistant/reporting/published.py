"""The published responses scored again: the whole benchmark, no model, whatever experiment lies in the workspace.

APIs, seed and model are those of the params.yaml that came with the responses, so no knob turned here can make the
published table one of fewer instructions.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import yaml
from tqdm import tqdm

from query_assistant.apis import load_api
from query_assistant.errors import MissingResourceError
from query_assistant.records import Pair, Response, read_jsonl, write_json
from query_assistant.replica import Replica
from query_assistant.reporting.pipeline_runs import SystemAnswers, SystemsCompared
from query_assistant.reporting.provenance import RUN, describe_run, with_first_revision, write_provenance
from query_assistant.reporting.tables import levers_table, read_scores, systems_table
from query_assistant.reporting.techniques import AnswerFigures, effects, levers, verdicts
from query_assistant.scoring import Judge
from query_assistant.scoring.documents import score_system
from query_assistant.statistics import Resampling
from query_assistant.systems.evaluation_sets import BENCHMARK, TEST, Item, load_benchmark
from query_assistant.systems.published import SYSTEM

EXPERIMENT = "published"
ASKED = "asked/test.jsonl"  # in a folder of its own: each file beside params.yaml is a system's answers


def rescore(responses: Path, records: Path, apis: Path, scores: Path, revision: str) -> SystemsCompared:
    """Writes a score document per published system, their tables and what they are of; returns all of it, for MLflow.

    Args:
        responses: the unpacked bundle, a JSON Lines file per system, the run's params.yaml, and what was asked of its
            test split, if anything.
        records: folder of the replicas' records, <api>.jsonl.gz.
        apis: folder with <api>/benchmark.jsonl.
        scores: the folder to write.

    Raises:
        MissingResourceError: no responses there.
    """
    settings = published_params(responses)
    known = {name: load_api(name) for name in settings["apis"]}
    sets: dict[str, list[Item]] = {BENCHMARK: list(load_benchmark(apis, settings["apis"]))}
    sets |= {TEST: list(read_jsonl(responses / ASKED, Pair))} if (responses / ASKED).is_file() else {}
    judge = Judge(known, {name: Replica.load(api, records / f"{name}.jsonl.gz") for name, api in known.items()})
    written, answered = [], {}
    for path in tqdm(sorted(responses.glob("*.jsonl")), desc="published responses", unit="system"):
        answers = read_jsonl(path, Response)
        asked = _asked(sets, answers)
        score, rows = score_system(
            path.stem, answers, asked, judge, Resampling(), seed=settings["seed"], text_metrics=False
        )
        written.append(scores / f"{path.stem}.json")
        document = score.model_copy(update={"test": None})  # not every system was asked it: no figures of one table
        write_json(written[-1], document.model_dump(mode="json", exclude_none=True))
        now = time.time()  # the file's own time is that of unpacking
        answered[path.stem] = SystemAnswers(path, answers, rows, now)
    for stray in (path for path in scores.glob("*.json") if path not in written and path.name != RUN):
        stray.unlink()  # of a bundle that was published before
    documents = read_scores(written)
    model = settings["model"]["name"]
    run = describe_run(documents, experiment=EXPERIMENT, turned={}, model=model, revision=revision)
    run = with_first_revision(run, scores)
    write_provenance(run, scores)
    worth = effects(levers(SYSTEM, list(answered)), verdicts({name: one.rows for name, one in answered.items()}))
    tables = {"systems": systems_table(documents), "levers": levers_table(worth, answer_figures(answered))}
    for name, table in tables.items():
        (scores / f"{name}.md").write_text(f"{run.caption}\n\n{table}", encoding="utf-8")
    files = [*(scores / f"{name}.md" for name in tables), responses / "params.yaml"]
    return SystemsCompared(run, written, answered, sets, effects=worth, files=files)


def _asked(sets: Mapping[str, Sequence[Item]], answers: Sequence[Response]) -> dict[str, Sequence[Item]]:
    """The whole benchmark, and of the test split what the system was asked of it."""
    ids = {answer.id for answer in answers}
    test = [item for item in sets.get(TEST, ()) if item.id in ids]
    return {BENCHMARK: sets[BENCHMARK]} | ({TEST: test} if test else {})


def answer_figures(answered: Mapping[str, SystemAnswers]) -> dict[tuple[str, str], AnswerFigures]:
    """By set and system, how many queries were valid and how long an answer took when it was given."""
    found = {}
    for system, one in answered.items():
        seconds = {answer.id: answer.latency_ms / 1000 for answer in one.responses}
        for name in {str(row["set"]) for row in one.rows}:
            rows = [row for row in one.rows if row["set"] == name]
            took = [seconds[str(row["id"])] for row in rows if row["id"] in seconds]
            found[name, system] = AnswerFigures(fmean(bool(row["valid"]) for row in rows), fmean(took or [0.0]))
    return found


def published_params(responses: Path) -> dict[str, Any]:
    """The parameters that the published run was made with; of another version's schema, so as plain values.

    Raises:
        MissingResourceError: there are none.
    """
    try:
        settings = yaml.safe_load((responses / "params.yaml").read_text(encoding="utf-8"))
    except OSError as error:
        raise MissingResourceError(
            f"no published responses in {responses} ({error}); run `dvc pull` and `dvc repro unpack`"
        ) from None
    return dict(settings)
