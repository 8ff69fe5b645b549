"""What people type, within bounds."""

from __future__ import annotations

from query_assistant.errors import InputError
from query_assistant.queries.typed import check_utf8, read_query
from query_assistant.records import Query
from query_assistant.server.documents import LONGEST_QUERY, LONGEST_QUESTION
from query_assistant.systems.soundness import check_question


def typed_question(text: str) -> str:
    """The question on one line.

    Raises:
        InputError: it is empty, too long, or no UTF-8.
    """
    asked = " ".join(text.split())
    check_utf8(asked, text)
    check_question(asked)
    if len(asked) > LONGEST_QUESTION:
        raise InputError(f"the question has {len(asked):,} characters; at most {LONGEST_QUESTION:,} are read")
    return asked


def typed_query(text: str) -> Query:
    """The query, in any of the forms that are read.

    Raises:
        InputError: it is too long, or no query at all.
    """
    if len(text) > LONGEST_QUERY:
        raise InputError(f"the query has {len(text):,} characters; at most {LONGEST_QUERY:,} are read here")
    return read_query(text)
