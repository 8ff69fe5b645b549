"""Opening a system: its model and what it retrieves from load at the same time, and are shared among systems."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from query_assistant.apis import load_api
from query_assistant.engines import Completion, Prompt
from query_assistant.errors import MissingResourceError
from query_assistant.params import load_params
from query_assistant.project import project_root
from query_assistant.records import write_json
from query_assistant.retrieval import search
from query_assistant.retrieval.search import Retriever, build_index
from query_assistant.systems import assistant
from query_assistant.systems.assistant import open_assistant
from query_assistant.systems.generation import System

FEW_SHOT_RAG = System.parse("finetuned-few_shot-rag-free")


class Silent:
    """An engine that has nothing to say."""

    def generate(self, prompts: Sequence[Prompt], **_: Any) -> Iterator[Completion]:
        return iter(())

    def count_tokens(self, text: str) -> int:
        return len(text.split())


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder of models with an index of one passage and no fields, and weights that nobody opens."""
    build_index({"mygene": []}, {"mygene": ["Ranges are [a TO b]"]}, [], tmp_path / "index" / "rag")
    build_index({}, {}, [], tmp_path / "index" / "few_shot")
    (tmp_path / "finetuned").mkdir()
    write_json(tmp_path / "finetuned" / "source.json", {"files": {}})
    return tmp_path


def opened(models: Path, system: System = FEW_SHOT_RAG, **others: Any) -> Any:
    params = load_params(project_root() / "params.yaml")
    return open_assistant(system, params, {"mygene": load_api("mygene")}, models, **others)


def test_the_encoder_loads_while_the_model_does(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warmed = threading.Event()
    monkeypatch.setattr(Retriever, "warm", lambda self, apis: warmed.set())

    def open_weights(*_: Any, **__: Any) -> Silent:
        assert warmed.wait(30), "nothing was loaded beside the model"
        return Silent()

    monkeypatch.setattr(assistant, "open_weights", open_weights)
    assert isinstance(opened(models).engine, Silent)


def test_missing_weights_are_said_before_a_missing_index(tmp_path: Path) -> None:
    with pytest.raises(MissingResourceError, match=r"tokenizer|gguf|model"):
        opened(tmp_path)
    with pytest.raises(MissingResourceError, match="no index"):
        opened(tmp_path, engine=Silent())


def test_systems_share_what_they_retrieve_from(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    load = Retriever.load.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(
        Retriever,
        "load",
        classmethod(lambda cls, folder, **knobs: read.append(folder.name) or load(cls, folder, **knobs)),
    )
    shared: dict[str, Retriever] = {}
    for words in ("zero_shot-closed", "zero_shot-rag", "few_shot-closed", "few_shot-rag"):
        opened(models, System.parse(f"finetuned-{words}-free"), engine=Silent(), retrievers=shared)
    assert read == ["rag", "few_shot"] and shared.keys() == {"rag", "few_shot"}


def test_an_instruction_is_embedded_once_for_all_blends(models: Path) -> None:
    asked: list[list[str]] = []

    def embed(texts: Sequence[str]) -> search.Vectors:
        asked.append(list(texts))
        return search.embedder()(texts)

    one = Retriever.load(models / "index" / "rag", lexical_weight=0, embed=embed)
    for weight in (0, 0.3, 1):
        assert one.weighted(weight).passages("ranges", "mygene", 1) == ["Ranges are [a TO b]"]
    assert asked == [["ranges"]]
