"""How long the replica takes and how much memory: building, loading, asking.

    python benchmarks/replica.py data/raw/records            # the table, as Markdown

Builds into a fresh cache, then loads from it in a process of its own, so that memory is that of the ready replicas.
Latencies are medians over distinct queries of one kind, each asked once on a warm index (the kind's columns have been
touched by one other query), with the 95th percentile behind.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from query_assistant.apis import load_api
from query_assistant.queries.request import Request, parse
from query_assistant.replica import Replica

APIS = ("mygene", "myvariant", "mychem", "mydisease")
SAMPLES = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records", type=Path, help="folder of <api>.jsonl.gz")
    parser.add_argument("--ready", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ready:
        report_ready(options.records, options.ready)
        return
    with tempfile.TemporaryDirectory() as folder:
        report(options.records, Path(folder))


def report(records: Path, cache: Path) -> None:
    print(f"machine: {processor()}, Python {platform.python_version()}\n")
    print("| API | records | build, s | index, MB |\n|---|---|---|---|")
    for name in APIS:
        started = time.perf_counter()
        count = len(Replica.load(load_api(name), records / f"{name}.jsonl.gz", cache))
        built = time.perf_counter() - started
        size = sum(path.stat().st_size for path in cache.glob(f"{name}-*")) / 2**20
        print(f"| {name} | {count:,} | {built:.1f} | {size:.0f} |")
    print(flush=True)
    subprocess.run([sys.executable, __file__, str(records), "--ready", str(cache)], check=True)


def report_ready(records: Path, cache: Path) -> None:
    empty = resident_mb()
    started = time.perf_counter()
    replicas = {name: Replica.load(load_api(name), records / f"{name}.jsonl.gz", cache) for name in APIS}
    for replica in replicas.values():
        replica.select(parse(f"/{replica.api.version}/query?q=protein", replica.api))
    print(f"all four loaded and asked once: {time.perf_counter() - started:.2f} s\n")
    print("| query | select, ms (95%) | execute, ms (95%) |\n|---|---|---|")
    for kind, (name, calls) in kinds(replicas).items():
        replica = replicas[name]
        requests = [parse(call, replica.api) for call in calls]
        replica.select(requests.pop())
        print(f"| {kind} | {figures(requests, replica.select)} | {figures(requests, replica.execute)} |")
    probes = [replicas["mygene"].records[doc] for doc in range(4000, 4030)]
    request = parse("/v3/query?q=symbol:CDK2 AND taxid:9606", replicas["mygene"].api)
    api = replicas["mygene"].api
    made = figures([request] * SAMPLES, lambda one: Replica.from_records(api, probes).select(one))
    print(f"| 30 records made into a replica and asked | {made} | |")
    print(f"\nmemory of the process: {resident_mb():.0f} MB, {empty:.0f} MB of it before the replicas")


def kinds(replicas: dict[str, Replica]) -> dict[str, tuple[str, list[str]]]:
    """Kinds of queries, each with distinct calls whose values come from the records."""
    genes = values(replicas["mygene"], "symbol")
    words = [name.split()[0] for name in values(replicas["mygene"], "name")]
    rsids = values(replicas["myvariant"], "dbsnp", "rsid")
    drugs = [name for name in values(replicas["mychem"], "name") if name.isalpha()]
    labels = values(replicas["mydisease"], "mondo", "label")
    starts = [first[:3] for first in genes if first[:3].isalnum()]
    places = range(1_000_000, 101_000_000, 1_000_000)
    facets = "/v3/query?q=__all__&species=human&facets=taxid,type_of_gene,map_location"
    each: dict[str, tuple[str, str, Any]] = {
        "plain word, MyGene": ("mygene", "q={}", genes),
        "one field and species": ("mygene", "q=symbol:{}&species=human", genes),
        "two fields and a negation": ("mygene", "q=name:{} AND taxid:9606 NOT type_of_gene:pseudo", words),
        "interval, MyGene": ("mygene", "q=chr1:{0}-{0}9&species=human", [place // 10 for place in places]),
        "interval, MyVariant": ("myvariant", "q=chr1:{0}-{0}9", [place // 10 for place in places]),
        "plain word, MyVariant": ("myvariant", "q={}", rsids),
        "phrase": ("mydisease", 'q=mondo.label:"{}"&fields=mondo.label', labels),
        "phrase with slop 2": ("mydisease", 'q=mondo.label:"{}"~2&fields=mondo.label', labels),
        "numeric range": ("mychem", "q=pubchem.molecular_weight:[{0} TO {0}.9]", range(100, 200)),
        "wildcard at the end": ("mygene", "q=symbol:{}*", starts),
        "wildcard at the beginning": ("mygene", "q=symbol:*{}", [gene[-3:] for gene in genes if gene.isalnum()]),
        "wildcard at the beginning, default fields": ("mychem", "q=*{}", [drug[1:6] for drug in drugs]),
        "fuzzy, 2 edits, default fields": ("mychem", "q={}~2", drugs),
        "regular expression": ("mygene", "q=symbol:/{}[0-9]+.*/", [start.lower() for start in starts]),
        "sorted by a keyword": ("mygene", "q=name:{}&sort=-symbol", [word for word in words if word.isalnum()]),
    }
    calls = {
        kind: (api, [f"/{replicas[api].api.version}/query?{form.format(value)}" for value in held])
        for kind, (api, form, held) in each.items()
    }
    calls["lookup by identifier"] = ("myvariant", [f"/v1/variant/{rsid}" for rsid in rsids])
    calls["3 facets over a species"] = ("mygene", [facets] * 20)
    calls["batch of 100 symbols"] = ("mygene", [f"POST /v3/query {batch(genes[at:] + genes[:at])}" for at in range(10)])
    return calls


def batch(terms: list[str]) -> str:
    quoted = ",".join(f'"{term}"' for term in terms[:100])
    return f'{{"q":[{quoted}],"scopes":["symbol"],"species":["human"]}}'


def values(replica: Replica, *path: str) -> list[str]:
    """Up to 100 distinct texts at a path, spread over the file; none that would need escaping."""
    found: dict[str, None] = {}
    for doc in range(0, len(replica), max(1, len(replica) // (4 * SAMPLES))):
        value: Any = replica.records[doc]
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str) and all(char.isalnum() or char in " -" for char in value):
            found[value] = None
    return list(found)[:SAMPLES]


def figures(requests: list[Request], ask: Callable[[Request], Any]) -> str:
    taken = []
    for request in requests:
        started = time.perf_counter()
        ask(request)
        taken.append(1000 * (time.perf_counter() - started))
    taken.sort()
    return f"{statistics.median(taken):.2f} ({taken[int(0.95 * (len(taken) - 1))]:.2f})"


def resident_mb() -> float:
    """Memory in use now, mapped index pages included (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    return f"{model}, {sum(line.startswith('processor') for line in lines)} cores"


if __name__ == "__main__":
    main()
