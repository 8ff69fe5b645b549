"""A hosted model as a plain function: messages and a JSON schema in, a JSON text out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from query_assistant.messages import Message
from query_assistant.params import EngineParams

MAX_ANSWER_TOKENS = 4096
Complete = Callable[[Sequence[Any], Mapping[str, Any]], str]


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
