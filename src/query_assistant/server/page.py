"""The page: a question on top, what was understood below it, the records, and what a person can do with either.

Built with gradio's blocks; what depends on an answer is HTML out of `markup`. The page's address holds question, API
and query, so a shared address shows the same again, and without a model where it holds the query.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
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

GUESS = "Let it guess"
# Written for the page: none of them is an item of a benchmark, a development set or the training pairs.
EXAMPLES = (
    "mouse genes whose name mentions collagen",
    "how many human genes are there per type of gene?",
    "rat genes with kinase in their name, symbol and name only, at most twenty",
    "chemicals lighter than 60 dalton",
    "diseases whose name mentions anemia",
)
_FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
_MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "monospace"]


def page_options() -> dict[str, Any]:
    """What mounts or launches the page in its looks: nothing of it comes from another host."""
    theme = gr.themes.Base(primary_hue="teal", neutral_hue="slate", radius_size="md", font=_FONT, font_mono=_MONO)
    theme = theme.set(
        button_primary_background_fill="#0f766e",
        button_primary_background_fill_dark="#0f766e",
        button_primary_background_fill_hover="#115e59",
        button_primary_text_color="white",
        body_text_color_subdued="#475569",
        body_text_color_subdued_dark="#a8b5c7",
        block_label_text_color="#475569",
        block_label_text_color_dark="#a8b5c7",
        input_placeholder_color="#64748b",
        input_placeholder_color_dark="#94a3b8",
    )
    head = f"<script>{markup.page_file('page.js')}</script>"
    return {"theme": theme, "css": markup.page_file("page.css"), "head": head, "footer_links": [], "run_history": False}


@dataclass(frozen=True)
class _Parts:
    """The page's components that change with an answer."""

    api: gr.Radio
    question: gr.Textbox
    query: gr.Textbox
    understood: gr.HTML
    issues: gr.HTML
    records: gr.HTML
    copies: gr.HTML
    below: gr.Column
    given: gr.State
    correcting: gr.Accordion
    right: gr.Textbox
    judged: gr.HTML
    kept: gr.HTML
    take_back: gr.Button
    number: gr.State


def page(desk: Desk, work: BoundedWork) -> gr.Blocks:
    """The page of a desk."""
    blocks: gr.Blocks
    with gr.Blocks(title="Query Assistant", analytics_enabled=False) as blocks:
        parts, buttons = _laid_out(desk)
        handlers = _Handlers(desk, work, parts)
        _wired(blocks, parts, buttons, handlers)
    blocks.queue(max_size=128, default_concurrency_limit=64, api_open=False)
    return blocks


def _laid_out(desk: Desk) -> tuple[_Parts, dict[str, Any]]:
    _html(
        '<header class="qa-head"><h1>Query Assistant</h1><p>Ask about genes, variants, chemicals or diseases in your '
        "own words. You get the query, what it was understood to mean, and records to check it by.</p></header>"
    )
    choices = [(GUESS, ""), *((api.title, name) for name, api in desk.apis.items())]
    question = gr.Textbox(
        label="Your question",
        placeholder="mouse genes whose name mentions collagen",
        lines=2,
        max_lines=6,
        max_length=LONGEST_QUESTION,
        elem_id="qa-question",
        autofocus=True,
        submit_btn=False,
    )
    with gr.Row(elem_classes="qa-askrow", equal_height=False):
        api = gr.Radio(choices, value="", label="Which API", elem_id="qa-api", scale=1, min_width=260)
        ask = gr.Button("Ask", variant="primary", elem_id="qa-ask", scale=0, min_width=150)
    understood = _html(markup.welcome(EXAMPLES), elem_id="qa-answer")
    with gr.Column(visible=False) as below:
        query = gr.Textbox(
            label="The query, to edit",
            info="Fields are completed as you type; choose a part above to find its place.",
            lines=2,
            max_lines=8,
            max_length=LONGEST_QUERY,
            elem_id="qa-query",
        )
        with gr.Row(elem_classes="qa-runrow"):
            run = gr.Button("Run it", variant="primary", elem_id="qa-run", scale=0, min_width=150)
            live = gr.Button(
                "Run it on the live API", elem_id="qa-live", visible=desk.live is not None, scale=0, min_width=220
            )
        issues = _html(elem_id="qa-issues")
        records = _html(elem_id="qa-records")
        copies = _html(elem_id="qa-copies")
        correction = _correction_part()
    with gr.Accordion("Earlier questions", open=False, elem_id="qa-history"):
        _html(
            '<ul id="qa-history-list"></ul><button type="button" data-do="forget" class="qa-tag">Forget them</button>'
        )
    with gr.Accordion("Corrections made here", open=False, elem_id="qa-corrected") as corrected:
        listing = _html()
    given, number = gr.State({}), gr.State(0)
    parts = _Parts(
        api, question, query, understood, issues, records, copies, below, given,
        correction["accordion"], correction["right"], correction["judged"], correction["kept"],
        correction["take_back"], number,
    )  # fmt: skip
    return parts, {"ask": ask, "run": run, "live": live, "listing": listing, "corrected": corrected, **correction}


def _correction_part() -> dict[str, Any]:
    """Thumbs, and "Correct this"."""
    with gr.Row(elem_id="qa-thumbs"):
        _html("<span>Is that what you meant?</span>", elem_id="qa-meant")
        up = gr.Button("✓ Yes", size="sm", elem_id="qa-up", scale=0, min_width=90)
        down = gr.Button("✗ No", size="sm", elem_id="qa-down", scale=0, min_width=90)
    with gr.Accordion("Correct this", open=False, elem_id="qa-correct") as accordion:
        right = gr.Textbox(
            label="The right query",
            info="Checked as you type, and compared by its records with the one that was given.",
            lines=2,
            max_length=LONGEST_QUERY,
            elem_id="qa-right",
        )
        judged = _html(elem_id="qa-judged")
        reason = gr.Textbox(
            label="What was wrong", placeholder="optional", max_length=LONGEST_QUESTION, elem_id="qa-why"
        )
        with gr.Row():
            keep = gr.Button("Keep my query", variant="primary", elem_id="qa-keep", scale=0, min_width=170)
            only_reason = gr.Button("I only know that it is wrong", elem_id="qa-only-reason", scale=0, min_width=280)
    kept = _html(elem_id="qa-kept")
    take_back = gr.Button("Take it back", size="sm", visible=False, elem_id="qa-take-back", scale=0)
    found = {"up": up, "down": down, "accordion": accordion, "right": right, "judged": judged, "reason": reason}
    return found | {"keep": keep, "only_reason": only_reason, "kept": kept, "take_back": take_back}


def _html(value: str = "", **options: Any) -> gr.HTML:
    """HTML in the page's own looks, none of gradio's."""
    return gr.HTML(value, apply_default_css=False, **options)


class _Handlers:
    """What happens on an event. Every one ends with a page that says what is the case, errors included."""

    def __init__(self, desk: Desk, work: BoundedWork, parts: _Parts) -> None:
        self.desk, self.work, self.parts = desk, work, parts

    async def ask(self, question: str, api: str) -> AsyncIterator[dict[Any, Any]]:
        if not question.strip():
            yield self._only(
                markup.notice("empty", "Nothing asked yet.", "Write what you want to find, then press Ask.")
            )
            return
        yield self._only(markup.notice("loading", "Thinking…", self._patience()))
        try:
            answer = await self.work.ask(lambda: self.desk.ask(question, api or None))
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


def _wired(blocks: gr.Blocks, parts: _Parts, buttons: dict[str, Any], handlers: _Handlers) -> None:
    shown = [
        parts.api, parts.question, parts.query, parts.understood, parts.issues, parts.records, parts.copies,
        parts.below, parts.given, parts.right, parts.judged, parts.kept, parts.take_back,
    ]  # fmt: skip
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    asking = [buttons["ask"].click, parts.question.submit]
    gr.on(asking, handlers.ask, [parts.question, parts.api], shown, **quiet).then(**_remembering(parts))
    gr.on(
        [buttons["run"].click, parts.query.submit],
        handlers.run,
        [parts.question, parts.query, parts.given],
        shown,
        **quiet,
    ).then(**_remembering(parts))
    buttons["live"].click(handlers.run_live, [parts.question, parts.query, parts.given], shown, **quiet)
    parts.query.input(handlers.check, [parts.query, parts.given], parts.issues, trigger_mode="always_last", **quiet)
    parts.right.input(handlers.judge, [parts.right, parts.given], parts.judged, trigger_mode="always_last", **quiet)
    said = [parts.kept, parts.judged, parts.number, parts.take_back, parts.correcting, parts.right]
    buttons["keep"].click(
        handlers.keep, [parts.right, buttons["reason"], parts.question, parts.given], said, **quiet
    ).then(handlers.listing, None, buttons["listing"], **quiet)
    parts.take_back.click(handlers.take_back, [parts.number], said, **quiet).then(
        handlers.listing, None, buttons["listing"], **quiet
    )
    buttons["up"].click(handlers.up, [parts.question, parts.given], said, **quiet)
    buttons["down"].click(handlers.down, [parts.question, parts.given], said, **quiet)
    buttons["only_reason"].click(handlers.only_reason, [buttons["reason"], parts.question, parts.given], said, **quiet)
    buttons["corrected"].expand(handlers.listing, None, buttons["listing"], **quiet)
    blocks.load(handlers.restore, None, shown, **quiet).then(**_remembering(parts))


def _remembering(parts: _Parts) -> dict[str, Any]:
    """Puts what is shown into the address and the history of this browser."""
    return {
        "fn": None,
        "inputs": [parts.question, parts.query],
        "js": "(question, query) => { window.qaRemember(question, query); }",
        "show_progress": "hidden",
        "api_visibility": "private",
    }
