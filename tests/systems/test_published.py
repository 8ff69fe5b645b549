"""The published assistant is made of shared tarballs alone, once, and made anew when another one is published."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from finetuning.tiny import make_model
from models.test_merging import make_adapter
from query_assistant.apis import load_api
from query_assistant.archives import pack
from query_assistant.errors import ConfigurationError, MissingResourceError
from query_assistant.models.cache import sha256_of
from query_assistant.project import CACHE_VARIABLE, project_root
from query_assistant.records import FieldDescription, Pair, write_json, write_jsonl
from query_assistant.retrieval import linking
from query_assistant.systems.published import BUNDLES, install, open_published

FIELD = FieldDescription(field="symbol", type="keyword", description="the symbol", source="HGNC", indexed=True)
PAIR = Pair(
    id="p1", api="mygene", instruction="the gene cdk2", query="/v3/query?q=symbol:CDK2", form="written",
    origin="written", skeleton="s",
)  # fmt: skip


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with nothing but shared tarballs, of a model with two layers in a folder beside it."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    base = make_model(tmp_path / "tiny", kind="llama", gguf=True)
    params = yaml.safe_load((project_root() / "params.yaml").read_text(encoding="utf-8"))
    source = {"kind": "folder", "name": str(base), "sha256": sha256_of(base / "model.gguf")}
    params["model"]["source"] = source
    params["apis"] = ["mygene"]
    root = tmp_path / "checkout"
    (root / "sources").mkdir(parents=True)
    (root / "sources" / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    publish(root, base, rank_scale=8)
    return root


def publish(root: Path, base: Path, rank_scale: int) -> None:
    sources = root / "sources" / str(rank_scale)
    adapter = make_adapter(base, sources / "adapter", lora_alpha=rank_scale)
    files = {path.name: path for path in adapter.iterdir()} | {"params.yaml": root / "sources" / "params.yaml"}
    shared = root / "data" / "shared"
    pack(files, shared / "published-adapter.tar.gz")
    write_jsonl(sources / "fields.jsonl", [FIELD])
    write_jsonl(sources / "examples.jsonl", [PAIR])
    shown = {"fields-mygene.jsonl": sources / "fields.jsonl", "examples-mygene.jsonl": sources / "examples.jsonl"}
    pack(shown, shared / "published-index.tar.gz")
    knobs = linking.LinkParams(engine="train", learning_rate=1e-3, epochs=1, rank=2, start_from="none")
    linking.train_linker([PAIR], {"mygene": [FIELD]}, sources / "linker", knobs, 1)
    write_json(sources / "linker" / linking.REPORT, {"steps": 1})
    pack({path.name: path for path in (sources / "linker").iterdir()}, shared / "published-linker.tar.gz")


@pytest.mark.slow
def test_it_is_made_once_of_what_is_shared_and_answers(checkout: Path, tmp_path: Path) -> None:
    folder = install(checkout)
    assert sorted(path.name for path in folder.iterdir()) == [
        "adapter", "finetuned", "index", "linker", "made_of", "params.yaml",
    ]  # fmt: skip
    before = (folder / "finetuned" / "model.gguf").stat().st_mtime_ns
    assert install(checkout) == folder
    assert (folder / "finetuned" / "model.gguf").stat().st_mtime_ns == before
    assistant = open_published(checkout, {"mygene": load_api("mygene")})
    shown = assistant.builder.build("the gene cdk4", "mygene")
    assert [message.content for message in shown[1:]] == [PAIR.instruction, PAIR.query, "Fields: symbol\nthe gene cdk4"]
    assistant.ask("the gene cdk4", "mygene")  # weights are random, so whatever it says
    publish(checkout, tmp_path / "tiny", rank_scale=16)
    install(checkout)
    assert (folder / "finetuned" / "model.gguf").stat().st_mtime_ns != before


def test_what_cannot_be_asked_is_said_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="huge-model"):
        open_published(tmp_path, {}, "huge-model")
    assert list(tmp_path.iterdir()) == []


def test_without_shared_data_it_says_how_to_get_them(tmp_path: Path) -> None:
    (tmp_path / "data" / "shared").mkdir(parents=True)
    with pytest.raises(MissingResourceError, match="cannot bring"):
        install(tmp_path)


@pytest.mark.slow
def test_an_api_it_does_not_know_is_named(checkout: Path) -> None:
    with pytest.raises(MissingResourceError, match="knows mygene, not mychem; train one of your own"):
        open_published(checkout, {"mychem": load_api("mychem")})


def test_its_parts_are_those_that_are_shared() -> None:
    shared = {path.name for path in (project_root() / "data" / "shared").glob("*.tar.gz.dvc")}
    assert {f"{name}.tar.gz.dvc" for name in BUNDLES} <= shared
