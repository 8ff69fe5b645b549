"""The score stage: all systems in one process, knobs that reach the intervals, no clock in what is committed."""

from __future__ import annotations

import gzip
import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from query_assistant.params import Params, load_params
from query_assistant.records import BenchmarkItem, Pair, Response, write_jsonl
from query_assistant.reporting.pipeline_runs import PipelineRun, SystemsCompared
from query_assistant.reporting.techniques import Effects

ROOT = Path(__file__).parents[2]
GENES = ("CDK2", "TP53", "MYC", "INS", "EGFR", "KRAS")
SYSTEMS = ("base-zero_shot-closed-free", "finetuned-zero_shot-closed-free")


def query(gene: str) -> str:
    return f"/v3/query?q=symbol:{gene}"


def response(name: str, gene: str, system: str, latency_ms: float) -> Response:
    right = system.startswith("finetuned") and gene < "L"
    asked = query(gene if right else "BRCA1")
    facts = {"prompt_sha256": "0", "prompt_tokens": 9, "answer_tokens": 3, "latency_ms": latency_ms}
    return Response(id=name, api="mygene", system=system, instruction="?", text=asked, query=asked, **facts)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """stages/score.py in a checkout with one API, six questions and two systems; MLflow only listens."""
    benchmark = [BenchmarkItem(id=f"b-{g}", api="mygene", instruction="?", query=query(g), tags=()) for g in GENES]
    shared = {"api": "mygene", "instruction": "?", "form": "question", "origin": "log", "skeleton": "s"}
    write_jsonl(tmp_path / "data/apis/mygene/benchmark.jsonl", benchmark)
    write_jsonl(tmp_path / "data/splits/test.jsonl", [Pair(id=f"t-{g}", query=query(g), **shared) for g in GENES])
    (tmp_path / "data/raw/records").mkdir(parents=True)
    with gzip.open(tmp_path / "data/raw/records/mygene.jsonl.gz", "wt", encoding="utf-8") as out:
        out.writelines(json.dumps({"_id": str(n), "symbol": gene}) + "\n" for n, gene in enumerate(GENES))
    for shared in ("family.yaml", "mygene/definition.yaml", "mygene/fields.csv", "mygene/contents.csv"):
        (tmp_path / "data/apis" / shared).symlink_to(ROOT / "data/apis" / shared)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = importlib.util.spec_from_file_location("score_stage", ROOT / "stages" / "score.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    logged: list[SystemsCompared] = []
    monkeypatch.setattr(module, "log_comparison", lambda experiment, pipeline, found: logged.append(found))
    monkeypatch.setattr(module, "described", lambda params, documents, revision: None)
    monkeypatch.setattr(module, "current_pipeline_run", lambda: PipelineRun("abc123", "f" * 64, "brave-mole"))
    monkeypatch.setattr(module, "logged", logged, raising=False)
    return module


def ran(stage: ModuleType, latency_ms: float = 5.0, **score: Any) -> dict[str, str]:
    """Every file that the stage wrote, under its path."""
    params = load_params(ROOT / "params.yaml").model_dump()
    params |= {"apis": ["mygene"], "score": params["score"] | score}
    params["model"] |= {"weights": ["base", "finetuned"]}
    params["generate"] |= {"examples": ["zero_shot"], "context": ["closed"], "decoding": ["free"], "test_limit": 0}
    for system in SYSTEMS:
        answers = [response(f"{s}-{g}", g, system, latency_ms + n) for s in "bt" for n, g in enumerate(GENES)]
        write_jsonl(f"data/responses/{system.split('-')[0]}/{system}.jsonl", answers)
    stage.main(Params.model_validate(params))
    return {str(path): path.read_text(encoding="utf-8") for path in sorted(Path("metrics").rglob("*.json"))}


def committed(files: dict[str, str]) -> dict[str, str]:
    return {path: text for path, text in files.items() if "times" not in path}


def test_all_systems_have_their_score_their_times_and_their_run(stage: ModuleType) -> None:
    files = ran(stage)
    folders = [f"metrics/{kind}/{system}.json" for kind in ("score", "times") for system in SYSTEMS]
    assert sorted(files) == sorted([*folders, "metrics/techniques.json"])
    shares = [json.loads(files[f"metrics/score/{system}.json"])["benchmark"]["selection"] for system in SYSTEMS]
    assert shares == [0.0, 0.666667]
    (found,) = stage.logged
    assert list(found.answers) == [path.stem for path in found.documents] == list(SYSTEMS)
    assert sorted(found.sets) == ["benchmark", "test"]
    start, end = found.answers[SYSTEMS[1]].period
    assert end - start == 2 * sum(range(5, 11)), "the time that its twelve answers took, in milliseconds"


def test_what_a_technique_is_worth_is_written_and_tracked(stage: ModuleType) -> None:
    """Of six questions the fine-tuned system alone gets four, in either set: p is 2 / 2 ** 4, twice for two rows."""
    written = Effects.model_validate_json(ran(stage)["metrics/techniques.json"])
    (found,) = stage.logged
    assert tuple(found.effects) == written.effects
    facts = [(one.technique, one.set, one.questions, one.gained, one.lost) for one in written.effects]
    assert facts == [("finetuned", "benchmark", 6, 4, 0), ("finetuned", "test", 6, 4, 0)]
    for one in written.effects:
        assert (one.systems, one.difference) == ((SYSTEMS[::-1],), 0.666667)
        assert (one.p_value, one.p_corrected, one.verdict) == (0.125, 0.25, "not told apart")


def test_a_slower_machine_commits_the_same_bytes(stage: ModuleType) -> None:
    usual, slower = ran(stage), ran(stage, latency_ms=500.0)
    assert committed(usual) == committed(slower)
    assert usual != slower


@pytest.mark.parametrize("knob", [{"bootstrap_samples": 20}, {"confidence": 0.6}])
def test_each_knob_of_the_section_moves_the_intervals(stage: ModuleType, knob: dict[str, float]) -> None:
    usual, turned = (json.loads(ran(stage, **knobs)[f"metrics/score/{SYSTEMS[1]}.json"]) for knobs in ({}, knob))
    assert usual["benchmark"]["interval"] != turned["benchmark"]["interval"]
    assert turned["confidence"] == knob.get("confidence", 0.95)
    assert usual["benchmark"]["by_api"] == turned["benchmark"]["by_api"]
