"""Phrases without meaning are found, not listed."""

from __future__ import annotations

import re

from query_assistant.apis import Api
from query_assistant.pairs.diversity import distinct, self_bleu, wording_skeleton
from query_assistant.pairs.fluff import (
    Fluff,
    FluffSettings,
    ablate,
    find_fluff,
    remove_fluff,
    without_fluff,
    without_phrase,
)
from query_assistant.pairs.honesty import Honesty
from query_assistant.records import Pair

SYMBOLS = ["CDK2", "INS", "TP53", "MYC", "KRAS", "EGFR", "PTEN"]


def pair(number: int) -> Pair:
    """Every third instruction is polite; "at most" always goes with a size, "in mouse" with a species."""
    symbol = SYMBOLS[number % len(SYMBOLS)]
    size = number % 2 == 0
    mouse = number % 5 == 0
    polite = "would you kindly " if number % 3 == 0 else ""
    instruction = f"{polite}find {symbol}{' in mouse' if mouse else ''}{', at most 5' if size else ''} number {number}"
    query = f"/v3/query?q=symbol:{symbol}{'&species=mouse' if mouse else ''}{'&size=5' if size else ''}"
    used = tuple(name for name, given in (("size", size), ("species", mouse)) if given)
    return Pair(
        id=str(number), api="mygene", instruction=instruction, query=query, form="imperative", origin="log",
        skeleton="s", constructs=used,
    )  # fmt: skip


PAIRS = [pair(number) for number in range(300)]
SETTINGS = FluffSettings(least_share=0.05, most_information=0.02)


def test_a_frequent_phrase_that_tells_nothing_is_fluff_and_one_that_tells_is_not() -> None:
    found = find_fluff(PAIRS, SETTINGS)

    assert "would you kindly find" in {each.phrase for each in found}
    assert not [each.phrase for each in found if "most" in each.phrase or "mouse" in each.phrase]


def test_removal_keeps_pairs_honest() -> None:
    fluff = [each for each in find_fluff(PAIRS, SETTINGS) if "kindly" in each.phrase]
    cleaned, removed = remove_fluff(PAIRS, fluff, honest=lambda candidate: "KRAS" not in candidate.instruction)

    assert sum(removed.values()) > 0
    assert all(
        ("kindly" in each.instruction) == ("KRAS" in each.instruction and int(each.id) % 3 == 0) for each in cleaned
    )
    assert [each.query for each in cleaned] == [each.query for each in PAIRS]


def test_ablation_says_what_removal_would_change() -> None:
    fluff = [each for each in find_fluff(PAIRS, SETTINGS) if each.phrase == "would you kindly find"]
    cleaned, _ = remove_fluff(PAIRS, fluff, honest=lambda candidate: True)
    effect = ablate(PAIRS, cleaned)

    assert effect["pairs_touched"] == 1 / 3
    assert 0.1 < effect["words_saved"] < 0.3


def test_the_report_says_what_was_found_and_what_became_of_it() -> None:
    cleaned, figures = without_fluff(PAIRS, lambda candidate: "KRAS" not in candidate.instruction, SETTINGS)
    stubborn = sum("kindly" in each.instruction and "KRAS" in each.instruction for each in PAIRS)

    assert figures["phrases"]["would you kindly find"] == {
        "found": 100,
        "removed": 100 - stubborn,
        "before": 0.3333,
        "after": round(stubborn / 300, 4),
        "example": ["would you kindly find CDK2 in mouse, at most 5 number 0", "CDK2 in mouse, at most 5 number 0"],
    }
    assert figures["pairs_touched"] == sum(one != other for one, other in zip(PAIRS, cleaned, strict=True)) / 300


def test_fluff_may_be_reported_and_left() -> None:
    settings = FluffSettings(least_share=0.05, most_information=0.02, remove=False)
    cleaned, figures = without_fluff(PAIRS, lambda candidate: True, settings)

    assert cleaned == PAIRS
    assert figures["pairs_touched"] == 0
    assert figures["phrases"]["would you kindly find"]["removed"] == 0
    assert figures["phrases"]["would you kindly find"]["after"] == 0.3333


def test_a_long_phrase_goes_whole() -> None:
    polite = [
        each.model_copy(update={"instruction": f"As part of your search, please ensure that you {each.instruction}."})
        if int(each.id) % 3 == 1 else each
        for each in PAIRS
    ]  # fmt: skip
    cleaned, _ = without_fluff(polite, lambda candidate: True, SETTINGS)

    assert not [each.instruction for each in cleaned if re.search("search|please|ensure", each.instruction)]


def test_phrases_are_found_whole_however_they_are_punctuated_and_overlap() -> None:
    phrases = ("in the database", ", thank you in advance", ", based on the information in the records")
    fluffy = [
        each.model_copy(update={"instruction": f"gene{each.id} as {each.id}{_joined(phrases, int(each.id))}{end}"})
        for each, end in zip(PAIRS, [".", "?", ""] * 100, strict=True)
    ]
    found = find_fluff(fluffy, SETTINGS)
    cleaned, _ = remove_fluff(fluffy, found, honest=lambda candidate: True)

    assert sorted(each.phrase for each in found) == sorted(phrases)
    assert [each.instruction.strip(".?") for each in cleaned] == [f"gene{each.id} as {each.id}" for each in PAIRS]


def _joined(phrases: tuple[str, ...], number: int) -> str:
    phrase = phrases[number * 7 % 11 % 3]
    return phrase if phrase.startswith(",") else f" {phrase}"


def test_a_question_without_its_opening_is_a_request() -> None:
    texts = ["Can you find CDK2?", "can you find CDK2", "Which genes are like CDK2? Can you sort them?"]
    asked = [PAIRS[0].model_copy(update={"instruction": text, "form": "question"}) for text in texts]
    cleaned, _ = remove_fluff(asked, [Fluff("can you", 0.5, 0.0, texts[0])], honest=lambda candidate: True)

    assert [(each.instruction, each.form) for each in cleaned] == [
        ("Find CDK2.", "imperative"),
        ("find CDK2", "imperative"),
        (texts[2], "question"),
    ]


def test_honesty_refuses_what_is_lost_unreadable_or_taken(mygene: Api) -> None:
    words = "In the database find human genes with the symbol CDK2."
    honest_pair = PAIRS[0].model_copy(update={"instruction": words, "query": "/v3/query?q=symbol:CDK2&species=human"})
    honest = Honesty(mygene, [honest_pair])

    def passes(instruction: str) -> bool:
        return honest(honest_pair.model_copy(update={"instruction": instruction}))

    assert not passes(words)
    assert not passes("Find genes with the symbol CDK2.")
    assert not passes("Find human human genes with the symbol CDK2.")
    assert passes("Find human genes with the symbol CDK2.")
    assert not passes("find human genes with the symbol CDK2.")


def test_without_phrase_leaves_a_sentence() -> None:
    assert without_phrase("Would you kindly find CDK2?", "would you kindly") == "Find CDK2."
    assert without_phrase("Which genes can you find in mice?", "can you") is None
    assert without_phrase("what genes can you find", "can you") is None
    assert without_phrase("Can you show genes like CDK2? In mice.", "can you") == "Show genes like CDK2. In mice."
    assert without_phrase("Which genes in the database are human?", "in the database") == "Which genes are human?"
    assert without_phrase("Find CDK2, if at all possible.", ", if at all possible") == "Find CDK2."
    assert without_phrase("Please could you find CDK2?", "could you") is None
    assert without_phrase("Would you show me genes?", "you show me") is None
    assert without_phrase("Find CDK2, if you can.", "if you can") == "Find CDK2."
    assert without_phrase("Find CDK2.", "please do") is None


def test_diversity_figures_have_their_ends() -> None:
    assert distinct(["a b c", "d e f"], 2) == 1.0
    assert distinct(["a b", "a b"], 2) == 0.5
    assert self_bleu(["the same four words here", "the same four words here"]) == 1.0
    assert self_bleu(["one two three four five", "six seven eight nine ten"]) < 0.3


def test_skeletons_of_instructions_forget_values() -> None:
    assert wording_skeleton('Find "cell cycle" genes on chr7 like CDK2') == wording_skeleton(
        'find "apoptosis" genes on chr9 like BRCA1'
    )
    assert wording_skeleton("Find genes") != wording_skeleton("List genes")
