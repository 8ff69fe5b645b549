"""What one training step of a big model takes, flag by flag: on paper here, and measured where there is a GPU.

    python benchmarks/gpu/big_models.py paper                # GiB of every flag for every shape; no GPU, no weights
    python benchmarks/gpu/big_models.py paper --write        # the same, into docs/gpu.md
    python benchmarks/gpu/big_models.py measure llama31-8b   # the same flags on the GPU: GiB and tokens a second
    python benchmarks/gpu/big_models.py measure tiny --device cpu --tokens 512

No network and no weights: shapes lie in `shapes/`, as the publisher's config.json says them, weights are random. The
model is torchtune's, built as `finetune` builds it.

*Paper* runs forward and backward with tensors that have a shape and no memory, and counts the bytes of all that live at
one time (`LiveBytes`): with two and with three layers, of which the others follow, for each adds the same. Optimiser
states and 4-bit weights are added by arithmetic. It does not know what the allocator wastes, the CUDA context (about
0.5 GiB), or what `compile` fuses. *Measure* runs real steps and asks the allocator for its peak.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
import torchtune.training
from omegaconf import OmegaConf
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode, is_traceable_wrapper_subclass
from torch.utils._pytree import tree_leaves
from torchtune.config import instantiate
from torchtune.modules import TransformerSelfAttentionLayer
from torchtune.modules.loss import CEWithChunkedOutputLoss
from torchtune.modules.peft import LoRALinear, get_adapter_params, set_trainable_params

from query_assistant.finetuning.torchtune import ATTENTION_MODULES, model_shape
from query_assistant.project import project_root

SHAPES = Path(__file__).parent / "shapes"
GIB = 2**30
RANK, ALPHA = 32, 64  # conf/model/llama*.yaml
ANSWER_TOKENS = 256  # of a row: what is learnt
NF4_BLOCK, NF4_SCALER_BLOCK = 64, 256  # torchao's: a byte for each block, four for each block of blocks
STATE_BYTES = {
    "adamw": 2 * 2.0,
    "adamw8bit": 2 * (1 + 4 / 256),
    "paged8bit": 0.0,
}  # per trained number; paged: in the host's memory


@dataclass(frozen=True)
class Setting:
    """What one step is made of. `answers`: logits where an answer is learnt alone; `samples`: of a packed row."""

    tokens: int = 16384
    logits: str = "answers"  # or all, chunked
    samples: int = 1
    checkpointing: bool = False
    offloading: bool = False
    quantised: bool = False
    optimiser: str = "adamw"
    compiled: bool = False

    def __str__(self) -> str:
        changed = [(one.name, getattr(self, one.name)) for one in fields(self) if one.name != "tokens"]
        standard = Setting()
        return ", ".join(
            name if value is True else f"{name}={value}" for name, value in changed if value != getattr(standard, name)
        )


def ladder(tokens: int) -> list[tuple[str, Setting]]:
    """Flag by flag, each on top of the one before unless its name says otherwise."""
    plain = Setting(tokens, logits="all")
    answers = replace(plain, logits="answers")
    checkpointed = replace(answers, checkpointing=True)
    quantised = replace(checkpointed, quantised=True)
    offloaded = replace(quantised, offloading=True)
    return [
        ("bf16 LoRA, logits of all tokens", plain),
        ("instead: chunked loss", replace(plain, logits="chunked")),
        ("logits of answers alone (always so in `finetune`)", answers),
        ("+ activation checkpointing", checkpointed),
        ("instead: a row of 16 samples packed", replace(checkpointed, samples=16)),
        ("+ QLoRA", quantised),
        ("+ activation offload", offloaded),
        ("+ 8-bit AdamW", replace(offloaded, optimiser="adamw8bit")),
        ("instead: paged 8-bit AdamW", replace(offloaded, optimiser="paged8bit")),
    ]


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of all tensors that are alive, with memory or without; `peak` is the most at one time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                self.add(tensor)
        return out

    def add(self, tensor: torch.Tensor) -> None:
        if is_traceable_wrapper_subclass(tensor):  # 4-bit weights: what they are made of
            for part in tensor.__tensor_flatten__()[0]:
                self.add(getattr(tensor, part))
            return
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return
        self._known.add(key)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._gone, key, size)

    def _gone(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


class Offloaded(saved_tensors_hooks):
    """What is kept for the backward pass has no bytes, parameters apart: for paper, where nothing has a value."""

    def __init__(self, model: torch.nn.Module) -> None:
        parameters = {one.untyped_storage()._cdata for one in model.parameters()}

        def pack(tensor: torch.Tensor) -> Any:
            stays = tensor.untyped_storage()._cdata in parameters or tensor.nbytes < 1024
            return tensor if stays else (tensor.shape, tensor.dtype, tensor.device)

        def unpack(kept: Any) -> torch.Tensor:
            return kept if isinstance(kept, torch.Tensor) else torch.empty(kept[0], dtype=kept[1], device=kept[2])

        super().__init__(pack, unpack)


def read_shape(name: str, layers: int | None = None) -> dict[str, Any]:
    """torchtune's builder and its arguments, as `finetune` reads them from config.json."""
    shape = model_shape(SHAPES / name)
    return shape if layers is None else shape | {"num_layers": layers}


def build(shape: dict[str, Any], setting: Setting, device: str) -> Any:
    """The model as `finetune` trains it: LoRA on all linear layers, bf16, all else frozen; without memory on meta."""
    with _bf16(), torch.device(device):
        model = instantiate(
            OmegaConf.create(
                {
                    **shape,
                    "max_seq_len": setting.tokens,
                    "lora_attn_modules": ATTENTION_MODULES,
                    "apply_lora_to_mlp": True,
                    "lora_rank": RANK,
                    "lora_alpha": ALPHA,
                    "lora_dropout": 0.0,
                    "quantize_base": setting.quantised and device != "meta",
                }
            )
        )
    set_trainable_params(model, get_adapter_params(model))
    if setting.checkpointing:
        torchtune.training.set_activation_checkpointing(model, auto_wrap_policy={TransformerSelfAttentionLayer})
    if setting.logits == "answers":
        model.unembed = lambda hidden: model.output(model.norm(hidden)[:, -ANSWER_TOKENS:])
    if setting.logits == "chunked":
        model.set_num_output_chunks(CEWithChunkedOutputLoss().num_output_chunks)
    return model


@contextlib.contextmanager
def _bf16() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def batch(setting: Setting, vocabulary: int, device: str) -> dict[str, torch.Tensor]:
    """One row of random tokens; of several samples: with the mask and the positions that packing gives it."""
    tensors = {"tokens": torch.randint(vocabulary, (1, setting.tokens), device=device)}
    if setting.samples > 1:
        size = setting.tokens // setting.samples
        tensors["input_pos"] = (torch.arange(setting.tokens, device=device) % size)[None]
        owners = torch.arange(setting.tokens, device=device) // size
        causal = torch.ones(setting.tokens, setting.tokens, dtype=torch.bool, device=device).tril()
        tensors["mask"] = (causal & (owners[:, None] == owners[None, :]))[None]
    return tensors


def forward(model: Any, tensors: dict[str, torch.Tensor], setting: Setting) -> torch.Tensor:
    """The loss of one row; what is learnt is random as well."""
    logits = model(**tensors)
    labels = tensors["tokens"]
    if setting.logits == "chunked":
        return CEWithChunkedOutputLoss()(logits, labels)  # type: ignore[no-any-return]
    labels = labels[:, -ANSWER_TOKENS:] if setting.logits == "answers" else labels
    return functional.cross_entropy(logits.float().flatten(0, 1), labels.flatten())


def paper_bytes(name: str, setting: Setting) -> float:
    """The most bytes that live at one time in a step."""
    shape = read_shape(name)
    two, three = (_traced(read_shape(name, layers), setting) for layers in (2, 3))
    live = two + (three - two) * (shape["num_layers"] - 2)
    return live + added_bytes(build(shape, setting, "meta"), setting)


def added_bytes(model: Any, setting: Setting) -> float:
    """What no trace shows: the optimiser's states, and the frozen matrices in 4 bits in place of 16.

    The largest of these is there in bf16 as well, as each is where it is multiplied.
    """
    trained = sum(one.numel() for one in model.parameters() if one.requires_grad)
    states = trained * STATE_BYTES[setting.optimiser]
    if not setting.quantised:
        return states
    frozen = [one.weight.numel() for one in model.modules() if isinstance(one, LoRALinear)]
    return states + sum(frozen) * (nf4_bytes() - 2) + max(frozen) * unpacking_bytes()


def nf4_bytes() -> float:
    """Of one number in 4 bits, its share of the scales included."""
    return 0.5 + 1 / NF4_BLOCK + 4 / (NF4_BLOCK * NF4_SCALER_BLOCK)


def unpacking_bytes() -> float:
    """The most bytes a number takes while torchao makes bf16 of 4 bits: counted on a small matrix."""
    from torchao.dtypes.nf4tensor import to_nf4

    matrix = to_nf4(torch.randn(256, 1024, dtype=torch.bfloat16), NF4_BLOCK, NF4_SCALER_BLOCK)
    with LiveBytes() as live:
        whole = matrix.get_original_weight()
    return live.peak / whole.numel()


def _traced(shape: dict[str, Any], setting: Setting) -> int:
    """Bytes at the peak of forward and backward of a model without memory."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    model = build(shape, setting, "meta")
    rope = model.layers[0].attn.pos_embeddings  # one for all layers; its table needs values when it is made
    rope.to_empty(device="cpu").rope_init()
    with FakeTensorMode():
        _drop_memory(model)
        tensors = batch(setting, shape["vocab_size"], "cpu")
        with LiveBytes() as live, Offloaded(model) if setting.offloading else contextlib.nullcontext():
            for tensor in [*model.parameters(), *model.buffers(), *tensors.values()]:
                live.add(tensor)
            forward(model, tensors, setting).backward()
    return live.peak


def _drop_memory(model: Any) -> None:
    """Gives the model tensors that lie nowhere, and take the CPU's ways through attention and checkpointing."""
    for module in model.modules():
        for name, weight in module.named_parameters(recurse=False):
            empty = torch.empty(weight.shape, dtype=weight.dtype, device="cpu")
            module.register_parameter(name, torch.nn.Parameter(empty, weight.requires_grad))
        for name, table in module.named_buffers(recurse=False):
            setattr(module, name, torch.empty(table.shape, dtype=table.dtype, device="cpu"))


def paper(names: list[str], tokens: int) -> str:
    """The table, as Markdown."""
    lines = ["| flags | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    for label, setting in ladder(tokens):
        found = [f"{paper_bytes(name, setting) / GIB:.1f}" for name in names]
        lines.append(f"| {label} | " + " | ".join(found) + " |")
    return "\n".join(lines)


def measure(name: str, setting: Setting, device: str, steps: int = 5) -> dict[str, Any]:
    """GiB and tokens a second of real steps on random weights; the first, which compiles, is not counted."""
    torch.manual_seed(0)
    model = build(read_shape(name), setting, device)
    trained = [one for one in model.parameters() if one.requires_grad]
    optimiser = _optimisers()[setting.optimiser](trained)
    if setting.compiled:
        torchtune.training.compile_model(model, verbose=False)
    offload = torchtune.training.get_act_offloading_ctx_manager(model, setting.offloading)
    tensors = batch(setting, model.tok_embeddings.num_embeddings, device)
    seconds = []
    with _peak(device, [*model.parameters(), *model.buffers(), *tensors.values()]) as counted:
        for _ in range(steps):
            started = time.perf_counter()
            with offload:
                loss = forward(model, tensors, setting)
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()
            _wait(device)
            seconds.append(time.perf_counter() - started)
    return {
        "model": name,
        "flags": str(setting),
        "gib": round(counted() / GIB, 5),
        "tokens_per_second": round(setting.tokens / statistics.median(seconds[1:]), 1),
        "loss": round(loss.item(), 3),
    }


def _optimisers() -> dict[str, Callable[[Any], Any]]:
    def paged(trained: Any) -> Any:
        try:
            import bitsandbytes
        except ImportError:
            raise SystemExit("paged optimisers are bitsandbytes'; run `pip install bitsandbytes`") from None
        return bitsandbytes.optim.PagedAdamW8bit(trained, lr=1e-4)

    def eight(trained: Any) -> Any:
        from torchao.optim import AdamW8bit

        return AdamW8bit(trained, lr=1e-4)

    return {
        "adamw": lambda trained: torch.optim.AdamW(trained, lr=1e-4, fused=True),
        "adamw8bit": eight,
        "paged8bit": paged,
    }


@contextlib.contextmanager
def _peak(device: str, made_before: list[torch.Tensor]) -> Iterator[Callable[[], int]]:
    """On a GPU its allocator's peak; on a CPU what LiveBytes counts."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        yield torch.cuda.max_memory_allocated
        return
    with LiveBytes() as live:
        for tensor in made_before:
            live.add(tensor)
        yield lambda: live.peak


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = parser.add_subparsers(dest="mode", required=True)
    on_paper = modes.add_parser("paper")
    on_paper.add_argument("--models", nargs="+", default=["llama31-8b", "llama32-3b", "llama32-1b"])
    on_paper.add_argument("--write", action="store_true", help="put the table into docs/gpu.md")
    real = modes.add_parser("measure")
    real.add_argument("model", choices=sorted(path.name for path in SHAPES.iterdir()))
    real.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    for mode in (on_paper, real):
        mode.add_argument("--tokens", type=int, default=16384)
    arguments = parser.parse_args()
    if arguments.mode == "paper":
        table = paper(arguments.models, arguments.tokens)
        print(table)
        if arguments.write:
            write(table)
        return
    measure_all(arguments.model, arguments.tokens, arguments.device)


def measure_all(name: str, tokens: int, device: str) -> None:
    """One JSON object for each rung of the ladder, `compile` last; what does not fit is said and passed over."""
    if device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("PyTorch sees no GPU; use --device cpu with the shape tiny, or `paper`")
    rungs = ladder(tokens)
    compiled = ("+ compile", replace(rungs[5][1], compiled=True))
    for label, setting in [*rungs, compiled]:
        expected = {"label": label, "paper_gib": round(paper_bytes(name, setting) / GIB, 5)}
        try:
            found = measure(name, setting, device)
        except (RuntimeError, AssertionError, SystemExit) as error:  # no room; or what this device has not
            found = {"model": name, "flags": str(setting), "failed": str(error).splitlines()[0][:200]}
        print(json.dumps(found | expected), flush=True)


def write(table: str) -> None:
    """Puts the table between its marks in docs/gpu.md."""
    page = project_root() / "docs/gpu.md"
    before, _, rest = page.read_text(encoding="utf-8").partition("<!-- paper -->\n")
    _, _, after = rest.partition("<!-- /paper -->\n")
    page.write_text(f"{before}<!-- paper -->\n{table}\n<!-- /paper -->\n{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
