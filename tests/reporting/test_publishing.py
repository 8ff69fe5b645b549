"""An adapter survives being published and adopted; another base model's is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from query_assistant.archives import unpack
from query_assistant.errors import ConfigurationError, MissingResourceError
from query_assistant.finetuning.training import adopt
from query_assistant.records import Pair, Response, read_jsonl, write_json, write_jsonl
from query_assistant.reporting.published import ASKED
from query_assistant.reporting.publishing import publish_adapter, publish_responses
from query_assistant.retrieval.linking import taught_queries, write_marks

TENSORS = {"lora_A.weight": torch.linspace(-1, 1, 12).reshape(3, 4), "lora_B.weight": torch.full((4, 3), 0.5)}


def base_of(folder: Path, revision: str) -> Path:
    folder.mkdir()
    write_json(folder / "source.json", {"source": {"name": "small", "revision": revision}, "files": {}})
    return folder


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    save_file(TENSORS, adapter / "adapter_model.safetensors")
    write_json(adapter / "adapter_config.json", {"base_model_name_or_path": "small@1", "r": 3})
    (adapter / "training.jsonl").write_text('{"step": 1, "loss": 2.5}\n', encoding="utf-8")
    write_marks(adapter, ["5ca1ab1e", "0ddba115"])
    write_json(tmp_path / "finetune.json", {"steps": 1})
    (tmp_path / "params.yaml").write_text("seed: 17\n", encoding="utf-8")
    publish_adapter(adapter, tmp_path / "finetune.json", tmp_path / "params.yaml", tmp_path / "published.tar.gz")
    return tmp_path / "published.tar.gz"


def test_an_adopted_adapter_is_the_published_one_to_half_precision(archive: Path, tmp_path: Path) -> None:
    unpack(archive, tmp_path / "published")
    report = adopt(tmp_path / "published", base_of(tmp_path / "base", "1"), tmp_path / "adopted")
    adopted = load_file(tmp_path / "adopted" / "adapter_model.safetensors")
    assert report == {"steps": 1}
    assert sorted(path.name for path in (tmp_path / "adopted").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "trained_on.txt",
        "training.jsonl",
    ]
    assert taught_queries(tmp_path / "adopted") == {"5ca1ab1e", "0ddba115"}
    assert {name: tensor.float().tolist() for name, tensor in adopted.items()} == {
        name: tensor.to(torch.bfloat16).float().tolist() for name, tensor in TENSORS.items()
    }


def test_publishing_twice_gives_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    first = archive.read_bytes()
    publish_adapter(tmp_path / "adapter", tmp_path / "finetune.json", tmp_path / "params.yaml", archive)
    assert archive.read_bytes() == first


def test_an_adapter_of_another_base_model_is_refused(archive: Path, tmp_path: Path) -> None:
    unpack(archive, tmp_path / "published")
    with pytest.raises(ConfigurationError, match="trained on small@1, models/base is small@2; use finetune=torchtune"):
        adopt(tmp_path / "published", base_of(tmp_path / "base", "2"), tmp_path / "adopted")


def test_what_is_not_there_cannot_be_published_or_adopted(tmp_path: Path) -> None:
    with pytest.raises(MissingResourceError, match="no adapter in"):
        publish_adapter(tmp_path, tmp_path / "r", tmp_path / "p", tmp_path / "a.tar.gz")
    with pytest.raises(MissingResourceError, match="no responses in"):
        publish_responses(tmp_path, tmp_path / "p", tmp_path / "a.tar.gz")
    with pytest.raises(MissingResourceError, match="no adapter in"):
        adopt(tmp_path, tmp_path, tmp_path / "adopted")


def test_what_was_asked_of_the_test_split_goes_along_with_its_answers_and_no_more_of_it(tmp_path: Path) -> None:
    system, shared = "base-zero_shot-closed-free", {"api": "mygene", "instruction": "cdk2"}
    numbers = {"prompt_sha256": "ab", "prompt_tokens": 9, "answer_tokens": 3, "latency_ms": 12.5}
    answer = Response(id="t1", system=system, text="none", query=None, **shared, **numbers)
    facts = {"query": "/v3/query?q=CDK2", "form": "question", "origin": "log", "skeleton": "s", **shared}
    write_jsonl(tmp_path / "responses" / "base" / f"{system}.jsonl", [answer])
    write_jsonl(tmp_path / "test.jsonl", [Pair(id=name, **facts) for name in ("t1", "t2")])
    (tmp_path / "params.yaml").write_text("seed: 17\n", encoding="utf-8")
    for test, asked in ((tmp_path / "test.jsonl", ["t1"]), (None, None), (tmp_path / "of_no_run.jsonl", None)):
        publish_responses(tmp_path / "responses", tmp_path / "params.yaml", tmp_path / "a.tar.gz", test)
        unpack(tmp_path / "a.tar.gz", tmp_path / "bundle")
        assert [path.stem for path in (tmp_path / "bundle").glob("*.jsonl")] == [system]
        found = tmp_path / "bundle" / ASKED
        assert ([pair.id for pair in read_jsonl(found, Pair)] if found.is_file() else None) == asked
