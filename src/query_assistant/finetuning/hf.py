"""Fine-tuning by Hugging Face PEFT and TRL: the same samples, knobs and adapter format as torchtune's, for any
architecture.

Samples are padded, not packed with a shared prefix as for torchtune, so a small model on a CPU learns about half as
fast.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import TrainerCallback
from trl import SFTConfig, SFTTrainer

from query_assistant.engines.transformers import load_model
from query_assistant.errors import QueryAssistantError
from query_assistant.finetuning.loss_log import LossLog
from query_assistant.finetuning.samples import TokenSample
from query_assistant.finetuning.settings import FinetuneSettings
from query_assistant.finetuning.torchtune_config import LOSSES
from query_assistant.records import write_json

LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
_IGNORED = -100
_TASK, _ADAPTER = "task.json", "adapter"


def train(
    samples: Sequence[TokenSample],
    validation: Sequence[TokenSample],
    base: Path,
    work: Path,
    settings: FinetuneSettings,
) -> Path:
    """The folder with the trained PEFT adapter; `work` holds the trainer's checkpoints, from which it goes on."""
    if settings.processes == 1:
        _run(samples, validation, base, work, settings)
        return work / _ADAPTER
    rows = [[[list(one.prompt), list(one.answer)] for one in part] for part in (samples, validation)]
    write_json(work / _TASK, {"rows": rows, "base": str(base), "settings": asdict(settings)})
    launch = [sys.executable, "-m", "accelerate.commands.launch", f"--num_processes={settings.processes}"]
    done = subprocess.run([*launch, "-m", "query_assistant.finetuning.hf", str(work)], check=False)
    if done.returncode != 0:
        raise QueryAssistantError(f"accelerate launch ended with {done.returncode}; its log above says why")
    return work / _ADAPTER


def _run(
    samples: Sequence[TokenSample],
    validation: Sequence[TokenSample],
    base: Path,
    work: Path,
    settings: FinetuneSettings,
) -> None:
    model = load_model(base, settings.device, settings.dtype).train()
    losses = LossLog(str(work / LOSSES))
    lora = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=int(settings.lora_alpha),
        lora_dropout=settings.lora_dropout,
        target_modules=LINEAR,
        task_type="CAUSAL_LM",
    )
    trainer = SFTTrainer(
        model=model,
        args=_arguments(samples, bool(validation), work, settings),
        train_dataset=_dataset(samples),
        eval_dataset=_dataset(validation) if validation else None,
        peft_config=lora,
        data_collator=_Padding(_longest(samples, validation)),
        callbacks=[_Curve(losses, settings.max_minutes)],
    )
    checkpoint = _last_checkpoint(work)
    losses.forget_after(_step(checkpoint) if checkpoint else 0)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if trainer.is_world_process_zero():
        trainer.model.save_pretrained(work / _ADAPTER)


def _arguments(samples: Sequence[TokenSample], evaluated: bool, work: Path, settings: FinetuneSettings) -> SFTConfig:
    mean = sum(map(len, samples)) / max(len(samples), 1)
    return SFTConfig(
        output_dir=str(work),
        num_train_epochs=settings.epochs,
        max_steps=settings.max_steps or -1,
        per_device_train_batch_size=max(1, round(settings.tokens_per_batch / mean)),
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=settings.warmup_steps,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.clip_grad_norm,
        gradient_checkpointing=settings.activation_checkpointing,
        bf16=settings.dtype == "bf16",
        use_cpu=settings.device == "cpu",
        seed=settings.seed,
        data_seed=settings.seed,
        logging_steps=1,
        save_steps=settings.checkpoint_every,
        save_total_limit=2,
        eval_strategy="steps" if evaluated else "no",
        eval_steps=settings.checkpoint_every,
        report_to=[],
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
    )


def _dataset(samples: Sequence[TokenSample]) -> Dataset:
    return Dataset.from_list(
        [
            {
                "input_ids": [*sample.prompt, *sample.answer],
                "labels": [_IGNORED] * len(sample.prompt) + list(sample.answer),
            }
            for sample in samples
        ]
    )


def _longest(*parts: Sequence[TokenSample]) -> int:
    return max((len(sample) for part in parts for sample in part), default=0)


class _Padding:
    """Pads a batch to its longest sample; the loss does not count padding."""

    def __init__(self, longest: int) -> None:
        self._longest = longest

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        width = min(self._longest, max(len(row["input_ids"]) for row in rows))
        return {
            "input_ids": torch.tensor([_padded(row["input_ids"], width, 0) for row in rows]),
            "labels": torch.tensor([_padded(row["labels"], width, _IGNORED) for row in rows]),
            "attention_mask": torch.tensor([_padded([1] * len(row["input_ids"]), width, 0) for row in rows]),
        }


def _padded(values: list[int], width: int, filler: int) -> list[int]:
    return values + [filler] * (width - len(values))


class _Curve(TrainerCallback):  # type: ignore[misc]
    """Writes the trainer's losses into our log, and keeps to the time limit."""

    def __init__(self, losses: LossLog, max_minutes: float) -> None:
        self._losses, self._limit_s, self._started = losses, max_minutes * 60, time.monotonic()
        self._tokens = 0

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        if not state.is_world_process_zero or not logs:
            return
        if "loss" in logs:
            self._losses.tokens += int(logs.get("num_tokens", 0)) - self._tokens
            self._tokens = int(logs.get("num_tokens", 0))
            self._losses.log_dict({"loss": logs["loss"], "lr": logs.get("learning_rate", 0)}, state.global_step)
        if "eval_loss" in logs:
            self._losses.log_validation(float(logs["eval_loss"]), state.global_step)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self._limit_s and time.monotonic() - self._started > self._limit_s:
            control.should_training_stop = True


def _last_checkpoint(work: Path) -> Path | None:
    """The newest checkpoint whose state file, written last, is whole; torn ones are removed."""
    whole = []
    for folder in work.glob("checkpoint-*"):
        try:
            json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
            whole.append(folder)
        except (OSError, ValueError):
            shutil.rmtree(folder)
    return max(whole, key=_step, default=None)


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rsplit("-", 1)[1])


def main() -> None:
    work = Path(sys.argv[1])
    task = json.loads((work / _TASK).read_text(encoding="utf-8"))
    parts = [[TokenSample(tuple(prompt), tuple(answer)) for prompt, answer in part] for part in task["rows"]]
    _run(parts[0], parts[1], Path(task["base"]), work, FinetuneSettings(**task["settings"]))


if __name__ == "__main__":
    main()
