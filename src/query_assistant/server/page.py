"""The page: a question on top, what was understood below it, the records, and what a person can do with either.

Built with gradio's blocks; what depends on an answer is HTML out of `markup`. The page's address holds question, API
and query, so a shared address shows the same again, and without a model where it holds the query.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from query_assistant.server import markup
from query_assistant.server.bounded_work import BoundedWork
from query_assistant.server.desk import Desk
from query_assistant.server.events import PageEvents
from query_assistant.server.layout import PageParts, laid_out

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


def page(desk: Desk, work: BoundedWork) -> gr.Blocks:
    """The page of a desk."""
    blocks: gr.Blocks
    with gr.Blocks(title="Query Assistant", analytics_enabled=False) as blocks:
        parts, buttons = laid_out(desk)
        events = PageEvents(desk, work, parts)
        _wired(blocks, parts, buttons, events)
    blocks.queue(max_size=128, default_concurrency_limit=64, api_open=False)
    return blocks


def _wired(blocks: gr.Blocks, parts: PageParts, buttons: dict[str, Any], events: PageEvents) -> None:
    shown = [
        parts.api, parts.question, parts.query, parts.understood, parts.issues, parts.records, parts.copies,
        parts.below, parts.given, parts.right, parts.judged, parts.kept, parts.take_back,
    ]  # fmt: skip
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    asking = [buttons["ask"].click, parts.question.submit]
    gr.on(asking, events.ask, [parts.question, parts.api], shown, **quiet).then(**_remembering(parts))
    gr.on(
        [buttons["run"].click, parts.query.submit],
        events.run,
        [parts.question, parts.query, parts.given],
        shown,
        **quiet,
    ).then(**_remembering(parts))
    buttons["live"].click(events.run_live, [parts.question, parts.query, parts.given], shown, **quiet)
    parts.query.input(events.check, [parts.query, parts.given], parts.issues, trigger_mode="always_last", **quiet)
    parts.right.input(events.judge, [parts.right, parts.given], parts.judged, trigger_mode="always_last", **quiet)
    said = [parts.kept, parts.judged, parts.number, parts.take_back, parts.correcting, parts.right]
    buttons["keep"].click(
        events.keep, [parts.right, buttons["reason"], parts.question, parts.given], said, **quiet
    ).then(events.listing, None, buttons["listing"], **quiet)
    parts.take_back.click(events.take_back, [parts.number], said, **quiet).then(
        events.listing, None, buttons["listing"], **quiet
    )
    buttons["up"].click(events.up, [parts.question, parts.given], said, **quiet)
    buttons["down"].click(events.down, [parts.question, parts.given], said, **quiet)
    buttons["only_reason"].click(events.only_reason, [buttons["reason"], parts.question, parts.given], said, **quiet)
    buttons["corrected"].expand(events.listing, None, buttons["listing"], **quiet)
    blocks.load(events.restore, None, shown, **quiet).then(**_remembering(parts))


def _remembering(parts: PageParts) -> dict[str, Any]:
    """Puts what is shown into the address and the history of this browser."""
    return {
        "fn": None,
        "inputs": [parts.question, parts.query],
        "js": "(question, query) => { window.qaRemember(question, query); }",
        "show_progress": "hidden",
        "api_visibility": "private",
    }
