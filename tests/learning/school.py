"""A checkout whose published assistant is a model of two layers, with corrections to learn from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from conftest import SYMBOLS, gene
from finetuning.tiny import SMALL_KNOBS, SMALL_LORA, make_model
from models.test_merging import make_adapter
from query_assistant.corrections.store import PLACE, Correction, Corrections
from query_assistant.learning import learn, lessons
from query_assistant.models.cache import sha256_of
from query_assistant.models.fetching import fetch
from query_assistant.models.merging import merge
from query_assistant.params import SourceParams
from query_assistant.project import CACHE_VARIABLE, project_root
from query_assistant.records import FieldDescription, Pair
from query_assistant.retrieval.search import build_index

FIELD = FieldDescription(field="map_location", type="text", description="where", source="NCBI", indexed=True)
EARLIER = [
    Pair(
        id=f"e{number}", api="mygene", instruction=f"the mouse gene {symbol}", form="written", origin="written",
        query=f"/v3/query?q=symbol:{symbol}&species=mouse", skeleton="/v3/query?q=symbol:<word>&species=<species>",
    )
    for number, symbol in enumerate(SYMBOLS)
]  # fmt: skip
NAMES = [f"{letter}{number}" for letter in "QWXZ" for number in range(1, 8)]


def correction(name: str) -> Correction:
    question = f"cytoband of {name} please"
    return Correction(api="mygene", instruction=question, query=f"/v3/query?q=symbol:{name}&fields=map_location")


def make_school(root: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The checkout: `install` finds its assistant made, a copy of `made`, and the records are a dozen genes."""
    monkeypatch.setenv(CACHE_VARIABLE, str(made / "cache"))
    (root / "data").mkdir(parents=True)
    (root / "data" / "apis").symlink_to(project_root() / "data" / "apis")
    (root / "conf").symlink_to(project_root() / "conf")
    records = root / "mygene.jsonl"
    records.write_text("".join(json.dumps(gene(at, name)) + "\n" for at, name in enumerate(SYMBOLS)), encoding="utf-8")
    published = root / "models" / "published"
    shutil.copytree(made / "published", published)
    for module in (learn, lessons):
        monkeypatch.setattr(module, "records_file", lambda _: records)
    monkeypatch.setattr(learn, "install", lambda _: published)
    for name in ("learned", "published"):
        monkeypatch.setattr(f"query_assistant.systems.{name}.install", lambda _: published)
    return root


def make_published(root: Path) -> Path:
    """`root` with published/ as it would be made of shared tarballs, of a tiny model."""
    folder, tiny = root / "published", make_model(root / "tiny", gguf=True)
    params = yaml.safe_load((project_root() / "params.yaml").read_text(encoding="utf-8"))
    params["apis"] = ["mygene"]
    source = SourceParams(kind="folder", name=str(tiny), sha256=sha256_of(tiny / "model.gguf"))
    params["model"] |= {"source": source.model_dump(), "prompt_tokens": 900, "lora": SMALL_LORA}
    params["finetune"] |= {**SMALL_KNOBS, "max_seq_len": 1024, "tokens_per_batch": 3000, "row_tokens": 1024}
    params["generate"] |= {"max_new_tokens": 4}
    folder.mkdir(parents=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    base = fetch(source, folder / "base")
    make_adapter(base, folder / "adapter", base_model_name_or_path=f"{tiny}@")
    merge(base, folder / "adapter", folder / "finetuned")
    build_index({"mygene": [FIELD]}, {"mygene": []}, [], folder / "index" / "rag")
    build_index({}, {}, EARLIER, folder / "index" / "few_shot")
    return root


def correct(root: Path, names: list[str]) -> None:
    """Corrections of one family, an accepted one each."""
    with Corrections.open(root / PLACE) as kept:
        for name in names:
            kept.add(correction(name))
