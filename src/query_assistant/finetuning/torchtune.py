"""Fine-tuning by torchtune: prepares the batches and the configuration, runs the recipe, hands out the adapter."""

from __future__ import annotations

import logging
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from omegaconf import OmegaConf

from query_assistant.errors import ConfigurationError, QueryAssistantError
from query_assistant.finetuning import packing
from query_assistant.finetuning.samples import TokenSample
from query_assistant.finetuning.settings import FinetuneSettings
from query_assistant.finetuning.torchtune_config import TRAINING, VALIDATION, recipe_config


def train(
    samples: Sequence[TokenSample],
    validation: Sequence[TokenSample],
    base: Path,
    work: Path,
    settings: FinetuneSettings,
) -> Path:
    """The folder with the trained PEFT adapter; `work` holds the state that an interrupted run goes on from."""
    batches = [batch for epoch in range(settings.epochs) for batch in _epoch(samples, settings, f"epoch {epoch}")]
    steps = -(-len(batches) // settings.processes)
    steps = min(steps, settings.max_steps) if settings.max_steps else steps
    if steps == 0:
        raise ConfigurationError(
            f"nothing to train on: 0 of the samples fit max_seq_len={settings.max_seq_len}; raise it"
        )
    if _is_finished(work, steps, settings):
        return _adapter(work)
    work.mkdir(parents=True, exist_ok=True)
    packing.save(batches, work / TRAINING)
    if validation:
        packing.save(_epoch(validation, settings, "validation"), work / VALIDATION)
    _link_weights(base, work / "base")
    most_rows = max(map(len, batches))
    config = recipe_config(base, work, settings, steps, most_rows)
    _run(config, work, settings.processes)
    return _adapter(work)


def _epoch(samples: Sequence[TokenSample], settings: FinetuneSettings, purpose: str) -> list[packing.Batch]:
    rng = random.Random(f"{settings.seed}/{purpose}")
    return packing.pack(samples, settings.row_tokens, settings.tokens_per_batch, rng)


def _link_weights(base: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in [base / "config.json", *base.glob("*.safetensors")]:
        (folder / path.name).symlink_to(path.resolve())


def _run(config: object, work: Path, processes: int) -> None:
    if processes == 1:
        from query_assistant.finetuning.torchtune_recipe import run

        logging.getLogger("torchtune").setLevel(logging.WARNING)
        run(config)  # type: ignore[arg-type]
        return
    file = work / "recipe.yaml"
    OmegaConf.save(config, file)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    done = subprocess.run(
        [*launch, "-m", "query_assistant.finetuning.torchtune_recipe", str(file)], env=os.environ, check=False
    )
    if done.returncode != 0:
        raise QueryAssistantError(
            f"torchrun ended with {done.returncode}; its log above says why, {work} holds the state to resume from"
        )


def _is_finished(work: Path, steps: int, settings: FinetuneSettings) -> bool:
    """Whether an earlier run was cut off only after its last checkpoint."""
    from query_assistant.finetuning.torchtune_recipe import last_checkpoint

    checkpoint = last_checkpoint(work)
    return checkpoint is not None and checkpoint.name.endswith(f"-{-(-steps // settings.checkpoint_every)}")


def _adapter(work: Path) -> Path:
    from query_assistant.finetuning.torchtune_recipe import last_checkpoint

    checkpoint = last_checkpoint(work)
    if checkpoint is None:
        raise QueryAssistantError(f"training wrote no checkpoint in {work}; its log above says why")
    return checkpoint
