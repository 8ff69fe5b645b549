"""Written-out attention is attention: the same results and gradients, but for bf16's rounding."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchtune.modules.attention import MultiHeadAttention

from query_assistant.finetuning.attention import MaskedAttention, write_out_attention


def refused(*_: torch.Tensor, **__: object) -> torch.Tensor:
    raise AssertionError("a mask needs no other attention")


def masks(width: int) -> torch.Tensor:
    """Two rows: a prefix of three and parts of four tokens each; one sample alone."""
    owners = torch.tensor([0] * 3 + [1 + at // 4 for at in range(width - 3)])
    causal = torch.ones(width, width, dtype=torch.bool).tril()
    return torch.stack([causal & ((owners[:, None] == owners) | (owners == 0)), causal])


def test_results_and_gradients_are_those_of_the_exact_attention() -> None:
    torch.manual_seed(1)
    q, k, v = (torch.randn(2, 3, 19, 16) for _ in range(3))
    mask, found = masks(19), {}
    written = MaskedAttention(refused)
    for name in ("exact", "written"):
        tensors = [tensor.clone().requires_grad_() for tensor in (q, k, v)]
        if name == "exact":
            out = nn.functional.scaled_dot_product_attention(*tensors, attn_mask=mask[:, None])
        else:
            out = written(*tensors, mask=mask, dropout_p=0.0, is_causal=False)
        (out.float() * torch.linspace(-1, 1, 16)).sum().backward()
        found[name] = [out.detach().float(), *(tensor.grad for tensor in tensors)]
    for exact, own in zip(found["exact"], found["written"], strict=True):
        assert float((exact - own).norm() / exact.norm()) < 0.02


def test_each_mask_is_obeyed_though_the_last_one_is_remembered() -> None:
    q, k = torch.randn(2, 1, 19, 16), torch.randn(2, 1, 19, 16)
    attend, v = MaskedAttention(refused), torch.eye(19).expand(2, 1, 19, 19)  # what comes out is who was looked at
    for mask in (masks(19), torch.eye(19, dtype=torch.bool).expand(2, 19, 19), masks(19)):
        looked_at = attend(q, k, v, mask=mask, dropout_p=0.0, is_causal=False)[:, 0] > 0
        assert not (looked_at & ~mask).any() and looked_at.any(-1).all()


@pytest.mark.parametrize("how", [{"mask": None, "dropout_p": 0.0}, {"mask": masks(19), "dropout_p": 0.1}])
def test_what_it_does_not_do_is_left_to_torchtune(how: dict[str, object]) -> None:
    with pytest.raises(AssertionError, match="no other attention"):
        MaskedAttention(refused)(*(torch.randn(2, 1, 19, 16) for _ in range(3)), is_causal=False, **how)


def test_torchtunes_own_layer_calls_it() -> None:
    torch.manual_seed(1)
    sizes = {"embed_dim": 32, "num_heads": 4, "num_kv_heads": 2, "head_dim": 8}
    projections = {"q_proj": 32, "k_proj": 16, "v_proj": 16, "output_proj": 32}
    layers = {name: nn.Linear(32, size, bias=False) for name, size in projections.items()}
    model = nn.ModuleList([MultiHeadAttention(**sizes, **layers)])
    x, mask = torch.randn(2, 19, 32), masks(19)
    with torch.no_grad():
        before = model[0](x, x, mask=mask)
        write_out_attention(model)
        with torch.autocast("cpu", torch.bfloat16):
            after = model[0](x, x, mask=mask).float()
    assert isinstance(model[0]._attention_call, MaskedAttention)
    assert float((before - after).norm() / before.norm()) < 0.02
