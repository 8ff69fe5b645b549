"""Any server that speaks the OpenAI protocol: vLLM, llama.cpp, Ollama, a hosted model.

Requests run concurrently and come back in order. The client retries what may pass (429, 5xx, timeouts, lost
connections) with growing pauses, or as long as the server's Retry-After asks. The key comes from the environment
alone and is never written anywhere.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai

from query_assistant.engines import Completion, Prompt, estimate_cost
from query_assistant.errors import ConfigurationError, InputError, MissingResourceError
from query_assistant.params import EngineParams

_LOCAL_KEY = "none"


class OpenAIEngine:
    """One model of one server. `spent_usd` is what its answers have cost so far, at the configured prices."""

    def __init__(self, settings: EngineParams) -> None:
        if not settings.model_name:
            raise ConfigurationError("engine openai needs model_name: the model as its server calls it")
        self._settings = settings
        self._client = openai.OpenAI(
            base_url=settings.base_url or None,
            api_key=_key(settings.api_key_variable),
            max_retries=settings.retries,
            timeout=settings.timeout_s,
        )
        self.spent_usd = 0.0

    def generate(
        self, prompts: Sequence[Prompt], *, max_new_tokens: int, grammar: str | None = None
    ) -> Iterator[Completion]:
        options = {"extra_body": self._grammar(grammar)} if grammar is not None else {}
        return self._batches(prompts, max_new_tokens, options)

    def generate_json(
        self, prompts: Sequence[Prompt], *, max_new_tokens: int, schema: dict[str, Any]
    ) -> Iterator[Completion]:
        """As `generate`, every answer a JSON document of that schema, where the server knows structured outputs."""
        form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
        return self._batches(prompts, max_new_tokens, {"response_format": form})

    def count_tokens(self, text: str) -> int:
        """An upper estimate, a token for three characters: the server's tokenizer is not at hand."""
        return len(text) // 3 + 1

    def _batches(self, prompts: Sequence[Prompt], max_new_tokens: int, options: dict[str, Any]) -> Iterator[Completion]:
        size = self._settings.batch_size
        with ThreadPoolExecutor(self._settings.concurrency) as pool:
            for start in range(0, len(prompts), size):
                batch = prompts[start : start + size]
                started = time.perf_counter()
                answers = list(pool.map(lambda prompt: self._ask(prompt, max_new_tokens, options), batch))
                latency_ms = (time.perf_counter() - started) * 1000 / len(batch)
                for text, prompt_tokens, answer_tokens in answers:
                    self.spent_usd += estimate_cost(prompt_tokens, answer_tokens, self._settings)
                    yield Completion(text, prompt_tokens, answer_tokens, latency_ms)

    def _ask(self, prompt: Prompt, max_new_tokens: int, options: dict[str, Any]) -> tuple[str, int, int]:
        messages: Any = [{"role": message.role, "content": message.content} for message in prompt]
        try:
            answer = self._client.chat.completions.create(
                model=self._settings.model_name,
                messages=messages,
                max_tokens=max_new_tokens,
                temperature=0,
                seed=0,
                **options,
            )
        except openai.OpenAIError as error:
            raise self._explained(error) from error
        if not answer.choices:
            raise InputError(
                f"{self._where} answered without a choice; it does not speak the OpenAI protocol as expected"
            )
        text = answer.choices[0].message.content or ""
        usage = answer.usage
        if usage is None:
            return text, sum(self.count_tokens(message.content) for message in prompt), self.count_tokens(text)
        return text, usage.prompt_tokens, usage.completion_tokens

    def _grammar(self, grammar: str) -> dict[str, Any]:
        """The request's extra fields, as this server wants a grammar."""
        kind = self._settings.grammar_as
        if kind == "none":
            raise ConfigurationError(
                f"{self._where} takes no grammar (grammar_as: none); decode freely or use vLLM or llama.cpp"
            )
        return {"structured_outputs": {"grammar": grammar}} if kind == "structured_outputs" else {kind: grammar}

    @property
    def _where(self) -> str:
        return f"{self._settings.model_name} at {self._client.base_url}"

    def _explained(self, error: openai.OpenAIError) -> Exception:
        """The client's error as one of ours: what was asked of whom, and what to do."""
        reason = str(error).splitlines()[0][:300]
        if isinstance(error, openai.APITimeoutError):
            return MissingResourceError(
                f"{self._where} did not answer within {self._settings.timeout_s} s; raise timeout_s"
            )
        if isinstance(error, openai.APIConnectionError):
            return MissingResourceError(f"no server for {self._where}; start it, or correct base_url")
        if isinstance(error, (openai.AuthenticationError, openai.PermissionDeniedError)):
            variable = self._settings.api_key_variable
            return MissingResourceError(
                f"{self._where} refuses the key: {reason}; check ${variable or 'api_key_variable'}"
            )
        if isinstance(error, openai.NotFoundError):
            return MissingResourceError(f"{self._where} is not there: {reason}; check model_name and base_url")
        if isinstance(error, openai.RateLimitError):
            return MissingResourceError(f"{self._where} is busy: {reason}; lower concurrency or try later")
        if isinstance(error, openai.BadRequestError):
            return InputError(f"{self._where} refuses the prompt: {reason}")
        return MissingResourceError(f"{self._where} failed: {reason}; try later")


def _key(variable: str) -> str:
    """The key from the environment; local servers want none, which is an empty `variable`."""
    if not variable:
        return _LOCAL_KEY
    key = os.environ.get(variable)
    if not key:
        raise MissingResourceError(
            f"no key: set the environment variable {variable} (.env works too), "
            "or api_key_variable: '' for a server without keys"
        )
    return key
