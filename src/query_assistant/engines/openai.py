"""Any server that speaks the OpenAI protocol: vLLM, llama.cpp, Ollama, a hosted model.

Requests run concurrently and come back in order. What may pass (429, 5xx, timeouts, lost connections, an answer that is
no chat completion) is asked again with growing pauses, or as long as the server's Retry-After asks, up to
`LONGEST_WAIT_S`. Protects against: servers that drip, flood, redirect or answer nonsense, which are one sentence each;
the key, which comes from the environment alone, in anything that is printed or kept.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai

from query_assistant.engines import Completion, Draw, Prompt, estimate_cost
from query_assistant.errors import ConfigurationError, InputError, MissingResourceError
from query_assistant.http_client import backoff, bounded, check_address, retry_after
from query_assistant.params import EngineParams

_LOCAL_KEY = "none"
LONGEST_WAIT_S = 300.0
MAX_ANSWER_BYTES = 64 * 1024 * 1024
FIRST_WAIT_S = 0.5


class NonsenseError(InputError):
    """A server answered 200 and something that is no chat completion."""


class OpenAIEngine:
    """One model of one server. `spent_usd` is what its answers have cost so far, at the configured prices."""

    def __init__(self, settings: EngineParams) -> None:
        if not settings.model_name:
            raise ConfigurationError("engine openai needs model_name: the model as its server calls it")
        self._settings = settings
        self._key = _key(settings.api_key_variable)
        self._client = openai.OpenAI(
            base_url=check_address(settings.base_url, "base_url") if settings.base_url else None,
            api_key=self._key,
            max_retries=0,
            timeout=settings.timeout_s,
            http_client=bounded(
                openai.DefaultHttpxClient(timeout=settings.timeout_s, follow_redirects=False),
                settings.timeout_s,
                MAX_ANSWER_BYTES,
            ),
        )
        self.spent_usd = 0.0

    def generate(
        self,
        prompts: Sequence[Prompt],
        *,
        max_new_tokens: int,
        grammar: str | None = None,
        draw: Draw | None = None,
    ) -> Iterator[Completion]:
        options: dict[str, Any] = {"extra_body": self._grammar(grammar)} if grammar is not None else {}
        if draw is not None:
            options |= {"temperature": draw.temperature}
            return self._batches(prompts, max_new_tokens, options, draw.seed)
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

    def _batches(
        self, prompts: Sequence[Prompt], max_new_tokens: int, options: dict[str, Any], seed: int | None = None
    ) -> Iterator[Completion]:
        """`seed`: that of the first prompt, if each is to have its own."""
        size = self._settings.batch_size
        with ThreadPoolExecutor(self._settings.concurrency) as pool:
            for start in range(0, len(prompts), size):
                batch = prompts[start : start + size]
                started = time.perf_counter()
                seeds = [0 if seed is None else seed + start + place for place in range(len(batch))]
                answers = list(
                    pool.map(
                        lambda prompt, own: self._ask(prompt, max_new_tokens, {"seed": own, **options}), batch, seeds
                    )
                )
                latency_ms = (time.perf_counter() - started) * 1000 / len(batch)
                for text, prompt_tokens, answer_tokens in answers:
                    self.spent_usd += estimate_cost(prompt_tokens, answer_tokens, self._settings)
                    yield Completion(text, prompt_tokens, answer_tokens, latency_ms)

    def _ask(self, prompt: Prompt, max_new_tokens: int, options: dict[str, Any]) -> tuple[str, int, int]:
        """Text, prompt tokens and answer tokens, after as many tries as the settings allow."""
        for attempt in range(self._settings.retries + 1):
            try:
                return self._answer(prompt, max_new_tokens, options)
            except (openai.OpenAIError, NonsenseError) as error:
                if attempt == self._settings.retries or not _may_pass(error):
                    raise (self._explained(error) if isinstance(error, openai.OpenAIError) else error) from None
                time.sleep(self._wait(error, attempt))
        raise AssertionError("unreachable")

    def _answer(self, prompt: Prompt, max_new_tokens: int, options: dict[str, Any]) -> tuple[str, int, int]:
        messages: Any = [{"role": message.role, "content": message.content} for message in prompt]
        raw = self._client.chat.completions.with_raw_response.create(
            model=self._settings.model_name,
            messages=messages,
            max_tokens=max_new_tokens,
            **{"temperature": 0, **options},
        )
        try:
            text, usage = read_completion(raw.http_response.content)
        except ValueError as error:
            raise NonsenseError(
                f"{self._where} answered {raw.http_response.status_code} and no chat completion: {error}; "
                "check that base_url is the server's /v1 and that no proxy answers in its place"
            ) from None
        if usage is None:
            return text, sum(self.count_tokens(message.content) for message in prompt), self.count_tokens(text)
        return text, *usage

    def _wait(self, error: Exception, attempt: int) -> float:
        """Seconds until the next try.

        Raises:
            MissingResourceError: the server asks for more than `LONGEST_WAIT_S`.
        """
        answer = getattr(error, "response", None)
        asked = retry_after(answer.headers.get("retry-after")) if answer is not None else None
        if asked is not None and asked > LONGEST_WAIT_S:
            raise MissingResourceError(
                f"{self._where} asks to come back in {asked:.0f} s, longer than the {LONGEST_WAIT_S:.0f} s that are "
                "waited for; run this again then (finished answers are kept)"
            )
        return backoff(attempt, first_s=FIRST_WAIT_S, longest_s=LONGEST_WAIT_S) if asked is None else asked

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
        """The client's error as one of ours: what was asked of whom, and what to do; never the key."""
        reason = next(iter(str(error).splitlines()), "")[:300]
        if self._key not in ("", _LOCAL_KEY):
            reason = reason.replace(self._key, "<key>")
        if isinstance(error, openai.APITimeoutError):
            return MissingResourceError(
                f"{self._where} did not answer within {self._settings.timeout_s} s; raise timeout_s"
            )
        if isinstance(error, openai.APIConnectionError):
            cause = f" ({error.__cause__})" if error.__cause__ else ""
            return MissingResourceError(f"no server for {self._where}{cause}; start it, or correct base_url")
        if isinstance(error, openai.APIStatusError):
            return self._explained_status(error, reason)
        return MissingResourceError(f"{self._where} failed: {reason}; try later")

    def _explained_status(self, error: openai.APIStatusError, reason: str) -> Exception:
        status, where = error.status_code, self._where
        if status in (401, 403):
            variable = self._settings.api_key_variable
            return MissingResourceError(f"{where} refuses the key: {reason}; check ${variable or 'api_key_variable'}")
        if status == 404:
            return MissingResourceError(f"{where} is not there: {reason}; check model_name and base_url")
        if status == 429:
            return MissingResourceError(f"{where} is busy: {reason}; lower concurrency or try later")
        if status == 400:
            return InputError(f"{where} refuses the prompt: {reason}")
        if 300 <= status < 400:
            target = error.response.headers.get("location", "nowhere")[:100]
            return MissingResourceError(f"{where} redirects to {target}; nothing was sent there: correct base_url")
        return MissingResourceError(f"{where} failed: {reason}; try later")


def read_completion(content: bytes) -> tuple[str, tuple[int, int] | None]:
    """The text of a chat completion, and its token counts where they are counts.

    Raises:
        ValueError: it is no chat completion; the message says what is missing.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError(f"{content[:60]!r} is not JSON") from None
    choices = document.get("choices") if isinstance(document, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise ValueError("it has no choices")
    message = choices[0].get("message")
    if not isinstance(message, dict):
        raise ValueError("its choice has no message")
    usage = document.get("usage")
    found: Any = usage if isinstance(usage, dict) else {}
    prompt, answer = found.get("prompt_tokens"), found.get("completion_tokens")
    whole = all(type(count) is int and 0 <= count < 2**31 for count in (prompt, answer))
    return _text(message.get("content")), (prompt, answer) if whole else None


def _text(content: Any) -> str:
    """A message's content: text, parts of text, or nothing."""
    if content is None:
        return ""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise ValueError("its message is no text")
    texts = [part.get("text") for part in parts if part.get("type") == "text"]
    if not all(isinstance(text, str) for text in texts) or len(texts) < len(parts):
        raise ValueError("its message is no text")
    return "".join(str(text) for text in texts).encode("utf-8", "replace").decode()


def _may_pass(error: Exception) -> bool:
    """Whether the same request may be answered later."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code in (408, 409, 425, 429) or error.status_code >= 500
    return isinstance(error, (openai.APIConnectionError, NonsenseError))


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
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise MissingResourceError(
            f"the key in {variable} holds a blank, a line end or a letter that no key has; set it anew, without quotes"
        )
    return key
