"""Phrases that stand in many instructions and mean nothing for the query: "would you kindly", "in the database".

A model that is trained on them learns them. They are found, not listed: a word n-gram is fluff when it is frequent and
its presence tells nothing about the query, measured by the mutual information between the phrase and each construct,
parameter and field of the queries. What names a field or a value, or is the only way an operator is said, is never
fluff: that is why the information counts and not the frequency.

    cleaned, figures = without_fluff(pairs, Honesty(api, pairs), FluffSettings())
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from query_assistant.records import Pair
from query_assistant.verbalising.wording import sentence, tidy

TOKEN = re.compile(r"\w+(?:['.:-]+\w+)*|[^\w\s]")
SHORTEST, LONGEST = 2, 16  # a single word that a sentence needs can seldom go without breaking it
ENDS = frozenset(".?!")
AFTER_THESE = (
    "a an the this that these those which what who whose my your our its their all any some each no not "
    "of in on at by to for from with as and or but if than only i is are was were do does has have"
)
LEANING = frozenset(AFTER_THESE.split())  # a phrase that ends in one of these is torn from its other half
WAITING = LEANING - {"have", "has", "not", "only", "all", "any", "some"} | {"please", "would", "could", "can", "you"}
ASKS = re.compile(r"(?:(?:in|of|for|with|by|from|at|on|to) )?(?:wh(?:at|ich|o|ose|om|ere|en|y)|how)\b", re.IGNORECASE)
CARRIES = re.compile(r"\b(?:is|are|was|were|do|does|did|can|could|will|would|has|have|had)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FluffSettings:
    """`least_share`: a phrase must stand in this share of the instructions (lower: more is called fluff).
    `most_information`: the share of its entropy that any one feature of the query may explain (higher: more is fluff).
    `remove`: whether what is found is taken out, or only reported.
    """

    least_share: float = 0.01
    most_information: float = 0.015
    remove: bool = True


@dataclass(frozen=True, slots=True)
class Fluff:
    """One phrase, the share of instructions that hold it, and how much of its entropy one feature explains at most."""

    phrase: str
    share: float
    information: float
    example: str


def without_fluff(
    pairs: Sequence[Pair], honest: Callable[[Pair], bool], settings: FluffSettings
) -> tuple[list[Pair], dict[str, Any]]:
    """The pairs without the fluff that is found in them, and the figures of `report` and `ablate` about it."""
    fluff = find_fluff(pairs, settings)
    cleaned, removed = remove_fluff(pairs, fluff if settings.remove else [], honest)
    return cleaned, {"phrases": report(pairs, cleaned, fluff, removed), **ablate(pairs, cleaned)}


def find_fluff(pairs: Sequence[Pair], settings: FluffSettings) -> list[Fluff]:
    """Frequent phrases that tell nothing, in the order in which they are removed: those with most words in all
    instructions together first. Each is counted where those before it are gone, so no part of a longer one is left.
    """
    least = settings.least_share * len(pairs)
    holders = _holders([pair.instruction for pair in pairs])
    frequent = {gram: found for gram, found in holders.items() if len(found) >= least and gram[-1] not in LEANING}
    features = _features(pairs)
    texts = [pair.instruction for pair in pairs]
    fluff = []
    for gram in sorted(frequent, key=lambda gram: (-len(frequent[gram]) * len(gram), gram)):
        phrase = " ".join(gram)
        left = {position for position in frequent[gram] if _holds(texts[position], phrase)}
        if len(left) < least:
            continue
        information = max((_information(left, having, len(pairs)) for having in features.values()), default=0.0)
        if information <= settings.most_information:
            fluff.append(Fluff(phrase, len(left) / len(pairs), information, pairs[min(left)].instruction))
            for position in left:
                texts[position] = without_phrase(texts[position], phrase) or texts[position]
    return fluff


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
        if shorter is None:
            continue
        form = "imperative" if kept.form == "question" and _made_request(phrase, shorter) else kept.form
        candidate = kept.model_copy(update={"instruction": shorter, "form": form})
        if honest(candidate):
            kept = candidate
            removed[phrase] += 1
    return kept


def report(
    pairs: Sequence[Pair], cleaned: Sequence[Pair], fluff: Sequence[Fluff], removed: Mapping[str, int]
) -> dict[str, dict[str, Any]]:
    """By phrase: in how many pairs it was `found` and from how many `removed`, its share of the pairs `before` and
    `after`, and an `example`: an instruction with it and what became of that one.

    A phrase that went with others (found, not removed, in no pair now) is left out.
    """
    figures = {}
    for each in fluff:
        found = [position for position, pair in enumerate(pairs) if _holds(pair.instruction, each.phrase)]
        left = sum(_holds(pair.instruction, each.phrase) for pair in cleaned)
        if left or removed.get(each.phrase):
            shown = next((one for one in found if not _holds(cleaned[one].instruction, each.phrase)), found[0])
            figures[each.phrase] = {
                "found": len(found),
                "removed": removed.get(each.phrase, 0),
                "before": round(len(found) / len(pairs), 4),
                "after": round(left / len(pairs), 4),
                "example": [pairs[shown].instruction, cleaned[shown].instruction],
            }
    return figures


def ablate(pairs: Sequence[Pair], cleaned: Sequence[Pair]) -> dict[str, float]:
    """What removing the phrases changed: shares of pairs touched and words saved, distinct-2 before and after."""
    from query_assistant.pairs.diversity import distinct

    before, after = [pair.instruction for pair in pairs], [pair.instruction for pair in cleaned]
    words = sum(len(text.split()) for text in before) or 1
    return {
        "pairs_touched": sum(one != other for one, other in zip(before, after, strict=True)) / (len(pairs) or 1),
        "words_saved": 1 - sum(len(text.split()) for text in after) / words,
        "distinct_2_before": distinct(before, 2),
        "distinct_2_after": distinct(after, 2),
    }


def without_phrase(text: str, phrase: str) -> str | None:
    """The instruction without the phrase, still a sentence with a capital and its end.

    None where the phrase is not in it, or where the rest leans on it: "Which genes can you find?", "Would you show me
    genes?" without "you show me". A question that was one by its opening alone becomes a request: "Can you list
    genes?" is "List genes."
    """
    matches = list(_pattern(phrase).finditer(text))
    if not matches or (phrase[0] != "," and any(_waits(text[: match.start()]) for match in matches)):
        return None
    bare = re.sub(r"[,;]\s*([.?!])$", r"\1", tidy(_pattern(phrase).sub(" ", text))).strip(" ,;")
    if CARRIES.match(phrase) and ASKS.match(bare):
        return None
    if _made_request(phrase, bare):
        bare = re.sub(r"\?(?=\s|$)", ".", bare, count=1)
    return sentence(bare, "") if text[:1].isupper() else bare


def _made_request(phrase: str, bare: str) -> bool:
    """Whether what is left without the phrase asks no longer, though the phrase did."""
    return bool(CARRIES.match(phrase)) and not (CARRIES.match(bare) or ASKS.match(bare))


def _waits(before: str) -> bool:
    """Whether what stands before a phrase ends in a word that waits for another."""
    words = re.findall(r"\w+\s*$", before)
    return bool(words) and words[-1].strip().casefold() in WAITING


def _holds(text: str, phrase: str) -> bool:
    return _pattern(phrase).search(text) is not None


@lru_cache(maxsize=1024)
def _pattern(phrase: str) -> re.Pattern[str]:
    """The phrase with any blanks between its tokens; a comma behind it goes with it, unless one before it does."""
    tokens = r"\s*".join(re.escape(token) for token in phrase.split(" "))
    before, behind = (r"(?<!\w)" if phrase[0].isalnum() else "", r"(?!\w)" if phrase[-1].isalnum() else "")
    return re.compile(f"{before}{tokens}{behind}{'' if phrase[0] == ',' else ',?'}", re.IGNORECASE)


def _holders(instructions: Sequence[str]) -> dict[tuple[str, ...], set[int]]:
    """Which instructions hold each n-gram of words, `SHORTEST` to `LONGEST` long."""
    holders: dict[tuple[str, ...], set[int]] = defaultdict(set)
    for position, text in enumerate(instructions):
        tokens = TOKEN.findall(text.casefold())
        for start in range(len(tokens)):
            for stop in range(start + 1, min(start + LONGEST, len(tokens)) + 1):
                if tokens[stop - 1] in ENDS:
                    break
                if stop - start >= SHORTEST:
                    holders[tuple(tokens[start:stop])].add(position)
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
