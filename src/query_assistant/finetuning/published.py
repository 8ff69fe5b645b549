"""An adapter that was trained before and is shared, in place of training one.

data/shared/published-adapter.tar.gz (made by `publishing`) holds

    adapter_model.safetensors adapter_config.json      PEFT's format
    training.jsonl                                     its loss curve
    finetune.json                                      what training came to
    params.yaml                                        the configuration it was trained with
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from query_assistant.errors import ConfigurationError, MissingResourceError
from query_assistant.files import atomic_folder
from query_assistant.finetuning.torchtune_config import LOSSES
from query_assistant.finetuning.training import base_name

WEIGHTS, CONFIG, REPORT = "adapter_model.safetensors", "adapter_config.json", "finetune.json"


def adopt(published: Path, base: Path, destination: Path) -> dict[str, Any]:
    """Puts the published adapter in `destination`, as if it had been trained, and returns what its training came to.

    Raises:
        MissingResourceError: there is none in `published`.
        ConfigurationError: it was trained on another base model.
    """
    try:
        config = json.loads((published / CONFIG).read_text(encoding="utf-8"))
        report: dict[str, Any] = json.loads((published / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MissingResourceError(
            f"no published adapter in {published} ({error}); run `dvc pull` and `dvc repro unpack`"
        ) from None
    trained_on, mine = config["base_model_name_or_path"], base_name(base)
    if trained_on != mine:
        raise ConfigurationError(
            f"the published adapter was trained on {trained_on}, models/base is {mine}; use finetune=torchtune"
        )
    with atomic_folder(destination) as folder:
        for name in (WEIGHTS, CONFIG, LOSSES):
            shutil.copyfile(published / name, folder / name)
    return report
