"""Who writes the answer: one module per outside world, all behind `Engine`.

openvino      a GGUF file on the CPU: the default
transformers  safetensors and, if wanted, a PEFT adapter, on the CPU or a GPU
openai        any server that speaks the OpenAI protocol: vLLM, llama.cpp, Ollama, a hosted model
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from query_assistant.errors import ConfigurationError, MissingResourceError
from query_assistant.messages import Message
from query_assistant.params import EngineParams

Prompt = Sequence[Message]


@dataclass(frozen=True)
class Completion:
    """One answer.

    `latency_ms` is the wall time of its batch divided by the batch's size; `logprob` the natural logarithm of the
    answer's probability, where the engine says it.
    """

    text: str
    prompt_tokens: int
    answer_tokens: int
    latency_ms: float
    logprob: float | None = None


@dataclass(frozen=True)
class Draw:
    """Answers drawn by their probability, in place of the most probable one; `temperature` over 0.

    Each prompt of a batch has draws of its own: the same question asked several times is answered in several ways.
    """

    temperature: float
    seed: int


class Engine(Protocol):
    """A language model that answers greedily, or draws with a seed: the same batch gives the same text."""

    def generate(
        self,
        prompts: Sequence[Prompt],
        *,
        max_new_tokens: int,
        grammar: str | None = None,
        draw: Draw | None = None,
    ) -> Iterator[Completion]:
        """One completion per prompt, in order. `grammar` (EBNF, `root ::= ...`) admits no other answer."""
        ...

    def count_tokens(self, text: str) -> int: ...


def open_engine(
    settings: EngineParams, model: Path, adapter: Path | None = None, *, keep_graph: bool = False
) -> Engine:
    """The engine that the settings name, its model loaded.

    Args:
        model: models/base or models/finetuned; the openai engine does not look at it.
        adapter: a PEFT adapter to put on top (transformers only; openvino takes merged weights).
        keep_graph: whether openvino's next start is to be faster, for as much room as the model takes.

    Raises:
        ConfigurationError: an adapter for an engine that cannot take it.
        MissingResourceError: the weights, the key, the server or the GPU are not there.
    """
    if adapter is not None and settings.kind != "transformers":
        raise ConfigurationError(f"engine {settings.kind} takes no adapter; merge it first and pass models/finetuned")
    if settings.kind == "openvino":
        from query_assistant.engines.openvino import OpenVinoEngine

        return OpenVinoEngine(model, settings, keep_graph=keep_graph)
    if settings.kind == "transformers":
        from query_assistant.engines.transformers import TransformersEngine

        return TransformersEngine(model, settings, adapter)
    from query_assistant.engines.openai import OpenAIEngine

    return OpenAIEngine(settings)


def require_gpu(device: str, why: str) -> None:
    """Fails now rather than after an hour of work.

    Raises:
        MissingResourceError: `device` is cuda and PyTorch sees no GPU.
    """
    if device != "cuda":
        return
    import torch

    if not torch.cuda.is_available():
        raise MissingResourceError(
            f"an NVIDIA GPU and a CUDA build of PyTorch are needed {why}, and none is visible; "
            "use a machine with one, model=hosted, or model=smollm2-135m"
        )


def estimate_cost(prompt_tokens: int, answer_tokens: int, settings: EngineParams) -> float:
    """US dollars for so many tokens at the configured prices; 0 for a model of one's own."""
    return (
        prompt_tokens * settings.usd_per_million_prompt_tokens + answer_tokens * settings.usd_per_million_answer_tokens
    ) / 1_000_000
