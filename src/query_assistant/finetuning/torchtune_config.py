"""The configuration that torchtune's LoRA recipe is run with, composed from the settings and the model's own
config.json.

Any Llama-architecture model fits: its numbers are read, not named. torchtune spells out what the customary aliases
hide:

    q_proj k_proj v_proj o_proj      lora_attn_modules: q_proj k_proj v_proj output_proj
    gate_proj up_proj down_proj      apply_lora_to_mlp
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from query_assistant.errors import ConfigurationError, MissingResourceError
from query_assistant.finetuning.settings import FinetuneSettings

ATTENTION_MODULES = ["q_proj", "k_proj", "v_proj", "output_proj"]
TRAINING, VALIDATION, LOSSES = "training_batches.jsonl", "validation_batches.jsonl", "training.jsonl"
_RECIPE = "query_assistant.finetuning.torchtune_recipe"


def recipe_config(base: Path, work: Path, settings: FinetuneSettings, steps: int, most_rows: int) -> DictConfig:
    """The recipe's configuration for a run of `steps` optimiser steps whose files lie in `work`.

    `most_rows` is the largest number of rows in one batch.

    What torchtune calls an epoch is here the stretch between two checkpoints, for it can resume only there.

    Raises:
        ConfigurationError: the model is of an architecture or has a position scaling that torchtune's Llama builder
            lacks.
    """
    segments = -(-steps // settings.checkpoint_every)
    values = {
        "output_dir": str(work),
        "seed": settings.seed,
        "device": settings.device,
        "dtype": settings.dtype,
        "epochs": segments,
        "max_steps_per_epoch": None,
        "batch_size": most_rows,
        "gradient_accumulation_steps": 1,
        "clip_grad_norm": settings.clip_grad_norm,
        "shuffle": False,
        "compile": False,
        "resume_from_checkpoint": False,
        "save_adapter_weights_only": True,
        "enable_activation_checkpointing": settings.activation_checkpointing,
        "enable_activation_offloading": False,
        "log_every_n_steps": 1,
        "model": _model(base, settings),
        "tokenizer": {"_component_": f"{_RECIPE}.NoTokenizer"},
        "dataset": {"file": str(work / TRAINING), "validation_file": str(work / VALIDATION)},
        "checkpointer": _checkpointer(base, work),
        "optimizer": {
            "_component_": "torch.optim.AdamW",
            "lr": settings.learning_rate,
            "weight_decay": settings.weight_decay,
            "fused": True,
        },
        "lr_scheduler": {
            "_component_": "torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup",
            "num_warmup_steps": min(settings.warmup_steps, steps // 2),
        },
        "loss": {"_component_": f"{_RECIPE}.AnswerLoss"},
        "metric_logger": {"_component_": "query_assistant.finetuning.loss_log.LossLog", "file": str(work / LOSSES)},
        "segment_steps": settings.checkpoint_every,
        "total_steps": steps,
        "max_minutes": settings.max_minutes,
        "autocast": half_precision_matmul(settings),
    }
    return OmegaConf.create(values)


def half_precision_matmul(settings: FinetuneSettings) -> bool:
    """Whether matrix products run in bf16 although the weights do not."""
    if settings.matmul != "auto":
        return settings.matmul == "bf16"
    return settings.dtype == "fp32" and settings.device == "cpu" and _cpu_multiplies_bf16()


def _cpu_multiplies_bf16() -> bool:
    """Whether this CPU has instructions for it; where they are missing, PyTorch emulates them slowly."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _model(base: Path, settings: FinetuneSettings) -> dict[str, Any]:
    shape = model_shape(base)
    return {
        "_component_": "torchtune.models.llama3_2._component_builders.lora_llama3_2",
        **shape,
        "max_seq_len": max(settings.max_seq_len, settings.row_tokens),
        "lora_attn_modules": ATTENTION_MODULES,
        "apply_lora_to_mlp": True,
        "lora_rank": settings.lora_rank,
        "lora_alpha": settings.lora_alpha,
        "lora_dropout": settings.lora_dropout,
        "quantize_base": settings.quantize_base,
    }


def model_shape(base: Path) -> dict[str, Any]:
    """The builder's arguments for the Llama-architecture model in `base`."""
    config = read_config(base)
    if config.get("model_type") != "llama" or config.get("attention_bias") or config.get("mlp_bias"):
        raise ConfigurationError(
            f"{base} holds a {config.get('model_type')!r} model; torchtune's builder here is for Llama "
            "without biases, use finetune=hf"
        )
    rope = {**(config.get("rope_scaling") or {}), **(config.get("rope_parameters") or {})}
    return {
        "vocab_size": config["vocab_size"],
        "num_layers": config["num_hidden_layers"],
        "num_heads": config["num_attention_heads"],
        "num_kv_heads": config["num_key_value_heads"],
        "embed_dim": config["hidden_size"],
        "intermediate_dim": config["intermediate_size"],
        "norm_eps": config["rms_norm_eps"],
        "rope_base": int(config.get("rope_theta") or rope["rope_theta"]),
        "scale_factor": _scale_factor(rope, base),
        "tie_word_embeddings": bool(config.get("tie_word_embeddings")),
    }


def _scale_factor(rope: dict[str, Any], base: Path) -> int:
    """1 makes torchtune's scaled positions plain ones."""
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind == "default":
        return 1
    fixed = (rope.get("low_freq_factor"), rope.get("high_freq_factor"), rope.get("original_max_position_embeddings"))
    if kind != "llama3" or fixed != (1.0, 4.0, 8192):
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


def _checkpointer(base: Path, work: Path) -> dict[str, Any]:
    """Reads through `work/base`, links to the weights: torchtune copies what else lies beside them at every save."""
    return {
        "_component_": "torchtune.training.FullModelHFCheckpointer",
        "checkpoint_dir": str(work / "base"),
        "checkpoint_files": sorted(path.name for path in base.glob("*.safetensors")),
        "model_type": "LLAMA3_2",
        "output_dir": str(work / "saving"),
        "adapter_checkpoint": None,
        "recipe_checkpoint": None,
    }
