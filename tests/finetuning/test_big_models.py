"""Models of the real shapes without their weights: names, LoRA's places, counts, and docs/gpu.md's table of memory."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

import pytest
import torch
import yaml
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from torchtune.models.convert_weights import tune_to_peft_adapter_weights
from torchtune.modules.peft import get_adapter_params
from transformers import AutoConfig, AutoModelForCausalLM

from query_assistant.finetuning.hf import LINEAR
from query_assistant.project import project_root

# As the publisher counts them; and of LoRA of rank 32 on all linear layers.
COUNTS = {
    "llama31-8b": (8_030_261_248, 83_886_080),
    "llama32-3b": (3_212_749_824, 48_627_712),
    "llama32-1b": (1_235_814_400, 22_544_384),
}


def load_script() -> Any:
    spec = importlib.util.spec_from_file_location("big_models", project_root() / "benchmarks/gpu/big_models.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["big_models"] = module
    spec.loader.exec_module(module)
    return module


big_models = load_script()


@pytest.mark.parametrize("name", COUNTS)
def test_both_engines_build_the_publisher_s_model_and_adapt_the_same_matrices(name: str) -> None:
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(big_models.SHAPES / name))
    whole, adapted = COUNTS[name]
    assert sum(one.numel() for one in model.parameters()) == whole
    settings = LoraConfig(r=32, lora_alpha=64, target_modules=LINEAR, task_type="CAUSAL_LM")
    theirs = get_peft_model_state_dict(get_peft_model(model, settings, low_cpu_mem_usage=True))

    shape = big_models.read_shape(name)
    built = big_models.build(shape, big_models.Setting(), "meta")
    adapter = get_adapter_params(built)
    ours = tune_to_peft_adapter_weights(adapter, shape["num_heads"], shape["num_kv_heads"], shape["embed_dim"])
    assert sum(one.numel() for one in adapter.values()) == adapted
    assert sum(one.numel() for one in built.parameters()) == whole + adapted
    assert {key: one.shape for key, one in ours.items()} == {key: one.shape for key, one in theirs.items()}


@pytest.mark.parametrize("name", COUNTS)
def test_the_configuration_trains_what_the_table_counts(name: str) -> None:
    model = yaml.safe_load((project_root() / f"conf/model/{name}.yaml").read_text(encoding="utf-8"))
    lora = model["lora"]
    assert (lora["rank"], lora["alpha"], lora["dtype"]) == (big_models.RANK, big_models.ALPHA, "bf16")
    assert lora["activation_checkpointing"] and model["prompt_tokens"] == big_models.Setting().tokens
    setting = big_models.Setting(checkpointing=True, quantised=lora["quantize_base"])
    assert big_models.paper_bytes(name, setting) < 0.9 * model["gpu_gigabytes"] * 10**9


@pytest.mark.parametrize("rung", [0, 1, 2, 3, 4])
def test_a_step_on_paper_holds_the_bytes_of_a_real_one(rung: int) -> None:
    _, setting = big_models.ladder(512)[rung]
    real = big_models.measure("tiny", setting, "cpu", steps=2)["gib"] * big_models.GIB
    assert big_models.paper_bytes("tiny", setting) == pytest.approx(real, rel=0.02)


def test_four_bits_take_no_more_than_on_paper() -> None:
    setting = big_models.Setting(512, checkpointing=True, quantised=True)
    found = big_models.measure("tiny", setting, "cpu", steps=2)
    assert found["gib"] * big_models.GIB <= big_models.paper_bytes("tiny", setting)
    assert found["loss"] == pytest.approx(6.24, abs=2)  # ln 512: nothing is known of random tokens


def test_living_bytes_are_counted_once_and_forgotten() -> None:
    with big_models.LiveBytes() as live:
        one = torch.zeros(1000)
        seen = one.view(10, 100)
        del one
        assert live.now == 4000
        del seen
        other = torch.zeros(250) + 1  # two of them for a moment
        assert (live.now, live.peak) == (1000, 4000)
    assert other.sum() == 250


@pytest.mark.slow
def test_the_table_of_the_page_is_what_the_script_says() -> None:
    page = (project_root() / "docs/gpu.md").read_text(encoding="utf-8")
    names = page.split("<!-- paper -->\n| flags | ")[1].split(" |\n")[0].split(" | ")
    assert big_models.paper(names, 16384) in page
