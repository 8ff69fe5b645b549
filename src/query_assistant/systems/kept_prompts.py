"""The prompts behind answers, kept beside them: compressed, each once, found by the hash that an answer carries.

data/responses/<weights>/prompts.jsonl.gz, a prompt a line, in the order of their hashes:

    {"messages": [{"content": "You write ...", "role": "system"}, {"content": "genes named CDK2", "role": "user"}]}

Systems that differ in weights or decoding alone have the same prompts, and one prompt begins like the next: a hundred
take some ten kilobytes. The same prompts give the same bytes.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from pathlib import Path

from query_assistant.files import atomic_bytes
from query_assistant.messages import Message, prompt_sha256
from query_assistant.records import Record, dump, iterate_jsonl

PROMPTS = "prompts.jsonl.gz"


class KeptPrompt(Record):
    """One line of the file."""

    messages: tuple[Message, ...]


def write_prompts(file: Path, prompts: Iterable[Sequence[Message]]) -> int:
    """Writes each prompt once and returns how many there are."""
    kept = {prompt_sha256(messages): KeptPrompt(messages=tuple(messages)) for messages in prompts}
    with atomic_bytes(file) as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as out:
        for _, prompt in sorted(kept.items()):
            out.write(f"{dump(prompt)}\n".encode())
    return len(kept)


def read_prompts(file: Path) -> dict[str, tuple[Message, ...]]:
    """The prompts of a file by their hashes; none where there is no file, as beside answers of an earlier version.

    Raises:
        InputError: it holds something else.
    """
    if not file.is_file():
        return {}
    return {prompt_sha256(kept.messages): kept.messages for kept in iterate_jsonl(file, KeptPrompt)}
