"""What systems are tested on: the test split and the hand-written benchmark, or the same part of each for everyone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from query_assistant.records import BenchmarkItem, Pair, read_jsonl
from query_assistant.seeds import generator

TEST = "test"
BENCHMARK = "benchmark"
Item = Pair | BenchmarkItem
T = TypeVar("T", Pair, BenchmarkItem)


def load_evaluation_sets(
    splits: Path,
    benchmark: Path,
    apis: Sequence[str],
    *,
    test_limit: int,
    benchmark_limit: int,
    seed: int,
    held_out: str = "",
) -> dict[str, list[Item]]:
    """The items of both sets, by set; without the test split where no pair was held out, as for a small API alone.

    Args:
        splits: folder with test.jsonl and validation.jsonl.
        benchmark: folder with <api>/benchmark.jsonl.
        test_limit, benchmark_limit: items per API, drawn with the seed; 0 takes all.
        held_out: the part of the split that stands for the test split: `validation` where knobs are chosen by it;
            empty: the test split itself.
    """
    test = [pair for pair in read_jsonl(splits / f"{held_out or TEST}.jsonl", Pair) if pair.api in apis]
    written = load_benchmark(benchmark, apis)
    sets: dict[str, list[Item]] = {
        TEST: list(_limited(test, apis, test_limit, generator(seed, "test items"))),
        BENCHMARK: list(_limited(written, apis, benchmark_limit, generator(seed, "benchmark items"))),
    }
    return sets if test else {BENCHMARK: sets[BENCHMARK]}


def load_benchmark(folder: Path, apis: Sequence[str]) -> list[BenchmarkItem]:
    """All hand-written items of the APIs; `folder` holds <api>/benchmark.jsonl."""
    return [item for api in apis for item in read_jsonl(folder / api / "benchmark.jsonl", BenchmarkItem)]


def load_development(folder: Path, apis: Sequence[str]) -> list[BenchmarkItem]:
    """The items that tuning looks at, which the benchmark is spared; none for an API without any."""
    files = [folder / api / "development.jsonl" for api in apis]
    return [item for file in files if file.is_file() for item in read_jsonl(file, BenchmarkItem)]


def _limited(items: Sequence[T], apis: Sequence[str], limit: int, rng: random.Random) -> list[T]:
    """At most `limit` items of each API, in the order they stand in."""
    kept = []
    for api in apis:
        mine = [item for item in items if item.api == api]
        drawn = mine if not limit or limit >= len(mine) else rng.sample(mine, limit)
        kept.extend(sorted(drawn, key=lambda item: item.id))
    return kept
