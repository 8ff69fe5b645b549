"""`model=llama31-8b` and its smaller kin from weights in a folder to scores, on the CPU and stage by stage: tiny models
with the config keys of the real ones (grouped queries, scaled positions, an own or a shared output matrix)."""

from __future__ import annotations

import gzip
import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from finetuning.tiny import make_model
from query_assistant.params import Params
from query_assistant.pipeline import checks
from query_assistant.pipeline.configuration import compose
from query_assistant.records import BenchmarkItem, FieldDescription, Pair, Response, read_jsonl, write_jsonl

ROOT = Path(__file__).parents[2]
# What config.json of Llama 3.1 8B and of Llama 3.2 1B says, but for the sizes.
SHAPES: dict[str, dict[str, Any]] = {
    "llama31-8b": {"num_attention_heads": 8, "num_key_value_heads": 2, "tied": False, "factor": 8.0},
    "llama32-1b": {"num_attention_heads": 8, "num_key_value_heads": 2, "tied": True, "factor": 32.0},
}
ON_THE_CPU = (
    "model.engine.device=cpu",
    "model.engine.dtype=fp32",
    "model.lora.device=cpu",
    "model.lora.dtype=fp32",
    "model.lora.quantize_base=false",
    "model.gpu_gigabytes=0",
    "model.memory_gigabytes=0",
    "model.disk_gigabytes=0",
    "model.source.kind=folder",
    "model.source.gated=false",
)
LITTLE = (
    "apis=[mygene]",
    "link=none",
    "finetune.max_seq_len=2048",
    "finetune.row_tokens=2048",
    "finetune.tokens_per_batch=4096",
    "finetune.epochs=4",
    "finetune.max_steps=3",
    "finetune.checkpoint_every=2",
    "finetune.warmup_steps=0",
    "finetune.max_pairs=0",
    "finetune.mix={zero_shot-closed:0.5,few_shot-rag:0.5}",
    "generate.max_new_tokens=6",
    "generate.examples=[few_shot]",
    "generate.context=[rag]",
    "score.bootstrap_samples=50",
)


def pairs(part: str, count: int) -> list[Pair]:
    shared = {"api": "mygene", "form": "imperative", "origin": "log", "skeleton": "s"}
    return [
        Pair(id=f"{part}{n}", instruction=f"Find gene GEN{n}", query=f"/v3/query?q=symbol:GEN{n}", **shared)
        for n in range(count)
    ]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in which everything up to the split is there."""
    for part, count in (("train", 8), ("validation", 2), ("test", 2)):
        write_jsonl(tmp_path / f"data/splits/{part}.jsonl", pairs(part, count))
    apis = ROOT / "data/apis"
    (tmp_path / "data/apis/mygene").mkdir(parents=True)
    for shared in (*apis.glob("family.*"), *apis.glob("mygene/*")):
        if shared.name != "benchmark.jsonl":
            (tmp_path / "data/apis" / shared.relative_to(apis)).symlink_to(shared)
    asked = [BenchmarkItem(id="b", api="mygene", instruction="Gene GEN1?", query="/v3/query?q=symbol:GEN1", tags=())]
    write_jsonl(tmp_path / "data/apis/mygene/benchmark.jsonl", asked)
    said = {"type": "keyword", "description": "The gene's symbol.", "source": "glossary", "indexed": True}
    write_jsonl(tmp_path / "data/fields/mygene.jsonl", [FieldDescription(field="symbol", **said)])
    (tmp_path / "data/raw/records").mkdir(parents=True)
    with gzip.open(tmp_path / "data/raw/records/mygene.jsonl.gz", "wt", encoding="utf-8") as out:
        out.writelines(json.dumps({"_id": str(n), "symbol": f"GEN{n}"}) + "\n" for n in range(9))
    for part in ("conf", "src"):
        (tmp_path / part).symlink_to(ROOT / part)
    for stage in ("generate", "finetune"):
        (tmp_path / ".fingerprints/code").mkdir(parents=True, exist_ok=True)
        (tmp_path / f".fingerprints/code/{stage}").write_text("as it is\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(tmp_path))
    monkeypatch.setenv("QUERY_ASSISTANT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def ran(stage: str, params: Params, *words: str) -> None:
    runpy.run_path(str(ROOT / "stages" / f"{stage}.py"))["main"](params, *words)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SHAPES))
def test_a_tiny_model_of_the_real_shape_runs_from_its_folder_to_its_scores(workspace: Path, name: str) -> None:
    shape = dict(SHAPES[name])
    scaled = {"rope_type": "llama3", "rope_theta": 500_000.0, "factor": shape.pop("factor")}
    scaled |= {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
    given = make_model(workspace / "given", rope_parameters=scaled, max_position_embeddings=131_072, **shape)
    (given / "source.json").unlink()
    overrides = (f"model={name}", *ON_THE_CPU, f"model.source.name={given}", *LITTLE)
    params = compose(overrides, workspace / "params.yaml")
    assert list(checks.missing(params, workspace / "models/base")) == []
    for stage, *words in (["fetch"], ["link"], ["index"], ["finetune"], ["merge"], ["generate", "base"]):
        ran(stage, params, *words)
    ran("generate", params, "finetuned")
    ran("score", params)
    trained = json.loads((workspace / "metrics/finetune.json").read_text(encoding="utf-8"))
    assert (trained["samples"], trained["left_out"], trained["steps"]) == (8, 0, 3)
    for weights in ("base", "finetuned"):
        system = f"{weights}-few_shot-rag-free"
        answers = read_jsonl(f"data/responses/{weights}/{system}.jsonl", Response)
        assert len(answers) == 3
        assert all(one.prompt_tokens > 0 for one in answers)
        score = json.loads((workspace / f"metrics/score/{system}.json").read_text(encoding="utf-8"))
        assert score["benchmark"]["n"] == 1
    assert (workspace / "mlflow.db").is_file()
