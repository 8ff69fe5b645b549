"""A question without an API goes to the one that is asked such things."""

from __future__ import annotations

from pathlib import Path

import pytest

from query_assistant.records import Pair
from query_assistant.retrieval.search import build_index
from query_assistant.systems.guessing import guess_api

ASKED = {
    "mygene": ["the gene CDK2", "human kinases on chromosome 7", "ensembl id of zebrafish shank3a"],
    "mychem": ["drugs that inhibit EGFR", "molecular weight of aspirin", "smiles of caffeine"],
    "mydisease": ["phenotypes of marfan syndrome", "inheritance of cystic fibrosis", "synonyms of measles"],
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    pairs = [
        Pair(
            id=text, api=api, instruction=text, query=f"/v3/query?q={number}", form="written", origin="written",
            skeleton="s",
        )
        for api, texts in ASKED.items()
        for number, text in enumerate(texts)
    ]  # fmt: skip
    build_index({}, {}, pairs, folder / "few_shot")
    return folder


@pytest.mark.parametrize(
    ("question", "api"),
    [
        ("uniprot entry of the mouse gene Sox2", "mygene"),
        ("logP and weight of ibuprofen", "mychem"),
        ("symptoms of lupus", "mydisease"),
    ],
)
def test_a_question_goes_where_such_things_are_asked(index: Path, question: str, api: str) -> None:
    assert guess_api(question, index, list(ASKED)) == api
