"""A LoRA fine-tuning as one would write it by hand with PEFT and a loop of PyTorch: what the engines are measured by.

No packing, no checkpoints, no resuming: padded batches in random order, AdamW, a cosine, the loss on the answer alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, get_cosine_schedule_with_warmup

from query_assistant.finetuning.samples import TokenSample
from query_assistant.params import FinetuneParams, LoraParams

LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def train_plainly(
    samples: Sequence[TokenSample], base: Path, out: Path, knobs: FinetuneParams, lora: LoraParams, seed: int
) -> list[float]:
    """Writes the adapter to `out` and returns the loss of each step."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, local_files_only=True)
    config = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=LINEAR)
    model = get_peft_model(model, config).train()
    batches = list(_batches(samples, knobs.tokens_per_batch, Random(seed)))
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=knobs.learning_rate, weight_decay=knobs.weight_decay)
    schedule = get_cosine_schedule_with_warmup(optimizer, min(knobs.warmup_steps, len(batches) // 2), len(batches))
    losses = []
    for batch in batches:
        loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, knobs.clip_grad_norm)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(float(loss))
    model.save_pretrained(out)
    return losses


def _batches(samples: Sequence[TokenSample], tokens: int, rng: Random) -> Iterator[dict[str, Any]]:
    """Batches of as many samples as `tokens` holds on average, padded to the longest of each."""
    size = max(1, round(tokens * len(samples) / sum(map(len, samples))))
    shuffled = rng.sample(list(samples), len(samples))
    for start in range(0, len(shuffled), size):
        part = shuffled[start : start + size]
        width = max(map(len, part))
        rows = [([*one.prompt, *one.answer], [-100] * len(one.prompt) + list(one.answer)) for one in part]
        yield {
            "input_ids": torch.tensor([ids + [0] * (width - len(ids)) for ids, _ in rows]),
            "labels": torch.tensor([labels + [-100] * (width - len(labels)) for _, labels in rows]),
            "attention_mask": torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids, _ in rows]),
        }
