"""The expected tokens are what Lucene 8.7's StandardAnalyzer gave for the same texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_assistant.replica.analysis import positions, refseq_tokens, standard_tokens

LUCENE = {
    "TP53-binding protein (p53)": "tp53 binding protein p53",
    "GO:0000307 R-HSA-109582": "go 0000307 r hsa 109582",
    "a:b cd:ef a1:b 1:2": "a:b cd:ef a1 b 1 2",
    "a.b a.1 1.a 1.2 1,2 a,b 1;2": "a.b a 1 1 a 1.2 1,2 a b 1;2",
    "Swiss_prot _a_ ___ _1 1_ a__b": "swiss_prot _a_ _1 1_ a__b",
    "don't 1'2 a’b a‘b a·b": "don't 1'2 a’b a‘b a·b",
    "x² ½ ①a Ⅰa ª aˈb p.Arg5⁻ x₂": "x a ⅰa ª aˈb p.arg5 x",
    "α-Tocopherol β2 µm naïve": "α tocopherol β2 µm naïve",
    "日本語 カタカナ ひら 한국어": "日 本 語 カタカナ ひ ら 한국어",
    "İ ΣΑΣ ß": "i σασ ß",
    "#a @b a@b.com 1e-5 e.g. U.S.A. 5′-UTR a\u00adb a\u200bb": "a b a b.com 1e 5 e.g u.s.a 5 utr a\u00adb a b",
    "NM_001798.5 rs123": "nm_001798.5 rs123",
    "- / () ...": "",
}


@pytest.mark.parametrize("text", LUCENE)
def test_standard_analysis_gives_the_tokens_of_lucene(text: str) -> None:
    assert standard_tokens(text) == tuple(LUCENE[text].split())


def test_a_word_longer_than_255_characters_is_cut_into_pieces() -> None:
    assert [len(token) for token in standard_tokens("A" * 600)] == [255, 255, 90]


def test_refseq_analysis_keeps_every_prefix_up_to_a_dot() -> None:
    assert refseq_tokens("NM_001798.5") == ("nm_001798", "nm_001798.5")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("standard", (("homo",), ("sapiens",), ("2",))),
        ("refseq", (("homo sapiens", "homo sapiens.2"),)),
        ("whole", (("homo sapiens.2",),)),
        ("exact", (("Homo Sapiens.2",),)),
    ],
)
def test_each_kind_of_field_reads_a_value_its_own_way(kind: str, expected: object) -> None:
    assert positions(kind, "Homo Sapiens.2") == expected  # type: ignore[arg-type]


@given(st.text(max_size=300))
def test_tokens_of_tokens_are_the_tokens_themselves(text: str) -> None:
    for token in standard_tokens(text):
        assert standard_tokens(token) == (token,)
