"""What passes between prompts, engines and fine-tuning: a conversation as plain messages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


def prompt_sha256(messages: Sequence[Message]) -> str:
    """Identifies a prompt by what was said, whichever chat template wraps it later."""
    said = json.dumps([[message.role, message.content] for message in messages], ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()
