"""Attention of packed rows on a CPU, where matrix products run in bf16.

PyTorch's flash kernel for CPUs takes 49 ms of one core forward and backward for two rows of 512 tokens, nine heads of
64 numbers and a mask; written out as two products and a softmax it takes 23 (EPYC with AVX512-BF16). The scores of a
few rows fit into memory, which flash attention is made to spare.

    softmax(Q K^T / sqrt(d) + bias) V        (Vaswani et al. 2017, section 3.2.1)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torchtune.modules.attention import MultiHeadAttention

Attend = Callable[..., torch.Tensor]
_FAR = -1e9


class MaskedAttention:
    """Stands where torchtune's modules call their attention. All layers see one mask, so its bias is made once."""

    def __init__(self, otherwise: Attend) -> None:
        self._otherwise = otherwise
        self._mask: torch.Tensor | None = None
        self._bias: torch.Tensor | None = None

    def __call__(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, **how: Any) -> torch.Tensor:
        """Shapes: q, k, v [b, n, s, d], mask [b, s, s], True where a token looks. Without one: as torchtune."""
        mask = how["mask"]
        if mask is None or how["dropout_p"]:
            return self._otherwise(q, k, v, **how)
        q, k, v = (tensor.to(torch.bfloat16) for tensor in (q, k, v))
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
        return torch.softmax(scores + self._bias_of(mask), -1, dtype=torch.bfloat16) @ v

    def _bias_of(self, mask: torch.Tensor) -> torch.Tensor:
        if self._bias is None or self._mask is not mask:
            bias = torch.zeros(mask.shape, dtype=torch.bfloat16).masked_fill(~mask, _FAR)
            self._mask, self._bias = mask, bias[:, None]
        return self._bias


def write_out_attention(model: nn.Module) -> None:
    """Has every attention of a torchtune model written out."""
    layers = [module for module in model.modules() if isinstance(module, MultiHeadAttention)]
    attend = MaskedAttention(layers[0]._attention_call)
    for layer in layers:
        layer._attention_call = attend
