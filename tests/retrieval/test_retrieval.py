from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from query_assistant.errors import ConfigurationError, InputError, MissingResourceError
from query_assistant.records import FieldDescription, Pair
from query_assistant.retrieval.search import Bm25, Retriever, Vectors, build_index, named_fields, recall_at_k

FIELDS = [
    FieldDescription(field=name, type="keyword", description=text, source="x", indexed=True)
    for name, text in {
        "symbol": "Official gene symbol",
        "go.BP.id": "Gene Ontology identifier of a biological process",
        "dbsnp.rsid": "Reference SNP number",
        "name": "Full name of the gene",
    }.items()
]


def embed(texts: Sequence[str]) -> Vectors:
    """Words hashed to directions: texts with the same words are near. Deterministic, no model."""
    rows = np.zeros((len(texts), 384), dtype=np.float32)
    for row, text in zip(rows, texts, strict=True):
        for word in text.lower().split():
            row[zlib.crc32(word.encode()) % 384] += 1
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def pair(number: int, instruction: str, query: str, skeleton: str = "s", api: str = "mygene") -> Pair:
    return Pair(
        id=f"p{number}",
        api=api,
        instruction=instruction,
        query=query,
        form="imperative",
        origin="log",
        skeleton=skeleton,
    )


PAIRS = [
    pair(0, "Find gene CDK2", "/v3/query?q=symbol:CDK2", "symbol"),
    pair(1, "Which gene is CDK2", "/v3/query?q=symbol:CDK2", "symbol"),
    pair(2, "Find gene names with kinase", "/v3/query?q=name:kinase", "name"),
    pair(3, "Find drugs", "/v1/query?q=drug", "drug", api="mychem"),
]


@pytest.fixture
def index(tmp_path: Path) -> Path:
    build_index(
        {"mygene": FIELDS}, {"mygene": ["Ranges are [a TO b]", "Wildcards are *"]}, PAIRS, tmp_path / "i", embed=embed
    )
    return tmp_path / "i"


def load(index: Path, weight: float = 0.5) -> Retriever:
    return Retriever.load(index, lexical_weight=weight, embed=embed)


def test_each_collection_gives_its_nearest_first(index: Path) -> None:
    retriever = load(index)
    assert [one.field for one in retriever.fields("the full name of a gene", "mygene", 1)] == ["name"]
    assert retriever.passages("how are Wildcards written", "mygene", 1) == ["Wildcards are *"]
    assert [one.id for one in retriever.examples("Find drugs now", "mychem", 5)] == ["p3"]


def test_a_name_spelled_out_is_found_by_its_letters(index: Path) -> None:
    assert load(index, 1.0).fields("variants with rsID rs123", "mygene", 1)[0].field == "dbsnp.rsid"
    assert load(index, 1.0).fields("goBPId", "mygene", 1)[0].field == "go.BP.id"


def test_examples_have_distinct_queries_and_never_the_instruction_itself(index: Path) -> None:
    retriever = load(index)
    assert [one.id for one in retriever.examples("Find gene CDK2", "mygene", 3)] == ["p1", "p2"]
    assert [one.id for one in retriever.examples("Find gene", "mygene", 3)] == ["p0", "p2"]


def test_examples_added_later_are_found_beside_those_of_the_index(index: Path) -> None:
    retriever = load(index)
    retriever.add_examples([pair(9, "Find gene names with zinc finger", "/v3/query?q=name:zinc")])
    assert retriever.examples("Find zinc finger", "mygene", 2)[0].id == "p9"
    assert "p9" not in [each.id for each in load(index).examples("Find zinc finger", "mygene", 9)]


def test_what_is_hidden_stays_out(index: Path) -> None:
    found = load(index).examples("Find gene", "mygene", 3, hidden=lambda pair: pair.skeleton == "symbol")
    assert [one.id for one in found] == ["p2"]


def test_random_examples_are_the_same_for_all_and_depend_on_the_seed(index: Path) -> None:
    retriever = load(index)
    drawn = [[one.id for one in retriever.random_examples("mygene", 3, seed)] for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] and sorted(drawn[0]) == ["p0", "p1", "p2"]
    assert any([one.id for one in retriever.random_examples("mygene", 2, seed)] != drawn[0][:2] for seed in range(1, 9))


def test_building_twice_gives_the_same_bytes(tmp_path: Path, index: Path) -> None:
    build_index(
        {"mygene": FIELDS}, {"mygene": ["Ranges are [a TO b]", "Wildcards are *"]}, PAIRS, tmp_path / "j", embed=embed
    )
    files = sorted(path.name for path in index.iterdir())
    assert files == sorted(path.name for path in (tmp_path / "j").iterdir())
    assert all((index / name).read_bytes() == (tmp_path / "j" / name).read_bytes() for name in files)


def test_recall_counts_pairs_whose_every_field_is_found(index: Path) -> None:
    schema = {field.field for field in FIELDS} | {"go"}
    apis = {"mygene": SimpleNamespace(schema=schema)}
    asked = [
        pair(0, "official symbol", "/v3/query?q=symbol:CDK2"),
        pair(1, "official symbol", "/v3/query?q=symbol:CDK2&fields=dbsnp.rsid"),
        pair(2, "Gene Ontology biological process", "/v3/query?q=insulin&fields=go"),
        pair(3, "no field at all", "/v3/query?q=insulin"),
    ]
    assert recall_at_k(load(index), asked, apis, ks=(1, 4)) == {"recall_at_1": 2 / 3, "recall_at_4": 1.0, "pairs": 3.0}


def test_fields_of_a_body_are_gold_too() -> None:
    query = PAIRS[0].model_copy(update={"query": "/v3/query", "body": {"q": ["a"], "scopes": ["symbol", "go.BP.id"]}})
    assert named_fields(query, {"symbol", "go.BP.id", "q"}) == {"symbol", "go.BP.id"}


def test_bm25_prefers_rare_words_and_short_texts() -> None:
    scores = Bm25([["gene", "name"], ["gene", "symbol"], ["gene", "name", "of", "a", "long", "text"]]).scores(["name"])
    assert scores[0] > scores[2] > scores[1] == 0


def test_missing_things_are_named(tmp_path: Path, index: Path) -> None:
    with pytest.raises(MissingResourceError, match="dvc repro index"):
        Retriever.load(tmp_path / "nowhere", embed=embed)
    with pytest.raises(InputError, match="no fields of myvariant"):
        load(index).fields("x", "myvariant", 1)
    with pytest.raises(ConfigurationError, match="lexical_weight"):
        Retriever.load(index, lexical_weight=2, embed=embed)


@pytest.mark.slow
def test_the_shipped_embedding_model_knows_what_is_meant(tmp_path: Path) -> None:
    build_index({"mygene": FIELDS}, {}, [], tmp_path / "i")
    found = Retriever.load(tmp_path / "i", lexical_weight=0).fields("what pathway does it act in", "mygene", 1)
    assert found[0].field == "go.BP.id"  # no word in common
