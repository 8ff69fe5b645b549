"""What happens on an event of the page: each one shows what is the case, errors included."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import gradio as gr

from query_assistant.errors import BusyError, MissingResourceError, QueryAssistantError
from query_assistant.server import markup
from query_assistant.server.bounded_work import BoundedWork
from query_assistant.server.desk import Desk
from query_assistant.server.documents import (
    LONGEST_QUERY,
    LONGEST_QUESTION,
    AnsweredQuestion,
    AskedCorrection,
    AskedThumb,
    ExplainedQuery,
)
from query_assistant.server.layout import EXAMPLES, PageParts


class PageEvents:
    """What happens on an event. Every one ends with a page that says what is the case, errors included."""

    def __init__(self, desk: Desk, work: BoundedWork, parts: PageParts) -> None:
        self.desk, self.work, self.parts = desk, work, parts

    async def ask(self, question: str, api: str) -> AsyncIterator[dict[Any, Any]]:
        if not question.strip():
            yield self._only(
                markup.notice("empty", "Nothing asked yet.", "Write what you want to find, then press Ask.")
            )
            return
        yield self._only(markup.notice("loading", "Thinking…", self._patience()))
        try:
            begin = partial(self.desk.begin, question, api or None)
            answer = await self.work.ask(begin, partial(self.desk.answered, question))
        except QueryAssistantError as error:
            yield self._only(_failed(error))
            return
        yield self._answered(answer, question)

    async def run(self, question: str, query: str, given: dict[str, Any], live: bool = False) -> dict[Any, Any]:
        """Explains and executes the query as it stands in its box."""
        api = given.get("api", "")
        try:
            explained = await self.work.run(lambda: self.desk.explain(api, query, question))
            shown = self._explained(explained, None, question)
            if live and explained.valid:
                answer = await self.work.run(lambda: self.desk.rows(api, query, live=True))
                shown[self.parts.records] = markup.records(answer)
            return shown | {self.parts.given: given}
        except QueryAssistantError as error:
            return {self.parts.issues: _failed(error)}

    async def run_live(self, question: str, query: str, given: dict[str, Any]) -> dict[Any, Any]:
        return await self.run(question, query, given, live=True)

    async def check(self, query: str, given: dict[str, Any]) -> str:
        """Validity, while somebody types."""
        try:
            found = await self.work.run(lambda: self.desk.validate(given.get("api", ""), query))
            return markup.checked_query(self._title(given), found.valid, found.issues)
        except QueryAssistantError as error:
            return _failed(error)

    async def judge(self, right: str, given: dict[str, Any]) -> str:
        """Validity of a correction, and how it differs from what was given."""
        api = given.get("api", "")
        try:
            found = await self.work.run(lambda: self.desk.validate(api, right))
            compared = None
            if found.valid and given.get("query"):
                compared = await self.work.run(lambda: self.desk.compare(api, right, given["query"]))
            return markup.checked_query(self._title(given), found.valid, found.issues, compared)
        except QueryAssistantError as error:
            return _failed(error)

    async def keep(self, right: str, reason: str, question: str, given: dict[str, Any]) -> dict[Any, Any]:
        parts = self.parts
        try:
            asked = AskedCorrection(
                api=given.get("api", ""), question=question, query=right, given=given.get("query"), reason=reason
            )
            kept = await self.work.run(lambda: self.desk.correct(asked))
        except (QueryAssistantError, ValueError) as error:
            return {parts.kept: _failed(error)}
        if not kept.kept:
            return {parts.judged: markup.checked_query(self._title(given), False, kept.issues)}
        remarks = f"Not for training: {'; '.join(kept.remarks)}." if kept.remarks else ""
        text = f"From now on it is an example for questions like this one. {remarks}"
        return {
            parts.kept: markup.notice("empty", f"Kept as correction {kept.number}.", text),
            parts.number: kept.number,
            parts.take_back: gr.update(visible=True),
            parts.correcting: gr.update(open=False),
        }

    async def take_back(self, number: int) -> dict[Any, Any]:
        try:
            await self.work.run(lambda: self.desk.withdraw(number))
        except QueryAssistantError as error:
            return {self.parts.kept: _failed(error)}
        text = markup.notice("empty", f"Correction {number} is withdrawn.", "It is no example any more.")
        return {self.parts.kept: text, self.parts.take_back: gr.update(visible=False)}

    async def up(self, question: str, given: dict[str, Any]) -> dict[Any, Any]:
        return {self.parts.kept: await self._thumb(question, given, "up", "")}

    async def down(self, question: str, given: dict[str, Any]) -> dict[Any, Any]:
        """A word of thanks, and a place to say what would be right."""
        said = await self._thumb(question, given, "down", "")
        right = given.get("query", "")
        return {self.parts.kept: said, self.parts.correcting: gr.update(open=True), self.parts.right: right}

    async def only_reason(self, reason: str, question: str, given: dict[str, Any]) -> dict[Any, Any]:
        said = await self._thumb(question, given, "down", reason)
        return {self.parts.kept: said, self.parts.correcting: gr.update(open=False)}

    async def _thumb(self, question: str, given: dict[str, Any], thumb: Any, reason: str) -> str:
        try:
            asked = AskedThumb(
                api=given.get("api", ""), question=question, given=given.get("query", ""), thumb=thumb, reason=reason
            )
            await self.work.run(lambda: self.desk.thumb(asked))
        except (QueryAssistantError, ValueError) as error:
            return _failed(error)
        return markup.notice("empty", "Thank you.", "Noted with the question and the answer.")

    async def listing(self) -> str:
        return markup.listed_corrections(await self.work.run(self.desk.corrected))

    async def restore(self, request: gr.Request) -> AsyncIterator[dict[Any, Any]]:
        """What the address asks for: a query as it stands there, else the question."""
        asked = {name: str(request.query_params.get(name, "")) for name in ("q", "api", "query")}
        question, api, query = asked["q"][:LONGEST_QUESTION], asked["api"], asked["query"][:LONGEST_QUERY]
        if not question and not query:
            state = self.desk.state()
            if state.model == "missing":
                yield self._only(markup.notice("error", "No questions today:", state.reason))
            else:
                yield self._only(markup.welcome(EXAMPLES))
            return
        chosen = {self.parts.question: question, self.parts.api: api if api in self.desk.apis else ""}
        if not query:
            async for shown in self.ask(question, chosen[self.parts.api]):
                yield shown | chosen
            return
        try:
            explained = await self.work.run(lambda: self.desk.explain(api, query, question))
            yield self._explained(explained, None, question) | chosen
        except QueryAssistantError as error:
            yield self._only(_failed(error)) | chosen

    # What is shown

    def _only(self, html: str) -> dict[Any, Any]:
        return {self.parts.understood: html, self.parts.below: gr.update(visible=False)}

    def _answered(self, answer: AnsweredQuestion, question: str) -> dict[Any, Any]:
        explained = answer.explained
        if explained is None:
            return self._only(markup.notice("empty", "No answer.", answer.reason)) | {
                self.parts.given: {"api": answer.api, "query": ""}
            }
        return self._explained(explained, answer, question)

    def _explained(self, explained: ExplainedQuery, answer: AnsweredQuestion | None, question: str) -> dict[Any, Any]:
        parts = self.parts
        return {
            parts.understood: markup.understood(explained, answer),
            parts.query: explained.query,
            parts.issues: markup.checked_query(explained.api_title, explained.valid, explained.issues),
            parts.records: markup.records(explained.answer) if explained.answer else "",
            parts.copies: markup.copied(explained.copies) if explained.copies else "",
            parts.below: gr.update(visible=True),
            parts.given: {"api": explained.api, "query": explained.query},
            parts.right: explained.query,
            parts.judged: "",
            parts.kept: "",
            parts.take_back: gr.update(visible=False),
        }

    def _title(self, given: dict[str, Any]) -> str:
        api = self.desk.apis.get(given.get("api", ""))
        return api.title if api else "The API"

    def _patience(self) -> str:
        state = self.desk.state()
        if state.model == "loading":
            return "The model is still being loaded; that takes half a minute after a start."
        return f"{state.waiting} before you." if state.waiting else ""


def _failed(error: Exception) -> str:
    if isinstance(error, BusyError):
        return markup.notice("error", "Busy:", f"{error}.")
    if isinstance(error, MissingResourceError):
        return markup.notice("error", "Not here:", f"{error}.")
    if isinstance(error, QueryAssistantError):
        return markup.notice("error", "That did not work:", f"{error}.")
    return markup.notice("error", "That did not work:", "write a question and a query, neither over-long.")
