"""The page's components and where they stand: the question on top, what was understood below, the records, feedback."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from query_assistant.server import markup
from query_assistant.server.desk import Desk
from query_assistant.server.documents import LONGEST_QUERY, LONGEST_QUESTION

GUESS = "Let it guess"
# Written for the page: none of them is an item of a benchmark, a development set or the training pairs.
EXAMPLES = (
    "mouse genes whose name mentions collagen",
    "how many human genes are there per type of gene?",
    "rat genes with kinase in their name, symbol and name only, at most twenty",
    "chemicals lighter than 60 dalton",
    "diseases whose name mentions anemia",
)


@dataclass(frozen=True)
class PageParts:
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


def laid_out(desk: Desk) -> tuple[PageParts, dict[str, Any]]:
    """The components that change with an answer, and by name those that only start something."""
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
            live = gr.Button("Run it on the live API", elem_id="qa-live", visible=desk.live, scale=0, min_width=220)
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
    parts = PageParts(
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
