"""A Llama of two layers with a byte-level tokenizer: the real formats, trained and merged in a second."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM

from query_assistant.finetuning.samples import Sample
from query_assistant.models.fetching import GGUF, sha256_of
from query_assistant.models.merging import permute
from query_assistant.prompts import Message
from query_assistant.records import write_json

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def make_tokenizer(folder: Path) -> int:
    """Writes the tokenizer's files and returns the vocabulary's size."""
    alphabet = SPECIAL + sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({token: number for number, token in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(SPECIAL)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"eos_token": "<|im_end|>", "bos_token": "<|im_start|>", "pad_token": "<|im_end|>"}
    write_json(folder / "tokenizer_config.json", {**names, "tokenizer_class": "PreTrainedTokenizerFast"})
    (folder / "chat_template.jinja").write_text(CHATML, encoding="utf-8")
    return len(alphabet)


def make_model(folder: Path, *, tied: bool = True, gguf: bool = False) -> Path:
    """A model folder as `fetch` would leave it; weights are random but fixed."""
    size = make_tokenizer(folder)
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=size,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        rope_theta=10_000.0,
        tie_word_embeddings=tied,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    if gguf:
        write_gguf(model, folder)
    files = {path.name: sha256_of(path) for path in sorted(folder.iterdir())}
    write_json(folder / "source.json", {"source": {"kind": "folder", "name": "tiny"}, "files": files})
    return folder


def write_gguf(model: LlamaForCausalLM, folder: Path) -> None:
    from gguf import GGUFWriter

    config = model.config
    writer = GGUFWriter(folder / GGUF, "llama")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_embedding_length(config.hidden_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10_000.0)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_file_type(0)
    tokens = sorted(json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"].items(), key=lambda it: it[1])
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([token for token, _ in tokens])
    writer.add_token_types([3] * len(SPECIAL) + [1] * (len(tokens) - len(SPECIAL)))
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(2)
    for name, tensor in model.state_dict().items():
        if name != "lm_head.weight":
            writer.add_tensor(gguf_name(name), gguf_rows(name, tensor.float().numpy()))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def gguf_name(name: str) -> str:
    outside = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
    if name in outside:
        return outside[name]
    layer, part = name.removeprefix("model.layers.").split(".", 1)
    parts = {
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
    }
    return f"blk.{layer}.{parts[part.removesuffix('.weight')]}.weight"


def gguf_rows(name: str, weight: np.ndarray) -> np.ndarray:
    heads = 4 if "q_proj" in name else 2 if "k_proj" in name else 0
    return np.ascontiguousarray(permute(weight, heads) if heads else weight)


def lessons(count: int = 24) -> list[Sample]:
    """Two kinds of prompts with different beginnings, and answers of different lengths."""
    system = [Message("system", "Genes."), Message("system", "Chemicals, of course.")]
    return [
        Sample((system[number % 2], Message("user", f"Find {number * 37}")), f"/v3/q?{'x' * (number % 5)}{number}")
        for number in range(count)
    ]
