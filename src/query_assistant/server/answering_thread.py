"""One assistant behind a bounded queue: a thread of its own loads the model and answers one question after the other.

    model = AnsweringThread(lambda: OpenedAssistant(assistant, guess, "published"))
    model.answer("cdk2 in mice", None)      # Given(api="mygene", guessed=True, proposal=Proposal(...))

Whoever asks waits for an answer, at most `ANSWER_S`; when `MOST_WAITING` wait already, nobody joins them (BusyError).
Answers to the same question are kept, the latest `KEPT` of them, until the examples change.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as AnswerTimeout
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from query_assistant.errors import BusyError, MissingResourceError, QueryAssistantError
from query_assistant.records import Pair
from query_assistant.systems.assistant import Proposal

MOST_WAITING = 64
ANSWER_S = 90.0
KEPT = 1_000
CLOSE_S = 5.0
ENDING = "the server is ending"
log = logging.getLogger(__name__)


class Answers(Protocol):
    """An assistant as the server needs it."""

    def answer(self, instruction: str, api: str) -> Proposal: ...

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


class AnsweringThread:
    """The model's thread. Every method may be called from any other thread."""

    def __init__(self, opened: Callable[[], OpenedAssistant], *, most_waiting: int = MOST_WAITING) -> None:
        self._open, self._most_waiting = opened, most_waiting
        self._work: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._waiting, self._lock = 0, threading.Lock()
        self._assistant: OpenedAssistant | None = None
        self._examples: list[Pair] = []
        self._kept: OrderedDict[tuple[str, str | None], tuple[int, Given]] = OrderedDict()
        self._wanted = self._shown = 0  # which examples are to be shown, and which are
        self._answer_s = 1.0  # what an answer took lately
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
        if (kept := self.known(question, api)) is not None:
            return kept
        if self.state == "missing":
            raise MissingResourceError(self.reason)
        with self._lock:
            if self._waiting >= self._most_waiting:
                raise BusyError(
                    f"{self._waiting} questions are waiting already; ask again in a moment",
                    retry_after_s=max(1, round(self._waiting * self._answer_s / 2)),
                )
            self._waiting += 1
        done: Future[Given] = Future()
        done.add_done_callback(self._one_less)
        self._work.put((done, lambda: self._answered(question, api)))
        try:
            return done.result(timeout=ANSWER_S)
        except AnswerTimeout:
            done.cancel()
            raise BusyError(f"no answer within {ANSWER_S:g} s; ask again later", retry_after_s=30) from None

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
            number = self._wanted
        self._work.put((Future(), lambda: self._show(pairs, number)))

    def stop(self) -> None:
        """Answers nobody any more but whose question is at work; fit for a signal's handler."""
        self.state, self.reason = "missing", ENDING
        self._work.put(None)

    def close(self) -> bool:
        """Ends after the question at work; the waiting ones are told. False where that one takes too long."""
        self.stop()
        self._thread.join(CLOSE_S)
        return not self._thread.is_alive()

    def _one_less(self, _: Future[Any]) -> None:
        with self._lock:
            self._waiting -= 1

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
        ending = False
        while not (ending and self._work.empty()):
            job = self._work.get()
            ending = ending or job is None
            if job is not None:
                self._do(*job, ending=ending)

    def _do(self, done: Future[Any], work: Callable[[], Any], *, ending: bool) -> None:
        if not done.set_running_or_notify_cancel():
            return
        try:
            if ending or self._assistant is None or self.reason == ENDING:
                raise MissingResourceError(self.reason or ENDING)
            done.set_result(work())
        except QueryAssistantError as error:
            done.set_exception(error)
        except Exception as error:
            log.exception("a question could not be answered")
            done.set_exception(QueryAssistantError(f"the model failed on this question ({type(error).__name__})"))

    def _answered(self, question: str, api: str | None) -> Given:
        opened = self._assistant
        assert opened is not None
        began = time.monotonic()
        chosen = api or opened.guess(question)
        proposal = opened.assistant.answer(question, chosen)
        shown = sum(pair.api == chosen for pair in self._examples)
        asked = opened.assistant.prompt_sha256(question, chosen)
        given = Given(chosen, api is None, proposal, opened.name, asked, shown)
        with self._lock:
            self._answer_s = 0.8 * self._answer_s + 0.2 * (time.monotonic() - began)
            self._kept[question, api] = self._shown, given
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return given

    def _show(self, pairs: Sequence[Pair], number: int) -> None:
        assert self._assistant is not None
        self._assistant.assistant.show_examples(pairs)
        self._examples, self._shown = list(pairs), number
        with self._lock:
            self._kept.clear()
