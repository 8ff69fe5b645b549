"""Everything a run found as one page that opens from the disk, without any network: tables, figures, and every answer.

    python -m query_assistant.reporting.page               # this workspace's run  -> metrics/page/index.html
    python -m query_assistant.reporting.page published     # the published answers -> metrics/page/published.html

Answers are judged anew (seconds), for scores alone are kept. The page is made when asked for and not in git.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from query_assistant.apis import load_api, records_file
from query_assistant.errors import ConfigurationError, MissingResourceError
from query_assistant.exits import run_to_exit
from query_assistant.files import atomic_writer
from query_assistant.params import load_params
from query_assistant.project import project_root
from query_assistant.queries.request import to_text
from query_assistant.records import Response, read_jsonl
from query_assistant.replica import Replica
from query_assistant.reporting.published import published_params
from query_assistant.reporting.tables import read_scores
from query_assistant.scoring import Judge
from query_assistant.scoring.documents import Score, score_system
from query_assistant.statistics import Resampling
from query_assistant.systems.evaluation_sets import BENCHMARK, Item, load_benchmark, load_evaluation_sets

PLACE = Path("metrics/page")
RUNGS = ("valid", "exact", "canonical", "execution", "selection")
FIGURES = {"accuracy.svg": "Share of right answers", "errors.svg": "Errors by class", "training.svg": "Training"}


def write_page(
    caption: str, scores: Sequence[Score], answers: Sequence[Mapping[str, Any]], figures: Path, path: Path
) -> None:
    """Writes the page.

    Args:
        scores: of the systems, the best last, as `read_scores` gives them.
        answers: an item each, as `judged` gives them.
        figures: a folder with SVG files of `FIGURES`, those that are there.
    """
    shown = [(title, figures / name) for name, title in FIGURES.items() if (figures / name).is_file()]
    page = _template().render(
        caption=caption,
        scores=list(reversed(scores)),
        rungs=RUNGS,
        figures=[(title, _inner(file.read_text(encoding="utf-8"))) for title, file in shown],
        data=_script({"systems": [score.system for score in reversed(scores)], "items": answers}),
    )
    with atomic_writer(path) as out:
        out.write(page)


def judged(
    responses: Mapping[str, Sequence[Response]], sets: Mapping[str, Sequence[Item]], judge: Judge
) -> list[dict[str, Any]]:
    """Every item with its right query and what each system answered: text, relation, class of error, differences."""
    items: dict[str, dict[str, Any]] = {
        item.id: {
            "set": name,
            "id": item.id,
            "api": item.api,
            "instruction": item.instruction,
            "right": to_text(item),
            "answers": {},
        }
        for name, members in sets.items()
        for item in members
    }
    for system, given in responses.items():
        asked = {response.id for response in given}
        mine = {name: [item for item in members if item.id in asked] for name, members in sets.items()}
        mine = {name: members for name, members in mine.items() if members or name == BENCHMARK}
        _, rows = score_system(system, given, mine, judge, Resampling(1), seed=0, text_metrics=False)
        for row in rows:
            verdict = {name: row[name] for name in ("answer", "relation", "error", "differences") if row.get(name)}
            items[str(row["id"])]["answers"][system] = verdict
    return [item for item in items.values() if item["answers"]]


def page_of_workspace(root: Path) -> Path:
    """The page of the last run of `dvc repro` here."""
    params = load_params(root / "params.yaml")
    sets = load_evaluation_sets(
        root / "data/splits",
        root / "data/apis",
        params.apis,
        test_limit=params.generate.test_limit,
        benchmark_limit=params.generate.benchmark_limit,
        seed=params.seed,
    )
    responses = sorted((root / "data/responses").glob("*/*.jsonl"))
    return _page(responses, root / "metrics/score", sets, root / "metrics/report", root / PLACE / "index.html")


def page_of_published(root: Path) -> Path:
    """The page of the published answers."""
    folder, scores = root / "data/raw/published-responses", root / "metrics/published"
    sets = {BENCHMARK: load_benchmark(root / "data/apis", published_params(folder)["apis"])}
    return _page(sorted(folder.glob("*.jsonl")), scores, sets, scores, root / PLACE / "published.html")


def _page(
    responses: Sequence[Path], scores: Path, sets: Mapping[str, Sequence[Item]], report: Path, path: Path
) -> Path:
    known = {file.stem: file for file in responses if (scores / f"{file.stem}.json").is_file()}
    if not known:
        raise MissingResourceError(f"no scored answers in {scores}; run `dvc repro`, or `make quick` for the published")
    apis = {api: load_api(api) for api in sorted({item.api for items in sets.values() for item in items})}
    judge = Judge(apis, {name: Replica.load(api, records_file(name)) for name, api in apis.items()})
    answers = judged({name: read_jsonl(file, Response) for name, file in known.items()}, sets, judge)
    caption = (report / "systems.md").read_text(encoding="utf-8").partition("\n")[0]
    write_page(caption, read_scores([scores / f"{name}.json" for name in known]), answers, report, path)
    return path


def _inner(svg: str) -> str:
    """An SVG file as it stands inside a page: without the declaration in front of it."""
    return svg[svg.index("<svg") :]


def _script(data: Any) -> str:
    """JSON that no text of an answer can end the script with."""
    return json.dumps(data, ensure_ascii=False).replace("<", "\\u003c").replace("\u2028", "\\u2028")


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    source = resources.files("query_assistant.reporting").joinpath("templates", "page.html")
    return environment.from_string(source.read_text(encoding="utf-8"))


def main() -> None:
    words = sys.argv[1:]
    if words not in ([], ["published"]):
        raise ConfigurationError(f"{' '.join(words)!r}; expected nothing, or `published`")
    print((page_of_published if words else page_of_workspace)(project_root()))  # noqa: T201


if __name__ == "__main__":
    sys.exit(run_to_exit(main))
