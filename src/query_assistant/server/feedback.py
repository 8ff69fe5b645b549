"""What people put right or think of an answer: kept, and shown to the model from the next question on."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from query_assistant.apis import Api
from query_assistant.corrections.checking import as_examples, faults, measured_items
from query_assistant.corrections.store import Correction, Corrections, Thumb
from query_assistant.errors import QueryAssistantError
from query_assistant.records import Query
from query_assistant.server.answering_thread import AnsweringThread, Given
from query_assistant.server.documents import AskedCorrection, AskedThumb, ComparedQueries, KeptCorrection, KeptThumb
from query_assistant.server.explanation import compared, faults_of
from query_assistant.server.sources import RecordSources
from query_assistant.server.typed import typed_query, typed_question


@dataclass
class Feedback:
    """Corrections and thumbs in one file, and the model that learns from them by example."""

    apis: Mapping[str, Api]
    model: AnsweringThread
    sources: RecordSources
    corrections: Path
    _teaching: threading.Lock = field(default_factory=threading.Lock)

    def correct(self, of: Api, asked: AskedCorrection) -> KeptCorrection:
        """Keeps the right query for a question, at once an example, unless the API would not take it.

        Raises:
            InputError: an empty or too long question, or no query at all.
        """
        question, query = typed_question(asked.question), typed_query(asked.query)
        issues = faults_of(query, of)
        if any(one.severity == "error" for one in issues):
            return KeptCorrection(kept=False, number=None, issues=issues, comparison=None)
        model, prompt = self._answered_by(question, of)
        made = Correction(
            api=of.name,
            instruction=question,
            query=query.query,
            body=query.body,
            given=asked.given,
            reason=asked.reason,
            model=model,
            prompt_sha256=prompt,
        )
        with Corrections.open(self.corrections) as kept:
            remarks = list(faults(made, of, kept.all(state="accepted"), measured_items(of.name)))
            number = kept.add(made)
        self._show_corrections()
        comparison = self._compared_if_possible(of, query, asked.given)
        return KeptCorrection(kept=True, number=number, issues=issues, comparison=comparison, remarks=remarks)

    def withdraw(self, number: int) -> None:
        """Takes a correction back: no example any more.

        Raises:
            InputError: there is none of that number.
        """
        with Corrections.open(self.corrections) as kept:
            kept.settle(number, "withdrawn")
        self._show_corrections()

    def corrected(self) -> list[Correction]:
        """The corrections that count, the latest first."""
        if not self.corrections.is_file():
            return []
        with Corrections.open(self.corrections) as kept:
            return kept.all(state="accepted")[::-1]

    def thumb(self, of: Api, asked: AskedThumb) -> KeptThumb:
        """Keeps what somebody thought of an answer.

        Raises:
            InputError: an empty or too long question.
        """
        question = typed_question(asked.question)
        model, prompt = self._answered_by(question, of)
        said = Thumb(
            api=of.name,
            instruction=question,
            given=asked.given,
            thumb=asked.thumb,
            reason=asked.reason,
            model=model,
            prompt_sha256=prompt,
        )
        with Corrections.open(self.corrections) as kept:
            return KeptThumb(number=kept.add_thumb(said))

    def _compared_if_possible(self, api: Api, query: Query, given: str | None) -> ComparedQueries | None:
        try:
            return None if not given else compared(api, query, typed_query(given), self.sources)
        except QueryAssistantError:  # what was given is no query that the API takes
            return None

    def _given(self, question: str, api: Api) -> Given | None:
        known = self.model.known(question, api.name) or self.model.known(question, None)
        return known if known is not None and known.api == api.name else None

    def _answered_by(self, question: str, api: Api) -> tuple[str, str]:
        """The model that answered the question lately and the hash of its prompt, empty where that is forgotten."""
        before = self._given(question, api)
        return (before.model, before.prompt_sha256) if before else (self.model.name, "")

    def _show_corrections(self) -> None:
        with self._teaching, Corrections.open(self.corrections) as kept:  # what was read last is shown last
            self.model.show_examples(as_examples(kept.all(state="accepted"), self.apis))
