"""The page holds every answer beside what was wanted, and nothing in an answer can become part of the page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from query_assistant.apis import load_api
from query_assistant.errors import MissingResourceError
from query_assistant.records import BenchmarkItem, Response
from query_assistant.replica import Replica
from query_assistant.reporting.charts import Bar, interval_line, scatter
from query_assistant.reporting.page import Shown, ablation, judged, write_page, write_pages
from query_assistant.scoring import Judge
from query_assistant.scoring.documents import score_system
from query_assistant.statistics import Resampling

ROOT = Path(__file__).parents[2]
ITEM = BenchmarkItem(id="b1", api="mygene", instruction="<i>cdk2</i>", query="/v3/query?q=CDK2", tags=("plain",))
HOSTILE = '</script><script>alert("x")</script>'
TEXTS = {"base-zero_shot-closed-free": HOSTILE, "finetuned-zero_shot-closed-free": "/v3/query?size=10&q=CDK2"}


def response(system: str, text: str) -> Response:
    query = text if text.startswith("/") else None
    return Response(
        id="b1", api="mygene", system=system, instruction=ITEM.instruction, text=text, query=query,
        prompt_sha256="ab", prompt_tokens=9, answer_tokens=3, latency_ms=12.5,
    )  # fmt: skip


@pytest.fixture
def shown(records: list[dict[str, Any]]) -> Shown:
    """Two systems that differ in their weights, one question: one wrong and hostile answer, one right."""
    api = load_api("mygene")
    judge = Judge({"mygene": api}, {"mygene": Replica.from_records(api, records)})
    given = {system: [response(system, text)] for system, text in TEXTS.items()}
    sets = {"benchmark": [ITEM]}
    scores = [
        score_system(name, one, sets, judge, Resampling(9), seed=1, text_metrics=False)[0]
        for name, one in given.items()
    ]
    losses = {"training": [(1.0, 2.0), (2.0, 1.0)], "validation": []}
    seconds = dict.fromkeys(TEXTS, 0.5)
    return Shown("Of a `test`.", scores, judged(given, sets, judge), seconds, losses, {"More": "published.html"})


@pytest.fixture
def page(shown: Shown, tmp_path: Path) -> str:
    write_page(shown, tmp_path / "page" / "index.html")
    return (tmp_path / "page" / "index.html").read_text(encoding="utf-8")


def test_every_answer_stands_beside_what_was_wanted_with_its_verdict(page: str) -> None:
    data = json.loads(re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[0])
    assert data["systems"] == ["finetuned-zero_shot-closed-free", "base-zero_shot-closed-free"]
    (item,) = data["items"]
    assert (item["instruction"], item["right"], item["constructs"]) == ("<i>cdk2</i>", "/v3/query?q=CDK2", ["plain"])
    right = item["answers"]["finetuned-zero_shot-closed-free"]
    assert (right["relation"], right["right"], right["tokens"], right["prompt"]) == ("canonical", True, 9, "ab")
    wrong = item["answers"]["base-zero_shot-closed-free"]
    assert (wrong["answer"], wrong["relation"], wrong["right"]) == (HOSTILE, "different", False)


def test_no_text_becomes_part_of_the_page_and_nothing_is_loaded(page: str) -> None:
    assert HOSTILE not in page and "<i>cdk2" not in page
    assert page.count("</script>") == 2
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//|url\(|@import""", page)
    assert "default-src 'none'" in page


def test_a_technique_is_worth_what_it_adds_question_by_question(shown: Shown) -> None:
    (bar,) = ablation(list(TEXTS), shown.items)
    assert (bar.label, bar.value, bar.low, bar.high, bar.dots) == ("finetuned", 100.0, 100.0, 100.0, (100.0,))
    assert (bar.note, bar.said) == ("instead of base; 1 pair of systems; not told apart", "+100.0 (+100.0 to +100.0)")
    assert ablation(list(TEXTS)[:1], shown.items) == []


def test_the_systems_are_a_table_the_best_first(page: str) -> None:
    rows = re.findall(r'<tr><th scope="row"><code>(.+?)</code>', page)
    assert rows[:2] == ["finetuned-zero_shot-closed-free", "base-zero_shot-closed-free"]
    assert "<p>Of a test.</p>" in page
    assert '<a href="published.html">More</a>' in page


def test_charts_have_names_and_their_figures_stand_beside_them(page: str) -> None:
    assert re.findall(r'role="img" aria-label="(.+?)"', page) == [
        "right, percent against seconds an answer", "loss (nats a token) by step",
    ]  # fmt: skip
    assert re.search(r'class="said">100.0 \([\d.]+ to 100.0\)<', page)
    assert "100.0% in 0.50 s" in page


def test_a_scale_ends_on_a_round_number_beyond_the_largest_value() -> None:
    assert re.findall(r'text-anchor="end">(.+?)<', scatter([("a", 0.5, 75.4)], "seconds", "percent")) == [
        "0", "20", "40", "60", "80",
    ]  # fmt: skip
    assert interval_line(Bar("a", 50.0, 25.0, 75.0), 0, 100).count("<path") == 3
    assert "zero" in interval_line(Bar("a", 5.0, -5.0, 15.0), -20, 20)
    assert "&lt;b&gt;" in scatter([("<b>", 1.0, 1.0)], "x", "y")


def test_without_answers_it_says_what_to_run(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(MissingResourceError, match=r"run `dvc repro`.*no published responses"):
        write_pages(tmp_path)
