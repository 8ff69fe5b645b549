"""The one way in which an instruction becomes a prompt: in training, generation and the server alike.

    system     what an answer looks like in this API          the same for all instructions: cached as a prefix
    user       a near instruction      \\  few_shot: the farthest first,
    assistant  its query               /  the nearest right before the question
    user       documentation, fields (rag), then the instruction

The words are in `templates/`, one file per role. A few tokens more there cost every prompt of every system.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Protocol

from jinja2 import Environment, StrictUndefined, Template

from query_assistant.errors import InputError
from query_assistant.messages import Message
from query_assistant.records import FieldDescription

_TURN_TOKENS = 8  # what a chat template writes around one message, at most


class PromptApi(Protocol):
    """What a prompt says of an API."""

    @property
    def title(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def entity(self) -> str: ...


@dataclass(frozen=True)
class Example:
    """An instruction with the text that answers it."""

    instruction: str
    answer: str


@dataclass(frozen=True)
class Budget:
    """A prompt's limit, in the tokens of the model that will read it."""

    max_tokens: int
    count: Callable[[str], int]


def render(
    instruction: str,
    api: PromptApi,
    *,
    examples: Sequence[Example] = (),
    fields: Sequence[FieldDescription] = (),
    passages: Sequence[str] = (),
    descriptions: bool = False,
    budget: Budget | None = None,
) -> list[Message]:
    """The conversation that asks for one query. Sequences come nearest first; `descriptions` of the fields, or paths.

    Over budget, whole items are dropped, the farthest first: passages, then examples, then fields.

    Raises:
        InputError: the instruction alone exceeds the budget.
    """
    shown = list(passages), list(examples), list(fields)
    while True:
        messages = _compose(instruction, api, *shown, descriptions)
        if budget is None or _tokens(messages, budget) <= budget.max_tokens:
            return messages
        droppable: list[Any] | None = next((items for items in shown if items), None)
        if droppable is None:
            raise InputError(
                f"the instruction alone exceeds the prompt budget of {budget.max_tokens} tokens; "
                f"shorten it: {instruction[:60]!r}..."
            )
        droppable.pop()


def templates_sha256() -> str:
    """Changes whenever a word of a template does."""
    return hashlib.sha256("\0".join(_source(name) for name in ("system", "user")).encode()).hexdigest()


def templates() -> list[Message]:
    """The two messages that every prompt has, before anything is filled in."""
    return [Message("system", _source("system").strip()), Message("user", _source("user").strip())]


def _compose(
    instruction: str,
    api: PromptApi,
    passages: Sequence[str],
    examples: Sequence[Example],
    fields: Sequence[FieldDescription],
    descriptions: bool,
) -> list[Message]:
    messages = [Message("system", _template("system").render(api=api).strip())]
    for example in reversed(examples):
        messages.append(Message("user", example.instruction))
        messages.append(Message("assistant", example.answer))
    words = {"fields": fields, "passages": passages, "descriptions": descriptions}
    question = _template("user").render(instruction=_one_line(instruction), **words)
    return [*messages, Message("user", question.strip())]


def _tokens(messages: Sequence[Message], budget: Budget) -> int:
    return sum(budget.count(message.content) + _TURN_TOKENS for message in messages)


def _one_line(text: str) -> str:
    """An instruction stands on one line: what looks like a section of the prompt inside it is only words."""
    return " ".join(text.split())


@cache
def _template(name: str) -> Template:
    environment = Environment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined, autoescape=False)
    return environment.from_string(_source(name))


def _source(name: str) -> str:
    return resources.files("query_assistant.prompts").joinpath("templates", f"{name}.txt").read_text(encoding="utf-8")
