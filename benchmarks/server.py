"""How `qa serve` bears many people at once: answers a minute, waiting, errors, memory.

    python benchmarks/server.py --users 50 --seconds 60

Starts the server with the published assistant, waits for its model, then lets simulated people ask over HTTP: each
reads an answer for some seconds before asking again, and one in five asks an example of the page, which is answered
from what is kept. The others ask training questions, each with another number in it.
Every answer must hold a query; a question refused with 503 is asked again after its Retry-After, and counted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from query_assistant.apis import api_folder
from query_assistant.params import load_params
from query_assistant.project import project_root
from query_assistant.records import WrittenPair, read_jsonl
from query_assistant.server.layout import EXAMPLES

READING_S = 20.0  # mean; people look at rows before they ask again
REPEATED = 0.2


@dataclass
class Seen:
    """What happened, in seconds and counts."""

    waited_s: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    most_mb: float = 0.0


def questions() -> list[tuple[str, str]]:
    """(API, question) pairs that people wrote for training."""
    names = load_params(project_root() / "params.yaml").apis
    return [
        (name, pair.instruction)
        for name in names
        for pair in read_jsonl(api_folder(name) / "written.jsonl", WrittenPair)[:200]
    ]


async def person(number: int, client: httpx.AsyncClient, ends: float, seen: Seen) -> None:
    rng, pool = random.Random(number), questions()
    await asyncio.sleep(rng.uniform(0, READING_S / 2))
    while time.monotonic() < ends:
        api, text = rng.choice(pool)
        asked = {"question": f"{text} ({rng.randrange(10**6)})", "api": api}
        if rng.random() < REPEATED:
            asked = {"question": rng.choice(EXAMPLES)}
        await answered(client, asked, seen)
        await asyncio.sleep(rng.expovariate(1 / READING_S))


async def answered(client: httpx.AsyncClient, asked: dict[str, str], seen: Seen) -> None:
    began = time.monotonic()
    for _ in range(20):
        answer = await client.post("/api/ask", json=asked)
        if answer.status_code != 503:
            break
        seen.outcomes["told to wait"] += 1
        await asyncio.sleep(int(answer.headers["Retry-After"]))
    seen.waited_s.append(time.monotonic() - began)
    if answer.status_code != 200:
        seen.outcomes[f"error {answer.status_code}"] += 1
    else:
        seen.outcomes["answered" if answer.json()["explained"] else "answered: I do not know"] += 1


async def watched(pid: int, ends: float, seen: Seen) -> None:
    while time.monotonic() < ends:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                seen.most_mb = max(seen.most_mb, int(line.split()[1]) / 1024)
        await asyncio.sleep(1)


async def run(address: str, pid: int, users: int, seconds: float) -> Seen:
    seen, ends = Seen(), time.monotonic() + seconds
    async with httpx.AsyncClient(base_url=address, timeout=300, limits=httpx.Limits(max_connections=users)) as client:
        people = [person(number, client, ends, seen) for number in range(users)]
        await asyncio.gather(*people, watched(pid, ends, seen))
    return seen


def ready(address: str, server: subprocess.Popen[bytes]) -> float:
    """Seconds until the model was loaded."""
    began = time.monotonic()
    while True:
        try:
            state = httpx.get(f"{address}/api/state", timeout=60).json()
            if state["model"] == "ready":
                return time.monotonic() - began
            if state["model"] == "missing":
                sys.exit(state["reason"])
        except httpx.TransportError:
            if server.poll() is not None:
                sys.exit("the server ended")
        time.sleep(0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--port", type=int, default=7899)
    options = parser.parse_args()
    command = [
        sys.executable,
        "-m",
        "query_assistant.cli",
        "serve",
        "--port",
        str(options.port),
        "--calls-per-minute",
        "0",
    ]
    server = subprocess.Popen(command, env=os.environ)
    try:
        address = f"http://127.0.0.1:{options.port}"
        loaded_s = ready(address, server)
        seen = asyncio.run(run(address, server.pid, options.users, options.seconds))
    finally:
        server.send_signal(signal.SIGTERM)
        code = server.wait(30)
    waited = sorted(seen.waited_s)
    report = {
        "users": options.users,
        "seconds": options.seconds,
        "loaded_s": round(loaded_s, 1),
        "questions": len(waited),
        "p50_s": round(waited[len(waited) // 2], 2),
        "p95_s": round(waited[int(len(waited) * 0.95)], 2),
        "outcomes": dict(seen.outcomes),
        "most_memory_mb": round(seen.most_mb),
        "exit_code": code,
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
