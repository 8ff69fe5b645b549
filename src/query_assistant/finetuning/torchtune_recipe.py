"""torchtune's own LoRA recipes, run on our batches: nothing of their training loops is repeated here.

What is changed, and why:

- data: batches are packed beforehand (`packing`), so that a resumed run sees the same ones in the same order.
- checkpoints: the recipes save at the end of an epoch alone. An epoch here is a stretch of `segment_steps` steps,
  and a save appears under its final name only when it is whole, so that a kill at any moment leaves a state to go on
  from.
- learning rate: the single-device recipe forgets how many steps it has taken when it resumes, and would warm up again.
- logits: computed where an answer is learnt, not for the prompt; the vocabulary is half of a small model's work.
- start: an adapter may start as one that was trained before (`finetune.start_from`), which the recipes know of resumed
  runs alone.
- frozen weights: where matrix products run in bf16, they are kept so; the recipes would cast them anew at every step.
- attention: on a CPU that multiplies in bf16, written out where there is a mask (`attention`).
- adapters of Qwen 2: torchtune 0.6.1 reorders the query and key rows of every adapter it saves as Llama needs it. Those
  of Qwen 2 must stay as they are, so they are put back.

Run as a module, it is what torchrun starts once per GPU: `python -m query_assistant.finetuning.torchtune_recipe
CONFIG`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torchtune.training
from omegaconf import DictConfig, OmegaConf
from safetensors.torch import load_file, save_file
from torch import nn
from torchtune.models.convert_weights import tune_to_peft_adapter_weights
from torchtune.modules.peft import LoRALinear, get_adapter_params

from query_assistant.errors import ConfigurationError
from query_assistant.finetuning.attention import write_out_attention
from query_assistant.finetuning.packing import Batch, collate, load
from query_assistant.finetuning.run import IGNORED, LossLog, checkpoint_folder, last_checkpoint
from query_assistant.finetuning.torchtune import COMPLETE
from query_assistant.records import write_json

ADAPTER, RECIPE_STATE = "adapter_model.safetensors", "recipe_state.pt"


class NoTokenizer:
    """The recipe wants a tokenizer; our batches are token ids already."""


class AnswerLoss(nn.Module):
    """Mean cross entropy over answer tokens. `logits` come for those alone, `labels` (flat) for all."""

    ignore_index = IGNORED

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(logits.float(), labels[labels != IGNORED])


class Segments:
    """Which batches a rank trains on in each segment. A pure function of the segment: a resumed run needs no state
    of it."""

    def __init__(self, batches: int, segment_steps: int, total_steps: int, seed: int) -> None:
        self._batches, self._seed = batches, seed
        self._segment_steps, self._total_steps = segment_steps, total_steps
        self.world, self._rank = _world()
        self._segment = 0

    def set_epoch(self, segment: int) -> None:
        """Called before each segment. Random draws (dropout) start anew there, as they do in a resumed run."""
        self._segment = segment
        torch.manual_seed(self._seed * 100_003 + segment * self.world + self._rank)

    def __iter__(self) -> Iterator[int]:
        first = self._segment * self._segment_steps
        for step in range(first, min(first + self._segment_steps, self._total_steps)):
            yield (step * self.world + self._rank) % self._batches

    def __len__(self) -> int:
        return self._segment_steps


class Feeder:
    """Stands where the recipe expects its data loader; tells the model where the answers are before each batch."""

    def __init__(self, batches: list[Batch], sampler: Segments, model: Any) -> None:
        self._batches, self._model = batches, model
        self.sampler = sampler
        self.losses: LossLog | None = None

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        for index in self.sampler:
            batch = self._batches[index]
            tensors = collate(batch)
            self._model.answer_places = answer_places(tensors["labels"])
            if self.losses is not None:
                self.losses.tokens += sum(map(len, batch)) * self.sampler.world
            yield tensors

    def state_dict(self) -> dict[str, int]:
        return {}


def answer_places(labels: torch.Tensor) -> torch.Tensor:
    """True at the tokens after which an answer token comes; same shape as `labels`, [b, s]."""
    return torch.nn.functional.pad(labels[:, 1:] != IGNORED, (0, 1))


def _load_recipe(name: str) -> Any:
    """A recipe class. torchtune ships its recipes as files that refuse to be imported as a package."""
    file = Path(importlib.util.find_spec("torchtune").origin).parents[1] / "recipes" / f"{name}.py"  # type: ignore[union-attr, arg-type]
    spec = importlib.util.spec_from_file_location(f"torchtune_{name}", file)
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    module.tqdm = _NoBar  # type: ignore[attr-defined]  # it would count each stretch between checkpoints anew
    kind = "SingleDevice" if name.endswith("single_device") else "Distributed"
    return getattr(module, f"LoRAFinetuneRecipe{kind}")


class _NoBar:
    """Takes what the recipe tells its progress bar; `LossLog` shows one over all steps."""

    def __init__(self, **_: Any) -> None: ...
    def update(self, _: int) -> None: ...
    def set_description(self, _: str) -> None: ...
    def close(self) -> None: ...


class OutOfTime(Exception):
    """`max_minutes` have passed; the checkpoint just written is the last."""


class PackedRecipe:
    """The changes listed above, on top of either recipe."""

    _model: Any
    _device: Any
    _metric_logger: Any
    _dataloader: Any
    activations_handling_ctx: Any
    epochs_run: int
    total_epochs: int

    def setup(self, cfg: DictConfig) -> None:
        self._run = cfg
        self._started = time.monotonic()
        super().setup(cfg)  # type: ignore[misc]
        losses: LossLog | None = getattr(self, "_metric_logger", None)  # the first process alone has one
        if losses is not None:
            losses.start_after(self.global_step)
        self._dataloader.losses = losses

    def _setup_model(self, **kwargs: Any) -> Any:
        model: Any = super()._setup_model(**kwargs)  # type: ignore[misc]
        model.unembed = lambda hidden: model.output(model.norm(hidden)[model.answer_places.to(hidden.device)])
        if self._run.start_from and not self._run.resume_from_checkpoint:
            start_from(model, Path(self._run.start_from), self._run.model, self._run.checkpointer.model_type)
        if self._run.autocast:
            self.activations_handling_ctx = torch.autocast(self._device.type, torch.bfloat16)
            _halve_frozen_matrices(model)
            if self._device.type == "cpu":
                write_out_attention(model)
        return model

    def _setup_data(self, **kwargs: Any) -> Feeder:
        batches = load(Path(self._run.dataset.file))
        sampler = Segments(len(batches), self._run.segment_steps, self._run.total_steps, self._run.seed)
        return Feeder(batches, sampler, self._model)

    def _setup_lr_scheduler(self, cfg_lr_scheduler: DictConfig, num_training_steps: int, last_epoch: int) -> Any:
        self.global_step = self.epochs_run * self._run.segment_steps
        return super()._setup_lr_scheduler(  # type: ignore[misc]
            cfg_lr_scheduler=cfg_lr_scheduler, num_training_steps=self._run.total_steps, last_epoch=self.global_step - 1
        )

    def save_checkpoint(self, epoch: int) -> None:
        self._log_validation()
        saving = Path(self._run.checkpointer.output_dir)
        if _world()[1] == 0:
            shutil.rmtree(saving, ignore_errors=True)
        super().save_checkpoint(epoch=epoch)  # type: ignore[misc]
        if _world()[1] == 0:
            if self._run.checkpointer.model_type == "QWEN2":
                _restore_row_order(saving / f"epoch_{epoch}" / ADAPTER, self._run.model)
            _publish(saving, saving.parent, epoch)
        minutes = (time.monotonic() - self._started) / 60
        if self._run.max_minutes and minutes > self._run.max_minutes and epoch + 1 < self.total_epochs:
            raise OutOfTime

    def _log_validation(self) -> None:
        file = Path(self._run.dataset.validation_file)
        if file.is_file():
            loss = validation_loss(self._model, load(file), self._device, self.activations_handling_ctx)
            if _world()[1] == 0:
                self._metric_logger.log_validation(loss, self.global_step)


def validation_loss(model: Any, batches: list[Batch], device: torch.device, context: Any) -> float:
    """Mean loss per answer token over all batches."""
    total, count = 0.0, 0
    model.eval()
    with torch.no_grad(), context:
        for batch in batches:
            tensors = {name: tensor.to(device) for name, tensor in collate(batch).items()}
            labels = tensors.pop("labels")
            model.answer_places = answer_places(labels)
            wanted = labels[labels != IGNORED]
            total += float(nn.functional.cross_entropy(model(**tensors).float(), wanted, reduction="sum"))
            count += wanted.numel()
    model.train()
    return total / max(count, 1)


def start_from(model: nn.Module, adapter: Path, shape: DictConfig, model_type: str) -> None:
    """Gives the model's LoRA matrices the values of a PEFT adapter.

    Raises:
        ConfigurationError: it adapts other matrices, or with another rank.
    """
    weights = load_file(adapter / ADAPTER)
    if model_type != "QWEN2":
        weights = _in_torchtune_order(weights, shape)
    own = get_adapter_params(model)
    names = tune_to_peft_adapter_weights(own, shape.num_heads, shape.num_kv_heads, shape.embed_dim)
    wanted = {name: weight.shape for name, weight in names.items()}
    if wanted != {name: weight.shape for name, weight in weights.items()}:
        raise ConfigurationError(
            f"the adapter in {adapter} does not fit this model and model.lora: {len(weights)} matrices where "
            f"{len(wanted)} are trained, or of another rank; set model.lora as it has it, or use "
            "finetune.start_from=none"
        )
    with torch.no_grad():
        for weight, name in zip(own.values(), names, strict=True):
            weight.copy_(weights[name])


def _restore_row_order(file: Path, shape: DictConfig) -> None:
    save_file(_in_torchtune_order(load_file(file), shape), file, metadata={"format": "pt"})


def _in_torchtune_order(tensors: dict[str, torch.Tensor], shape: DictConfig) -> dict[str, torch.Tensor]:
    """An adapter without the reordering of query and key rows that `tune_to_peft_adapter_weights` makes."""
    heads = {"q_proj.lora_B": shape.num_heads, "k_proj.lora_B": shape.num_kv_heads}
    ordered = dict(tensors)
    for name, weight in tensors.items():
        count = next((count for part, count in heads.items() if part in name), 0)
        if count:
            halves = weight.view(count, 2, weight.shape[0] // count // 2, weight.shape[1])
            ordered[name] = halves.transpose(1, 2).reshape(weight.shape).contiguous()
    return ordered


def _halve_frozen_matrices(model: nn.Module) -> None:
    """Frozen matrices beside LoRA's as bf16, which products take them as anyway: the same results, fewer casts."""
    for module in model.modules():
        if isinstance(module, LoRALinear):
            for weight in (module.weight, module.bias):
                if weight is not None and not weight.requires_grad:
                    weight.data = weight.data.to(torch.bfloat16)


def _publish(saving: Path, work: Path, epoch: int) -> None:
    """Renames a finished save to `checkpoint-N`, closes it, which makes it count, and drops the one before."""
    target = checkpoint_folder(work, epoch + 1)
    shutil.rmtree(target, ignore_errors=True)
    os.replace(saving / f"epoch_{epoch}", target)
    state = saving / "recipe_state" / RECIPE_STATE
    if state.is_file():
        os.replace(state, target / RECIPE_STATE)
    write_json(target / COMPLETE, {})
    for old in work.glob("checkpoint-*"):
        if old != target:
            shutil.rmtree(old)


def run_recipe(config: DictConfig) -> None:
    """Trains to the end, or to `max_minutes`; goes on from the last checkpoint if there is one."""
    checkpoint = last_checkpoint(Path(config.output_dir), COMPLETE)
    if checkpoint is not None and (checkpoint / RECIPE_STATE).is_file():
        config.resume_from_checkpoint = True
        config.checkpointer.adapter_checkpoint = str(checkpoint / "adapter_model.pt")
        config.checkpointer.recipe_checkpoint = str(checkpoint / RECIPE_STATE)
    distributed = _world()[0] > 1
    base = _load_recipe("lora_finetune_distributed" if distributed else "lora_finetune_single_device")
    logging.getLogger("torchtune.utils._logging").setLevel(logging.WARNING)  # ten lines a checkpoint across the bar
    recipe = type("Recipe", (PackedRecipe, base), {})(cfg=config)
    recipe.setup(cfg=config)
    with contextlib.suppress(OutOfTime):
        recipe.train()
    recipe.cleanup()


def _world() -> tuple[int, int]:
    """How many processes train together, and which one this is."""
    return int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))


def main() -> None:
    config = OmegaConf.load(sys.argv[1])
    if _world()[0] > 1:
        torch.distributed.init_process_group("cuda:nccl,cpu:gloo" if config.device == "cuda" else "gloo")
    if config.device == "cpu":
        # The distributed recipe reports and empties GPU memory without asking whether there is a GPU.
        torchtune.training.cleanup_before_training = lambda: None
        torchtune.training.get_memory_stats = lambda device: {}
        torchtune.training.log_memory_stats = lambda stats: None
    run_recipe(config)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
