"""Fine-tuning by torchtune: packs the batches, composes the recipe's configuration, runs it, hands out the adapter.

Any model of an architecture in `_BUILDERS` fits: its numbers are read from its own config.json, not named. torchtune
spells out what the customary aliases hide:

    q_proj k_proj v_proj o_proj      lora_attn_modules: q_proj k_proj v_proj output_proj
    gate_proj up_proj down_proj      apply_lora_to_mlp
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from query_assistant.errors import ConfigurationError, MissingResourceError, QueryAssistantError
from query_assistant.finetuning import packing
from query_assistant.finetuning.run import Run, checkpoint_number, last_checkpoint, launch
from query_assistant.finetuning.samples import TokenSample
from query_assistant.params import LoraParams

COMPLETE = "complete.json"  # written last into a checkpoint
ATTENTION_MODULES = ["q_proj", "k_proj", "v_proj", "output_proj"]
TRAINING, VALIDATION = "training_batches.jsonl", "validation_batches.jsonl"
_RECIPE = "query_assistant.finetuning.torchtune_recipe"
# By model_type of config.json: torchtune's builder, and how its checkpointer calls the weights.
_BUILDERS = {
    "llama": ("torchtune.models.llama3_2._component_builders.lora_llama3_2", "LLAMA3_2"),
    "qwen2": ("torchtune.models.qwen2._component_builders.lora_qwen2", "QWEN2"),
}


def train_with_torchtune(run: Run) -> Path:
    """The folder with the trained PEFT adapter."""
    batches = [batch for epoch in range(run.knobs.epochs) for batch in _epoch(run, run.samples, f"epoch {epoch}")]
    steps = run.capped(-(-len(batches) // run.knobs.processes))
    if not _is_finished(run, steps):
        packing.save(batches, run.work / TRAINING)
        if run.validation:
            packing.save(_epoch(run, run.validation, "validation"), run.work / VALIDATION)
        _link_weights(run.base, run.work / "base")
        _start(recipe_config(run, steps, max(map(len, batches))), run)
    checkpoint = last_checkpoint(run.work, COMPLETE)
    if checkpoint is None:
        raise QueryAssistantError(f"training wrote no checkpoint in {run.work}; its log above says why")
    return checkpoint


def _epoch(run: Run, samples: Sequence[TokenSample], purpose: str) -> list[packing.Batch]:
    rng = random.Random(f"{run.seed}/{purpose}")
    return packing.pack_samples(samples, run.knobs.row_tokens, run.knobs.tokens_per_batch, rng)


def _is_finished(run: Run, steps: int) -> bool:
    """Whether an earlier run was cut off only after its last checkpoint."""
    checkpoint = last_checkpoint(run.work, COMPLETE)
    return checkpoint is not None and checkpoint_number(checkpoint) == -(-steps // run.knobs.checkpoint_every)


def _link_weights(base: Path, folder: Path) -> None:
    """Links to the weights alone: torchtune copies what else lies beside them at every save."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in [base / "config.json", *base.glob("*.safetensors")]:
        (folder / path.name).symlink_to(path)


def _start(config: DictConfig, run: Run) -> None:
    if run.knobs.processes == 1:
        from query_assistant.finetuning.torchtune_recipe import run_recipe

        run_recipe(config)
        return
    file = run.work / "recipe.yaml"
    OmegaConf.save(config, file)
    launch(["torch.distributed.run", "--standalone", f"--nproc-per-node={run.knobs.processes}"], _RECIPE, file)


def recipe_config(run: Run, steps: int, most_rows: int) -> DictConfig:
    """The recipe's configuration for `steps` optimiser steps; `most_rows` is the largest number of rows in one batch.

    What torchtune calls an epoch is here the stretch between two checkpoints, for it can resume only there.

    Raises:
        ConfigurationError: torchtune has no builder for the model's architecture or its position scaling.
    """
    knobs, lora, work = run.knobs, run.lora, run.work
    values = {
        "output_dir": str(work),
        "seed": run.seed,
        "device": lora.device,
        "dtype": lora.dtype,
        "epochs": -(-steps // knobs.checkpoint_every),
        "max_steps_per_epoch": None,
        "batch_size": most_rows,
        "gradient_accumulation_steps": 1,
        "clip_grad_norm": knobs.clip_grad_norm,
        "shuffle": False,
        "compile": False,
        "resume_from_checkpoint": False,
        "save_adapter_weights_only": True,
        "enable_activation_checkpointing": lora.activation_checkpointing,
        "enable_activation_offloading": False,
        "log_every_n_steps": 1,
        "model": _model(run),
        "tokenizer": {"_component_": f"{_RECIPE}.NoTokenizer"},
        "dataset": {"file": str(work / TRAINING), "validation_file": str(work / VALIDATION)},
        "checkpointer": _checkpointer(run),
        "optimizer": {
            "_component_": "torch.optim.AdamW",
            "lr": knobs.learning_rate,
            "weight_decay": knobs.weight_decay,
            "fused": True,
        },
        "lr_scheduler": {
            "_component_": "torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup",
            "num_warmup_steps": min(knobs.warmup_steps, steps // 2),
        },
        "loss": {"_component_": f"{_RECIPE}.AnswerLoss"},
        "metric_logger": {"_component_": "query_assistant.finetuning.run.LossLog", "work": str(work), "steps": steps},
        "start_from": str(run.start) if run.start else None,
        "segment_steps": knobs.checkpoint_every,
        "total_steps": steps,
        "max_minutes": knobs.max_minutes,
        "autocast": half_precision_matmul(lora),
    }
    return OmegaConf.create(values)


def _model(run: Run) -> dict[str, Any]:
    return {
        **model_shape(run.base),
        "max_seq_len": max(run.knobs.max_seq_len, run.knobs.row_tokens),
        "lora_attn_modules": ATTENTION_MODULES,
        "apply_lora_to_mlp": True,
        "lora_rank": run.lora.rank,
        "lora_alpha": run.lora.alpha,
        "lora_dropout": run.lora.dropout,
        "quantize_base": run.lora.quantize_base,
    }


def model_shape(base: Path) -> dict[str, Any]:
    """torchtune's builder for the model in `base`, and its arguments."""
    config = read_config(base)
    builder, _ = _architecture(config, base)
    rope = {**(config.get("rope_scaling") or {}), **(config.get("rope_parameters") or {})}
    shape = {
        "_component_": builder,
        "vocab_size": config["vocab_size"],
        "num_layers": config["num_hidden_layers"],
        "num_heads": config["num_attention_heads"],
        "num_kv_heads": config["num_key_value_heads"],
        "embed_dim": config["hidden_size"],
        "intermediate_dim": config["intermediate_size"],
        "norm_eps": config["rms_norm_eps"],
        "rope_base": int(config.get("rope_theta") or rope["rope_theta"]),
        "tie_word_embeddings": bool(config.get("tie_word_embeddings")),
    }
    scale = _scale_factor(rope, config["model_type"], base)
    return shape | ({"scale_factor": scale} if config["model_type"] == "llama" else {})


def _architecture(config: dict[str, Any], base: Path) -> tuple[str, str]:
    kind = config.get("model_type", "")
    unusual = [name for name in ("attention_bias", "mlp_bias", "use_sliding_window") if config.get(name)]
    if kind not in _BUILDERS or unusual:
        raise ConfigurationError(
            f"{base} holds a {kind!r} model{' with ' + unusual[0] if unusual else ''}; torchtune's builders here are "
            f"for plain {' and '.join(_BUILDERS)}, use finetune=hf"
        )
    return _BUILDERS[kind]


def _scale_factor(rope: dict[str, Any], model_type: str, base: Path) -> int:
    """1 makes torchtune's scaled positions plain ones."""
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind == "default":
        return 1
    fixed = (rope.get("low_freq_factor"), rope.get("high_freq_factor"), rope.get("original_max_position_embeddings"))
    if model_type != "llama" or kind != "llama3" or fixed != (1.0, 4.0, 8192):
        raise ConfigurationError(
            f"{base} scales positions by {rope}; torchtune knows Llama 3's way alone, use finetune=hf"
        )
    return int(rope["factor"])


def read_config(base: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads((base / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MissingResourceError(f"no readable config.json in {base} ({error}); run `dvc repro fetch`") from None
    return config


def _checkpointer(run: Run) -> dict[str, Any]:
    return {
        "_component_": "torchtune.training.FullModelHFCheckpointer",
        "checkpoint_dir": str(run.work / "base"),
        "checkpoint_files": sorted(path.name for path in run.base.glob("*.safetensors")),
        "model_type": _architecture(read_config(run.base), run.base)[1],
        "output_dir": str(run.work / "saving"),
        "adapter_checkpoint": None,
        "recipe_checkpoint": None,
    }


def half_precision_matmul(lora: LoraParams) -> bool:
    """Whether matrix products run in bf16 although the weights do not."""
    if lora.matmul != "auto":
        return lora.matmul == "bf16"
    return lora.dtype == "fp32" and lora.device == "cpu" and _cpu_multiplies_bf16()


def _cpu_multiplies_bf16() -> bool:
    """Whether this CPU has instructions for it; where they are missing, PyTorch emulates them slowly."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
