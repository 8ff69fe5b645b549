"""The page holds every answer beside what was wanted, and nothing in an answer can become part of the page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from query_assistant.apis import load_api
from query_assistant.records import BenchmarkItem, Response
from query_assistant.replica import Replica
from query_assistant.reporting.page import judged, write_page
from query_assistant.scoring import Judge
from query_assistant.scoring.documents import score_system
from query_assistant.statistics import Resampling

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
def page(tmp_path: Path, records: list[dict[str, Any]]) -> str:
    api = load_api("mygene")
    judge = Judge({"mygene": api}, {"mygene": Replica.from_records(api, records)})
    given = {system: [response(system, text)] for system, text in TEXTS.items()}
    sets = {"benchmark": [ITEM]}
    scores = [
        score_system(name, one, sets, judge, Resampling(9), seed=1, text_metrics=False)[0]
        for name, one in given.items()
    ]
    (tmp_path / "accuracy.svg").write_text('<?xml version="1.0"?>\n<svg id="drawn"></svg>', encoding="utf-8")
    write_page("Of a test.", scores, judged(given, sets, judge), tmp_path, tmp_path / "page" / "index.html")
    return (tmp_path / "page" / "index.html").read_text(encoding="utf-8")


def test_every_answer_stands_beside_what_was_wanted_with_its_verdict(page: str) -> None:
    data = json.loads(re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[0])
    assert data["systems"] == ["finetuned-zero_shot-closed-free", "base-zero_shot-closed-free"]
    (item,) = data["items"]
    assert (item["instruction"], item["right"]) == ("<i>cdk2</i>", "/v3/query?q=CDK2")
    assert item["answers"]["finetuned-zero_shot-closed-free"]["relation"] == "canonical"
    wrong = item["answers"]["base-zero_shot-closed-free"]
    assert (wrong["answer"], wrong["relation"]) == (HOSTILE, "different")


def test_no_text_becomes_part_of_the_page_and_nothing_is_loaded(page: str) -> None:
    assert HOSTILE not in page and "<i>cdk2" not in page
    assert page.count("</script>") == 2
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", page)


def test_figures_stand_inside_the_page(page: str) -> None:
    assert '<svg id="drawn"></svg>' in page and "<?xml" not in page


def test_the_systems_are_a_table_the_best_first(page: str) -> None:
    rows = re.findall(r'<th scope="row"><code>(.+?)</code>', page)
    assert rows == ["finetuned-zero_shot-closed-free", "base-zero_shot-closed-free"]
