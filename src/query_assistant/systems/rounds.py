"""Several questions put to one engine together, round by round.

    rounds = Rounds(assistant.complete, most_calls=16)
    rounds.begin("first", lambda: assistant.asking("cdk2 in mice", "mygene"))
    rounds.begin("second", lambda: assistant.asking("CADD above 20 in BRCA2", "myvariant"))
    rounds.run()        # [("second", Proposal(...))]: the first is unsure and is asked again in the next round
    rounds.run()        # [("first", Proposal(...))]

A round is one batch of the engine: first answers to new questions and draws for those before them, of all APIs. Whoever
came first is served first, and a question alone is asked what it would be asked without rounds. A model's numbers
differ in their last digits with the company of a prompt, so an answer that was a near tie may be another one then.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from query_assistant.engines import Completion, EngineCall
from query_assistant.systems.assistant import Asking, Proposal

K = TypeVar("K", bound=Hashable)
Outcome = Proposal | Exception


@dataclass
class _Begun(Generic[K]):
    """A question at work, and what it wants of the engine next."""

    key: K
    asking: Asking
    calls: list[EngineCall]


class Rounds(Generic[K]):
    """The questions at work, known by whatever keys their owner gives them. For one thread."""

    def __init__(self, complete: Callable[[Sequence[EngineCall]], list[Completion]], *, most_calls: int) -> None:
        self._complete, self._most_calls = complete, most_calls
        self._begun: list[_Begun[K]] = []
        self._ended: list[tuple[K, Outcome]] = []

    def __len__(self) -> int:
        return len(self._begun) + len(self._ended)

    @property
    def keys(self) -> list[K]:
        """Those of the questions that are not answered yet, the oldest first."""
        return [one.key for one in self._begun]

    @property
    def has_room(self) -> bool:
        """Whether one more question would be asked in the next round."""
        return sum(len(one.calls) for one in self._begun) < self._most_calls

    def begin(self, key: K, asking: Callable[[], Asking]) -> None:
        """Takes a question up; one that needs no engine, or fails at once, is among the next round's outcomes."""
        try:
            begun = asking()
            self._begun.append(_Begun(key, begun, next(begun)))
        except StopIteration as ended:
            self._ended.append((key, ended.value))
        except Exception as error:
            self._ended.append((key, error))

    def drop(self, unwanted: Callable[[K], bool]) -> None:
        """Forgets questions whose answers nobody waits for any more."""
        self._begun = [one for one in self._begun if not unwanted(one.key)]

    def run(self) -> list[tuple[K, Outcome]]:
        """Asks the engine once and returns the questions that are answered now, or failed."""
        asked = self._next()
        if asked:
            for one, written in zip(asked, self._written(asked), strict=True):
                self._go_on(one, written)
        ended, self._ended = self._ended, []
        return ended

    def _next(self) -> list[_Begun[K]]:
        """The questions of a round: the oldest, as many as fit."""
        chosen: list[_Begun[K]] = []
        left = self._most_calls
        for one in self._begun:
            left -= len(one.calls)
            if left < 0 and chosen:
                break
            chosen.append(one)
        return chosen

    def _written(self, asked: Sequence[_Begun[K]]) -> list[list[Completion] | Exception]:
        """What the engine wrote to each question. Where it fails on all together it is asked each alone."""
        try:
            written = iter(self._complete([call for one in asked for call in one.calls]))
            return [[next(written) for _ in one.calls] for one in asked]
        except Exception as error:
            if len(asked) == 1:
                return [error]
            return [found for one in asked for found in self._written([one])]

    def _go_on(self, one: _Begun[K], written: list[Completion] | Exception) -> None:
        try:
            if isinstance(written, Exception):
                raise written
            one.calls = one.asking.send(written)
            return
        except StopIteration as ended:
            self._ended.append((one.key, ended.value))
        except Exception as error:
            self._ended.append((one.key, error))
        self._begun.remove(one)
