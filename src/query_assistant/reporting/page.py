"""Everything a run found as one page that opens from the disk, without any network: tables, charts, and every answer.

    python -m query_assistant.reporting.page

writes metrics/page/index.html of this workspace's run, where its answers are at hand, and metrics/page/published.html
of the published answers, where they are unpacked; of these two alone, they are index.html as well.

Answers are judged anew (seconds), for scores alone are kept. Prompts are shown where they were kept beside the answers,
or where the published assistant is installed and shows the same. The page is made when asked for and not in git.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from pathlib import Path
from statistics import median
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from query_assistant.apis import load_api, records_file
from query_assistant.errors import MissingResourceError
from query_assistant.exits import run_to_exit
from query_assistant.files import atomic_writer
from query_assistant.messages import Message
from query_assistant.params import load_params
from query_assistant.project import project_root
from query_assistant.records import Response, read_jsonl
from query_assistant.replica import Replica
from query_assistant.reporting.charts import curves, floating_bar, interval_line, scatter
from query_assistant.reporting.figures import loss_curves
from query_assistant.reporting.page_answers import Judged, judged, packed_prompts, published_prompts, without_group
from query_assistant.reporting.page_figures import (
    ablation,
    accuracy_bar,
    construct_rows,
    constructs_of,
    error_rows,
    waterfall,
)
from query_assistant.reporting.published import published_params
from query_assistant.reporting.tables import error_kinds, interval_level, read_scores
from query_assistant.scoring import Judge
from query_assistant.scoring.documents import Score
from query_assistant.systems.evaluation_sets import BENCHMARK, Item, load_benchmark, load_evaluation_sets
from query_assistant.systems.kept_prompts import PROMPTS, read_prompts

PLACE = Path("metrics/page")
RUNGS = ("valid", "exact", "canonical", "execution", "selection")


@dataclass(frozen=True)
class Shown:
    """What one page is of.

    Attributes:
        caption: a line of Markdown that says which run, model and instructions.
        scores: of the systems, the best last, as `read_scores` gives them.
        items: every question with each system's answer, as `judged` gives them.
        seconds: the median time of an answer, by system, where it is known.
        losses: (step, loss) of training and validation; none where nothing was trained.
        others: further pages, by the name of their link.
        prompts: what was asked, by hash, as far as it was kept.
    """

    caption: str
    scores: Sequence[Score]
    items: Sequence[Judged]
    seconds: Mapping[str, float]
    losses: Mapping[str, Sequence[tuple[float, float]]]
    others: Mapping[str, str]
    prompts: Mapping[str, Sequence[Message]] = field(default_factory=dict)


def write_page(shown: Shown, path: Path) -> None:
    """Writes the page, whole or not at all."""
    best_first, tested = list(reversed(shown.scores)), [one for one in shown.items if one["set"] == BENCHMARK]
    names = [score.system for score in best_first]
    gained = ablation(names, tested)
    widest = max([10.0, *(abs(end) for bar in gained for end in (bar.low, bar.high, *bar.dots))])
    timed = [(score.system, shown.seconds[score.system], 100 * score.benchmark.selection) for score in best_first
             if score.system in shown.seconds]  # fmt: skip
    page = _template().render(
        caption=shown.caption,
        scores=best_first,
        level=interval_level(best_first),
        rungs=RUNGS,
        accuracy=[(bar, interval_line(bar, 0, 100)) for bar in map(accuracy_bar, best_first)],
        ablation=[(bar, interval_line(bar, -widest, widest)) for bar in gained],
        waterfall=[(step, floating_bar(step.before, step.after, step.kind)) for step in waterfall(best_first)],
        errors=error_rows(best_first),
        kinds=error_kinds(best_first),
        constructs=construct_rows(names, tested),
        columns=constructs_of(tested),
        scatter=scatter(timed, "seconds an answer", "right, percent") if timed else "",
        timed=timed,
        training=curves(shown.losses, "step", "loss (nats a token)") if any(shown.losses.values()) else "",
        others=shown.others,
        data=_script({"systems": names, "items": [without_group(item) for item in shown.items]}),
        prompts=packed_prompts(shown.prompts, shown.items),
    )
    with atomic_writer(path) as out:
        out.write(page)


def page_of_workspace(root: Path, path: Path, others: Mapping[str, str]) -> None:
    """The page of the last run of `dvc repro` here.

    Raises:
        MissingResourceError: its answers or scores are not here.
    """
    params = load_params(root / "params.yaml")
    responses, scores = sorted((root / "data/responses").glob("*/*.jsonl")), root / "metrics/score"
    if not any((scores / f"{file.stem}.json").is_file() for file in responses):
        raise MissingResourceError(f"no scored answers in {root / 'data/responses'}; run `dvc repro`")
    sets = load_evaluation_sets(
        root / "data/splits",
        root / "data/apis",
        params.apis,
        test_limit=params.generate.test_limit,
        benchmark_limit=params.generate.benchmark_limit,
        seed=params.seed,
        held_out=params.generate.held_out,
    )
    training = root / "metrics/training.csv"
    losses = loss_curves(training) if params.model.trained and training.is_file() else {}
    write_page(_shown(responses, scores, sets, root / "metrics/report", losses, others), path)


def page_of_published(root: Path, path: Path, others: Mapping[str, str]) -> None:
    """The page of the published answers.

    Raises:
        MissingResourceError: they are not unpacked, or not scored.
    """
    folder, scores = root / "data/raw/published-responses", root / "metrics/published"
    items, files = load_benchmark(root / "data/apis", published_params(folder)["apis"]), sorted(folder.glob("*.jsonl"))
    shown = _shown(files, scores, {BENCHMARK: items}, scores, {}, others)
    prompts = shown.prompts or published_prompts(root, [score.system for score in shown.scores], items)
    write_page(replace(shown, prompts=prompts), path)


def _shown(
    responses: Sequence[Path],
    scores: Path,
    sets: Mapping[str, Sequence[Item]],
    report: Path,
    losses: Mapping[str, Sequence[tuple[float, float]]],
    others: Mapping[str, str],
) -> Shown:
    known = {file.stem: file for file in responses if (scores / f"{file.stem}.json").is_file()}
    if not known:
        raise MissingResourceError(f"no scored answers in {scores}; run `dvc repro`, or `make quick` for the published")
    apis = {api: load_api(api) for api in sorted({item.api for items in sets.values() for item in items})}
    judge = Judge(apis, {name: Replica.load(api, records_file(name)) for name, api in apis.items()})
    answers = {name: read_jsonl(file, Response) for name, file in known.items()}
    seconds = {name: median(one.latency_ms for one in given) / 1000 for name, given in answers.items() if given}
    caption = (report / "systems.md").read_text(encoding="utf-8").partition("\n")[0]
    documents = read_scores([scores / f"{name}.json" for name in known])
    folders = sorted({file.parent for file in known.values()})
    prompts = {name: one for folder in folders for name, one in read_prompts(folder / PROMPTS).items()}
    return Shown(caption, documents, judged(answers, sets, judge), seconds, losses, others, prompts)


def write_pages(root: Path) -> list[Path]:
    """Every page that there is something for, the first as index.html; returns their paths.

    Raises:
        MissingResourceError: there are neither answers of a run nor published ones.
    """
    own, published = root / PLACE / "index.html", root / PLACE / "published.html"
    makers = {own: page_of_workspace, published: page_of_published}
    others = {own: {"The published assistant": published.name}, published: {"This workspace's run": own.name}}
    written, missed = [], []
    for path, maker in makers.items():
        try:
            maker(root, path, others[path])
            written.append(path)
        except MissingResourceError as error:
            missed.append(str(error))
    if not written:
        raise MissingResourceError("; ".join(missed))
    if len(written) == 1:  # it is the start, and its link to the other leads nowhere
        makers[written[0]](root, own, {})
        published.unlink(missing_ok=True)
        written = [own]
    return written


def _script(data: Any) -> str:
    """JSON that no text of an answer can end the script with."""
    return json.dumps(data, ensure_ascii=False).replace("<", "\\u003c").replace("\u2028", "\\u2028")


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    folder = resources.files("query_assistant.reporting").joinpath("templates")
    environment.globals["style"] = folder.joinpath("page.css").read_text(encoding="utf-8")
    environment.globals["program"] = folder.joinpath("page.js").read_text(encoding="utf-8")
    return environment.from_string(folder.joinpath("page.html").read_text(encoding="utf-8"))


def main() -> None:
    for path in write_pages(project_root()):
        print(path)  # noqa: T201


if __name__ == "__main__":
    sys.exit(run_to_exit(main))
