"""Phrases that stand in many instructions and mean nothing for the query: "would you kindly", "in the database".

A model that is trained on them learns them. They are found, not listed: a word n-gram is fluff when it is frequent and
its presence tells nothing about the query, measured by the mutual information between the phrase and each construct,
parameter and field of the queries. What names a field or a value, or is the only way an operator is said, is never
fluff: that is why the information counts and not the frequency.

    report = find_fluff(pairs, FluffSettings())
    cleaned, report = remove_fluff(pairs, report, still_honest)
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from query_assistant.pairs.wording import sentence, tidy
from query_assistant.records import Pair

TOKEN = re.compile(r"[\w'.:-]+|[^\w\s]")
SHORTEST, LONGEST = 2, 5  # a single word that a sentence needs can seldom go without breaking it


@dataclass(frozen=True, slots=True)
class FluffSettings:
    """`least_share`: a phrase must stand in this share of the instructions (lower: more is called fluff).
    `most_information`: the share of its entropy that any one feature of the query may explain (higher: more is fluff).
    """

    least_share: float = 0.01
    most_information: float = 0.015


@dataclass(frozen=True, slots=True)
class Fluff:
    """One phrase, the share of instructions that hold it, and how much of its entropy one feature explains at most."""

    phrase: str
    share: float
    information: float
    example: str


def find_fluff(pairs: Sequence[Pair], settings: FluffSettings) -> list[Fluff]:
    """Frequent phrases that tell nothing, the most frequent first; parts of longer fluff of equal share left out."""
    holders = _holders([pair.instruction for pair in pairs])
    frequent = {gram: found for gram, found in holders.items() if len(found) >= settings.least_share * len(pairs)}
    features = _features(pairs)
    fluff = []
    for gram, found in frequent.items():
        information = max((_information(found, having, len(pairs)) for having in features.values()), default=0.0)
        if information <= settings.most_information:
            example = pairs[min(found)].instruction
            fluff.append(Fluff(" ".join(gram), len(found) / len(pairs), information, example))
    return sorted(_longest_only(fluff), key=lambda each: (-each.share, each.phrase))


def remove_fluff(
    pairs: Sequence[Pair], fluff: Iterable[Fluff], honest: Callable[[Pair], bool]
) -> tuple[list[Pair], Counter[str]]:
    """The pairs without the phrases; a pair that would not be honest without one keeps it.

    Returns the pairs in their order and how often each phrase was removed.
    """
    removed: Counter[str] = Counter()
    phrases = [each.phrase for each in fluff]
    return [_without_all(pair, phrases, honest, removed) for pair in pairs], removed


def _without_all(pair: Pair, phrases: Sequence[str], honest: Callable[[Pair], bool], removed: Counter[str]) -> Pair:
    kept = pair
    for phrase in phrases:
        shorter = without_phrase(kept.instruction, phrase)
        candidate = kept if shorter is None else kept.model_copy(update={"instruction": shorter})
        if candidate is not kept and honest(candidate):
            kept = candidate
            removed[phrase] += 1
    return kept


def ablate(pairs: Sequence[Pair], fluff: Sequence[Fluff]) -> dict[str, float]:
    """What removing the phrases would change: shares of pairs touched and words saved, distinct-2 before and after."""
    from query_assistant.pairs.diversity import distinct

    before = [pair.instruction for pair in pairs]
    after = [_stripped(text, fluff) for text in before]
    words = sum(len(text.split()) for text in before) or 1
    return {
        "pairs_touched": sum(one != other for one, other in zip(before, after, strict=True)) / (len(pairs) or 1),
        "words_saved": 1 - sum(len(text.split()) for text in after) / words,
        "distinct_2_before": distinct(before, 2),
        "distinct_2_after": distinct(after, 2),
    }


def without_phrase(text: str, phrase: str) -> str | None:
    """The instruction without the phrase, still with a capital and an end; None where the phrase is not in it."""
    pattern = r"(?<!\w)" + r"\s*".join(re.escape(token) for token in phrase.split(" ")) + r"(?!\w)[,]?"
    shorter, count = re.subn(pattern, " ", text, flags=re.IGNORECASE)
    if not count:
        return None
    bare = re.sub(r"[,;]\s*([.?!])$", r"\1", tidy(shorter)).strip(" ,;")
    return sentence(bare, "") if text[:1].isupper() else bare


def _stripped(text: str, fluff: Sequence[Fluff]) -> str:
    for each in fluff:
        text = without_phrase(text, each.phrase) or text
    return text


def _holders(instructions: Sequence[str]) -> dict[tuple[str, ...], set[int]]:
    """Which instructions hold each n-gram of words, two to five words long."""
    holders: dict[tuple[str, ...], set[int]] = defaultdict(set)
    for position, text in enumerate(instructions):
        tokens = TOKEN.findall(text.casefold())
        for length in range(SHORTEST, LONGEST + 1):
            for start in range(len(tokens) - length + 1):
                holders[tuple(tokens[start : start + length])].add(position)
    return holders


def _features(pairs: Sequence[Pair]) -> dict[str, set[int]]:
    """What may be true of a pair's query (constructs, words of its path and body), by pair."""
    having: dict[str, set[int]] = defaultdict(set)
    for position, pair in enumerate(pairs):
        for construct in pair.constructs:
            having[construct].add(position)
        for word in set(re.findall(r"[a-z_][\w.]{2,}", f"{pair.query} {pair.body or ''}".casefold())):
            having[f"word {word}"].add(position)
    least = max(5, len(pairs) // 500)
    return {name: found for name, found in having.items() if len(found) >= least}


def _information(phrase: set[int], feature: set[int], total: int) -> float:
    """Mutual information of two yes-or-no facts over the pairs, as a share of the phrase's entropy, 0 to 1
    (Theil's uncertainty coefficient).
    """
    both = len(phrase & feature)
    table = [
        (both, len(phrase), len(feature)),
        (len(phrase) - both, len(phrase), total - len(feature)),
        (len(feature) - both, total - len(phrase), len(feature)),
        (total - len(phrase) - len(feature) + both, total - len(phrase), total - len(feature)),
    ]
    mutual = sum(cell / total * math.log2(cell * total / (row * column)) for cell, row, column in table if cell)
    share = len(phrase) / total
    entropy = -sum(part * math.log2(part) for part in (share, 1 - share) if part)
    return mutual / entropy if entropy else 0.0


def _longest_only(fluff: list[Fluff]) -> list[Fluff]:
    """Without phrases that stand inside a longer one of nearly the same share."""
    return [each for each in fluff if not any(_within(each, other) for other in fluff)]


def _within(one: Fluff, other: Fluff) -> bool:
    return one.phrase != other.phrase and one.phrase in other.phrase and other.share > 0.9 * one.share
