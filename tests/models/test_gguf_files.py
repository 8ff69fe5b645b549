"""Whatever a GGUF holds, each engine gets the same model of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGUFReader
from transformers import AutoModelForCausalLM

from finetuning.tiny import make_model, write_gguf
from query_assistant.engines.transformers import load_model
from query_assistant.models.gguf_files import make_readable, write_safetensors

IDS = torch.tensor([[1, 40, 50, 60, 70, 80]])


def logits(model: object) -> torch.Tensor:
    with torch.no_grad():
        return model(IDS).logits[0]  # type: ignore[operator, no-any-return]


def quantised(base: Path, kind: str, target: Path, tensors: dict[str, str]) -> Path:
    target.parent.mkdir(exist_ok=True)
    write_gguf(load_model(base, "cpu"), target, base / "tokenizer.json", kind, tensors)
    return target


def kinds(file: Path) -> dict[str, str]:
    return {tensor.name: tensor.tensor_type.name for tensor in GGUFReader(file).tensors}


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_safetensors_are_the_model_that_the_gguf_stands_for(tmp_path: Path, kind: str) -> None:
    base = make_model(tmp_path / "base", kind=kind)
    file = quantised(base, kind, tmp_path / "read" / "model.gguf", {})
    write_safetensors(file)
    torch.testing.assert_close(
        logits(load_model(file.parent, "cpu")), logits(load_model(base, "cpu")), atol=0.02, rtol=0.1
    )
    assert not (file.parent / ".cache").exists()


@pytest.mark.parametrize("kind", ["Q5_0", "Q4_1"])  # refused; read, but rounded
def test_what_openvino_does_not_read_as_it_is_becomes_8_bits(tmp_path: Path, kind: str) -> None:
    base = make_model(tmp_path / "base", kind="qwen2")
    five, eight, wide = "blk.0.ffn_up.weight", "blk.1.ffn_up.weight", "blk.1.ffn_down.weight"
    file = quantised(base, "qwen2", tmp_path / "q" / "fetched.gguf", {five: kind, eight: "Q8_0", wide: "F32"})
    before = kinds(file)
    make_readable(file, file.with_name("model.gguf"))
    assert kinds(file.with_name("model.gguf")) == {**before, five: "Q8_0", wide: "F16"}
    models = [
        AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=name, dtype=torch.float32)
        for name in ("fetched.gguf", "model.gguf")
    ]
    torch.testing.assert_close(*map(logits, models), atol=2e-3, rtol=1e-2)


def test_a_file_that_every_engine_reads_stays_as_it_is(tmp_path: Path) -> None:
    base = make_model(tmp_path / "base")
    file = quantised(base, "llama", tmp_path / "q" / "fetched.gguf", {"blk.0.ffn_up.weight": "Q4_0"})
    content = file.read_bytes()
    make_readable(file, file.with_name("model.gguf"))
    assert file.with_name("model.gguf").read_bytes() == content


@pytest.mark.parametrize(("embedding", "output"), [("Q4_0", "Q8_0"), ("Q8_0", "Q4_0")])
def test_one_matrix_stored_twice_is_kept_once_in_its_better_copy(tmp_path: Path, embedding: str, output: str) -> None:
    base = make_model(tmp_path / "base", kind="qwen2")
    pair = {"token_embd.weight": embedding, "output.weight": output}
    file = quantised(base, "qwen2", tmp_path / "q" / "fetched.gguf", pair)
    make_readable(file, file.with_name("model.gguf"))
    write_safetensors(file.with_name("model.gguf"))
    found = kinds(file.with_name("model.gguf"))
    assert (found["token_embd.weight"], "output.weight" in found) == ("Q8_0", False)
    model = load_model(file.parent, "cpu")
    assert model.config.tie_word_embeddings
    error = (logits(model) - logits(load_model(base, "cpu"))).abs().max()
    assert error < 0.02


def test_two_matrices_stay_two(tmp_path: Path) -> None:
    base = make_model(tmp_path / "base", kind="qwen2", tied=False)
    file = quantised(base, "qwen2", tmp_path / "q" / "fetched.gguf", {"token_embd.weight": "Q5_0"})
    make_readable(file, file.with_name("model.gguf"))
    assert kinds(file.with_name("model.gguf"))["output.weight"] == "F16"
    assert np.isfinite(logits(AutoModelForCausalLM.from_pretrained(file.parent, gguf_file="model.gguf")).numpy()).all()
