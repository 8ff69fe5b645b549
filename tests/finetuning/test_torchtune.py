from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from finetuning.tiny import lessons, make_model, small_knobs, small_lora
from query_assistant.engines import open_engine
from query_assistant.engines.chat import ChatTokenizer
from query_assistant.errors import ConfigurationError, MissingResourceError
from query_assistant.finetuning import packing, torchtune_recipe
from query_assistant.finetuning.run import IGNORED, Run, read_entries
from query_assistant.finetuning.samples import tokenise
from query_assistant.finetuning.torchtune import model_shape, recipe_config
from query_assistant.finetuning.torchtune_recipe import AnswerLoss, answer_places, start_from
from query_assistant.finetuning.training import base_name, finetune
from query_assistant.models.fetching import GGUF
from query_assistant.models.merging import merge
from query_assistant.params import EngineParams
from query_assistant.records import write_json


def build(base: Path, *, row_tokens: int = 100) -> Any:
    """The model as the recipe builds it, with the base's weights and adapters that change something."""
    from torchtune import config
    from torchtune.training import FullModelHFCheckpointer

    run = Run([], [], base, base, small_knobs(row_tokens=row_tokens), small_lora(), 0)
    composed = recipe_config(run, 9, 2)
    model = config.instantiate(composed.model)
    kind = composed.checkpointer.model_type
    reader = FullModelHFCheckpointer(str(base), ["model.safetensors"], kind, str(base.parent / "unused"))
    model.load_state_dict(reader.load_checkpoint()["model"], strict=False)
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
        loss = AnswerLoss()(model(**tensors), labels.reshape(-1)) * (labels != IGNORED).sum()
        loss.backward()
        total += loss.item()
    return total, [value.grad.clone() for name, value in model.named_parameters() if "lora" in name]


def test_packed_rows_have_the_loss_and_gradient_of_their_samples(any_tiny: Path) -> None:
    model = build(any_tiny, row_tokens=150)
    samples = tokenise(lessons(8), ChatTokenizer(any_tiny), 200)
    alone = [(packing.Row((), ((one.prompt + one.answer, len(one.prompt)),)),) for one in samples]
    packed = packing.pack_samples(samples, 150, 400, random.Random(0))
    assert any(len(row.parts) > 1 for batch in packed for row in batch)
    one_by_one, together = gradient(model, alone), gradient(model, packed)
    assert together[0] == pytest.approx(one_by_one[0], rel=1e-5)
    for left, right in zip(together[1], one_by_one[1], strict=True):
        torch.testing.assert_close(left, right, rtol=1e-3, atol=1e-5)


def test_the_model_is_the_one_transformers_runs(any_tiny: Path) -> None:
    from query_assistant.engines.transformers import load_model

    ids = torch.tensor([[1, 40, 50, 60, 70]])
    model = build(any_tiny)
    for name, parameter in model.named_parameters():
        if "lora_b" in name:
            torch.nn.init.zeros_(parameter)
    model.answer_places = torch.ones_like(ids, dtype=torch.bool)
    with torch.no_grad():
        torch.testing.assert_close(model(ids), load_model(any_tiny, "cpu")(ids).logits[0], rtol=1e-4, atol=1e-5)


def test_adapters_sit_on_every_linear_layer(any_tiny: Path) -> None:
    from torchtune.modules.peft import LoRALinear

    adapted = [name for name, module in build(any_tiny).named_modules() if isinstance(module, LoRALinear)]
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
    config = json.loads((tiny / "config.json").read_text())
    write_json(tmp_path / "config.json", {**config, **changes})
    shape = model_shape(tmp_path)
    assert expected.items() <= shape.items()
    assert (shape["num_layers"], shape["num_kv_heads"], shape["tie_word_embeddings"]) == (2, 2, True)


ODD_POSITIONS = {"rope_type": "yarn", "rope_theta": 1e4}


@pytest.mark.parametrize(
    "changes",
    [
        {"model_type": "gemma3"},
        {"attention_bias": True},
        {"rope_parameters": ODD_POSITIONS},
        {"model_type": "qwen2", "rope_parameters": ODD_POSITIONS},
        {"model_type": "qwen2", "use_sliding_window": True},
    ],
)
def test_models_that_torchtune_cannot_build_are_refused(tmp_path: Path, tiny: Path, changes: dict[str, Any]) -> None:
    config = json.loads((tiny / "config.json").read_text())
    write_json(tmp_path / "config.json", {**config, **changes})
    with pytest.raises(ConfigurationError, match="finetune=hf"):
        model_shape(tmp_path)


def test_settings_that_do_not_go_together_are_refused(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="quantize_base"):
        finetune(lessons(), [], tiny, tmp_path / "a", small_knobs(), small_lora(quantize_base=True), 0)
    with pytest.raises(ConfigurationError, match="expected torchtune or hf"):
        finetune(lessons(), [], tiny, tmp_path / "a", small_knobs(engine="published"), small_lora(), 0)


def train(base: Path, destination: Path, **changes: Any) -> dict[str, Any]:
    return finetune(lessons(), lessons(30)[24:], base, destination, small_knobs(**changes), small_lora(), 0)


@pytest.mark.slow
def test_training_lowers_the_loss_and_leaves_a_peft_adapter_alone(tiny: Path, tmp_path: Path) -> None:
    from peft import PeftModel

    from query_assistant.engines.transformers import load_model

    summary = train(tiny, tmp_path / "adapter")
    entries = read_entries(tmp_path / "adapter" / "training.jsonl")
    losses = [entry["loss"] for entry in entries if "loss" in entry]
    tested = [entry["step"] for entry in entries if "validation_loss" in entry]
    assert losses[-1] < losses[0] - 0.5
    assert (summary["samples"], summary["left_out"], summary["steps"]) == (24, 0, len(losses))
    assert tested == [*range(3, len(losses), 3), len(losses)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter"]
    model = load_model(tiny, "cpu", adapter=tmp_path / "adapter")
    assert isinstance(model, PeftModel)
    assert sum("lora_B" in name and bool(value.any()) for name, value in model.named_parameters()) == 2 * 7


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["torchtune", "hf"])
def test_the_adapter_does_in_peft_what_it_did_in_training(any_tiny: Path, tmp_path: Path, engine: str) -> None:
    from query_assistant.engines.transformers import load_model

    summary = train(any_tiny, tmp_path / "adapter", engine=engine)
    model = load_model(any_tiny, "cpu", adapter=tmp_path / "adapter")
    held_out = tokenise(lessons(30)[24:], ChatTokenizer(any_tiny), 128)[:4]
    total = count = 0.0
    for sample in held_out:
        with torch.no_grad():
            logits = model(torch.tensor([sample.prompt + sample.answer])).logits[0, len(sample.prompt) - 1 : -1]
        total += float(torch.nn.functional.cross_entropy(logits, torch.tensor(sample.answer), reduction="sum"))
        count += len(sample.answer)
    assert summary["validation_loss"] == pytest.approx(total / count, abs=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["torchtune", "hf"])
def test_training_goes_on_from_an_adapter(any_tiny: Path, tmp_path: Path, engine: str) -> None:
    first = train(any_tiny, tmp_path / "first", engine=engine, epochs=4)

    def on(start: Path | None, rate: float) -> dict[str, Any]:
        held_out, knobs = lessons(30)[24:], small_knobs(engine=engine, learning_rate=rate, max_steps=3)
        return finetune(lessons(), held_out, any_tiny, tmp_path / "second", knobs, small_lora(), 0, start)

    assert on(tmp_path / "first", 1e-12)["validation_loss"] == pytest.approx(first["validation_loss"], abs=2e-3)
    assert on(None, 1e-12)["validation_loss"] > first["validation_loss"] + 0.2
    assert on(tmp_path / "first", 1e-2)["loss"] < first["loss"] + 0.1


def test_an_adapter_of_another_shape_or_base_is_no_start(tiny: Path, tmp_path: Path) -> None:
    written = {"base_model_name_or_path": base_name(tiny), "r": 8, "lora_alpha": 8}
    (tmp_path / "adapter").mkdir()

    def start(**changes: Any) -> None:
        write_json(tmp_path / "adapter/adapter_config.json", written | changes)
        finetune(lessons(), [], tiny, tmp_path / "b", small_knobs(), small_lora(), 0, tmp_path / "adapter")

    with pytest.raises(ConfigurationError, match=r"rank 8 and alpha 8, model\.lora 4 and 8"):
        start()
    with pytest.raises(ConfigurationError, match="trained on other@1"):
        start(base_model_name_or_path="other@1")
    with pytest.raises(MissingResourceError, match="no adapter"):
        finetune(lessons(), [], tiny, tmp_path / "b", small_knobs(), small_lora(), 0, tmp_path / "nothing")


def test_an_adapter_that_trains_other_matrices_is_refused(tiny: Path, tmp_path: Path) -> None:
    model = build(tiny)
    save_file({"base_model.model.q.lora_A.weight": torch.zeros(4, 64)}, tmp_path / "adapter_model.safetensors")
    run = Run([], [], tiny, tiny, small_knobs(), small_lora(), 0)
    with pytest.raises(ConfigurationError, match="1 matrices where 28 are trained"):
        start_from(model, tmp_path, recipe_config(run, 9, 2).model, "LLAMA3_2")


@pytest.mark.slow
def test_frozen_matrices_in_bf16_change_no_result(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lora = small_lora(matmul="bf16")
    finetune(lessons(), [], tiny, tmp_path / "halved", small_knobs(), lora, 0)
    monkeypatch.setattr(torchtune_recipe, "_halve_frozen_matrices", lambda model: None)
    finetune(lessons(), [], tiny, tmp_path / "cast", small_knobs(), lora, 0)
    name = "adapter_model.safetensors"
    assert (tmp_path / "halved" / name).read_bytes() == (tmp_path / "cast" / name).read_bytes()


@pytest.mark.slow
def test_time_limits_stop_at_a_checkpoint(tiny: Path, tmp_path: Path) -> None:
    assert train(tiny, tmp_path / "adapter", max_minutes=1e-9)["steps"] == 3


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_an_untied_model_trains_too(tmp_path: Path, kind: str) -> None:
    base = make_model(tmp_path / "base", kind=kind, tied=False)
    train(base, tmp_path / "adapter")
    losses = [one["loss"] for one in read_entries(tmp_path / "adapter" / "training.jsonl") if "loss" in one]
    assert losses[-1] < losses[0] - 0.3


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["torchtune", "hf"])
def test_two_processes_train_together(tiny: Path, tmp_path: Path, engine: str) -> None:
    summary = train(tiny, tmp_path / "adapter", engine=engine, processes=2)
    alone = train(tiny, tmp_path / "alone", engine=engine)
    assert alone["steps"] / 2 <= summary["steps"] <= alone["steps"] / 2 + 1
    assert summary["loss"] < read_entries(tmp_path / "alone" / "training.jsonl")[0]["loss"]
    names = {path: set(load_file(tmp_path / path / "adapter_model.safetensors")) for path in ("adapter", "alone")}
    assert names["adapter"] == names["alone"]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["torchtune", "hf"])
def test_the_adapter_of_either_engine_answers_alike_wherever_it_runs(
    any_tiny_gguf: Path, tmp_path: Path, engine: str
) -> None:
    """Beside the base by transformers, merged into a GGUF by openvino, merged into safetensors by transformers."""
    train(any_tiny_gguf, tmp_path / "adapter", engine=engine, epochs=6)
    merge(any_tiny_gguf, tmp_path / "adapter", tmp_path / "gguf")
    plain = shutil.copytree(any_tiny_gguf, tmp_path / "plain", ignore=shutil.ignore_patterns(GGUF))
    merge(plain, tmp_path / "adapter", tmp_path / "safetensors")
    asked = [sample.messages for sample in lessons(3)]

    def answers(kind: str, model: Path, adapter: Path | None = None) -> list[str]:
        found = open_engine(EngineParams(kind=kind, batch_size=1), model, adapter)  # type: ignore[arg-type]
        return [one.text for one in found.generate(asked, max_new_tokens=12)]

    beside = answers("transformers", any_tiny_gguf, tmp_path / "adapter")
    assert answers("transformers", tmp_path / "safetensors") == beside
    assert answers("openvino", tmp_path / "gguf") == beside
    assert answers("openvino", any_tiny_gguf) != beside, "the adapter changes something"
