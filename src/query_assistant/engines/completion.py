"""A hosted model as a plain function: messages and a JSON schema in, a JSON text out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from query_assistant.messages import Message
from query_assistant.params import EngineParams

MAX_ANSWER_TOKENS = 4096
TOKEN_LETTERS = 4  # letters per token of English and of field paths, near enough for an estimate
Complete = Callable[[Sequence[Any], Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run will ask for, before it does. Tokens are near to, not exactly, what the server will count."""

    requests: int
    cached: int
    prompt_tokens: int
    answer_tokens: int
    usd: float

    def __str__(self) -> str:
        return (
            f"{self.requests} requests ({self.cached} more are answered already), about {self.prompt_tokens:,} prompt "
            f"and {self.answer_tokens:,} answer tokens, {self.usd:.2f} USD"
        )


def estimate(
    requests: int, cached: int, prompts: Sequence[str], answer_tokens: int, usd_per_million: tuple[float, float]
) -> Estimate:
    """The price of requests with these prompts; `usd_per_million` prompt tokens, and answer tokens."""
    prompt_tokens = sum(map(len, prompts)) // TOKEN_LETTERS
    usd = (prompt_tokens * usd_per_million[0] + answer_tokens * usd_per_million[1]) / 1_000_000
    return Estimate(requests, cached, prompt_tokens, answer_tokens, usd)


def completer(base_url: str, model_name: str, api_key_variable: str) -> Complete:
    """The function that writers of descriptions and instructions ask; messages may be `Message`s or plain dicts.

    Raises:
        MissingResourceError: the key is not in the environment.
    """
    from query_assistant.engines.openai import OpenAIEngine

    settings = EngineParams(kind="openai", base_url=base_url, model_name=model_name, api_key_variable=api_key_variable)
    engine = OpenAIEngine(settings)

    def complete(messages: Sequence[Any], schema: Mapping[str, Any]) -> str:
        prompt = [Message(**one) if isinstance(one, dict) else one for one in messages]
        answers = engine.generate_json([prompt], max_new_tokens=MAX_ANSWER_TOKENS, schema=dict(schema))
        return next(iter(answers)).text

    return complete
