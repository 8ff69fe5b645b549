"""The published responses are scored on everything they answered, whatever experiment lies in the workspace."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from query_assistant.errors import MissingResourceError
from query_assistant.records import BenchmarkItem, Response, write_jsonl
from query_assistant.reporting.published import rescore

SYSTEMS = {
    "base-zero_shot-closed-free": "/v3/query?q=nothing",
    "finetuned-zero_shot-closed-free": "/v3/query?q=CDK2&size=5",
}


@pytest.fixture
def bundle(tmp_path: Path, records: list[dict[str, Any]]) -> Path:
    """Two systems' answers to one written instruction, in the folders of a checkout."""
    item = BenchmarkItem(id="b1", api="mygene", instruction="cdk2", query="/v3/query?q=CDK2", tags=("plain",))
    write_jsonl(tmp_path / "apis" / "mygene" / "benchmark.jsonl", [item])
    (tmp_path / "records").mkdir()
    with gzip.open(tmp_path / "records" / "mygene.jsonl.gz", "wt", encoding="utf-8") as out:
        out.writelines(json.dumps(record) + "\n" for record in records)
    for system, query in SYSTEMS.items():
        answer = {"id": "b1", "api": "mygene", "system": system, "instruction": "cdk2", "text": query, "query": query}
        numbers = {"prompt_sha256": "ab", "prompt_tokens": 9, "answer_tokens": 3, "latency_ms": 12.5}
        write_jsonl(tmp_path / "responses" / f"{system}.jsonl", [Response(**answer, **numbers)])
    settings = {"seed": 17, "apis": ["mygene"], "model": {"name": "small"}, "of_another": "schema"}
    (tmp_path / "responses" / "params.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return tmp_path


def scored(bundle: Path, revision: str = "1234567") -> dict[str, str]:
    rescore(bundle / "responses", bundle / "records", bundle / "apis", bundle / "scores", revision)
    return {path.name: path.read_text(encoding="utf-8") for path in (bundle / "scores").iterdir()}


def test_each_system_is_scored_and_the_table_says_on_what(bundle: Path) -> None:
    written = scored(bundle)
    assert sorted(written) == sorted([*(f"{system}.json" for system in SYSTEMS), "run.json", "systems.md"])
    shares = {system: json.loads(written[f"{system}.json"])["benchmark"]["selection"] for system in SYSTEMS}
    assert list(shares.values()) == [0.0, 1.0]
    assert written["systems.md"].splitlines()[0] == (
        "Experiment `published`; small; 1 benchmark instructions (benchmark: mygene 1); revision 1234567."
    )


def test_the_same_responses_give_the_same_files_at_a_later_revision_too(bundle: Path) -> None:
    assert scored(bundle) == scored(bundle, "89abcde")


def test_what_an_earlier_bundle_left_goes(bundle: Path) -> None:
    before = scored(bundle)
    (bundle / "responses" / f"{min(SYSTEMS)}.jsonl").unlink()
    assert set(before) - set(scored(bundle)) == {f"{min(SYSTEMS)}.json"}


def test_without_responses_it_says_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(MissingResourceError, match=r"no published responses .* run `dvc pull`"):
        rescore(tmp_path, tmp_path, tmp_path, tmp_path, "1234567")
