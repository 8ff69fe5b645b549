"""Answers of a language model to requests with a JSON schema, each asked and paid for once.

    kept = KeptCompletions(complete, "some-model", Path(".cache/pair"))
    kept.find(messages, schema)                     # None: not asked yet
    kept.keep(messages, schema, {"instructions": [...]})

What is kept lies under the hash of its whole request, so a run that was cut off, or is run again, goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from query_assistant.messages import Message
from query_assistant.records import write_json

TOKEN_LETTERS = 4  # letters per token of English and of field paths, near enough for an estimate

Complete = Callable[[Sequence[Message], Mapping[str, Any]], str]
"""Messages and a JSON schema in, the model's answer out; failures of the connection are its own to repeat."""


@dataclass(frozen=True)
class KeptCompletions:
    """A model, and the answers it has given.

    Attributes:
        complete: the model.
        model: its name, part of each request's hash: another model answers anew.
        folder: where usable answers are kept, one JSON file each.
    """

    complete: Complete
    model: str
    folder: Path

    def find(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> str | None:
        """The kept answer to a request, as JSON text."""
        file = self._file(messages, schema)
        return file.read_text(encoding="utf-8") if file.exists() else None

    def keep(self, messages: Sequence[Message], schema: Mapping[str, Any], answer: object) -> None:
        write_json(self._file(messages, schema), answer)

    def _file(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> Path:
        request = [self.model, [(message.role, message.content) for message in messages], schema]
        return self.folder / f"{hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()}.json"


def rows_schema(name: str, properties: Mapping[str, Any], count: int) -> dict[str, Any]:
    """The JSON schema of an answer with `count` rows under `name`, each with all the properties and no others."""
    row = {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }
    rows = {"type": "array", "items": row, "minItems": count, "maxItems": count}
    return {"type": "object", "properties": {name: rows}, "required": [name], "additionalProperties": False}


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
