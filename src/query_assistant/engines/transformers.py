"""Models as Hugging Face folders: generation with or without a PEFT adapter, on a CPU or a GPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from query_assistant.engines import Completion, Draw, Prompt, require_gpu
from query_assistant.engines.chat import ChatTokenizer, WrittenIds, complete
from query_assistant.errors import MissingResourceError
from query_assistant.params import EngineParams

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class TransformersEngine:
    """One loaded model, the adapter on top if one is given."""

    def __init__(self, model: Path, settings: EngineParams, adapter: Path | None = None) -> None:
        self._chat = ChatTokenizer(model)
        self._batch_size = settings.batch_size
        self._device = pick_device(settings.device)
        self._model = load_model(model, self._device, settings.dtype, adapter)
        self._compiler: Any = None

    def generate(
        self,
        prompts: Sequence[Prompt],
        *,
        max_new_tokens: int,
        grammar: str | None = None,
        draw: Draw | None = None,
    ) -> Iterator[Completion]:
        def answers(ids: list[list[int]]) -> list[WrittenIds]:
            return [WrittenIds(row) for row in self._answers(ids, max_new_tokens, grammar, draw)]

        return complete(prompts, self._chat, self._batch_size, answers)

    def count_tokens(self, text: str) -> int:
        return self._chat.count(text)

    def _answers(
        self, ids: list[list[int]], max_new_tokens: int, grammar: str | None, draw: Draw | None
    ) -> list[list[int]]:
        width = max(map(len, ids))
        tokens = torch.tensor([[self._chat.pad_id] * (width - len(row)) + row for row in ids], device=self._device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in ids], device=self._device)
        if draw is not None:
            torch.manual_seed(draw.seed)
        with torch.inference_mode():
            out = self._model.generate(
                input_ids=tokens,
                attention_mask=mask,
                max_new_tokens=max_new_tokens,
                do_sample=draw is not None,
                temperature=draw.temperature if draw else None,
                top_p=None,
                top_k=None,
                eos_token_id=list(self._chat.stop_ids),
                pad_token_id=self._chat.pad_id,
                logits_processor=self._processors(grammar),
            )
        rows: list[list[int]] = out[:, width:].tolist()
        return rows

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


def pick_device(device: str) -> str:
    """`cpu` or `cuda`; `auto` takes the GPU where there is one.

    Raises:
        MissingResourceError: a GPU is asked for and PyTorch sees none.
    """
    require_gpu(device, "to answer on device cuda")
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
