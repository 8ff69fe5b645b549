"""Which questions are asked: the held-out part that was named, and never more of it than was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from query_assistant.records import BenchmarkItem, Pair, write_jsonl
from query_assistant.systems.evaluation_sets import load_evaluation_sets


def pair(part: str, number: int) -> Pair:
    shared = {"api": "mygene", "form": "question", "origin": "log", "skeleton": "s"}
    return Pair(id=f"{part}{number}", instruction="?", query="/v3/query?q=a", **shared)


@pytest.mark.parametrize(("held_out", "asked"), [("", "test"), ("test", "test"), ("validation", "validation")])
def test_the_named_part_is_asked(tmp_path: Path, held_out: str, asked: str) -> None:
    for part in ("test", "validation"):
        write_jsonl(tmp_path / f"{part}.jsonl", [pair(part, number) for number in range(3)])
    item = BenchmarkItem(id="b", api="mygene", instruction="?", query="/v3/query?q=a", tags=())
    write_jsonl(tmp_path / "mygene/benchmark.jsonl", [item])
    limits = {"test_limit": 2, "benchmark_limit": 0, "seed": 1}
    sets = load_evaluation_sets(tmp_path, tmp_path, ["mygene"], held_out=held_out, **limits)
    assert {name: {one.id.rstrip("0123456789") for one in items} for name, items in sets.items()} == {
        "test": {asked},
        "benchmark": {"b"},
    }
    assert len(sets["test"]) == 2
