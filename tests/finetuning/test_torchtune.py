from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from finetuning.tiny import lessons, make_model
from query_assistant.engines.chat import ChatTokenizer
from query_assistant.errors import ConfigurationError
from query_assistant.finetuning import packing
from query_assistant.finetuning.loss_log import read_losses
from query_assistant.finetuning.samples import tokenise
from query_assistant.finetuning.settings import FinetuneSettings
from query_assistant.finetuning.torchtune_config import model_shape, recipe_config
from query_assistant.finetuning.torchtune_recipe import AnswerLoss, answer_places
from query_assistant.finetuning.training import finetune
from query_assistant.records import write_json

SETTINGS: dict[str, Any] = {
    "lora_rank": 4,
    "lora_alpha": 8,
    "learning_rate": 1e-2,
    "warmup_steps": 2,
    "tokens_per_batch": 160,
    "row_tokens": 100,
    "max_seq_len": 128,
    "checkpoint_every": 3,
    "validation_samples": 4,
    "matmul": "fp32",
    "epochs": 2,
}


def build(base: Path, **changes: Any) -> Any:
    """The model as the recipe builds it, with the base's weights and adapters that change something."""
    from torchtune import config
    from torchtune.models import convert_weights

    settings = FinetuneSettings(**{**SETTINGS, **changes})
    model = config.instantiate(recipe_config(base, base, settings, 9, 2).model)
    weights = load_file(base / "model.safetensors")
    shape = model_shape(base)
    heads, kv_heads, dim = (shape[name] for name in ("num_heads", "num_kv_heads", "embed_dim"))
    model.load_state_dict(convert_weights.hf_to_tune(weights, heads, kv_heads, dim), strict=False)
    torch.manual_seed(0)
    for name, parameter in model.named_parameters():
        if "lora_b" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    model.unembed = lambda hidden: model.output(model.norm(hidden)[model.answer_places])
    return model


def gradient(model: Any, batches: list[packing.Batch]) -> tuple[float, list[torch.Tensor]]:
    """Summed loss over answer tokens, and its gradient with respect to the adapters."""
    model.zero_grad()
    total = 0.0
    for batch in batches:
        tensors = packing.collate(batch)
        labels = tensors.pop("labels")
        model.answer_places = answer_places(labels)
        loss = AnswerLoss()(model(**tensors), labels.reshape(-1)) * (labels != packing.IGNORED).sum()
        loss.backward()
        total += loss.item()
    return total, [value.grad.clone() for name, value in model.named_parameters() if "lora" in name]


def test_packed_rows_have_the_loss_and_gradient_of_their_samples(tiny: Path) -> None:
    import random

    model = build(tiny, row_tokens=150)
    samples = tokenise(lessons(8), ChatTokenizer(tiny), 200)
    alone = [(packing.Row((), ((one.prompt + one.answer, len(one.prompt)),)),) for one in samples]
    packed = packing.pack(samples, 150, 400, random.Random(0))
    assert any(len(row.parts) > 1 for batch in packed for row in batch)
    one_by_one, together = gradient(model, alone), gradient(model, packed)
    assert together[0] == pytest.approx(one_by_one[0], rel=1e-5)
    for left, right in zip(together[1], one_by_one[1], strict=True):
        torch.testing.assert_close(left, right, rtol=1e-3, atol=1e-5)


def test_the_model_is_the_one_transformers_runs(tiny: Path) -> None:
    from query_assistant.engines.transformers import load_model

    ids = torch.tensor([[1, 40, 50, 60, 70]])
    model = build(tiny, lora_rank=1)
    for name, parameter in model.named_parameters():
        if "lora_b" in name:
            torch.nn.init.zeros_(parameter)
    model.answer_places = torch.ones_like(ids, dtype=torch.bool)
    with torch.no_grad():
        torch.testing.assert_close(model(ids), load_model(tiny, "cpu")(ids).logits[0], rtol=1e-4, atol=1e-5)


def test_adapters_sit_on_every_linear_layer(tiny: Path) -> None:
    from torchtune.modules.peft import LoRALinear

    adapted = [name for name, module in build(tiny).named_modules() if isinstance(module, LoRALinear)]
    assert len(adapted) == 2 * 7
    assert {name.split(".", 2)[2] for name in adapted} == {
        "attn.q_proj", "attn.k_proj", "attn.v_proj", "attn.output_proj", "mlp.w1", "mlp.w2", "mlp.w3"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"rope_theta": 5e5, "rope_parameters": None}, {"rope_base": 500_000, "scale_factor": 1}),
        (
            {
                "rope_parameters": {
                    "rope_type": "llama3", "rope_theta": 500000.0, "factor": 32.0, "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0, "original_max_position_embeddings": 8192,
                }
            },
            {"rope_base": 500_000, "scale_factor": 32},
        ),
    ],
)  # fmt: skip
def test_shapes_are_read_from_the_models_own_configuration(
    tmp_path: Path, tiny: Path, changes: dict[str, Any], expected: dict[str, Any]
) -> None:
    import json

    config = json.loads((tiny / "config.json").read_text())
    write_json(tmp_path / "config.json", {**config, **changes})
    shape = model_shape(tmp_path)
    assert expected.items() <= shape.items()
    assert (shape["num_layers"], shape["num_kv_heads"], shape["tie_word_embeddings"]) == (2, 2, True)


@pytest.mark.parametrize(
    "changes", [{"model_type": "gemma3"}, {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}}]
)
def test_models_that_torchtune_cannot_build_are_refused(tmp_path: Path, tiny: Path, changes: dict[str, Any]) -> None:
    import json

    config = json.loads((tiny / "config.json").read_text())
    write_json(tmp_path / "config.json", {**config, **changes})
    with pytest.raises(ConfigurationError, match="finetune=hf"):
        model_shape(tmp_path)


def test_qlora_without_a_gpu_is_refused(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="quantize_base"):
        finetune(lessons(), [], tiny, tmp_path / "a", FinetuneSettings(**SETTINGS, quantize_base=True))


def train(base: Path, destination: Path, **changes: Any) -> dict[str, Any]:
    settings = FinetuneSettings(**{**SETTINGS, **changes})
    return finetune(lessons(), lessons(30)[24:], base, destination, settings)


@pytest.mark.slow
def test_training_lowers_the_loss_and_leaves_a_peft_adapter_alone(tiny: Path, tmp_path: Path) -> None:
    from peft import PeftModel

    from query_assistant.engines.transformers import load_model

    summary = train(tiny, tmp_path / "adapter")
    losses = [entry["loss"] for entry in read_losses(tmp_path / "adapter" / "training.jsonl") if "loss" in entry]
    tested = [entry for entry in read_losses(tmp_path / "adapter" / "training.jsonl") if "validation_loss" in entry]
    assert losses[-1] < losses[0] - 0.5
    assert (summary["samples"], summary["left_out"], summary["steps"]) == (24, 0, len(losses))
    assert [entry["step"] for entry in tested] == [*range(3, len(losses), 3), len(losses)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter"]
    model = load_model(tiny, "cpu", adapter=tmp_path / "adapter")
    assert isinstance(model, PeftModel)
    assert sum("lora_B" in name and bool(value.any()) for name, value in model.named_parameters()) == 2 * 7


@pytest.mark.slow
def test_time_limits_stop_at_a_checkpoint(tiny: Path, tmp_path: Path) -> None:
    assert train(tiny, tmp_path / "adapter", max_minutes=1e-9)["steps"] == 3


KILL = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from finetuning import test_torchtune as t
from query_assistant.finetuning import loss_log

def log(self, values, step, log=loss_log.LossLog.log_dict):
    log(self, values, step)
    if step == 5:
        os.kill(os.getpid(), signal.SIGKILL)

loss_log.LossLog.log_dict = log
t.train(Path(sys.argv[1]), Path(sys.argv[2]), lora_dropout={dropout})
"""


@pytest.mark.slow
@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_resuming_after_kill_9_equals_not_stopping(tiny: Path, tmp_path: Path, dropout: float) -> None:
    script = KILL.format(tests=str(Path(__file__).parents[1]), dropout=dropout)
    run = [sys.executable, "-c", script, str(tiny), str(tmp_path / "killed")]
    assert subprocess.run(run, capture_output=True, env=os.environ, check=False).returncode == -signal.SIGKILL
    assert not (tmp_path / "killed").exists()
    train(tiny, tmp_path / "killed", lora_dropout=dropout)
    train(tiny, tmp_path / "whole", lora_dropout=dropout)
    killed, whole = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("killed", "whole"))
    assert all(torch.equal(killed[name], whole[name]) for name in whole)
    steps = [
        [(entry["step"], entry.get("loss"), entry.get("validation_loss")) for entry in read_losses(file)]
        for file in (tmp_path / "killed" / "training.jsonl", tmp_path / "whole" / "training.jsonl")
    ]
    assert steps[0] == steps[1]


@pytest.mark.slow
def test_an_untied_model_trains_too(tmp_path: Path) -> None:
    base = make_model(tmp_path / "base", tied=False)
    train(base, tmp_path / "adapter")
    losses = [one["loss"] for one in read_losses(tmp_path / "adapter" / "training.jsonl") if "loss" in one]
    assert losses[-1] < losses[0] - 0.3


@pytest.mark.slow
def test_the_distributed_recipe_trains_on_two_processes(tiny: Path, tmp_path: Path) -> None:
    summary = train(tiny, tmp_path / "adapter", processes=2)
    alone = train(tiny, tmp_path / "alone")
    assert summary["steps"] == -(-alone["steps"] // 2)
    assert summary["loss"] < read_losses(tmp_path / "alone" / "training.jsonl")[0]["loss"]
