"""Are nearly right queries told from right ones, and other spellings of right ones not?

    python benchmarks/mutations.py [--records data/raw/records] [--good 260] [--queries data/queries] [--json out.json]

Good queries are made from real records, or taken from the logs; each is mutated in every way of mutants/ and compared
with its mutants. What a mutant ought to be follows from its making (mutants/__init__.py); what it is found to be is
counted by mutation, and everything that came out otherwise is listed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from mutants.good import Expected, Good, Mutant
from mutants.making import Spare, good_queries, spare_of
from mutants.others import others
from mutants.reading import goods_of
from mutants.spellings import spellings

from query_assistant.apis import Api, load_api
from query_assistant.errors import RequestError
from query_assistant.judging.comparison import Relation, compare
from query_assistant.queries.request import to_text
from query_assistant.replica import Replica

APIS = ("mygene", "myvariant", "mychem", "mydisease")
FITTING: dict[Expected, frozenset[str]] = {
    "other records": frozenset({"different", "refused"}),
    "other presentation": frozenset({"selection"}),
    "same": frozenset({"exact", "canonical"}),
    "same records": frozenset({"exact", "canonical", "execution", "selection"}),
}


@dataclass
class Tally:
    """Outcomes by expectation and mutation, and those that do not fit."""

    counts: dict[Expected, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    fitting: dict[Expected, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    odd: list[dict[str, str]] = field(default_factory=list)

    def add(self, good: Good, mutant: Mutant, relation: str) -> None:
        self.counts[mutant.expected][mutant.name] += 1
        if relation in FITTING[mutant.expected]:
            self.fitting[mutant.expected][mutant.name] += 1
        else:
            self.odd.append(
                {
                    "expected": mutant.expected,
                    "mutation": mutant.name,
                    "found": relation,
                    "good": to_text(good.query()),
                    "mutant": to_text(mutant.query),
                }
            )

    def share(self, expected: Expected) -> float:
        return self.fitting[expected].total() / max(self.counts[expected].total(), 1)


def relation_of(good: Good, mutant: Mutant, api: Api, replica: Replica | None) -> Relation | str:
    """The relation found; "refused" where the API would, "nothing found" where neither finds a record: no success."""
    try:
        found = compare(good.query(), mutant.query, api, replica)
    except RequestError:
        return "refused"
    nothing = any(difference.message.startswith("neither finds") for difference in found.differences)
    return "nothing found" if nothing else found.relation


def run(api: Api, goods: list[Good], spare: Spare, replica: Replica | None, tally: Tally) -> int:
    """Mutates and compares good queries of one API; returns how many mutants that made."""
    random, made = Random(f"mutants/{api.name}"), 0
    for good in goods:
        for mutant in (*others(good, spare, random), *spellings(good, api, random)):
            if mutant.query != good.query() or mutant.expected in ("same", "same records"):
                tally.add(good, mutant, relation_of(good, mutant, api, replica))
                made += 1
    return made


def read_records(path: Path, most: int = 2000) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for _, line in zip(range(most), lines, strict=False):
            yield json.loads(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=Path, default=Path("data/raw/records"), help="folder of <api>.jsonl.gz")
    parser.add_argument("--good", type=int, default=260, help="good queries per API")
    parser.add_argument("--queries", type=Path, help="take them from this folder of <api>.jsonl (data/queries)")
    parser.add_argument("--json", type=Path, help="write all figures and everything that came out otherwise")
    parser.add_argument("--probes-only", action="store_true", help="without real records, to see what probes do alone")
    options = parser.parse_args()
    tally, began, made, goods = Tally(), time.perf_counter(), 0, 0
    for name in APIS:
        api, path = load_api(name), options.records / f"{name}.jsonl.gz"
        replica = None if options.probes_only else Replica.load(api, path)
        records = list(read_records(path))
        logged = options.queries / f"{name}.jsonl" if options.queries else None
        found = goods_of(logged, api, options.good) if logged else good_queries(api, records, options.good)
        goods += len(found)
        made += run(api, found, spare_of(api, records), replica, tally)
    seconds = time.perf_counter() - began
    print(f"{goods} good queries, {made} mutants, {1000 * seconds / made:.1f} ms a comparison")
    for expected in FITTING:
        print(f"\n{expected}: {tally.share(expected):.2%} of {tally.counts[expected].total()} as expected")
        for name, count in sorted(tally.counts[expected].items()):
            print(f"  {tally.fitting[expected][name]:6} of {count:6}  {name}")
    if options.json:
        shares = {expected: tally.share(expected) for expected in FITTING}
        options.json.write_text(json.dumps({"shares": shares, "odd": tally.odd}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
