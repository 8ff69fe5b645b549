"""The door to fine-tuning: samples and a base model in, a PEFT adapter and its loss curve out, whichever engine
trains."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from query_assistant.engines.chat import ChatTokenizer
from query_assistant.errors import ConfigurationError
from query_assistant.files import atomic_folder
from query_assistant.finetuning.loss_log import read_losses
from query_assistant.finetuning.samples import Sample, TokenSample, tokenise
from query_assistant.finetuning.settings import FinetuneSettings
from query_assistant.finetuning.torchtune_config import LOSSES
from query_assistant.models.fetching import describe, require_device
from query_assistant.records import write_json


def finetune(
    train: Sequence[Sample], validation: Sequence[Sample], base: Path, destination: Path, settings: FinetuneSettings
) -> dict[str, Any]:
    """Writes the adapter to `destination` and returns what training came to.

    `destination` gets adapter_model.safetensors, adapter_config.json and training.jsonl. A run that was killed goes
    on from its last checkpoint, which lies beside `destination` until the adapter is whole.

    Returns:
        samples, left_out (longer than max_seq_len), steps, loss (mean of the last ten steps), validation_loss, seconds
        (of this call).

    Raises:
        MissingResourceError: no base model, or no GPU for settings that need one.
        ConfigurationError: settings that do not go together.
    """
    _check(settings)
    require_device(settings.device, "to fine-tune this model")
    started = time.monotonic()
    chat = ChatTokenizer(base)
    samples = tokenise(train, chat, settings.max_seq_len)
    held_out = tokenise(validation, chat, settings.max_seq_len)[: settings.validation_samples]
    work = _work_folder(destination, _fingerprint(samples, held_out, base, settings))
    adapter = _train(samples, held_out, base, work, settings)
    losses = read_losses(work / LOSSES)
    _hand_out(adapter, work / LOSSES, destination, base)
    shutil.rmtree(work)
    return {
        "samples": len(samples),
        "left_out": len(train) - len(samples),
        **_summary(losses),
        "seconds": round(time.monotonic() - started, 1),
    }


def base_name(base: Path) -> str:
    """The name that an adapter remembers its base model by: `name@revision`."""
    source = describe(base)["source"]
    return f"{source.get('name', base.name)}@{source.get('revision', '')}" if isinstance(source, dict) else base.name


def _check(settings: FinetuneSettings) -> None:
    if settings.engine not in ("torchtune", "hf"):
        raise ConfigurationError(f"finetune engine {settings.engine!r}; expected torchtune or hf")
    if settings.quantize_base and (settings.device != "cuda" or settings.engine == "hf"):
        raise ConfigurationError(
            "quantize_base (QLoRA) needs device cuda and engine torchtune; switch it off or use them"
        )


def _train(
    samples: Sequence[TokenSample], held_out: Sequence[TokenSample], base: Path, work: Path, settings: FinetuneSettings
) -> Path:
    if settings.engine == "torchtune":
        from query_assistant.finetuning import torchtune

        return torchtune.train(samples, held_out, base, work, settings)
    from query_assistant.finetuning import hf

    return hf.train(samples, held_out, base, work, settings)


def _fingerprint(
    samples: Sequence[TokenSample], held_out: Sequence[TokenSample], base: Path, settings: FinetuneSettings
) -> str:
    """What a resumed run must share with the one that was cut off. Time limits and checkpoint habits do not matter."""
    knobs = {name: value for name, value in asdict(settings).items() if name != "max_minutes"}
    rows = [[sample.prompt, sample.answer] for sample in (*samples, *held_out)]
    text = json.dumps([knobs, rows, describe(base)["files"]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _work_folder(destination: Path, fingerprint: str) -> Path:
    """The state of this very training; states of others that were given up are removed."""
    work = destination.with_name(f".{destination.name}.training-{fingerprint}")
    for other in destination.parent.glob(f".{destination.name}.training-*"):
        if other != work:
            shutil.rmtree(other)
    work.mkdir(parents=True, exist_ok=True)
    return work


def _hand_out(adapter: Path, losses: Path, destination: Path, base: Path) -> None:
    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    config |= {"base_model_name_or_path": base_name(base), "task_type": "CAUSAL_LM"}
    config["target_modules"] = sorted(config["target_modules"])
    with atomic_folder(destination) as folder:
        shutil.copyfile(adapter / "adapter_model.safetensors", folder / "adapter_model.safetensors")
        write_json(folder / "adapter_config.json", config)
        shutil.copyfile(losses, folder / LOSSES)


def _summary(losses: Sequence[dict[str, float]]) -> dict[str, float]:
    steps = [entry for entry in losses if "loss" in entry]
    tested = [entry["validation_loss"] for entry in losses if "validation_loss" in entry]
    last = [entry["loss"] for entry in steps[-10:]]
    summary = {"steps": float(len(steps)), "loss": round(sum(last) / len(last), 4)}
    return summary | ({"validation_loss": round(tested[-1], 4)} if tested else {})
