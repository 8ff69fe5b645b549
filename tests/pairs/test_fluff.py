"""Phrases without meaning are found, not listed."""

from __future__ import annotations

from query_assistant.pairs.diversity import distinct, self_bleu, skeleton
from query_assistant.pairs.fluff import FluffSettings, ablate, find_fluff, remove_fluff, without_phrase
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
    effect = ablate(PAIRS, [each for each in find_fluff(PAIRS, SETTINGS) if each.phrase == "would you kindly find"])

    assert effect["pairs_touched"] == 1 / 3
    assert 0.1 < effect["words_saved"] < 0.3


def test_without_phrase_leaves_a_sentence() -> None:
    assert without_phrase("Would you kindly find CDK2?", "would you kindly") == "Find CDK2?"
    assert without_phrase("Find CDK2, if you can.", "if you can") == "Find CDK2."
    assert without_phrase("Find CDK2.", "please do") is None


def test_diversity_figures_have_their_ends() -> None:
    assert distinct(["a b c", "d e f"], 2) == 1.0
    assert distinct(["a b", "a b"], 2) == 0.5
    assert self_bleu(["the same four words here", "the same four words here"]) == 1.0
    assert self_bleu(["one two three four five", "six seven eight nine ten"]) < 0.3


def test_skeletons_of_instructions_forget_values() -> None:
    assert skeleton('Find "cell cycle" genes on chr7 like CDK2') == skeleton(
        'find "apoptosis" genes on chr9 like BRCA1'
    )
    assert skeleton("Find genes") != skeleton("List genes")
