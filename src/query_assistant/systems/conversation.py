"""Questions one after the other, each of which may go on with the one before it.

    talk = Conversation(assistant, lexicon_of)
    talk.ask("human genes with insulin receptor in the name", "mygene")
    talk.ask("only mouse", "mygene")          # the same, in mice

A follow-up is understood in one of three ways, the surest first:

    edited      its words say plainly what changes: species, columns, number, order, counts (`follow_ups`)
    narrowed    the model's query for the follow-up alone is added to the conditions before it, which the model, asked
                for both together, left out
    continued   the model sees the question before it with its query as the nearest example, and both questions joined
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from query_assistant.apis import Api
from query_assistant.errors import QueryAssistantError
from query_assistant.messages import Message
from query_assistant.prompts import read_answer
from query_assistant.queries.literals import literals
from query_assistant.queries.request import parse, to_text
from query_assistant.queries.validation import is_valid, validate
from query_assistant.records import Query
from query_assistant.systems.assistant import Assistant, Proposal
from query_assistant.systems.follow_ups import edited, is_follow_up
from query_assistant.systems.soundness import query_fault
from query_assistant.verbalising.lexicon import Lexicon

How = Literal["asked", "edited", "narrowed", "continued"]


@dataclass(frozen=True)
class Turn:
    """A question as it was understood: a follow-up joined to what it follows."""

    api: str
    question: str
    answer: Proposal
    how: How


class Conversation:
    """What was asked last, and of which API."""

    def __init__(self, assistant: Assistant, lexicon_of: Callable[[Api], Lexicon]) -> None:
        self._assistant, self._lexicon_of = assistant, lexicon_of
        self.last: Turn | None = None

    def forget(self) -> None:
        """What comes next follows nothing."""
        self.last = None

    def follows(self, text: str) -> bool:
        """Whether a line would be taken as a follow-up."""
        return self._followed(text) is not None

    def _followed(self, text: str) -> tuple[Turn, Query] | None:
        if self.last is None or self.last.answer.query is None:
            return None
        api = self._assistant.apis[self.last.api]
        return (self.last, self.last.answer.query) if is_follow_up(text, api) else None

    def ask(self, text: str, api_name: str) -> Turn:
        """The answer to a line; a follow-up is put to the API of what it follows."""
        followed = self._followed(text)
        if followed is None:
            self.last = Turn(api_name, text, self._assistant.answer(text, api_name), "asked")
        else:
            self.last = self._follow_up(text, *followed)
        return self.last

    def _follow_up(self, text: str, before: Turn, query: Query) -> Turn:
        api, joined = self._assistant.apis[before.api], f"{before.question}, {text}"
        found, how = self._understood(text, joined, before, query)
        fault = "the answer is no query" if found is None else query_fault(found, api, joined)
        written = "" if found is None else to_text(found)
        return Turn(api.name, joined, Proposal(None if fault else found, written, None, reason=fault), how)

    def _understood(self, text: str, joined: str, before: Turn, query: Query) -> tuple[Query | None, How]:
        api = self._assistant.apis[before.api]
        changed = edited(query, text, api, self._lexicon_of(api))
        if changed is not None and (is_valid(validate(changed, api)) or not is_valid(validate(query, api))):
            return changed, "edited"
        continued = self._continued(joined, before, query)
        if continued is not None and _keeps(query, continued, api):
            return continued, "continued"
        narrower = _narrowed(query, self._assistant.ask(text, api.name), api)
        return (narrower, "narrowed") if narrower is not None else (continued, "continued")

    def _continued(self, joined: str, before: Turn, query: Query) -> Query | None:
        """The model's query for both questions, the first of them shown as the nearest example."""
        prompt: Sequence[Message] = self._assistant.builder.build(joined, before.api)
        shown = (Message("user", before.question), Message("assistant", to_text(query)))
        return read_answer(self._assistant.write((*prompt[:-1], *shown, prompt[-1]), before.api).text)


def _keeps(before: Query, after: Query, api: Api) -> bool:
    """Whether every value of the first query is in the second one too."""
    try:
        kept = {(one.field, one.value.casefold()) for one in literals(parse(after, api), api)}
        return all((one.field, one.value.casefold()) in kept for one in literals(parse(before, api), api))
    except QueryAssistantError:
        return False


def _narrowed(before: Query, added: Query | None, api: Api) -> Query | None:
    """The first query with the conditions of the second; None where that has none, or they do not go together."""
    if added is None or before.body is not None or added.body is not None:
        return None
    try:
        request, other = parse(before, api), parse(added, api)
        if not request.q or not other.q or request.endpoint != "query" or other.endpoint != "query":
            return None
        q = " AND ".join(f"({text})" if " OR " in text else text for text in (request.q, other.q))
        made = request.with_values({**request.parameters, "q": q}, request.entity).to_query()
        return made if is_valid(validate(made, api)) else None
    except QueryAssistantError:
        return None
