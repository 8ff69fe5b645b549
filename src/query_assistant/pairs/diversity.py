"""How varied instructions are: distinct n-grams, self-BLEU, distinct skeletons per thousand, coverage of fields."""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from query_assistant.apis import Api
from query_assistant.errors import QueryAssistantError
from query_assistant.records import Pair
from query_assistant.verbalising.lexicon import Lexicon
from query_assistant.verbalising.plan import Plan, plan_leaves
from query_assistant.verbalising.planning import plan_query

WORD = re.compile(r"[\w'.:-]+")
SAMPLE = 400


def summarise(pairs: Sequence[Pair], api: Api, seed: int = 1) -> dict[str, Any]:
    """All figures of one API's pairs, ready for a metrics file."""
    texts = [pair.instruction for pair in pairs]
    sample = random.Random(f"{seed}/self-bleu").sample(texts, min(SAMPLE, len(texts)))
    queries = {(pair.query, str(pair.body)): pair for pair in pairs}
    return {
        "pairs": len(pairs),
        "queries": len(queries),
        "query_skeletons": len({pair.skeleton for pair in pairs}),
        "constructs": dict(sorted(Counter(name for pair in pairs for name in pair.constructs).items())),
        "forms": dict(sorted(Counter(pair.form for pair in pairs).items())),
        "origins": dict(sorted(Counter(pair.origin for pair in pairs).items())),
        "instruction_skeletons_per_1000": round(
            1000 * len({wording_skeleton(text) for text in texts}) / (len(texts) or 1), 1
        ),
        "distinct_1": round(distinct(texts, 1), 4),
        "distinct_2": round(distinct(texts, 2), 4),
        "distinct_3": round(distinct(texts, 3), 4),
        "self_bleu_4": round(self_bleu(sample), 4),
        **coverage(list(queries.values()), api),
    }


def coverage(pairs: Sequence[Pair], api: Api) -> dict[str, float]:
    """The share of the API's leaf fields that the queries search, return, or name at all (through a parent too)."""
    searched: set[str] = set()
    returned: set[str] = set()
    for pair in pairs:
        try:
            plan = plan_query(pair, api)
        except QueryAssistantError:
            continue
        searched |= {leaf.field for leaf in plan_leaves(plan.condition) if leaf.field} | set(plan.scopes)
        returned |= _shown(plan)
    names = [leaf.name for leaf in api.schema.leaves if leaf.name not in api.definition.hidden]
    covered = {name for name in names if name in returned or any(name.startswith(f"{path}.") for path in returned)}
    total = len(names) or 1
    return {
        "leaf_fields_searched": round(len(searched & set(names)) / total, 4),
        "leaf_fields_returned": round(len(covered) / total, 4),
        "leaf_fields_covered": round(len(covered | searched & set(names)) / total, 4),
    }


def _shown(plan: Plan) -> set[str]:
    return {*(plan.fields or ()), *plan.facets, *(key.lstrip("-") for key in plan.sort)}


def wording_skeleton(text: str) -> str:
    """The instruction with its values masked: quoted texts, numbers, and words with digits, dots or capitals inside."""
    masked = re.sub(r"\"[^\"]*\"|(?<!\w)'[^']*'(?!\w)", "<text>", text)
    return " ".join("<value>" if _is_value(word) else word.casefold() for word in WORD.findall(masked))


def distinct(texts: Sequence[str], length: int) -> float:
    """Distinct word n-grams over all n-grams, 0 to 1 (Li et al. 2016, arXiv:1510.03055); falls as texts are added."""
    grams = [gram for text in texts for gram in _grams(_words(text), length)]
    return len(set(grams)) / len(grams) if grams else 0.0


def self_bleu(texts: Sequence[str], longest: int = 4) -> float:
    """Mean BLEU of each text against all others, 0 to 1, higher is more alike (Zhu et al. 2018, arXiv:1802.01886).

    Clipped precisions of n-grams up to `longest`, geometric mean, with one added to matches and totals of empty orders.
    """
    words = [_words(text) for text in texts]
    best = [_best_counts(words, length) for length in range(1, longest + 1)]
    scores = [_bleu(each, best) for each in words if len(each) >= longest]
    return sum(scores) / len(scores) if scores else 0.0


def _bleu(words: list[str], best: Sequence[Mapping[tuple[str, ...], tuple[int, int]]]) -> float:
    logs = 0.0
    for length, counts in enumerate(best, start=1):
        own = Counter(_grams(words, length))
        matched = sum(min(count, _elsewhere(count, counts[gram])) for gram, count in own.items())
        logs += math.log((matched + (matched == 0)) / (sum(own.values()) + (matched == 0)))
    return math.exp(logs / len(best))


def _elsewhere(own: int, counts: tuple[int, int]) -> int:
    """The highest count of a gram in any other text, from the two highest counts over all texts."""
    highest, second = counts
    return second if own == highest else highest


def _best_counts(texts: Sequence[list[str]], length: int) -> dict[tuple[str, ...], tuple[int, int]]:
    best: dict[tuple[str, ...], tuple[int, int]] = {}
    for words in texts:
        for gram, count in Counter(_grams(words, length)).items():
            highest, second = best.get(gram, (0, 0))
            best[gram] = (count, highest) if count > highest else (highest, max(second, count))
    return best


def _grams(words: list[str], length: int) -> list[tuple[str, ...]]:
    return [tuple(words[start : start + length]) for start in range(len(words) - length + 1)]


def _words(text: str) -> list[str]:
    return [word.casefold() for word in WORD.findall(text)]


def _is_value(word: str) -> bool:
    return bool(re.search(r"\d", word)) or word[1:] != word[1:].lower()


def recoverability(pairs: Sequence[Pair], api: Api) -> float:
    """The share of pairs whose every literal can be read out of the instruction; 1.0 is what the checks guarantee."""
    from query_assistant.pairs.checks import missing_literals

    lexicon = Lexicon.load(api.name, api.schema)
    whole = sum(not missing_literals(plan_query(pair, api), pair.instruction, lexicon) for pair in pairs)
    return whole / (len(pairs) or 1)
