"""Pairs that people wrote become pairs like all others: normal form, skeleton, an id that stays.

That every shipped pair is sound: tests/test_extending.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from query_assistant.apis import load_api
from query_assistant.errors import InputError
from query_assistant.pairs.written import WRITTEN, written_pairs
from query_assistant.records import WrittenPair, write_jsonl


def file_of(folder: Path, *lines: dict[str, Any]) -> Path:
    write_jsonl(folder / WRITTEN, [WrittenPair(**line) for line in lines])
    return folder / WRITTEN


def test_a_written_pair_is_spelled_as_the_normal_form_and_keeps_its_words(tmp_path: Path) -> None:
    line = {"instruction": "Ensembl ID of zebrafish Shank3a?", "query": "/v3/query/?limit=5&species=7955&q=Shank3a"}
    (pair,) = written_pairs(file_of(tmp_path, line), load_api("mygene"))
    assert pair.query == "/v3/query?q=Shank3a&species=zebrafish&size=5"
    assert (pair.instruction, pair.form, pair.origin) == (line["instruction"], "written", "written")
    assert pair.constructs == ("keyword", "size", "species")
    assert pair.skeleton == written_pairs(file_of(tmp_path, {**line, "query": "/v3/query?q=x&species=human&size=7"}),
                                          load_api("mygene"))[0].skeleton  # fmt: skip


def test_ids_tell_queries_and_words_apart(tmp_path: Path) -> None:
    query = "/v3/query?q=symbol:CDK2"
    lines = [{"instruction": text, "query": query} for text in ("cdk2", "the gene cdk2")]
    one, other = written_pairs(file_of(tmp_path, *lines), load_api("mygene"))
    assert one.id != other.id
    assert one.id.rsplit("-", 1)[0] == other.id.rsplit("-", 1)[0]


def test_where_nobody_wrote_there_are_none(tmp_path: Path) -> None:
    assert written_pairs(tmp_path / WRITTEN, load_api("mygene")) == []


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ([{"instruction": "a", "query": "/v3/query?q=symbol:("}], r"line 1: '/v3/query\?q=symbol:\(' is not valid"),
        ([{"instruction": "A", "query": "/v3/gene/1"}, {"instruction": "a", "query": "/v3/gene/2"}], "line 2: 'a'"),
    ],
)
def test_what_cannot_be_learnt_is_named(tmp_path: Path, lines: list[dict[str, Any]], named: str) -> None:
    with pytest.raises(InputError, match=named):
        written_pairs(file_of(tmp_path, *lines), load_api("mygene"))
