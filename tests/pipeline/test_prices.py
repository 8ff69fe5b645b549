"""The price of a model that writes is shown before it is paid, at the prices of the configuration."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from query_assistant.apis import load_api
from query_assistant.descriptions.annotation import Subject
from query_assistant.pipeline.configuration import compose
from query_assistant.records import FieldDescription, GoodQuery, write_jsonl

STAGES = Path(__file__).parents[2] / "stages"
PRICES = ["{}.llm.usd_per_million_prompt_tokens=1000000", "{}.llm.usd_per_million_answer_tokens=0"]


@pytest.fixture(autouse=True)
def _with_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")


def test_the_annotator_shows_what_its_prompts_cost(tmp_path: Path) -> None:
    params = compose(["annotate=llm", *(each.format("annotate") for each in PRICES)], tmp_path / "params.yaml")
    api = load_api("mygene")
    annotator = runpy.run_path(str(STAGES / "annotate.py"))["_annotator"](params.annotate, api)
    found = annotator.estimate([Subject(api.schema["symbol"], None)])
    assert found.requests == 1
    assert found.usd == found.prompt_tokens > 50


def test_the_writer_of_instructions_shows_what_its_prompts_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    params = compose(["pair=llm", *(each.format("pair") for each in PRICES)], tmp_path / "params.yaml")
    api = load_api("mygene")
    described = FieldDescription(field="symbol", type="keyword", description="A name", source="HGNC", indexed=True)
    write_jsonl(tmp_path / "data/fields/mygene.jsonl", [described])
    documentation = Path("data/apis/mygene/documentation.md").resolve()
    (tmp_path / "data/apis/mygene").mkdir(parents=True)
    (tmp_path / "data/apis/mygene/documentation.md").write_bytes(documentation.read_bytes())
    (tmp_path / "data/apis/family.md").write_bytes(documentation.parents[1].joinpath("family.md").read_bytes())
    monkeypatch.chdir(tmp_path)
    writer = runpy.run_path(str(STAGES / "pair.py"))["_model"](params.pair, api)
    found = writer.estimate([GoodQuery.model_construct(query="/v3/query?q=symbol:CDK2", body=None)])
    assert found.requests == 1
    assert found.usd == found.prompt_tokens > 50
    writer.announce(found)
    assert capsys.readouterr().out == f"mygene: {found}\n"
