"""Many instructions put to one opened assistant: for `qa predict` and the calibration."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from query_assistant.records import Response
from query_assistant.systems.assistant import Assistant
from query_assistant.systems.generation import Item, answered


def answers_of(assistant: Assistant, items: Sequence[Item], partial: Path) -> AbstractContextManager[list[Response]]:
    """A response per item, in their order; an interrupted call goes on where it stopped.

    Args:
        partial: the file that keeps the answers until the block ends well.
    """
    return answered(
        items,
        assistant.system,
        assistant.engine,
        assistant.builder,
        partial,
        max_new_tokens=assistant.max_new_tokens,
        batch_size=assistant.batch_size,
        grammars=assistant.grammars,
        fingerprint=assistant.fingerprint,
    )
