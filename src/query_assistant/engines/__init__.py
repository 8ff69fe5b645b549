"""Who writes the answer: one module per outside world, all behind `Engine`.

openvino      a GGUF file on the CPU: the default
transformers  safetensors and, if wanted, a PEFT adapter, on the CPU or a GPU
openai        any server that speaks the OpenAI protocol: vLLM, llama.cpp, Ollama, a hosted model
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

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


@dataclass(frozen=True)
class EngineCall:
    """One prompt with a grammar and a draw of its own."""

    prompt: Prompt
    grammar: str | None = None
    draw: Draw | None = None


@runtime_checkable
class MixingEngine(Protocol):
    """An engine that takes prompts of several grammars, greedy and drawn, in one batch."""

    def generate_calls(self, calls: Sequence[EngineCall], *, max_new_tokens: int) -> Iterator[Completion]:
        """One completion per call, in order."""
        ...


def complete_calls(engine: Engine, calls: Sequence[EngineCall], *, max_new_tokens: int) -> list[Completion]:
    """One completion per call, in order: all together where the engine mixes, else those that go together."""
    if isinstance(engine, MixingEngine):
        return list(engine.generate_calls(calls, max_new_tokens=max_new_tokens))
    written: dict[int, Completion] = {}
    for places in _alike(calls):
        first = calls[places[0]]
        prompts = [calls[place].prompt for place in places]
        found = engine.generate(prompts, max_new_tokens=max_new_tokens, grammar=first.grammar, draw=first.draw)
        written |= dict(zip(places, found, strict=True))
    return [written[place] for place in range(len(calls))]


def _alike(calls: Sequence[EngineCall]) -> list[list[int]]:
    """The places of calls that are one batch of `generate`: of one grammar, greedy, or drawn with consecutive seeds."""
    groups: list[list[int]] = []
    for place, call in enumerate(calls):
        for group in groups:
            first = calls[group[0]]
            due = replace(first.draw, seed=first.draw.seed + len(group)) if first.draw else None
            if (call.grammar, call.draw) == (first.grammar, due):
                group.append(place)
                break
        else:
            groups.append([place])
    return groups


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
