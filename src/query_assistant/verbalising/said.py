"""What a query says, piece by piece, and the words of a question that say the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel


class QueryPart(BaseModel):
    """One thing that a query says.

    `meaning` is that in words, `holds` what the field holds; `words` are those of the question that it came from.
    `start` and `end` say where it stands in the query's text, where it stands in one piece.
    """

    kind: Literal["records", "condition", "presentation"]
    field: str | None = None
    operator: str = ""
    value: str = ""
    meaning: str
    holds: str = ""
    words: list[str] = []
    start: int | None = None
    end: int | None = None


class QuestionWord(BaseModel):
    """A stretch of the question. `parts`: who says it; `covered`: somebody does, or it means nothing."""

    text: str
    covered: bool
    parts: list[int] = []


@dataclass(frozen=True)
class SaidPart:
    """A part, and what it may be said with: stems, whole values, numbers."""

    part: QueryPart
    stems: frozenset[str]
    whole: frozenset[str] = frozenset()
    numbers: frozenset[Decimal] = field(default=frozenset())
    denies: bool = False
