"""The pieces of the page as HTML, out of `templates/`: whatever a person or a record says is escaped, always."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from query_assistant.corrections.store import Correction
from query_assistant.server.documents import (
    AnsweredQuestion,
    ComparedQueries,
    ExplainedQuery,
    QueryAnswer,
    QueryCopies,
    QueryFault,
)
from query_assistant.verbalising.said import QuestionWord

_FOLDER = Path(__file__).parent


@cache
def _templates() -> Environment:
    loader = FileSystemLoader(_FOLDER / "templates")
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters["sides"] = _named_sides
    return made


def _named_sides(message: str, left: str, right: str) -> str:
    """What the judge says of left and right, said of what they are; only where it names a side, not inside values."""

    def named(found: re.Match[str]) -> str:
        before = {"on the ": "in ", "by the ": "by "}.get(found[1], found[1])
        return before + (left if found[2] == "left" else right)

    told = re.sub(r"(^|, |on the |by the )(left|right)(?: one)?\b", named, message)
    return told[:1].upper() + told[1:]


def _filled(name: str, **values: Any) -> str:
    return _templates().get_template(f"{name}.html").render(values)


def page_file(name: str) -> str:
    """The text of one of the page's own files."""
    return (_FOLDER / "page" / name).read_text(encoding="utf-8")


def notice(kind: Literal["loading", "error", "empty"], title: str, text: str = "") -> str:
    """One sentence in place of an answer."""
    return _filled("notice", kind=kind, title=title, text=text)


def welcome(examples: Sequence[str]) -> str:
    """What stands there before anything was asked."""
    return _filled("welcome", examples=examples)


def understood(explained: ExplainedQuery, asked: AnsweredQuestion | None) -> str:
    """What the query says, beside what was asked; `asked` None: a person wrote the query."""
    confidence = asked.confidence if asked else None
    return _filled(
        "understood",
        explained=explained,
        asked=asked,
        alternatives=asked.alternatives if asked and not asked.sure else [],
        missed=_missed(explained.question),
        percent="" if confidence is None else f"{confidence:.0%}",
        sureness=_sureness(confidence),
    )


def _missed(question: Sequence[QuestionWord]) -> list[str]:
    """The stretches of a question that nothing covers: words side by side are one."""
    found: list[str] = []
    joined = False
    for word in question:
        if not word.covered:
            found = [*found[:-1], f"{found[-1]} {word.text}"] if joined else [*found, word.text]
        joined = not word.covered or (joined and not word.text.strip())
    return found


def _sureness(confidence: float | None) -> str:
    if confidence is None:
        return ""
    return "Fairly sure" if confidence >= 0.7 else "Unsure" if confidence >= 0.4 else "Mostly a guess"


def records(answer: QueryAnswer) -> str:
    """Hits, facets and rows."""
    return _filled("records", answer=answer)


def copied(copies: QueryCopies) -> str:
    """The call for elsewhere."""
    forms = (("Address", copies.url), ("curl", copies.curl), ("Python", copies.python), ("R", copies.r))
    return _filled("copies", forms=forms)


def checked_query(
    title: str, valid: bool, issues: Sequence[QueryFault], comparison: ComparedQueries | None = None
) -> str:
    """Whether the API accepts a query, and how it relates to the one that was given."""
    return _filled("issues", title=title, valid=valid, issues=issues, comparison=comparison)


def listed_corrections(corrections: Sequence[Correction]) -> str:
    """Corrections that count, each with a button that takes it back."""
    return _filled("corrections", corrections=corrections)
