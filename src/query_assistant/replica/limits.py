"""What one request may cost: counted in clauses, states, steps and characters, never in seconds.

Elasticsearch refuses a query beyond its own bounds with a 400; so does the replica, at the same numbers. Where the
server only runs out of time or memory (thousands of patterns in one call, a batch whose answer has gigabytes), `Work`
and `MAX_ANSWER` end it with a 400 that says what to ask instead. None depends on the clock or on what was asked before.
"""

from __future__ import annotations

from query_assistant.errors import RequestError

MAX_CLAUSES = 1_024  # indices.query.bool.max_clause_count
MAX_REGEX_LENGTH = 1_000  # index.max_regex_length
MAX_STATES = 10_000  # max_determinized_states
MAX_EFFORT = 2_000_000  # Lucene bounds the effort of an automaton beside its states; here in states looked at
EFFORT_STEPS = 4  # what a state looked at costs in steps
MAX_DEPTH = 250  # of a tree: the parser opens at most 100 parentheses, each two nodes
MAX_WORK = 20_000_000  # steps of some 100 ns: a few seconds
MAX_ANSWER = 100 * 2**20  # characters of a batch's answer; http.max_content_length is 100 MB
SEARCH_STEPS = 500  # what the plainest search of a batch takes
RECORDS_PER_STEP = 512  # truth values that are joined in the time of one step


class Work:
    """The steps that one request has taken, over all of its searches."""

    def __init__(self, limit: int = MAX_WORK) -> None:
        self.limit = limit
        self.spent = 0

    def spend(self, steps: int) -> None:
        """Counts steps that are about to be taken.

        Raises:
            RequestError: they are more than one request may take.
        """
        self.spent += steps
        if self.spent > self.limit:
            raise RequestError(
                f"the request takes more than {self.limit:,} steps; ask for fewer terms, or fewer patterns, regular "
                "expressions and fuzzy words, at once"
            )


def too_many_clauses(found: int) -> RequestError:
    return RequestError(
        f"Query contains too many nested clauses; maxClauseCount is set to {MAX_CLAUSES} and this one has at least "
        f"{found}; ask in several queries, or POST a batch of terms"
    )
