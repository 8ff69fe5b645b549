"""One assistant behind a bounded queue: a thread of its own loads the model and answers those who wait, together.

    model = AnsweringThread(lambda: OpenedAssistant(assistant, guess, "published"))
    model.answer("cdk2 in mice", None)      # Given(api="mygene", guessed=True, proposal=Proposal(...))
    model.ask("cdk2 in mice", None)         # the same as a future; who cancels it is asked for no more

Everything that waits when the engine is free is asked in one round (`systems.rounds`), the oldest first. Whoever asks
waits at most `ANSWER_S`; when `MOST_WAITING` wait already, nobody joins them (BusyError). Answers to the same question
are kept, the latest `KEPT` of them, until the examples change.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as AnswerTimeout
from dataclasses import dataclass
from typing import Literal, Protocol

from query_assistant.engines import Completion, EngineCall
from query_assistant.errors import BusyError, MissingResourceError, QueryAssistantError
from query_assistant.records import Pair
from query_assistant.systems.assistant import Asking, Proposal
from query_assistant.systems.rounds import Outcome, Rounds

MOST_WAITING = 64
MOST_CALLS = 16  # of one round, draws counted; more: more answers a minute, each of them later
ANSWER_S = 90.0
KEPT = 1_000
CLOSE_S = 1.0  # beyond what the calls at work were waited for
ENDING = "the server is ending"
log = logging.getLogger(__name__)


class Answers(Protocol):
    """An assistant as the server needs it."""

    def asking(self, instruction: str, api: str) -> Asking: ...

    def complete(self, calls: Sequence[EngineCall]) -> list[Completion]: ...

    def prompt_sha256(self, instruction: str, api: str) -> str: ...

    def show_examples(self, pairs: Sequence[Pair]) -> None: ...


@dataclass(frozen=True)
class OpenedAssistant:
    """An assistant, how it guesses which API is meant, what it is called, and which corrections it shows already."""

    assistant: Answers
    guess: Callable[[str], str]
    name: str
    examples: Sequence[Pair] = ()


@dataclass(frozen=True)
class Given:
    """What the model said, of which API, and with how many corrections shown as examples."""

    api: str
    guessed: bool
    proposal: Proposal
    model: str
    prompt_sha256: str
    examples: int


@dataclass(eq=False)
class _Question:
    """Somebody's question, and where its answer is waited for; what it is asked with is known once it is taken up."""

    text: str
    api: str | None
    done: Future[Given]
    asked_of: str = ""
    prompt_sha256: str = ""
    shown: int = 0  # which examples it saw, by their number
    examples: int = 0


@dataclass(frozen=True)
class _Examples:
    """What is to be shown from here on."""

    pairs: Sequence[Pair]
    number: int


class AnsweringThread:
    """The model's thread. Every method may be called from any other thread."""

    def __init__(self, opened: Callable[[], OpenedAssistant], *, most_waiting: int = MOST_WAITING) -> None:
        self._open, self._most_waiting = opened, most_waiting
        self._line: deque[_Question | _Examples] = deque()  # the oldest first
        self._waiting, self._lock = 0, threading.Lock()
        self._something_to_do = threading.Condition(self._lock)
        self._assistant: OpenedAssistant | None = None
        self._examples: list[Pair] = []
        self._kept: OrderedDict[tuple[str, str | None], tuple[int, Given]] = OrderedDict()
        self._wanted = self._shown = 0  # which examples are to be shown, and which are
        self._answer_s = 1.0  # what an answer took lately, a round's time divided by its questions
        self.reason = ""
        self.state: Literal["loading", "ready", "missing"] = "loading"
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        return self._waiting

    @property
    def name(self) -> str:
        """What the assistant is called; nothing before it is there."""
        return self._assistant.name if self._assistant else ""

    def answer(self, question: str, api: str | None) -> Given:
        """The answer to a question, of the API that is named or else guessed.

        Raises:
            BusyError: too many wait, the answer takes too long, or the model is still loading.
            MissingResourceError: there is no model; the message says how to get one.
        """
        return self.wait(self.ask(question, api))

    def wait(self, done: Future[Given]) -> Given:
        """What was asked for, once it is there.

        Raises:
            BusyError, MissingResourceError: as `answer`.
        """
        try:
            return done.result(timeout=ANSWER_S)
        except AnswerTimeout:
            done.cancel()
            raise too_slow() from None

    def ask(self, question: str, api: str | None) -> Future[Given]:
        """As `answer`, for whoever waits in another way. What nobody waits for any more, `cancel` says."""
        done: Future[Given] = Future()
        if (kept := self.known(question, api)) is not None:
            done.set_result(kept)
            return done
        with self._lock:
            if self.state == "missing":
                raise MissingResourceError(self.reason)
            if self._waiting >= self._most_waiting:
                raise BusyError(
                    f"{self._waiting} questions are waiting already; ask again in a moment",
                    retry_after_s=max(1, round(self._waiting * self._answer_s / 2)),
                )
            self._waiting += 1
            self._line.append(_Question(question, api, done))
            self._something_to_do.notify()
        done.add_done_callback(self._one_less)
        return done

    def known(self, question: str, api: str | None) -> Given | None:
        """What was answered lately, without asking again."""
        with self._lock:
            shown, found = self._kept.get((question, api), (self._wanted, None))
            if found is None or shown != self._wanted:
                return None
            self._kept.move_to_end((question, api))
            return found

    def show_examples(self, pairs: Sequence[Pair]) -> None:
        """From the next question on these corrections are examples, and no others."""
        with self._lock:
            self._wanted += 1
            self._line.append(_Examples(pairs, self._wanted))
            self._something_to_do.notify()

    def stop(self) -> None:
        """Answers nobody any more but who is in the round at work; the others are told at once.

        Fit for a signal's handler, which must not wait for a lock that its own thread may hold.
        """
        self.state, self.reason = "missing", ENDING
        threading.Thread(target=self._tell_all, name="ending", daemon=True).start()

    def close(self) -> bool:
        """Ends after the round at work; the waiting ones are told. False where that round takes too long."""
        self.stop()
        self._thread.join(CLOSE_S)
        return not self._thread.is_alive()

    def _one_less(self, _: Future[Given]) -> None:
        with self._lock:
            self._waiting -= 1

    def _tell_all(self) -> None:
        """Nobody is left in the line, and the thread wakes up to see that it ends."""
        with self._lock:
            left = [one for one in self._line if isinstance(one, _Question)]
            self._line.clear()
            self._something_to_do.notify_all()
        for one in left:
            _settle(one.done, MissingResourceError(self.reason))

    def _run(self) -> None:
        try:
            self._assistant = self._open()
            self._examples = list(self._assistant.examples)
            if self.state == "loading":
                self.state = "ready"
        except QueryAssistantError as error:
            self.state, self.reason = "missing", str(error)
        except Exception as error:
            log.exception("the model cannot be loaded")
            self.state, self.reason = "missing", f"the model cannot be loaded ({type(error).__name__})"
        if self._assistant is None or self.state == "missing":
            self._tell_all()
            return
        self._answer_all(self._assistant)

    def _answer_all(self, opened: OpenedAssistant) -> None:
        rounds: Rounds[_Question] = Rounds(opened.assistant.complete, most_calls=MOST_CALLS)
        while self.reason != ENDING:
            self._take_up(opened, rounds)
            rounds.drop(lambda one: one.done.cancelled())
            began, ended = time.monotonic(), rounds.run()
            for one, outcome in ended:
                self._end(opened, one, outcome)
            if ended:
                self._answer_s = 0.8 * self._answer_s + 0.2 * (time.monotonic() - began) / len(ended)
        self._tell_all()
        for one in rounds.keys:
            _settle(one.done, MissingResourceError(ENDING))

    def _take_up(self, opened: OpenedAssistant, rounds: Rounds[_Question]) -> None:
        """Takes from the line what fits into the next round; waits where there is nothing at all to do."""
        with self._lock:
            while not self._line and not rounds and self.reason != ENDING:
                self._something_to_do.wait()
        while rounds.has_room and (taken := self._next_in_line()) is not None:
            if isinstance(taken, _Examples):
                self._show(opened, taken)
            elif not taken.done.cancelled():
                self._begin(opened, rounds, taken)

    def _next_in_line(self) -> _Question | _Examples | None:
        with self._lock:
            return self._line.popleft() if self._line else None

    def _begin(self, opened: OpenedAssistant, rounds: Rounds[_Question], one: _Question) -> None:
        def asking() -> Asking:
            one.asked_of = one.api or opened.guess(one.text)
            one.prompt_sha256 = opened.assistant.prompt_sha256(one.text, one.asked_of)
            one.shown, one.examples = self._shown, sum(pair.api == one.asked_of for pair in self._examples)
            return opened.assistant.asking(one.text, one.asked_of)

        rounds.begin(one, asking)

    def _end(self, opened: OpenedAssistant, one: _Question, outcome: Outcome) -> None:
        if isinstance(outcome, QueryAssistantError):
            _settle(one.done, outcome)
            return
        if isinstance(outcome, Exception):
            log.error("a question could not be answered", exc_info=outcome)
            failed = f"the model failed on this question ({type(outcome).__name__})"
            _settle(one.done, QueryAssistantError(failed))
            return
        given = Given(one.asked_of, one.api is None, outcome, opened.name, one.prompt_sha256, one.examples)
        with self._lock:
            self._kept[one.text, one.api] = one.shown, given
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        _settle(one.done, given)

    def _show(self, opened: OpenedAssistant, examples: _Examples) -> None:
        try:
            opened.assistant.show_examples(examples.pairs)
            self._examples, self._shown = list(examples.pairs), examples.number
        except Exception:
            log.exception("corrections cannot be shown")
        with self._lock:
            self._kept.clear()


def too_slow() -> BusyError:
    """What is said to who waited for `ANSWER_S`."""
    return BusyError(f"no answer within {ANSWER_S:g} s; ask again later", retry_after_s=30)


def _settle(done: Future[Given], outcome: Given | Exception) -> None:
    """Hands over an answer, or a failure, unless whoever waited has gone."""
    if not done.set_running_or_notify_cancel():
        return
    if isinstance(outcome, Exception):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)
