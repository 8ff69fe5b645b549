"""Filter time and memory by log size, on logs that the simulator writes, beside GoAccess on the same file.

    python benchmarks/logs.py --api mychem --records data/raw/records/mychem.jsonl.gz --lines 100000 1000000 10000000

Each size is filtered in a process of its own, so that peak memory is that of one run (its worker processes added).
Writing ten million lines takes some minutes and 250 MB; `--folder` keeps the logs for another run. GoAccess
(`apt-get install goaccess`) only parses and counts, as our first step does; its seconds are wall and processor time,
the ratio is between processor times of that step and of GoAccess, both with unpacking. Where it is not installed, the
columns say so.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from query_assistant.apis import load_api
from query_assistant.logs.counting import count
from query_assistant.logs.filtering import filter_logs
from query_assistant.logs.noise import Routes, load_familiar
from query_assistant.logs.reading import open_log
from query_assistant.replica.replica import Replica
from query_assistant.simulator import simulate, write

COLUMNS = (
    "lines", "megabytes", "distinct", "canonical", "signatures", "kept", "count_s", "understand_s", "execute_s",
    "total_s", "cpu_s", "peak_mb", "count_cpu_s", "goaccess_s", "goaccess_cpu_s", "count_to_goaccess",
)  # fmt: skip
PER_SIGNATURE = 3


def main() -> None:
    options = _options()
    if options.measure:
        print(json.dumps(measure(options.api, options.records, options.measure)))
        return
    print(f"{options.api}, combined format, gzip; {platform.machine()}, {os.cpu_count()} cores, "
          f"Python {platform.python_version()}")  # fmt: skip
    print("  ".join(f"{name:>12}" for name in COLUMNS))
    with tempfile.TemporaryDirectory() as scratch:
        for lines in options.lines:
            log = (options.folder or Path(scratch)) / f"{options.api}-simulated-{lines}.log.gz"
            if not log.exists():
                write(log, simulate(load_api(options.api), records_of(options.records), lines, format="combined"))
            found = _measured_apart(options, log) | goaccess(log)
            found["count_to_goaccess"] = (
                round(found["count_cpu_s"] / found["goaccess_cpu_s"], 2) if "goaccess_cpu_s" in found else "no goaccess"
            )
            print("  ".join(f"{found.get(name, '-'):>12}" for name in COLUMNS), flush=True)


def measure(api_name: str, records: Path, log: Path) -> dict[str, Any]:
    """One filter run in this process: sizes, seconds and peak memory, the replica's included."""
    api = load_api(api_name)
    replica = Replica.load(api, records)
    start, start_cpu = time.monotonic(), _cpu_s()
    count([open_log(log)], Routes.of(api), load_familiar(api_name))
    count_cpu = _cpu_s() - start_cpu
    start, start_cpu = time.monotonic(), _cpu_s()
    report = filter_logs([log], api, replica, PER_SIGNATURE).report
    total, cpu = time.monotonic() - start, _cpu_s() - start_cpu
    metrics = report.metrics()
    own, workers = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "lines": metrics["lines"]["all"],
        "megabytes": log.stat().st_size // 2**20,
        "distinct": metrics["distinct"]["requests"],
        "canonical": metrics["distinct"]["canonical"],
        "signatures": metrics["signatures"]["all"],
        "kept": metrics["distinct"]["kept"],
        **{f"{step}_s": round(seconds, 1) for step, seconds in report.seconds.items()},
        "total_s": round(total, 1),
        "cpu_s": round(cpu, 1),
        "count_cpu_s": round(count_cpu, 1),
        # Of several helpers only the largest one's peak is known; there is one less than cores.
        "peak_mb": (own.ru_maxrss + (min(4, os.cpu_count() or 1) - 1) * workers.ru_maxrss) // 1024,
    }


def goaccess(log: Path) -> dict[str, float]:
    """Wall and processor seconds of GoAccess on the file, nothing where it is not installed."""
    program = shutil.which("goaccess")
    if program is None:
        return {}
    start, start_cpu = time.monotonic(), _cpu_s()
    with (
        tempfile.TemporaryDirectory() as scratch,
        subprocess.Popen(["gzip", "-dc", log], stdout=subprocess.PIPE) as raw,
    ):
        command = [program, "-", "--log-format=COMBINED", "--no-progress", "-o", f"{scratch}/report.json"]
        subprocess.run(command, check=True, stdin=raw.stdout, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return {
        "goaccess_s": round(time.monotonic() - start, 1),
        "goaccess_cpu_s": round(_cpu_s() - start_cpu, 1),
    }


def _cpu_s() -> float:
    """Seconds of processor time so far, workers that have ended included: what a busy machine does not blur."""
    used = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def records_of(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _measured_apart(options: argparse.Namespace, log: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--api", options.api, "--records", str(options.records), "--measure", str(log)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api", default="mychem")
    parser.add_argument("--records", type=Path, required=True, help="records of the API, .jsonl.gz")
    parser.add_argument("--lines", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--folder", type=Path, help="where the simulated logs are kept and looked for")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
