"""Whether an instruction whose words were changed is still as honest as when it was written."""

from __future__ import annotations

from collections.abc import Iterable

from query_assistant.apis import Api
from query_assistant.errors import QueryAssistantError
from query_assistant.pairs.checks import missing_literals, unreadable
from query_assistant.records import Pair
from query_assistant.verbalising.lexicon import Lexicon
from query_assistant.verbalising.planning import plan_query


class Honesty:
    """The checks of `writing`, asked again of a changed pair: readable, recoverable, and nobody else's instruction.

    An instruction that it passes counts as taken from then on, as do those of `pairs`.
    """

    def __init__(self, api: Api, pairs: Iterable[Pair], *, names: bool = True) -> None:
        """`names`: the fields of the presentation have to be called by a known name (not so where a model wrote)."""
        self.api = api
        self.names = names
        self.lexicon = Lexicon.load(api.name, api.schema)
        self.taken = {pair.instruction.casefold() for pair in pairs}

    def __call__(self, pair: Pair) -> bool:
        words = pair.instruction.casefold()
        if words in self.taken or unreadable(pair.instruction):
            return False
        if not self._recoverable(pair):
            return False
        self.taken.add(words)
        return True

    def _recoverable(self, pair: Pair) -> bool:
        try:
            plan = plan_query(pair, self.api)
        except QueryAssistantError:
            return False
        return not missing_literals(plan, pair.instruction, self.lexicon, names=self.names)
