"""Models of two layers with a byte-level tokenizer: the real formats, trained and merged in a second."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from query_assistant.finetuning.samples import Sample
from query_assistant.models.cache import sha256_of
from query_assistant.models.fetching import GGUF
from query_assistant.models.gguf_files import GGUF_NAMES, permute
from query_assistant.params import FinetuneParams, LoraParams
from query_assistant.project import project_root
from query_assistant.prompts import Message
from query_assistant.records import write_json

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def make_tokenizer(folder: Path) -> int:
    """Writes the tokenizer's files and returns the vocabulary's size."""
    alphabet = [*SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet()), "zz"]
    tokenizer = Tokenizer(models.BPE({token: number for number, token in enumerate(alphabet)}, [("z", "z")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(SPECIAL)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"eos_token": "<|im_end|>", "bos_token": "<|im_start|>", "pad_token": "<|im_end|>"}
    write_json(folder / "tokenizer_config.json", {**names, "tokenizer_class": "PreTrainedTokenizerFast"})
    (folder / "chat_template.jinja").write_text(CHATML, encoding="utf-8")
    return len(alphabet)


SHAPES = {"llama": (LlamaConfig, LlamaForCausalLM), "qwen2": (Qwen2Config, Qwen2ForCausalLM)}


def make_model(folder: Path, *, kind: str = "llama", tied: bool = True, gguf: bool = False, **shape: Any) -> Path:
    """A model folder as `fetch` would leave it; weights are random but fixed. `shape`: other keys of config.json."""
    size = make_tokenizer(folder)
    torch.manual_seed(1)
    make_config, make = SHAPES[kind]
    usual = {
        "vocab_size": size,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0},
        "tie_word_embeddings": tied,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 2,
    }
    config = make_config(**(usual | shape))
    model = make(config)
    for name, parameter in model.named_parameters():
        if name.endswith(".bias"):  # Qwen 2 starts them at zero, where mistakes would not show
            torch.nn.init.normal_(parameter, std=0.5)
    model.save_pretrained(folder)
    if gguf:
        write_gguf(model, folder / GGUF, folder / "tokenizer.json", kind)
    files = {path.name: sha256_of(path) for path in sorted(folder.iterdir())}
    write_json(folder / "source.json", {"source": {"kind": "folder", "name": "tiny"}, "files": files})
    return folder


def write_gguf(model: Any, file: Path, tokenizer: Path, kind: str, quantised: Mapping[str, str] | None = None) -> None:
    """The model as GGUF, F16 unless `quantised` says another kind; it may name tied embeddings twice."""
    quantised = quantised or {}
    from gguf import GGMLQuantizationType, GGUFWriter, quantize

    config = model.config
    writer = GGUFWriter(file, kind)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_embedding_length(config.hidden_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10_000.0)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_file_type(7 if set(quantised.values()) == {"Q8_0"} else 0)  # OpenVINO asks it which kind matrices have
    tokens = sorted(json.loads(tokenizer.read_text())["model"]["vocab"].items(), key=lambda it: it[1])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2" if kind == "qwen2" else "smollm")
    writer.add_token_list([token for token, _ in tokens])
    writer.add_token_types([3] * len(SPECIAL) + [1] * (len(tokens) - len(SPECIAL)))
    writer.add_token_merges(["z z"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_chat_template(CHATML)
    tensors = {gguf_name(name): gguf_rows(name, one.float().numpy(), kind) for name, one in model.state_dict().items()}
    if config.tie_word_embeddings and "output.weight" not in quantised:
        del tensors["output.weight"]
    for name, weight in tensors.items():
        quantisation = GGMLQuantizationType[quantised.get(name, "F16" if weight.ndim > 1 else "F32")]
        writer.add_tensor(name, quantize(weight, quantisation), raw_dtype=quantisation)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def gguf_name(name: str) -> str:
    outside = {
        "model.embed_tokens.weight": "token_embd.weight",
        "model.norm.weight": "output_norm.weight",
        "lm_head.weight": "output.weight",
    }
    if name in outside:
        return outside[name]
    layer, part = name.removeprefix("model.layers.").split(".", 1)
    part, ending = part.rsplit(".", 1)
    norms = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
    return f"blk.{layer}.{(GGUF_NAMES | norms)[part]}.{ending}"


def gguf_rows(name: str, weight: np.ndarray, kind: str) -> np.ndarray:
    heads = 4 if "q_proj" in name else 2 if "k_proj" in name else 0
    return np.ascontiguousarray(permute(weight, heads) if heads and kind == "llama" else weight)


def lessons(count: int = 24) -> list[Sample]:
    """Two kinds of prompts with different beginnings, and answers of different lengths."""
    system = [Message("system", "Genes."), Message("system", "Chemicals, of course.")]
    return [
        Sample((system[number % 2], Message("user", f"Find {number * 37}")), f"/v3/q?{'x' * (number % 5)}{number}")
        for number in range(count)
    ]


SMALL_KNOBS: dict[str, Any] = {
    "learning_rate": 1e-2,
    "warmup_steps": 2,
    "tokens_per_batch": 160,
    "row_tokens": 100,
    "max_seq_len": 128,
    "checkpoint_every": 3,
    "validation_samples": 4,
    "epochs": 2,
}
SMALL_LORA: dict[str, Any] = {
    "rank": 4,
    "alpha": 8,
    "dropout": 0,
    "dtype": "fp32",
    "device": "cpu",
    "matmul": "fp32",
    "quantize_base": False,
    "activation_checkpointing": False,
}


def small_knobs(**changes: Any) -> FinetuneParams:
    """The pipeline's own knobs, shrunk for a tiny model."""
    written = yaml.safe_load((project_root() / "conf/finetune/torchtune.yaml").read_text(encoding="utf-8"))
    return FinetuneParams(**{**written, **SMALL_KNOBS, **changes})


def small_lora(**changes: Any) -> LoraParams:
    written = yaml.safe_load((project_root() / "conf/model/smollm2-135m.yaml").read_text(encoding="utf-8"))["lora"]
    return LoraParams(**{**written, **SMALL_LORA, **changes})
