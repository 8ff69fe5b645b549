"""Many instructions put to one opened assistant: for `qa predict` and the calibration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from query_assistant.engines import Draw
from query_assistant.records import Response
from query_assistant.systems.assistant import Assistant
from query_assistant.systems.choosing import DRAW, DRAWS
from query_assistant.systems.generation import Item, answered

_SEEDS_APART = 1000  # more than a batch has prompts, each of which has a seed of its own


@contextmanager
def answers_of(assistant: Assistant, items: Sequence[Item], partial: Path) -> Iterator[list[Response]]:
    """A response per item, in their order; an interrupted call goes on where it stopped.

    Args:
        partial: the file that keeps the answers until the block ends well; further ones beside it.
    """
    with all_answers_of(assistant, items, partial) as given:
        yield [_given(assistant, answers) for answers in given]


@contextmanager
def all_answers_of(assistant: Assistant, items: Sequence[Item], partial: Path) -> Iterator[list[tuple[Response, ...]]]:
    """As `answers_of`, with every answer that was given to an item: the greedy one first, then those drawn."""
    chosen = assistant.system.decoding == "chosen"
    draws = [replace(DRAW, seed=DRAW.seed + number * _SEEDS_APART) for number in range(DRAWS)] if chosen else []
    with ExitStack() as stack:
        passes = [
            stack.enter_context(_pass(assistant, items, partial.with_name(partial.name + ending), draw))
            for ending, draw in [("", None), *((f".{number}", draw) for number, draw in enumerate(draws, 1))]
        ]
        yield list(zip(*passes, strict=True))


@contextmanager
def _pass(assistant: Assistant, items: Sequence[Item], partial: Path, draw: Draw | None) -> Iterator[list[Response]]:
    with answered(
        items,
        assistant.system,
        assistant.engine,
        assistant.builder,
        partial,
        max_new_tokens=assistant.max_new_tokens,
        batch_size=assistant.batch_size,
        grammars=assistant.grammars,
        fingerprint=assistant.fingerprint,
        draw=draw,
    ) as responses:
        yield responses


def _given(assistant: Assistant, answers: Sequence[Response]) -> Response:
    """The answer that is given; all that the item cost is its cost."""
    first = assistant.readings(answers[0].instruction, answers, answers[0].api)[0].answer
    best = next(answer for answer in answers if answer is first)
    return best.model_copy(update={"latency_ms": sum(answer.latency_ms for answer in answers)})
