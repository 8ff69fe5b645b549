"""Models as Hugging Face folders: conversion from GGUF, and generation with or without a PEFT adapter on a CPU or a
GPU."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from query_assistant.engines import Completion, EngineSettings, Prompt
from query_assistant.engines.chat import ChatTokenizer
from query_assistant.errors import ConfigurationError, MissingResourceError

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class TransformersEngine:
    """One loaded model, the adapter on top if one is given."""

    def __init__(self, model: Path, settings: EngineSettings, adapter: Path | None = None) -> None:
        self._chat = ChatTokenizer(model)
        self._batch_size = settings.batch_size
        self._device = pick_device(settings.device)
        self._model = load_model(model, self._device, settings.dtype, adapter)
        self._compiler: Any = None

    def generate(
        self, prompts: Sequence[Prompt], *, max_new_tokens: int, grammar: str | None = None
    ) -> Iterator[Completion]:
        for start in range(0, len(prompts), self._batch_size):
            yield from self._batch(prompts[start : start + self._batch_size], max_new_tokens, grammar)

    def count_tokens(self, text: str) -> int:
        return self._chat.count(text)

    def _batch(self, prompts: Sequence[Prompt], max_new_tokens: int, grammar: str | None) -> Iterator[Completion]:
        started = time.perf_counter()
        ids = [self._chat.prompt_ids(prompt) for prompt in prompts]
        answers = self._answers(ids, max_new_tokens, grammar)
        latency_ms = (time.perf_counter() - started) * 1000 / len(prompts)
        for row, answer in zip(ids, answers, strict=True):
            yield Completion(self._chat.decode(answer), len(row), len(answer), latency_ms)

    def _answers(self, ids: list[list[int]], max_new_tokens: int, grammar: str | None) -> list[list[int]]:
        width = max(map(len, ids))
        tokens = torch.tensor([[self._chat.pad_id] * (width - len(row)) + row for row in ids], device=self._device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in ids], device=self._device)
        with torch.inference_mode():
            out = self._model.generate(
                input_ids=tokens,
                attention_mask=mask,
                max_new_tokens=max_new_tokens,
                do_sample=False,
                temperature=None,
                top_p=None,
                top_k=None,
                eos_token_id=list(self._chat.stop_ids),
                pad_token_id=self._chat.pad_id,
                logits_processor=self._processors(grammar),
            )
        return [self._until_stop(row) for row in out[:, width:].tolist()]

    def _until_stop(self, row: list[int]) -> list[int]:
        end = next((place for place, token in enumerate(row) if token in self._chat.stop_ids), len(row))
        return row[:end]

    def _processors(self, grammar: str | None) -> list[Any]:
        """xgrammar's mask over the logits: fresh for each batch, for it counts the tokens it has seen."""
        if grammar is None:
            return []
        xgrammar = _xgrammar()
        if self._compiler is None:
            tokenizer = AutoTokenizer.from_pretrained(self._model.config.name_or_path)
            size = self._model.config.vocab_size
            info = xgrammar.TokenizerInfo.from_huggingface(
                tokenizer, vocab_size=size, stop_token_ids=list(self._chat.stop_ids)
            )
            self._compiler = xgrammar.GrammarCompiler(info)
        return [xgrammar.contrib.hf.LogitsProcessor(self._compiler.compile_grammar(grammar))]


def load_model(folder: Path, device: str, dtype: str = "auto", adapter: Path | None = None) -> Any:
    """The causal language model of a folder, ready to answer. `auto` is bf16 on a GPU and fp32 on a CPU."""
    kind = _DTYPES[dtype] if dtype != "auto" else torch.bfloat16 if device == "cuda" else torch.float32
    try:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=kind, local_files_only=True)
    except (OSError, ValueError) as error:
        raise MissingResourceError(
            f"no model in {folder}: {str(error).splitlines()[0]}; run `dvc repro fetch`"
        ) from None
    if adapter is not None:
        model = _with_adapter(model, adapter)
    return model.to(device).eval()


def dequantise(folder: Path, gguf: str) -> None:
    """Writes config.json, the tokenizer and model.safetensors (bf16) that a Llama-architecture GGUF stands for."""
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=gguf, dtype=torch.float32)
    # The loader marks the model as quantised although its weights are plain now, and then refuses to save it.
    model.hf_quantizer = None
    model.is_quantized = False
    del model.config.quantization_config
    model.to(torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(folder, gguf_file=gguf).save_pretrained(folder)


def pick_device(device: str) -> str:
    """`cpu` or `cuda`; `auto` takes the GPU where there is one.

    Raises:
        MissingResourceError: a GPU is asked for and PyTorch sees none.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ConfigurationError(f"device {device!r}; expected auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise MissingResourceError(
            "this choice needs an NVIDIA GPU and a CUDA build of PyTorch, and none is visible; "
            "use a machine with one, a hosted model, or model=smollm2-135m"
        )
    return device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"


def _with_adapter(model: Any, adapter: Path) -> Any:
    from peft import PeftModel

    if not (adapter / "adapter_config.json").is_file():
        raise MissingResourceError(f"no adapter in {adapter}; run `dvc repro finetune`")
    return PeftModel.from_pretrained(model, str(adapter))


def _xgrammar() -> Any:
    try:
        import xgrammar.contrib.hf
    except ImportError:
        raise MissingResourceError(
            "grammar decoding with engine transformers needs xgrammar; run `pip install xgrammar`"
        ) from None
    return xgrammar
