"""Several adapters of one base model, averaged: where one went on from another, their mean is often better than either.

    python -m query_assistant.finetuning.averaging data/raw/published-adapter models/adapter   # -> models/adapter

Weights of models that share the beginning of their training lie in one basin of the loss (Wortsman et al. 2022, "Model
soups"); the mean of LoRA's two factors stands for that of their products as long as they are near to each other.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from query_assistant.errors import ConfigurationError, InputError
from query_assistant.exits import run_to_exit
from query_assistant.files import atomic_folder
from query_assistant.finetuning.run import LOSSES
from query_assistant.finetuning.training import CONFIG, WEIGHTS, adapter_config
from query_assistant.records import write_json
from query_assistant.retrieval.linking import taught_queries, write_marks

_SAME = ("base_model_name_or_path", "r", "lora_alpha", "target_modules")


def average(adapters: Sequence[Path], destination: Path) -> None:
    """Writes the mean of the adapters to `destination`, in single precision; it may be one of them.

    The loss curve is the last one's; what any of them was taught is what the mean was taught.

    Raises:
        MissingResourceError: one of them is no adapter.
        ConfigurationError: they are of different base models, ranks or layers.
    """
    import torch
    from safetensors.torch import load_file, save_file

    configs = [adapter_config(folder) for folder in adapters]
    for name in _SAME:
        values = [config.get(name) for config in configs]
        if any(value != values[0] for value in values):
            raise ConfigurationError(f"adapters with different {name}: {values}; expected the same in all")
    parts = [load_file(folder / WEIGHTS) for folder in adapters]
    if any(part.keys() != parts[0].keys() for part in parts):
        raise ConfigurationError("adapters of different layers; expected the same in all")
    mean = {name: torch.stack([part[name].float() for part in parts]).mean(dim=0) for name in parts[0]}
    with atomic_folder(destination) as folder:
        save_file(mean, folder / WEIGHTS, metadata={"format": "pt"})
        write_json(folder / CONFIG, configs[-1])
        shutil.copyfile(adapters[-1] / LOSSES, folder / LOSSES)
        write_marks(folder, frozenset().union(*(taught_queries(one) for one in adapters)))


def main() -> None:
    folders = [Path(name) for name in sys.argv[1:]]
    if len(folders) < 2:
        raise InputError(
            f"{len(folders)} adapters named; expected two or more folders, of which the last gets their mean"
        )
    average(folders, folders[-1])


if __name__ == "__main__":
    sys.exit(run_to_exit(main))
