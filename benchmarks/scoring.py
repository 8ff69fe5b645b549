"""How long scoring takes: 712 predictions with probes, and single comparisons.

    python benchmarks/scoring.py [--records data/raw/records] [--predictions 712]

References are good queries made from real records, over four APIs. A prediction is the reference itself, another
spelling, a neighbour that means something else, or another question's answer, a quarter each: near misses are the slow
ones, and a trained system makes many.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parent))

from mutants.making import good_queries, spare_of
from mutants.others import others
from mutants.spellings import spellings
from mutations import APIS, read_records

from query_assistant.apis import Api, load_api
from query_assistant.judging.comparison import compare
from query_assistant.records import Query
from query_assistant.replica import Replica
from query_assistant.scoring import Prediction, Reference, score

Pair = tuple[Query, Query]


def pairs(api: Api, records: Path, count: int) -> list[Pair]:
    """References and predictions of one API."""
    listed = list(read_records(records))
    spare, random = spare_of(api, listed), Random(f"scoring/{api.name}")
    goods = good_queries(api, listed, count, seed=1)
    found = []
    for number, good in enumerate(goods):
        choices = (
            lambda good=good: [good.query()],
            lambda good=good: [mutant.query for mutant in spellings(good, api, random)],
            lambda good=good: [mutant.query for mutant in others(good, spare, random)],
            lambda: [random.choice(goods).query()],
        )
        found.append((good.query(), random.choice(choices[number % 4]())))
    return found


def timed(api: Api, replica: Replica, queries: list[Pair]) -> list[float]:
    """Milliseconds of each single comparison."""
    times = []
    for reference, prediction in queries:
        began = time.perf_counter()
        compare(reference, prediction, api, replica)
        times.append(1000 * (time.perf_counter() - began))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=Path, default=Path("data/raw/records"), help="folder of <api>.jsonl.gz")
    parser.add_argument("--predictions", type=int, default=712)
    options = parser.parse_args()
    apis = {name: load_api(name) for name in APIS}
    began = time.perf_counter()
    replicas = {name: Replica.load(api, options.records / f"{name}.jsonl.gz") for name, api in apis.items()}
    print(f"replicas of {sum(len(one) for one in replicas.values())} records: {time.perf_counter() - began:.2f} s")
    each = options.predictions // len(APIS)
    made = {name: pairs(api, options.records / f"{name}.jsonl.gz", each) for name, api in apis.items()}
    numbered = [(f"{name}-{n}", name, *pair) for name in APIS for n, pair in enumerate(made[name])]
    references = [Reference(id=id_, api=name, query=one.query, body=one.body) for id_, name, one, _ in numbered]
    predictions = [Prediction(id=id_, query=other.query, body=other.body) for id_, _, _, other in numbered]
    began = time.perf_counter()
    results = score(predictions, references, apis, replicas)
    print(f"{len(references)} predictions scored: {time.perf_counter() - began:.2f} s")
    began = time.perf_counter()
    results.intervals()
    print(f"their intervals: {time.perf_counter() - began:.2f} s")
    print({rung: round(results.share(rung), 3) for rung in ("exact", "canonical", "execution", "selection")})
    times = [ms for name in APIS for ms in timed(apis[name], replicas[name], made[name])]
    cuts = statistics.quantiles(times, n=100)
    middle, most, nearly = (cuts[percent - 1] for percent in (50, 95, 99))
    print(f"one comparison: median {middle:.1f} ms, 95% {most:.1f}, 99% {nearly:.1f}, slowest {max(times):.1f} ms")


if __name__ == "__main__":
    main()
