"""GGUF files: rewritten so that every engine can read them, and as the safetensors they stand for.

Names and order of rows differ from transformers': `GGUF_NAMES`, `permute`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, dequantize, quantize

Matrix = npt.NDArray[np.float32]
GGUF_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
# Whether llama.cpp keeps query and key rows in an order of its own, by `general.architecture`.
ROWS_PERMUTED = {"llama": True, "qwen2": False}
_EMBEDDING, _OUTPUT = "token_embd.weight", "output.weight"
# Matrices that OpenVINO's GGUF reader takes as they are. It takes Q4_1 too, but rounds each block's offset to a whole
# number of its steps: a model of such matrices answers otherwise than by transformers or llama.cpp.
_READABLE = {"F16", "Q4_0", "Q8_0", "Q4_K", "Q6_K"}
_WIDE = {"F32", "BF16"}
_Q8_0_FILE_TYPE = 7
_ALIKE = 0.98  # correlation of one matrix at two precisions; that of two different ones is near 0
_ROWS_COMPARED = 256

Tensor = tuple[str, npt.NDArray[Any], Any]


def make_readable(source: Path, target: Path) -> None:
    """Writes `source` anew as every engine reads it.

    Matrices of a kind that OpenVINO refuses or rounds become Q8_0, which loses nothing that 5-bit weights had, or F16.
    Where input and output embeddings are one matrix stored twice, the more precise copy stays: less memory, and
    fine-tuning sees the model as it was trained, with tied embeddings.
    """
    reader = GGUFReader(source)
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    if _are_tied(tensors):
        tensors[_EMBEDDING] = max(tensors[_EMBEDDING], tensors.pop(_OUTPUT), key=lambda tensor: int(tensor.n_bytes))
    if len(tensors) == len(reader.tensors) and not any(map(_is_unreadable, tensors.values())):
        os.replace(source, target)
        return
    write_gguf(reader, target, (_readable(name, tensor) for name, tensor in tensors.items()), {})


def write_gguf(reader: Any, target: Path, tensors: Iterator[Tensor], metadata: dict[str, Any]) -> None:
    """A GGUF with the reader's metadata, some of it replaced, and these tensors: name, data, quantisation."""
    writer = GGUFWriter(target, architecture(reader))
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name != "general.architecture":
            kind = field.types[0]
            item = field.types[-1] if kind == GGUFValueType.ARRAY else None
            writer.add_key_value(name, metadata.get(name, field.contents()), kind, sub_type=item)
    for name, data, quantisation in tensors:
        writer.add_tensor(name, data, raw_dtype=quantisation)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def with_changes(base: Path, target: Path, change: Callable[[str, Matrix], Matrix], changed: set[str]) -> None:
    """Writes the GGUF `base` with the named tensors changed, these in Q8_0."""

    def tensors() -> Iterator[Tensor]:
        for tensor in reader.tensors:
            if tensor.name in changed:
                weight = change(tensor.name, dequantize(tensor.data, tensor.tensor_type))
                yield tensor.name, quantize(weight, GGMLQuantizationType.Q8_0), GGMLQuantizationType.Q8_0
            else:
                yield tensor.name, tensor.data, tensor.tensor_type

    reader = GGUFReader(base)
    write_gguf(reader, target, tensors(), {"general.file_type": _Q8_0_FILE_TYPE})


def architecture(reader: Any) -> str:
    return str(reader.fields["general.architecture"].contents())


def permute(weight: Matrix, heads: int) -> Matrix:
    """Rows of a Llama query or key matrix in llama.cpp's order.

    transformers rotates the first half of a head against the second, llama.cpp neighbouring pairs:
    https://github.com/ggml-org/llama.cpp/blob/b4000/convert_hf_to_gguf.py#L1568
    """
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def write_safetensors(file: Path) -> None:
    """Writes config.json, the tokenizer and model.safetensors (bf16) that a GGUF stands for beside it.

    The weights come last, so that they are there only if everything is.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = file.parent
    converted = folder / ".cache"
    shutil.rmtree(converted, ignore_errors=True)

    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file.name, dtype=torch.float32)
    # The loader marks the model as quantised although its weights are plain now, and then refuses to save it.
    model.hf_quantizer = None
    model.is_quantized = False
    del model.config.quantization_config
    model.to(torch.bfloat16).save_pretrained(converted)
    AutoTokenizer.from_pretrained(folder, gguf_file=file.name).save_pretrained(converted)
    for path in sorted(converted.iterdir(), key=lambda path: path.suffix == ".safetensors"):
        os.replace(path, folder / path.name)
    converted.rmdir()


def _are_tied(tensors: dict[str, Any]) -> bool:
    pair = [tensors.get(name) for name in (_EMBEDDING, _OUTPUT)]
    if any(tensor is None for tensor in pair) or len({tuple(tensor.shape) for tensor in pair}) > 1:  # type: ignore[union-attr]
        return False
    rows = [dequantize(tensor.data[:_ROWS_COMPARED], tensor.tensor_type).ravel() for tensor in pair]  # type: ignore[union-attr]
    return float(np.corrcoef(*rows)[0, 1]) > _ALIKE


def _is_unreadable(tensor: Any) -> bool:
    return len(tensor.shape) > 1 and tensor.tensor_type.name not in _READABLE


def _readable(name: str, tensor: Any) -> Tensor:
    if not _is_unreadable(tensor):
        return name, tensor.data, tensor.tensor_type
    weight = dequantize(tensor.data, tensor.tensor_type)
    wide = tensor.tensor_type.name in _WIDE or weight.shape[-1] % 32  # Q8_0 holds blocks of 32
    kind = GGMLQuantizationType.F16 if wide else GGMLQuantizationType.Q8_0
    return name, quantize(weight, kind), kind
