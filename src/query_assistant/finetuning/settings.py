"""How a fine-tuning is run: the knobs, and which way each pushes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class FinetuneSettings:
    """LoRA on all linear layers, loss on the answer alone, a cosine learning rate.

    Attributes:
        engine: torchtune's own LoRA recipe, or Hugging Face PEFT and TRL. Both write a PEFT adapter.
        lora_rank: higher: more capacity, slower, a larger adapter.
        lora_alpha: the adapter's weight is alpha / rank; twice the rank is customary.
        learning_rate: higher: learns the form of answers sooner, forgets more.
        epochs: how often each sample is seen.
        max_steps: stop the schedule after so many optimiser steps; 0: no cap.
        max_minutes: stop at the first checkpoint after so long; 0: no cap. The only knob that makes a run depend on
            the machine.
        tokens_per_batch: padded tokens per optimiser step. Higher: steadier steps, fewer of them.
        row_tokens: samples are packed into rows of about so many tokens, see `packing`.
        max_seq_len: longer samples are left out.
        dtype: fp32 on a CPU, bf16 on a GPU. `device`: cpu or cuda.
        matmul: bf16 multiplies matrices in half precision whatever the dtype: a third faster on CPUs with
            AVX512-BF16 or AMX, far slower on others; `auto` uses it where the CPU has it.
        quantize_base: QLoRA: the frozen weights in 4 bits. A quarter of their memory, a little slower. GPU only.
        activation_checkpointing: recompute instead of remember: far less memory, a third more time.
        checkpoint_every: optimiser steps between resumable states. Lower: less lost when killed, more writing.
        validation_samples: how many validation samples the loss is measured on at each checkpoint; 0: none.
        processes: over 1: torchtune's distributed recipe under torchrun, or accelerate; one process per GPU.
    """

    engine: Literal["torchtune", "hf"] = "torchtune"
    lora_rank: int = 32
    lora_alpha: float = 64
    lora_dropout: float = 0.0
    learning_rate: float = 1e-3
    warmup_steps: int = 10
    weight_decay: float = 0.01
    clip_grad_norm: float = 1.0
    epochs: int = 1
    max_steps: int = 0
    max_minutes: float = 0
    tokens_per_batch: int = 1024
    row_tokens: int = 320
    max_seq_len: int = 1024
    dtype: Literal["fp32", "bf16"] = "fp32"
    device: Literal["cpu", "cuda"] = "cpu"
    matmul: Literal["auto", "fp32", "bf16"] = "auto"
    quantize_base: bool = False
    activation_checkpointing: bool = False
    checkpoint_every: int = 50
    validation_samples: int = 64
    processes: int = 1
    seed: int = 0
