"""Everything a run found as one page that opens from the disk, without any network: tables, charts, and every answer.

    python -m query_assistant.reporting.page

writes metrics/page/index.html of this workspace's run, where its answers are at hand, and metrics/page/published.html
of the published answers, where they are unpacked; of these two alone, they are index.html as well.

Answers are judged anew (seconds), for scores alone are kept. Prompts are not kept, only their hashes and lengths. The
page is made when asked for and not in git.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from statistics import fmean, median
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from query_assistant.apis import load_api, records_file
from query_assistant.errors import MissingResourceError
from query_assistant.exits import run_to_exit
from query_assistant.files import atomic_writer
from query_assistant.judging.comparison import LADDER
from query_assistant.params import load_params
from query_assistant.project import project_root
from query_assistant.queries.request import to_text
from query_assistant.records import Pair, Response, read_jsonl
from query_assistant.replica import Replica
from query_assistant.reporting.charts import Bar, curves, interval_line, scatter
from query_assistant.reporting.figures import loss_curves
from query_assistant.reporting.published import published_params
from query_assistant.reporting.tables import error_kinds, error_share, interval_level, read_scores
from query_assistant.reporting.techniques import Verdicts, all_twins, effects
from query_assistant.scoring import Judge
from query_assistant.scoring.documents import Score, score_system
from query_assistant.statistics import Resampling
from query_assistant.systems.evaluation_sets import BENCHMARK, Item, load_benchmark, load_evaluation_sets

PLACE = Path("metrics/page")
RUNGS = ("valid", "exact", "canonical", "execution", "selection")
FEWEST = 4  # questions that a construct needs to have a column
Judged = dict[str, Any]


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
    """

    caption: str
    scores: Sequence[Score]
    items: Sequence[Judged]
    seconds: Mapping[str, float]
    losses: Mapping[str, Sequence[tuple[float, float]]]
    others: Mapping[str, str]


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
        accuracy=[(bar, interval_line(bar, 0, 100)) for bar in map(_accuracy, best_first)],
        ablation=[(bar, interval_line(bar, -widest, widest)) for bar in gained],
        errors=_error_rows(best_first),
        kinds=error_kinds(best_first),
        constructs=_construct_rows(names, tested),
        columns=_columns(tested),
        scatter=scatter(timed, "seconds an answer", "right, percent") if timed else "",
        timed=timed,
        training=curves(shown.losses, "step", "loss (nats a token)") if any(shown.losses.values()) else "",
        others=shown.others,
        data=_script({"systems": names, "items": [_without_group(item) for item in shown.items]}),
    )
    with atomic_writer(path) as out:
        out.write(page)


def _accuracy(score: Score) -> Bar:
    low, high = score.benchmark.interval["selection"]
    return Bar(score.system, 100 * score.benchmark.selection, 100 * low, 100 * high)


def ablation(systems: Sequence[str], items: Sequence[Judged]) -> list[Bar]:
    """What each technique adds, in points: the mean over pairs of systems that differ in it alone.

    The interval is that of the paired bootstrap at 95%, questions with one right query drawn together; `dots` are the
    pairs of systems.
    """
    asked = [Verdicts((item["api"], item["group"]), _right_systems(item)) for item in items]
    found = []
    for one in effects(all_twins(systems), {BENCHMARK: asked}):
        pairs = len(one.gains)
        said = f"instead of {one.instead_of}; {pairs} {'pair' if pairs == 1 else 'pairs'} of systems; {one.verdict}"
        ends = (100 * one.difference, 100 * one.low, 100 * one.high)
        found.append(Bar(one.technique, *ends, dots=tuple(100 * gain for gain in one.gains), note=said))
    return found


def _right_systems(item: Judged) -> dict[str, bool]:
    return {system: answer["right"] for system, answer in item["answers"].items()}


def _right(item: Judged, system: str) -> float:
    return float(item["answers"][system]["right"])


def _error_rows(scores: Sequence[Score]) -> list[tuple[str, list[float]]]:
    """Percent of the benchmark's questions that went wrong in each way, by system."""
    return [(one.system, [100 * error_share(one, kind) for kind in error_kinds(scores)]) for one in scores]


def _columns(items: Sequence[Judged]) -> list[tuple[str, int]]:
    """The APIs, then the constructs that several questions ask for, each with their number."""
    apis = Counter(item["api"] for item in items)
    constructs = Counter(word for item in items for word in item["constructs"])
    return [*sorted(apis.items()), *((name, count) for name, count in constructs.most_common() if count >= FEWEST)]


def _construct_rows(systems: Sequence[str], items: Sequence[Judged]) -> list[tuple[str, list[float]]]:
    """Percent of right answers by API and construct, by system."""
    rows = []
    for system in systems:
        mine = [item for item in items if system in item["answers"]]
        asked = [[one for one in mine if name in (one["api"], *one["constructs"])] for name, _ in _columns(items)]
        shares = [fmean(_right(one, system) for one in part) if part else 0.0 for part in asked]
        rows.append((system, [100 * share for share in shares]))
    return rows


def judged(
    responses: Mapping[str, Sequence[Response]], sets: Mapping[str, Sequence[Item]], judge: Judge
) -> list[Judged]:
    """Every item with its right query and what each system answered: text, relation, class of error, differences."""
    items: dict[str, Judged] = {
        item.id: {
            "set": name,
            "id": item.id,
            "api": item.api,
            "constructs": list(item.constructs if isinstance(item, Pair) else item.tags),
            "instruction": item.instruction,
            "right": to_text(item),
            "answers": {},
        }
        for name, members in sets.items()
        for item in members
    }
    for system, given in responses.items():
        asked = {response.id: response for response in given}
        mine = {name: [item for item in members if item.id in asked] for name, members in sets.items()}
        mine = {name: members for name, members in mine.items() if members or name == BENCHMARK}
        _, rows = score_system(system, given, mine, judge, Resampling(1), seed=0, text_metrics=False)
        for row in rows:
            item, response = items[str(row["id"])], asked[str(row["id"])]
            verdict = {name: row[name] for name in ("answer", "relation", "error", "differences") if row.get(name)}
            reached = LADDER.index(row["relation"]) <= LADDER.index("selection")
            prompt = {"prompt": response.prompt_sha256[:12], "tokens": response.prompt_tokens}
            item["answers"][system] = {**verdict, "right": reached, **prompt}
            item["group"] = row["group"]
    return [item for item in items.values() if item["answers"]]


def _without_group(item: Judged) -> Judged:
    return {name: value for name, value in item.items() if name != "group"}


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
    sets = {BENCHMARK: load_benchmark(root / "data/apis", published_params(folder)["apis"])}
    write_page(_shown(sorted(folder.glob("*.jsonl")), scores, sets, scores, {}, others), path)


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
    return Shown(caption, documents, judged(answers, sets, judge), seconds, losses, others)


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
