"""Fine-tuning by Hugging Face PEFT and TRL: the same samples, knobs and adapter format as torchtune's, for any
architecture.

Samples are padded, not packed with a shared prefix as for torchtune, so a small model on a CPU learns about half as
fast.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel
from transformers import PrinterCallback, TrainerCallback
from trl import SFTConfig, SFTTrainer

from query_assistant.engines.transformers import load_model
from query_assistant.finetuning.run import (
    IGNORED,
    LossLog,
    Run,
    checkpoint_number,
    last_checkpoint,
    launch,
    load_run,
    save_run,
)
from query_assistant.finetuning.samples import TokenSample

LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
_COMPLETE = "trainer_state.json"  # the trainer writes it last into a checkpoint
_ADAPTER = "adapter"


def train_with_hf(run: Run) -> Path:
    """The folder with the trained PEFT adapter."""
    if run.knobs.processes == 1:
        _train(run)
    else:
        launch(_launcher(run), "query_assistant.finetuning.hf", save_run(run))
    return run.work / _ADAPTER


def _launcher(run: Run) -> list[str]:
    """One process per GPU by accelerate; several on a CPU by torchrun, for accelerate wants MPI there."""
    if run.lora.device == "cuda":
        return ["accelerate.commands.launch", f"--num_processes={run.knobs.processes}"]
    return ["torch.distributed.run", "--standalone", f"--nproc-per-node={run.knobs.processes}"]


def _train(run: Run) -> None:
    batch_size = _batch_size(run)
    per_epoch = -(-len(run.samples) // (batch_size * run.knobs.processes))
    steps = run.capped(per_epoch * run.knobs.epochs)
    losses = LossLog(str(run.work), steps)
    trainer = SFTTrainer(
        model=_model(run),
        args=_arguments(run, steps, batch_size),
        train_dataset=_dataset(run.samples),
        eval_dataset=_dataset(run.validation) if run.validation else None,
        peft_config=None if run.start else _lora(run),
        data_collator=_padded_batch,
        callbacks=[_Curve(losses, run.knobs.max_minutes)],
    )
    trainer.remove_callback(PrinterCallback)  # a dictionary a step between the lines of the bar
    checkpoint = last_checkpoint(run.work, _COMPLETE)
    if trainer.is_world_process_zero():
        losses.start_after(checkpoint_number(checkpoint) if checkpoint else 0)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    losses.close()
    if trainer.is_world_process_zero():
        trainer.model.save_pretrained(run.work / _ADAPTER)


def _model(run: Run) -> Any:
    model = load_model(run.base, run.lora.device, run.lora.dtype).train()
    return PeftModel.from_pretrained(model, run.start, is_trainable=True) if run.start else model


def _batch_size(run: Run) -> int:
    mean = sum(map(len, run.samples)) / max(len(run.samples), 1)
    return max(1, round(run.knobs.tokens_per_batch / max(mean, 1)))


def _lora(run: Run) -> LoraConfig:
    return LoraConfig(
        r=run.lora.rank,
        lora_alpha=run.lora.alpha,
        lora_dropout=run.lora.dropout,
        target_modules=LINEAR,
        task_type="CAUSAL_LM",
    )


def _arguments(run: Run, steps: int, batch_size: int) -> SFTConfig:
    knobs, lora = run.knobs, run.lora
    return SFTConfig(
        output_dir=str(run.work),
        max_steps=steps,
        per_device_train_batch_size=batch_size,
        learning_rate=knobs.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=min(knobs.warmup_steps, steps // 2),
        weight_decay=knobs.weight_decay,
        max_grad_norm=knobs.clip_grad_norm,
        gradient_checkpointing=lora.activation_checkpointing,
        bf16=lora.dtype == "bf16",
        use_cpu=lora.device == "cpu",
        seed=run.seed,
        data_seed=run.seed,
        logging_steps=1,
        save_steps=knobs.checkpoint_every,
        save_total_limit=2,
        eval_strategy="steps" if run.validation else "no",
        eval_steps=knobs.checkpoint_every,
        report_to=[],
        disable_tqdm=True,  # `LossLog` shows the bar
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
    )


def _dataset(samples: Sequence[TokenSample]) -> Dataset:
    return Dataset.from_list(
        [
            {
                "input_ids": [*sample.prompt, *sample.answer],
                "labels": [IGNORED] * len(sample.prompt) + list(sample.answer),
            }
            for sample in samples
        ]
    )


def _padded_batch(rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """A batch padded to its longest sample; the loss does not count padding."""
    width = max(len(row["input_ids"]) for row in rows)
    return {
        "input_ids": torch.tensor([_padded(row["input_ids"], width, 0) for row in rows]),
        "labels": torch.tensor([_padded(row["labels"], width, IGNORED) for row in rows]),
        "attention_mask": torch.tensor([_padded([1] * len(row["input_ids"]), width, 0) for row in rows]),
    }


def _padded(values: list[int], width: int, filler: int) -> list[int]:
    return values + [filler] * (width - len(values))


class _Curve(TrainerCallback):  # type: ignore[misc]
    """Writes the trainer's losses into our log, and keeps to the time limit."""

    def __init__(self, losses: LossLog, max_minutes: float) -> None:
        self._losses, self._limit_s, self._started = losses, max_minutes * 60, time.monotonic()
        self._tokens: int | None = None

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        if not state.is_world_process_zero or not logs:
            return
        if "loss" in logs:
            self._losses.tokens = self._tokens_since(int(logs.get("num_tokens", 0)))
            self._losses.log_dict({"loss": logs["loss"], "lr": logs.get("learning_rate", 0)}, state.global_step)
        if "eval_loss" in logs:
            self._losses.log_validation(float(logs["eval_loss"]), state.global_step)

    def _tokens_since(self, total: int) -> int:
        """Tokens of the step just made; what a resumed trainer counted before is not this step's."""
        before, self._tokens = self._tokens, total
        return total - before if before is not None else 0

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self._limit_s and time.monotonic() - self._started > self._limit_s:
            control.should_training_stop = True


if __name__ == "__main__":
    _train(load_run(Path(sys.argv[1])))
