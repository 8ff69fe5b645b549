"""The prototype's LoRA adapters as PEFT's safetensors.

torchtune wrote them as `adapter_model.bin`, which is a pickle. torch's reader for weights alone opens it: tensors and
containers, by an allowlist; anything else in it is refused and never called.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from query_assistant.errors import InputError, UnsafeArchiveError
from query_assistant.files import atomic_folder
from query_assistant.inputs import read_text

if TYPE_CHECKING:
    import torch

WEIGHTS, PICKLED, CONFIG = "adapter_model.safetensors", "adapter_model.bin", "adapter_config.json"
MOST_BYTES = 4 * 2**30
MARKS = (".lora_A", ".lora_B", "lora_embedding", "lora_magnitude", "modules_to_save")


def bring_adapter(weights: Path, target: Path) -> str:
    """Writes an adapter's weights and configuration to the folder `target`; returns what it is.

    Raises:
        InputError: there is no configuration beside the weights, or they are no adapter of it.
        UnsafeArchiveError: the pickle holds more than tensors.
    """
    config = _config(weights.with_name(CONFIG))
    if weights.stat().st_size > MOST_BYTES:
        raise InputError(f"{weights.name} is over {MOST_BYTES:,} bytes; expected an adapter, not a whole model")
    tensors = _tensors(weights)
    strangers = [name for name in tensors if not any(mark in name for mark in MARKS)]
    ranks = {tensor.shape[0] for name, tensor in tensors.items() if ".lora_A" in name and tensor.ndim == 2}
    if strangers or not ranks:
        what = f"holds {strangers[0][:80]!r}" if strangers else "holds no LoRA matrices"
        raise InputError(f"{weights.name} {what}; expected a LoRA adapter in PEFT's names")
    if config["r"] not in ranks:
        raise InputError(f"{weights.name} has matrices of rank {sorted(ranks)}, {CONFIG} says {config['r']!r}")
    _write(weights, tensors, target)
    base = config.get("base_model_name_or_path") or "a base model that it does not name"
    return f"a LoRA adapter of rank {config['r']} for {base}"


def _config(path: Path) -> dict[str, object]:
    if not path.is_file():
        raise InputError(f"no {CONFIG} beside the weights; expected PEFT's, which says rank, alpha and modules")
    try:
        config = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{CONFIG} is no JSON: {error}") from None
    if not isinstance(config, dict) or not isinstance(config.get("r"), int):
        raise InputError(f"{CONFIG} names no rank `r`; expected PEFT's configuration of a LoRA adapter")
    return config


def _tensors(weights: Path) -> Mapping[str, torch.Tensor]:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if weights.suffix == ".safetensors":
        try:
            return load_file(weights)
        except (SafetensorError, OSError) as error:
            raise InputError(f"{weights.name} is no safetensors file: {error}") from None
    try:
        tensors = torch.load(weights, map_location="cpu", weights_only=True)
    except Exception as error:  # a stranger's bytes: torch raises what its readers raise
        reason = str(error).split("\n")[0][:160]
        raise UnsafeArchiveError(f"{weights.name} is no file of tensors alone, or damaged: {reason}") from None
    if not isinstance(tensors, dict) or not all(isinstance(one, torch.Tensor) for one in tensors.values()):
        raise InputError(f"{weights.name} holds no tensors under names; expected an adapter's weights")
    return {str(name): tensor for name, tensor in tensors.items()}


def _write(weights: Path, tensors: Mapping[str, torch.Tensor], target: Path) -> None:
    from safetensors.torch import save_file

    with atomic_folder(target) as folder:
        contiguous = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}
        save_file(contiguous, folder / WEIGHTS, metadata={"format": "pt"})
        shutil.copyfile(weights.with_name(CONFIG), folder / CONFIG)
