"""What is taught: a prompt as it will be asked, and the answer to it.

Learning prompts of several kinds (with and without retrieved fields, with and without examples) is what lets one adapter serve
all systems. The loss counts the answer alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from query_assistant.engines.chat import ChatTokenizer
from query_assistant.prompts.messages import Message


@dataclass(frozen=True)
class Sample:
    """One lesson: the conversation up to the question, and the text that answers it."""

    messages: tuple[Message, ...]
    answer: str


@dataclass(frozen=True)
class TokenSample:
    """A sample as the model reads it: the prompt's ids, and the ids it must learn to write, the end of turn included."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


def tokenise(samples: Sequence[Sample], chat: ChatTokenizer, max_seq_len: int) -> list[TokenSample]:
    """Token samples in order; those longer than `max_seq_len` are left out, for half an answer teaches a wrong one."""
    rows = (
        TokenSample(tuple(chat.prompt_ids(sample.messages)), (*chat.encode(sample.answer), chat.answer_end))
        for sample in samples
    )
    return [row for row in rows if len(row) <= max_seq_len]
