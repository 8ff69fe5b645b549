from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from query_assistant.errors import ConfigurationError, InputError, MissingResourceError
from query_assistant.models.fetching import GGUF
from query_assistant.models.gguf_files import permute
from query_assistant.models.merging import load_adapter, merge
from query_assistant.records import write_json

MODULES = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
           "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]  # fmt: skip


def make_adapter(base: Path, folder: Path, **config: object) -> Path:
    """A PEFT adapter with a delta of visible size on every linear layer."""
    torch.manual_seed(2)
    tensors = {}
    weights = load_file(base / "model.safetensors")
    for layer in range(2):
        for module in MODULES:
            out, into = weights[f"model.layers.{layer}.{module}.weight"].shape
            name = f"base_model.model.model.layers.{layer}.{module}"
            tensors[f"{name}.lora_A.weight"] = torch.randn(4, into) * 0.2
            tensors[f"{name}.lora_B.weight"] = torch.randn(out, 4) * 0.2
    folder.mkdir(parents=True)
    save_file(tensors, folder / "adapter_model.safetensors")
    targets = sorted({module.split(".")[1] for module in MODULES})
    plain = {"r": 4, "lora_alpha": 8, "peft_type": "LORA", "target_modules": targets, "task_type": "CAUSAL_LM"}
    write_json(folder / "adapter_config.json", {**plain, **config})
    return folder


def logits(model: object) -> torch.Tensor:
    with torch.no_grad():
        return model(torch.tensor([[1, 40, 50, 60, 70, 80]])).logits[0]  # type: ignore[operator, no-any-return]


def test_merged_safetensors_answer_as_peft_does(any_tiny: Path, tmp_path: Path) -> None:
    from query_assistant.engines.transformers import load_model

    adapter = make_adapter(any_tiny, tmp_path / "adapter")
    merge(any_tiny, adapter, tmp_path / "merged")
    expected = logits(load_model(any_tiny, "cpu", adapter=adapter))
    torch.testing.assert_close(logits(load_model(tmp_path / "merged", "cpu")), expected, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(logits(load_model(any_tiny, "cpu")), expected, atol=0.1)


def test_a_merged_gguf_holds_base_plus_delta_up_to_8_bits(any_tiny_gguf: Path, tmp_path: Path) -> None:
    """As transformers reads it, which knows the order of rows and the names of each architecture."""
    from transformers import AutoModelForCausalLM

    adapter = make_adapter(any_tiny_gguf, tmp_path / "adapter")
    merge(any_tiny_gguf, adapter, tmp_path / "merged")
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", gguf_file=GGUF, dtype=torch.float32)
    read, weights = merged.state_dict(), load_file(any_tiny_gguf / "model.safetensors")
    lora = load_adapter(adapter)
    for name, weight in weights.items():
        module = name.removesuffix(".weight")
        expected = weight + (lora.delta(module) if module in lora.modules else 0)
        step = expected.abs().max() / (127 if module in lora.modules else 1000)  # 8 bits, or the base's own 16
        assert (read[name] - expected).abs().max() <= 0.6 * step, name
    assert not (tmp_path / "merged" / "model.safetensors").exists()


def test_permuting_interleaves_the_halves_of_each_head() -> None:
    weight = np.arange(8, dtype=np.float32).reshape(8, 1)
    assert permute(weight, 2).ravel().tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_metadata_and_tokenizer_are_the_bases_own(any_tiny_gguf: Path, tmp_path: Path) -> None:
    from gguf import GGUFReader

    merge(any_tiny_gguf, make_adapter(any_tiny_gguf, tmp_path / "adapter"), tmp_path / "merged")
    before, after = (GGUFReader(folder / GGUF).fields for folder in (any_tiny_gguf, tmp_path / "merged"))
    values = [{name: field.contents() for name, field in fields.items()} for fields in (before, after)]
    assert values[1] == {**values[0], "general.file_type": 7}
    assert (tmp_path / "merged" / "tokenizer.json").read_bytes() == (any_tiny_gguf / "tokenizer.json").read_bytes()
    record = json.loads((tmp_path / "merged" / "source.json").read_text())
    assert record["source"]["base"] == {"kind": "folder", "name": "tiny"}
    assert set(record["files"]) >= {"model.gguf", "tokenizer.json", "config.json"}


def test_merging_twice_gives_the_same_bytes(any_tiny_gguf: Path, tmp_path: Path) -> None:
    adapter = make_adapter(any_tiny_gguf, tmp_path / "adapter")
    for name in ("one", "two"):
        merge(any_tiny_gguf, adapter, tmp_path / name)
    assert (tmp_path / "one" / GGUF).read_bytes() == (tmp_path / "two" / GGUF).read_bytes()


def test_adapters_that_are_not_plain_lora_are_refused(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="only plain LoRA"):
        load_adapter(make_adapter(tiny, tmp_path / "dora", use_dora=True))
    with pytest.raises(MissingResourceError, match="no readable adapter"):
        load_adapter(tmp_path / "nowhere")


def test_an_adapter_of_another_model_is_refused_and_nothing_is_left(tiny: Path, tmp_path: Path) -> None:
    adapter = make_adapter(tiny, tmp_path / "adapter")
    name = "base_model.model.model.layers.7.mlp.up_proj"
    tensors = load_file(adapter / "adapter_model.safetensors")
    tensors |= {f"{name}.lora_A.weight": torch.zeros(4, 64), f"{name}.lora_B.weight": torch.zeros(128, 4)}
    save_file(tensors, adapter / "adapter_model.safetensors")
    with pytest.raises(InputError, match=r"layers\.7.*do not belong together"):
        merge(tiny, adapter, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
