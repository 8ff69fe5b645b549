"""The language of an API's valid requests, as a grammar that engines obey while they write.

    grammar(load_api("mygene"), "ebnf")             # text for xgrammar
    list(sample(load_api("mygene"), seed=7, count=2))
    ["/v3/query?q=symbol:CDK2 AND taxid:9606&fields=name", "/v3/gene/1017"]

One generator for all engines: `names`, `values`, `text`, `parameters` and `requests` turn an API's data into the
algebra of `rules`, `rendering` writes that as EBNF, GBNF or Lark, `sampling` draws from it. Every sentence is a
request that `validate` finds no error in; docs/grammar.md says what the language leaves out, and why.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import lru_cache

from query_assistant.apis import Api
from query_assistant.grammar.rendering import Format, render_grammar
from query_assistant.grammar.requests import request_rules
from query_assistant.grammar.rules import Rules, reachable
from query_assistant.grammar.sampling import sentences
from query_assistant.grammar.values import value_rules

__all__ = ["Format", "grammar", "rules_of", "sample"]


def grammar(api: Api, form: Format, end: str | None = None) -> str:
    """The grammar of an API's requests in the notation of an engine.

    `end` is a special token that every answer must close with, as `<|im_end|>`: llama.cpp cannot stop without one.

    Raises:
        ConfigurationError: an unknown format.
    """
    return render_grammar(rules_of(api), form, end)


def sample(api: Api, seed: int, count: int) -> Iterator[str]:
    """Random requests in their text form, the same ones for the same seed; duplicates are possible."""
    return sentences(rules_of(api), random.Random(f"{seed}:grammar:{api.name}"), count)


@lru_cache(maxsize=16)
def rules_of(api: Api) -> Rules:
    """The rules behind both."""
    replaced = [rule.written for rule in api.definition.shorthands]
    return reachable(Rules({**request_rules(api), **value_rules(replaced)}, start="request"))
