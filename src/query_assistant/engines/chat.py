"""From messages to the token ids a model was taught to read, the same in training and in every local engine.

Reads `tokenizer.json` and `chat_template.jinja` of a model's folder. It stands on `tokenizers` and jinja2 alone, so
that asking a question does not wait for the import of a training library.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from query_assistant.engines import Completion, Prompt
from query_assistant.errors import InputError, MissingResourceError
from query_assistant.messages import Message


class WrittenIds(NamedTuple):
    """An answer as an engine gives it. `logprob`: natural logarithm of its probability, None where it is not said."""

    ids: list[int]
    logprob: float | None = None


class ChatTokenizer:
    """The tokenizer and chat template of one model folder.

    `strftime_now` is left undefined on purpose: templates that would print today's date (Llama 3.1) fall back to a
    fixed one, so that a prompt has the same bytes tomorrow.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tokenizer = Tokenizer.from_str(_read(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._settings: dict[str, Any] = json.loads(_read(folder / "tokenizer_config.json"))
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.globals["raise_exception"] = _refuse
        self._template = environment.from_string(_template(folder, self._settings))

    def render(self, messages: Sequence[Message], *, open_answer: bool = True) -> str:
        """The conversation as one text, ending where the assistant begins to write if `open_answer`."""
        said = [{"role": message.role, "content": self._plain(message.content)} for message in messages]
        return self._template.render(
            messages=said,
            add_generation_prompt=open_answer,
            bos_token=self._special("bos_token"),
            eos_token=self._special("eos_token"),
        )

    def _plain(self, content: str) -> str:
        """Content whose look-alikes of special tokens are broken up: nobody ends a turn by typing its mark."""
        for token in self._special_tokens:
            content = content.replace(token, f"{token[0]} {token[1:]}")
        return content

    @cached_property
    def _special_tokens(self) -> list[str]:
        tokens = self._tokenizer.get_added_tokens_decoder().values()
        return [token.content for token in tokens if token.special and len(token.content) > 1]

    def encode(self, text: str) -> list[int]:
        """Token ids of a rendered text; nothing is added."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def prompt_ids(self, messages: Sequence[Message]) -> list[int]:
        return self.encode(self.render(messages))

    def decode(self, ids: Sequence[int]) -> str:
        """The text of an answer's ids, special tokens left out."""
        text: str = self._tokenizer.decode(list(ids), skip_special_tokens=True)
        return text

    def count(self, text: str) -> int:
        return len(self.encode(text))

    @cached_property
    def stop_ids(self) -> tuple[int, ...]:
        """Ids that end an answer: those of the model's configuration and the tokenizer's own end token."""
        found: set[int] = set()
        for name in ("generation_config.json", "config.json"):
            if (self._folder / name).is_file():
                value = json.loads(_read(self._folder / name)).get("eos_token_id")
                found.update(value if isinstance(value, list) else [] if value is None else [value])
        end = self._tokenizer.token_to_id(self._special("eos_token"))
        return tuple(sorted(found | ({end} if end is not None else set())))

    def until_stop(self, ids: Sequence[int]) -> list[int]:
        """An answer's ids up to the first that ends it."""
        return list(itertools.takewhile(lambda token: token not in self.stop_ids, ids))

    @cached_property
    def answer_end(self) -> int:
        """The id that closes the assistant's turn in this template: what training teaches the model to end with."""
        turn = [Message("user", "a"), Message("assistant", "b")]
        tail = self.encode(self.render(turn, open_answer=False))[-4:]
        return next((token for token in reversed(tail) if token in self.stop_ids), self.stop_ids[0])

    @cached_property
    def pad_id(self) -> int:
        padding = self._tokenizer.token_to_id(self._special("pad_token"))
        return padding if padding is not None else self.stop_ids[0]

    def _special(self, name: str) -> str:
        value = self._settings.get(name) or ""
        return value["content"] if isinstance(value, dict) else str(value)


def complete(
    prompts: Sequence[Prompt],
    chat: ChatTokenizer,
    batch_size: int,
    answer: Callable[[list[list[int]]], list[WrittenIds]],
) -> Iterator[Completion]:
    """One completion per prompt, in batches with fixed boundaries; `answer` maps a batch's ids to what was written.

    What an answer holds from its stop token on is left out.
    """
    for start in range(0, len(prompts), batch_size):
        started = time.perf_counter()
        asked = [chat.prompt_ids(prompt) for prompt in prompts[start : start + batch_size]]
        answers = answer(asked)
        latency_ms = (time.perf_counter() - started) * 1000 / len(asked)
        for prompt, written in zip(asked, answers, strict=True):
            ids = chat.until_stop(written.ids)
            yield Completion(chat.decode(ids), len(prompt), len(ids), latency_ms, written.logprob)


def _template(folder: Path, settings: dict[str, Any]) -> str:
    file = folder / "chat_template.jinja"
    template = _read(file) if file.is_file() else settings.get("chat_template")
    if not isinstance(template, str):
        raise MissingResourceError(f"the model in {folder} has no chat template; choose an instruction-tuned one")
    return template


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise MissingResourceError(
            f"no {file.name} in {file.parent}: {error.strerror}; run `dvc repro fetch`"
        ) from None


def _refuse(reason: str) -> None:
    raise InputError(f"the model's chat template refuses this conversation: {reason}")
