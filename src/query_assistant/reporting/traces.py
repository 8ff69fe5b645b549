"""What an assistant is asked and how it comes to its answer, as traces in MLflow; only where somebody wants them.

    QUERY_ASSISTANT_TRACES=1 qa ask "human kinases"        # then `make ui`, experiment query-assistant-traces

    ask          question, API -> query, how sure, other readings
      prompt     what was retrieved and shown
      model      what was written, within which limits

Traces hold what people ask. They go to the same store as runs, by a thread of MLflow's own; where that store cannot be
reached, questions are answered without.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import mlflow
from mlflow.entities import SpanType

from query_assistant.engines import Completion, Draw, Engine, Prompt
from query_assistant.errors import MissingResourceError
from query_assistant.messages import Message, prompt_sha256
from query_assistant.prompts import PromptBuilder
from query_assistant.reporting.store import open_store, store_uri, use_in_process
from query_assistant.systems.assistant import Assistant, Proposal

EXPERIMENT = "query-assistant-traces"
log = logging.getLogger(__name__)


def traced(assistant: Assistant) -> Assistant:
    """The same assistant, whose answers are traced; itself, and one warning, where there is no store for them."""
    try:
        _, experiment_id = open_store(EXPERIMENT)
    except MissingResourceError as error:
        log.warning("answers are not traced: %s", error)
        return assistant
    use_in_process(store_uri())  # spans know no other
    mlflow.set_experiment(experiment_id=experiment_id)
    inner = replace(
        assistant,
        engine=_TracedEngine(assistant.engine),
        builder=cast(PromptBuilder, _TracedBuilder(assistant.builder)),
    )
    return cast(Assistant, _TracedAssistant(inner))


class _TracedAssistant:
    """An assistant in all but this: `answer` is a trace."""

    def __init__(self, inner: Assistant) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def answer(self, instruction: str, api: str) -> Proposal:
        with mlflow.start_span("ask", SpanType.CHAIN, {"system": str(self._inner.system)}) as span:
            span.set_inputs({"question": instruction, "api": api})
            proposal = self._inner.answer(instruction, api)
            others = [_told(other) for other in proposal.alternatives]
            span.set_outputs(_told(proposal) | ({"alternatives": others} if others else {}))
        return proposal


def _told(proposal: Proposal) -> dict[str, Any]:
    query = proposal.query.model_dump(exclude_none=True) if proposal.query else {"query": None, "text": proposal.text}
    return query | {"confidence": proposal.confidence}


class _TracedBuilder:
    """A prompt builder in all but this: `build` is a span."""

    def __init__(self, inner: PromptBuilder) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def build(self, instruction: str, api: str, **more: Any) -> list[Message]:
        if mlflow.get_current_active_span() is None:  # asked for its hash alone
            return self._inner.build(instruction, api, **more)
        with mlflow.start_span("prompt", SpanType.RETRIEVER) as span:
            span.set_inputs({"question": instruction, "api": api})
            messages = self._inner.build(instruction, api, **more)
            span.set_attribute("prompt_sha256", prompt_sha256(messages))
            span.set_outputs(_said(messages))
        return messages


class _TracedEngine:
    """An engine whose every call is a span."""

    def __init__(self, inner: Engine) -> None:
        self._inner = inner

    def count_tokens(self, text: str) -> int:
        return self._inner.count_tokens(text)

    def generate(
        self, prompts: Sequence[Prompt], *, max_new_tokens: int, grammar: str | None = None, draw: Draw | None = None
    ) -> Iterator[Completion]:
        limits = {"max_new_tokens": max_new_tokens, "grammar": grammar is not None}
        drawn = {"temperature": draw.temperature, "seed": draw.seed} if draw else {}
        with mlflow.start_span("model", SpanType.LLM, {**limits, **drawn, "prompts": len(prompts)}) as span:
            span.set_inputs({"messages": _said(prompts[0])})  # when there are several, it is the same one
            written = list(self._inner.generate(prompts, max_new_tokens=max_new_tokens, grammar=grammar, draw=draw))
            span.set_outputs([one.text for one in written])
            span.set_attribute("prompt_tokens", sum(one.prompt_tokens for one in written))
            span.set_attribute("answer_tokens", sum(one.answer_tokens for one in written))
        return iter(written)


def _said(messages: Prompt) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in messages]
