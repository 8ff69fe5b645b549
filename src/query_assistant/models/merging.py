"""An adapter added into the weights it was trained on, for engines that take whole models.

    W' = W + (alpha / r) B A        (LoRA, https://arxiv.org/abs/2106.09685, section 4.1)

A base with a GGUF becomes a GGUF with the same metadata, its adapted matrices in Q8_0 (8 bits lose nothing that
4-bit base weights had). Any other base becomes a folder of safetensors, which vLLM and transformers read.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from query_assistant.errors import ConfigurationError, InputError, MissingResourceError
from query_assistant.files import atomic_folder
from query_assistant.models.cache import sha256_of
from query_assistant.models.fetching import GGUF, RECORD
from query_assistant.models.gguf_files import GGUF_NAMES, ROWS_PERMUTED, Matrix, permute, with_changes
from query_assistant.records import write_json

if TYPE_CHECKING:  # a second of starting, for those who may merge and mostly do not
    import torch

_PREFIX = "base_model.model."
_COPIED = ("config.json", "generation_config.json", "tokenizer*", "chat_template*", "special_tokens_map.json")


@dataclass(frozen=True)
class Adapter:
    """A PEFT LoRA adapter: two thin matrices for each adapted module, by the module's name in transformers."""

    scale: float
    down: dict[str, torch.Tensor]
    up: dict[str, torch.Tensor]

    @property
    def modules(self) -> list[str]:
        return sorted(self.down)

    def delta(self, module: str) -> torch.Tensor:
        """What is added to the module's weight; shape [out, in]."""
        return self.scale * (self.up[module].float() @ self.down[module].float())


def load_adapter(folder: Path) -> Adapter:
    """The adapter in `folder`.

    Raises:
        MissingResourceError: there is none.
        ConfigurationError: it is more than plain LoRA.
    """
    from safetensors.torch import load_file

    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        tensors = load_file(folder / "adapter_model.safetensors")
    except (OSError, ValueError) as error:
        raise MissingResourceError(f"no readable adapter in {folder} ({error}); run `dvc repro finetune`") from None
    if config.get("use_dora") or config.get("use_rslora") or config.get("rank_pattern") or config.get("alpha_pattern"):
        raise ConfigurationError(f"{folder} holds a DoRA, rsLoRA or mixed-rank adapter; only plain LoRA can be merged")
    down = {_module(name): tensor for name, tensor in tensors.items() if ".lora_A." in name}
    up = {_module(name): tensor for name, tensor in tensors.items() if ".lora_B." in name}
    if not down or down.keys() != up.keys() or len(down) + len(up) != len(tensors):
        raise InputError(f"{folder}/adapter_model.safetensors is not a LoRA adapter: its matrices do not come in pairs")
    return Adapter(config["lora_alpha"] / config["r"], down, up)


def merge(base: Path, adapter: Path, destination: Path) -> None:
    """Writes `destination`: the base model with the adapter's weights added, the tokenizer, and source.json.

    Raises:
        InputError: the adapter was trained on a model of another shape.
    """
    lora = load_adapter(adapter)
    with atomic_folder(destination) as folder:
        for path in _companions(base):
            shutil.copyfile(path, folder / path.name)
        if (base / GGUF).is_file():
            _merge_gguf(base, lora, folder / GGUF)
        else:
            _merge_safetensors(base, lora, folder)
        record = {"base": _recorded_source(base), "adapter": sha256_of(adapter / "adapter_model.safetensors")}
        files = {path.name: sha256_of(path) for path in sorted(folder.iterdir())}
        write_json(folder / RECORD, {"source": record, "files": files})


def _module(name: str) -> str:
    return name.removeprefix(_PREFIX).split(".lora_")[0]


def _companions(base: Path) -> Iterator[Path]:
    return (path for pattern in _COPIED for path in sorted(base.glob(pattern)))


def _recorded_source(base: Path) -> Any:
    file = base / RECORD
    return json.loads(file.read_text(encoding="utf-8"))["source"] if file.is_file() else None


def _merge_safetensors(base: Path, lora: Adapter, folder: Path) -> None:
    from safetensors import safe_open
    from safetensors.torch import save_file

    left = set(lora.modules)
    for shard in sorted(base.glob("*.safetensors")):
        tensors: dict[str, torch.Tensor] = {}
        with safe_open(shard, framework="pt") as file:
            for name in sorted(file.keys()):
                module = name.removesuffix(".weight")
                tensors[name] = _added(file.get_tensor(name), lora, module) if module in left else file.get_tensor(name)
                left.discard(module)
        save_file(tensors, folder / shard.name, metadata={"format": "pt"})
    for index in base.glob("*.safetensors.index.json"):
        shutil.copyfile(index, folder / index.name)
    _all_used(left)


def _added(weight: torch.Tensor, lora: Adapter, module: str) -> torch.Tensor:
    delta = lora.delta(module)
    if delta.shape != weight.shape:
        raise InputError(
            f"{module} is {tuple(weight.shape)} in the base and {tuple(delta.shape)} in the adapter; "
            "they do not belong together"
        )
    return (weight.float() + delta).to(weight.dtype)


def _merge_gguf(base: Path, lora: Adapter, target: Path) -> None:
    deltas = _gguf_deltas(lora, base)
    left = set(deltas)

    def merged(name: str, weight: Matrix) -> Matrix:
        left.discard(name)
        if weight.shape != deltas[name].shape:
            raise InputError(
                f"{name} is {weight.shape} in the base and {deltas[name].shape} in the adapter; "
                "they do not belong together"
            )
        return weight + deltas[name]

    with_changes(base / GGUF, target, merged, set(deltas))
    _all_used(left)


def _gguf_deltas(lora: Adapter, base: Path) -> dict[str, Matrix]:
    """What is added to each matrix of the GGUF, by its name there."""
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    heads = _permuted_heads(config)
    deltas: dict[str, Matrix] = {}
    for module in lora.modules:
        _, _, layer, part = module.split(".", 3) if module.startswith("model.layers.") else ("", "", "", module)
        if part not in GGUF_NAMES:
            raise InputError(
                f"the adapter changes {module!r}, which has no counterpart in a GGUF; merge into safetensors"
            )
        name = GGUF_NAMES[part]
        delta = lora.delta(module).numpy()
        deltas[f"blk.{layer}.{name}.weight"] = permute(delta, heads[name]) if name in heads else delta
    return deltas


def _permuted_heads(config: dict[str, Any]) -> dict[str, int]:
    """Head counts of the matrices whose rows llama.cpp orders its own way."""
    kind = config["model_type"]
    if kind not in ROWS_PERMUTED:
        raise ConfigurationError(
            f"no adapter can be merged into a GGUF of architecture {kind!r}, only of {', '.join(ROWS_PERMUTED)}; "
            "use a source with safetensors"
        )
    if not ROWS_PERMUTED[kind]:
        return {}
    return {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}


def _all_used(left: Any) -> None:
    if left:
        raise InputError(
            f"the adapter changes {sorted(left)[0]!r} and {len(left) - 1} more that the base does not have; "
            "they do not belong together"
        )
