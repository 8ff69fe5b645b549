"""The published responses are scored on everything they answered, whatever experiment lies in the workspace."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from query_assistant.errors import MissingResourceError
from query_assistant.records import BenchmarkItem, Pair, Response, write_jsonl
from query_assistant.reporting.published import ASKED, rescore
from query_assistant.systems.published import SYSTEM

SYSTEMS = {
    "base-zero_shot-closed-free": "/v3/query?q=nothing",
    "finetuned-zero_shot-closed-free": "/v3/query?q=CDK2&size=5",
}


def answer(name: str, system: str, query: str, latency_ms: float = 12.5) -> Response:
    said = {"id": name, "api": "mygene", "system": system, "instruction": "cdk2", "text": query, "query": query}
    return Response(**said, prompt_sha256="ab", prompt_tokens=9, answer_tokens=3, latency_ms=latency_ms)


@pytest.fixture
def bundle(tmp_path: Path, records: list[dict[str, Any]]) -> Path:
    """Two systems' answers to one written instruction, in the folders of a checkout."""
    item = BenchmarkItem(id="b1", api="mygene", instruction="cdk2", query="/v3/query?q=CDK2", tags=("plain",))
    write_jsonl(tmp_path / "apis" / "mygene" / "benchmark.jsonl", [item])
    (tmp_path / "records").mkdir()
    with gzip.open(tmp_path / "records" / "mygene.jsonl.gz", "wt", encoding="utf-8") as out:
        out.writelines(json.dumps(record) + "\n" for record in records)
    for system, query in SYSTEMS.items():
        write_jsonl(tmp_path / "responses" / f"{system}.jsonl", [answer("b1", system, query)])
    settings = {"seed": 17, "apis": ["mygene"], "model": {"name": "small"}, "of_another": "schema"}
    (tmp_path / "responses" / "params.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return tmp_path


def scored(bundle: Path, revision: str = "1234567") -> dict[str, str]:
    rescore(bundle / "responses", bundle / "records", bundle / "apis", bundle / "scores", revision)
    return {path.name: path.read_text(encoding="utf-8") for path in (bundle / "scores").iterdir()}


def test_each_system_is_scored_and_the_table_says_on_what(bundle: Path) -> None:
    written = scored(bundle)
    assert sorted(written) == sorted([*(f"{system}.json" for system in SYSTEMS), "levers.md", "run.json", "systems.md"])
    shares = {system: json.loads(written[f"{system}.json"])["benchmark"]["selection"] for system in SYSTEMS}
    assert list(shares.values()) == [0.0, 1.0]
    assert written["systems.md"].splitlines()[0] == (
        "Experiment `published`; small; 1 benchmark instructions (benchmark: mygene 1); revision 1234567."
    )


def test_the_same_responses_give_the_same_files_at_a_later_revision_too(bundle: Path) -> None:
    assert scored(bundle) == scored(bundle, "89abcde")


def test_each_lever_is_a_row_on_the_benchmark_and_on_what_both_were_asked_of_the_test_split(bundle: Path) -> None:
    """The chosen answer was not asked the test split; without examples it is wrong there and right on the benchmark."""
    right, wrong = "/v3/query?q=CDK2", "/v3/query?q=nofield:1"
    greedy, without = SYSTEM.replace("chosen", "grammar"), "finetuned-zero_shot-rag-grammar"
    given = {
        SYSTEM: [answer("b1", SYSTEM, right, 1500.0)],
        greedy: [answer("b1", greedy, right, 500.0), answer("t1", greedy, right, 700.0)],
        without: [answer("b1", without, right, 250.0), answer("t1", without, wrong, 350.0)],
    }
    for system, answers in given.items():
        write_jsonl(bundle / "responses" / f"{system}.jsonl", answers)
    pair = {"api": "mygene", "instruction": "cdk2", "form": "question", "origin": "log", "skeleton": "s"}
    write_jsonl(bundle / "responses" / ASKED, [Pair(id="t1", query=right, **pair)])
    written = scored(bundle)
    lines = written["levers.md"].splitlines()
    assert lines[0] == written["systems.md"].splitlines()[0]
    assert lines[4:] == [
        "| `chosen` | `grammar` | 1 of the benchmark | 100.0 | 100.0 | +0.0 (+0.0 to +0.0) | 0 / 0 | 1.000 "
        "| 100.0 / 100.0 | 1.50 / 0.50 | not told apart |",
        "| `few_shot` | `zero_shot` | 1 of the benchmark | 100.0 | 100.0 | +0.0 (+0.0 to +0.0) | 0 / 0 | 1.000 "
        "| 100.0 / 100.0 | 0.50 / 0.25 | not told apart |",
        "| `few_shot` | `zero_shot` | 1 of the test split | 100.0 | 0.0 | +100.0 (+100.0 to +100.0) | 1 / 0 | 1.000 "
        "| 100.0 / 0.0 | 0.70 / 0.35 | not told apart |",
    ]
    assert "test" not in json.loads(written[f"{greedy}.json"]), "documents of one table are of the same questions"


def test_what_an_earlier_bundle_left_goes(bundle: Path) -> None:
    before = scored(bundle)
    (bundle / "responses" / f"{min(SYSTEMS)}.jsonl").unlink()
    assert set(before) - set(scored(bundle)) == {f"{min(SYSTEMS)}.json"}


def test_without_responses_it_says_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(MissingResourceError, match=r"no published responses .* run `dvc pull`"):
        rescore(tmp_path, tmp_path, tmp_path, tmp_path, "1234567")
