from __future__ import annotations

import gzip
import json
import runpy
from pathlib import Path

import pytest
import yaml

from query_assistant.errors import InputError
from query_assistant.pipeline.configuration import compose
from query_assistant.records import GoodQuery, read_jsonl

ROOT = Path(__file__).parents[2]
GENES = [{"_id": str(n), "symbol": f"GEN{n}", "taxid": 9606} for n in range(1, 5)]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with records, simulated logs and a person's own."""
    records = tmp_path / "data" / "raw" / "records"
    records.mkdir(parents=True)
    (records / "mygene.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, GENES)).encode()))
    for folder, number in (("raw/simulated-logs", 1), ("logs", 2)):
        logs = tmp_path / "data" / folder / "mygene"
        logs.mkdir(parents=True)
        (logs / "access.log").write_text(f"/v3/query?q=symbol:GEN{number}\n")
    for shared in ("conf", "data/apis"):
        (tmp_path / shared).symlink_to(ROOT / shared)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(tmp_path))
    return tmp_path


def filtered(workspace: Path, *overrides: str) -> list[str]:
    params = compose(list(overrides), workspace / "params.yaml")
    runpy.run_path(str(ROOT / "stages" / "filter.py"))["main"](params, "mygene")
    return [query.query for query in read_jsonl("data/queries/mygene.jsonl", GoodQuery)]


def test_a_persons_logs_are_an_input_that_nothing_touches(workspace):
    own = workspace / "data" / "logs" / "mygene" / "access.log"
    before = (own.read_bytes(), own.stat().st_mtime_ns)
    assert filtered(workspace) == ["/v3/query?q=symbol:GEN1"]
    assert filtered(workspace, "filter.logs=data/logs") == ["/v3/query?q=symbol:GEN2"]
    assert (own.read_bytes(), own.stat().st_mtime_ns) == before
    with pytest.raises(InputError, match="no log at data/nowhere/mygene"):
        filtered(workspace, "filter.logs=data/nowhere")


def test_the_number_of_requests_looked_at_is_a_knob(workspace):
    log = workspace / "data" / "logs" / "mygene" / "access.log"
    log.write_text("/v3/query?q=symbol:GEN1\n" * 2 + "/v3/query?q=symbol:GEN3\n")
    asked = ("filter.logs=data/logs", "filter.per_signature=5")
    assert len(filtered(workspace, *asked)) == 2
    assert filtered(workspace, *asked, "filter.most_requests=1") == ["/v3/query?q=symbol:GEN1"]


def test_the_logs_are_a_dependency_of_their_stage_and_no_output_lies_above_a_persons():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert "${filter.logs}/${item.api}" in stages["filter"]["deps"]
    outputs = [out for stage in stages.values() for out in stage.get("outs", stage.get("do", {}).get("outs", []))]
    named = [next(iter(out)) if isinstance(out, dict) else out for out in outputs]
    assert not [out for out in named if "data/logs/".startswith(f"{out.rstrip('/')}/") or "data/logs" in out]
