"""What records can hold in a field: one value at most, or nothing but identifiers of one kind.

    single_valued(api)      # {"cadd.phred", "exac.af", "hg19.start", ...}
    identifiers(api)        # {"chebi.ancestors": "CHEBI", ...}

Fields that are not listed may hold anything, and any number of it. data/apis/<api>/contents.csv says for each what
was counted and where that comes from; `benchmarks/contents.py` makes it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType

from query_assistant.apis import Api, api_folder
from query_assistant.queries.tree import BestOf, Boolean, Boost, Match, Node, Phrase, Strict, Words

FILE = "contents.csv"
ONE_VALUE = "one value"


@lru_cache(maxsize=64)
def single_valued(api: Api) -> frozenset[str]:
    """Fields of which a record holds one value at most."""
    return frozenset(name for name, holds in _rows(api.name) if holds == ONE_VALUE)


@lru_cache(maxsize=64)
def identifiers(api: Api) -> Mapping[str, str]:
    """Text fields whose values are all identifiers such as CHEBI:35358, and their prefix."""
    return MappingProxyType({name: holds for name, holds in _rows(api.name) if holds != ONE_VALUE})


def _rows(api: str) -> tuple[tuple[str, str], ...]:
    file = api_folder(api) / FILE
    if not file.is_file():
        return ()
    with file.open(encoding="utf-8", newline="") as rows:
        return tuple((row["field"], row["holds"]) for row in csv.DictReader(rows))


def with_whole_identifiers(node: Node, api: Api) -> Node:
    """The tree with each identifier as a phrase where the field holds nothing but identifiers of its kind.

    `chebi.ancestors:CHEBI\\:35358` asks for the words CHEBI and 35358 wherever they stand, but every value there is
    CHEBI and one number, so a record with both holds CHEBI:35358 itself: what `chebi.ancestors:"CHEBI:35358"` asks for.
    """
    if isinstance(node, Boolean):
        groups = (node.must, node.should, node.must_not)
        return Boolean(*(tuple(with_whole_identifiers(part, api) for part in group) for group in groups))
    if isinstance(node, Boost | Strict):
        return replace(node, node=with_whole_identifiers(node.node, api))
    if isinstance(node, BestOf):
        return BestOf(tuple((weight, with_whole_identifiers(choice, api)) for weight, choice in node.choices))
    if isinstance(node, Words) and node.operator == "and" and _identify(node.words, node.field, api):
        phrases = tuple(Phrase(node.field, word) for word in node.words)
        return phrases[0] if len(phrases) == 1 else Boolean(must=phrases)
    if (
        isinstance(node, Match)
        and node.mode == "all"
        and all(_identify((node.text,), name, api) for name in node.fields)
    ):
        return replace(node, mode="phrase")
    return node


def _identify(words: tuple[str, ...], field: str | None, api: Api) -> bool:
    """Whether the words are identifiers such as the field holds."""
    prefix = identifiers(api).get(field or "")
    return prefix is not None and all(re.fullmatch(rf"{prefix}:[0-9]+", word, re.IGNORECASE) for word in words)
