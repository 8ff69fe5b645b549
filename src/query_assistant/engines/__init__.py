"""Who writes the answer: one module per outside world, all behind `Engine`.

openvino      a GGUF file on the CPU: the default
transformers  safetensors and, if wanted, a PEFT adapter, on the CPU or a GPU
openai        any server that speaks the OpenAI protocol: vLLM, llama.cpp, Ollama, a hosted model
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from query_assistant.errors import ConfigurationError
from query_assistant.messages import Message

Prompt = Sequence[Message]


@dataclass(frozen=True)
class Completion:
    """One answer. `latency_ms` is the wall time of its batch divided by the batch's size."""

    text: str
    prompt_tokens: int
    answer_tokens: int
    latency_ms: float


class Engine(Protocol):
    """A language model that answers greedily, so that the same batch gives the same text."""

    def generate(
        self, prompts: Sequence[Prompt], *, max_new_tokens: int, grammar: str | None = None
    ) -> Iterator[Completion]:
        """One completion per prompt, in order. `grammar` (EBNF, `root ::= ...`) admits no other answer."""
        ...

    def count_tokens(self, text: str) -> int: ...


@dataclass(frozen=True)
class EngineSettings:
    """Which engine, and how it is run.

    Attributes:
        batch_size: prompts at a time. Higher: faster until memory ends. A change may alter a few greedy answers, for
            floating point sums depend on the batch.
        device: `auto` takes the GPU where there is one (transformers).
        cache_gb: memory for the keys and values of past tokens (openvino). Higher: more prompts share prefixes.
        model_name: the model as its server calls it (openai).
        api_key_variable: the environment variable that holds the key; the key itself is never configuration.
        concurrency: requests in flight (openai). Higher: faster, until the server answers 429.
        grammar_as: how this server wants a grammar: vLLM's `structured_outputs` (0.12 and later) or `guided_grammar`
            (before), llama.cpp's `grammar`, or `none` where it has no such thing.
    """

    kind: Literal["openvino", "transformers", "openai"] = "openvino"
    batch_size: int = 16
    device: str = "auto"
    dtype: str = "auto"
    cache_gb: int = 2
    base_url: str = ""
    model_name: str = ""
    api_key_variable: str = "OPENAI_API_KEY"
    concurrency: int = 8
    timeout_s: float = 120.0
    retries: int = 5
    grammar_as: Literal["structured_outputs", "guided_grammar", "grammar", "none"] = "structured_outputs"
    usd_per_million_prompt_tokens: float = 0.0
    usd_per_million_answer_tokens: float = 0.0


def open_engine(settings: EngineSettings, model: Path, adapter: Path | None = None) -> Engine:
    """The engine that the settings name, its model loaded.

    Args:
        model: models/base or models/finetuned; the openai engine does not look at it.
        adapter: a PEFT adapter to put on top (transformers only; openvino takes merged weights).

    Raises:
        ConfigurationError: an unknown engine, or an adapter for one that cannot take it.
        MissingResourceError: the weights, the key, the server or the GPU are not there.
    """
    if adapter is not None and settings.kind != "transformers":
        raise ConfigurationError(f"engine {settings.kind} takes no adapter; merge it first and pass models/finetuned")
    if settings.kind == "openvino":
        from query_assistant.engines.openvino import OpenVinoEngine

        return OpenVinoEngine(model, settings)
    if settings.kind == "transformers":
        from query_assistant.engines.transformers import TransformersEngine

        return TransformersEngine(model, settings, adapter)
    if settings.kind == "openai":
        from query_assistant.engines.openai import OpenAIEngine

        return OpenAIEngine(settings)
    raise ConfigurationError(f"engine {settings.kind!r}; expected openvino, transformers or openai")


def estimate_cost(prompt_tokens: int, answer_tokens: int, settings: EngineSettings) -> float:
    """US dollars for so many tokens at the configured prices; 0 for a model of one's own."""
    return (
        prompt_tokens * settings.usd_per_million_prompt_tokens + answer_tokens * settings.usd_per_million_answer_tokens
    ) / 1_000_000
