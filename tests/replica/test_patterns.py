from __future__ import annotations

import contextlib
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_assistant.errors import RequestError
from query_assistant.replica.patterns import Glob, nearest
from query_assistant.replica.regex import Pattern

LETTERS = st.text("ab.*", max_size=8)


def naive_glob(pattern: str) -> re.Pattern[str]:
    signs = {"*": ".*", "?": "."}
    return re.compile("".join(signs.get(char, re.escape(char)) for char in pattern), re.DOTALL)


def naive_distance(left: str, right: str) -> int:
    """Optimal string alignment by its definition, without any pruning."""
    table = {(-1, -1): 0}
    for i in range(-1, len(left)):
        for j in range(-1, len(right)):
            choices = [table[i - 1, j] + 1] if i >= 0 else []
            choices += [table[i, j - 1] + 1] if j >= 0 else []
            if i >= 0 and j >= 0:
                choices.append(table[i - 1, j - 1] + (left[i] != right[j]))
                if i and j and left[i] == right[j - 1] and left[i - 1] == right[j]:
                    choices.append(table[i - 2, j - 2] + 1)
            table[i, j] = min(choices, default=0)
    return table[len(left) - 1, len(right) - 1]


@given(st.text("ab*?", max_size=8), st.lists(LETTERS, max_size=20))
def test_a_glob_selects_what_its_plain_meaning_does(pattern: str, words: list[str]) -> None:
    terms = sorted(set(words))
    expected = [place for place, term in enumerate(terms) if naive_glob(pattern).fullmatch(term)]
    assert Glob(pattern).select(terms) == expected


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [(r"a\*b", "a*b", True), (r"a\*b", "axb", False), (r"\?", "?", True), (r"a\\*", "a\\z", True), ("*", "", True)],
)
def test_a_backslash_makes_a_wildcard_plain(pattern: str, text: str, fits: bool) -> None:
    assert Glob(pattern).matches(text) is fits


@given(st.text("abc", max_size=7), st.lists(st.text("abc", max_size=7), max_size=25), st.integers(0, 2))
def test_fuzzy_finds_exactly_the_terms_within_the_distance(word: str, words: list[str], edits: int) -> None:
    terms = sorted(set(words))
    expected = {(place, naive_distance(term, word)) for place, term in enumerate(terms)}
    assert set(nearest(terms, word, edits)) == {pair for pair in expected if pair[1] <= edits}


def test_fuzzy_keeps_the_fifty_nearest_terms() -> None:
    terms = sorted(f"kinase{a}{b}" for a in "abcdefgh" for b in "abcdefgh")
    found = nearest(["kinase", *terms], "kinase", 2)
    assert (len(found), found[0]) == (50, (0, 0))


EXPRESSIONS = st.recursive(
    st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "\\*", "[a-c]"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}|{pair[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{0,}"])).map(
            lambda pair: f"({pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=6,
)


@given(EXPRESSIONS, st.lists(st.text("abc*", max_size=6), max_size=10))
def test_a_regular_expression_means_what_python_takes_it_for(text: str, words: list[str]) -> None:
    expected = [bool(re.fullmatch(text, word, re.DOTALL)) for word in words]
    pattern = Pattern(text)
    assert [pattern.matches(word) for word in words] == expected


@pytest.mark.parametrize(
    ("text", "fitting", "others"),
    [
        ("~(cdk.*)", ["brca1", ""], ["cdk", "cdk2"]),
        ("cdk.*&.*2", ["cdk2", "cdk12"], ["cdk1", "2"]),
        ("cdk<1-10>", ["cdk1", "cdk10", "cdk007"], ["cdk11", "cdk", "cdk0"]),
        ("x<01-12>", ["x01", "x12"], ["x1", "x13", "x001"]),
        ('"a.b"', ["a.b"], ["axb"]),
        ("a@", ["a", "abc"], ["b"]),
        ("a#", [], ["a", ""]),
        (r"rs\d+", ["rs12"], ["rs", "rsx"]),
        (r"[\w]+", ["a_1"], ["a-1"]),
        (r"[^\d]+", ["ab"], ["a1"]),
        ("^a$", ["^a$"], ["a"]),
        ("", [""], ["a"]),
    ],
)
def test_what_lucene_adds_to_regular_expressions(text: str, fitting: list[str], others: list[str]) -> None:
    pattern = Pattern(text)
    assert ([term for term in fitting + others if pattern.matches(term)]) == fitting


@pytest.mark.parametrize(
    "text", ["(a", "a)", "[a", "a{2", "a{3,1}", "a{5000}", '"a', "<a-b>", "a\\", "[b-a]", "x" * 1001]
)
def test_a_broken_expression_is_refused(text: str) -> None:
    with pytest.raises(RequestError):
        Pattern(text)


@pytest.mark.parametrize(
    "text",
    [
        "(a*)*b",
        "(a|aa)+$",
        "(a|b)*a(a|b){20}",
        "((a{10}){10}){10}b",
        "(" * 400 + "a" + ")" * 400,
        "(a?){300}a{3}",
        "a" * 900,
    ],
)
def test_no_expression_takes_long(text: str) -> None:
    started = time.perf_counter()
    with contextlib.suppress(RequestError):
        Pattern(text).matches("ab" * 120 + "a" * 200 + "c")
    assert time.perf_counter() - started < 5


def test_no_glob_takes_long() -> None:
    started = time.perf_counter()
    assert not Glob("*a" * 100 + "b").matches("a" * 5000)
    assert time.perf_counter() - started < 1
