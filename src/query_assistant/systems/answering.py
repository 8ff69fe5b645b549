"""Many instructions put to one opened assistant: for `qa predict` and the calibration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from query_assistant.engines import Draw
from query_assistant.queries.validation import is_valid, validate
from query_assistant.records import Response
from query_assistant.systems.assistant import Assistant
from query_assistant.systems.choosing import DRAW, DRAWS, Interpretation, is_sure
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
def all_answers_of(
    assistant: Assistant, items: Sequence[Item], partial: Path, *, though_sure: bool = False
) -> Iterator[list[list[Response]]]:
    """As `answers_of`, with every answer that was given to an item: the greedy one first, then those drawn.

    Args:
        though_sure: questions are asked again though the first answer seems right.
    """
    with ExitStack() as stack:
        answers = {one.id: [one] for one in stack.enter_context(_pass(assistant, items, partial, None))}
        again = [item for item in items if though_sure or not is_sure(_readings(assistant, answers[item.id])[0])]
        for number in range(DRAWS if again and assistant.system.decoding == "chosen" else 0):
            draw = replace(DRAW, seed=DRAW.seed + number * _SEEDS_APART)
            place = partial.with_name(f"{partial.name}.{number + 1}")
            for one in stack.enter_context(_pass(assistant, again, place, draw)):
                answers[one.id].append(one)
        yield [answers[item.id] for item in items]


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
    """The answer that is given; all that the item cost is its cost.

    A query that is not sound is left out. One that the API would refuse stays, for whoever scores it sees that.
    """
    first = _readings(assistant, answers)[0]
    best = next(answer for answer in answers if answer is first.answer)
    changes: dict[str, Any] = {"latency_ms": sum(answer.latency_ms for answer in answers)}
    if first.fault and first.query and is_valid(validate(first.query, assistant.apis[best.api])):
        changes |= {"query": None, "body": None}
    return best.model_copy(update=changes)


def _readings(assistant: Assistant, answers: Sequence[Response]) -> list[Interpretation]:
    return assistant.readings(answers[0].instruction, answers, answers[0].api)
