"""The mechanics of English."""

from __future__ import annotations

import random

import pytest

from query_assistant.verbalising import wording


def test_choose_decides_every_alternative_and_keeps_comparison_signs() -> None:
    drawn = {wording.choose("{L} < {N} <and|or> <a|b <c|d>>", random.Random(seed)) for seed in range(60)}

    assert drawn == {f"{{L}} < {{N}} {joint} {end}" for joint in ("and", "or") for end in ("a", "b c", "b d")}


@pytest.mark.parametrize(
    ("name", "article"),
    [
        ("HGNC ID", "an"),
        ("OMIM number", "an"),
        ("SIFT score", "a"),
        ("CADD score", "a"),
        ("rsID", "an"),
        ("UniProt ID", "a"),
        ("ALogP", "an"),
        ("InChIKey", "an"),
        ("EC number", "an"),
        ("undefined chiral atom count", "an"),
        ("MeSH ID", "a"),
        ("ENSG number", "an"),
        ("inheritance evidence code", "an"),
    ],
)
def test_article_follows_how_a_name_is_said(name: str, article: str) -> None:
    assert wording.article(name) == article


@pytest.mark.parametrize(
    ("one", "several"),
    [
        ("gene symbol", "gene symbols"),
        ("alias", "aliases"),
        ("number of heavy atoms", "numbers of heavy atoms"),
        ("ICD-10 code in MONDO", "ICD-10 codes in MONDO"),
        ("PharmGKB summary", "PharmGKB summaries"),
        ("canonical SMILES", "canonical SMILES"),
        ("GO annotations", "GO annotations"),
        ("MONDO child", "MONDO children"),
        ("Alliance of Genome Resources ID", "Alliance of Genome Resources IDs"),
    ],
)
def test_pluralise_bends_the_main_noun(one: str, several: str) -> None:
    assert wording.pluralise(one) == several


@pytest.mark.parametrize(
    ("clause", "positive", "negative"),
    [
        ("name is! CDK2", "name is CDK2", "name is not CDK2"),
        ("name contains!contain x", "name contains x", "name does not contain x"),
    ],
)
def test_negation_bends_the_marked_verb(clause: str, positive: str, negative: str) -> None:
    assert (wording.affirm(clause), wording.negate(clause)) == (positive, negative)


@pytest.mark.parametrize(
    ("predicate", "denied"),
    [
        ("have~has symbol X", "do~does not have symbol X"),
        ("are~is on chromosome 7", "are~is not on chromosome 7"),
        ("weigh~weighs more", "do~does not weigh more"),
        ("on chromosome 7", None),
    ],
)
def test_deny_bends_the_first_verb_only(predicate: str, denied: str | None) -> None:
    assert wording.deny(predicate) == denied


def test_agreement_follows_the_number() -> None:
    assert wording.agree("genes~gene that have~has one", plural=True) == "genes that have one"
    assert wording.agree("genes~gene that have~has one", plural=False) == "gene that has one"


def test_fill_takes_values_as_they_are() -> None:
    assert wording.fill("{N} is {V}", {"N": "SMILES", "V": "C{V}~x<a|b>"}) == "SMILES is C{V}~x<a|b>"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("find it", "Find it."), ("rsID rs1", "rsID rs1."), ("who?", "Who?"), ("CDK2 genes", "CDK2 genes.")],
)
def test_sentence_gives_a_capital_only_to_plain_words(text: str, sentence: str) -> None:
    assert wording.sentence(text) == sentence
