from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_assistant.errors import RequestError
from query_assistant.replica import limits
from query_assistant.replica.limits import Work
from query_assistant.replica.patterns import Glob, Letters, nearest
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
    assert Glob(pattern).select(terms, Work()) == expected


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [(r"a\*b", "a*b", True), (r"a\*b", "axb", False), (r"\?", "?", True), (r"a\\*", "a\\z", True), ("*", "", True)],
)
def test_a_backslash_makes_a_wildcard_plain(pattern: str, text: str, fits: bool) -> None:
    assert Glob(pattern).matches(text) is fits


@given(st.text("abc", max_size=7), st.lists(st.text("abc", max_size=7), max_size=25), st.integers(0, 2))
def test_fuzzy_finds_exactly_the_terms_within_the_distance(word: str, words: list[str], edits: int) -> None:
    terms = sorted(set(words))
    expected = {place for place, term in enumerate(terms) if naive_distance(term, word) <= edits}
    assert set(nearest(terms, Letters.of(terms), word, edits, Work())) == expected


def test_fuzzy_keeps_the_fifty_nearest_terms() -> None:
    terms = sorted(f"kinase{a}{b}" for a in "abcdefgh" for b in "abcdefgh")
    found = nearest(["kinase", *terms], Letters.of(["kinase", *terms]), "kinase", 2, Work())
    assert (len(found), found[0]) == (50, 0)


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
    "text", ["(a", "a)", "[a", "a{2", "a{3,1}", "a{50000}", '"a', "<a-b>", "a\\", "[b-a]", "x" * 1001]
)
def test_a_broken_expression_is_refused(text: str) -> None:
    with pytest.raises(RequestError):
        Pattern(text)


@pytest.mark.parametrize(
    "text",
    [
        "(a*)*b",
        "(a|aa)+$",
        "((a{10}){10}){10}b",
        "(" * 499 + "a" + ")" * 499,
        "~" * 999 + "a",
        "a" + "*" * 999,
        "(a?){300}a{3}",
        ".+" * 450,
        "[^0]{1000}",
        ".{1000}",
        "a" * 900,
        "|".join(f"{char}{number}" for number in range(40) for char in "abcdef")[:1000],
        "<0-999999999>",
        "@&" * 400 + "a",
    ],
)
def test_an_expression_within_the_bounds_is_compiled_and_asked_in_steps_of_its_length(text: str) -> None:
    pattern, work = Pattern(text), Work()
    pattern.select(["ab" * 120 + "a" * 200 + "c", "b"], work)
    assert pattern.effort <= limits.MAX_EFFORT
    assert work.spent <= limits.EFFORT_STEPS * pattern.effort + 442


@pytest.mark.parametrize(
    "text",
    ["(a|b)*a(a|b){20}", "(a{0,99}){0,99}", "a{999999999}", "~((a|b)*a(a|b){20})", ".*a.{20}&.*b.{20}"],
)
def test_an_expression_beyond_the_bounds_is_refused_as_too_complex(text: str) -> None:
    with pytest.raises(RequestError, match="too complex"):
        Pattern(text)


def test_an_expression_has_the_states_that_lucene_counts() -> None:
    """2 to the 13th states are within the 10,000 of Elasticsearch, 2 to the 14th are not."""
    assert Pattern("(a|b)*a(a|b){12}").matches("ab" * 40 + "a" + "b" * 12)
    with pytest.raises(RequestError, match="too complex"):
        Pattern("(a|b)*a(a|b){13}")


@pytest.mark.parametrize(
    "pattern", ["*a" * 100 + "b", "*a?" * 100 + "b", "a*" * 5000, "?" * 5000 + "*b", "*" * 9999 + "b"]
)
def test_a_glob_takes_as_many_steps_as_the_terms_have_letters(pattern: str) -> None:
    terms, work = ["a" * 5000, "ab" * 2500], Work()
    Glob(pattern).select(terms, work)
    assert work.spent <= 10_000


def test_a_fuzzy_word_is_compared_with_terms_of_nearly_its_length_and_letters_alone() -> None:
    terms = sorted(["kinase", "kinases", "protein", "receptor" * 30])
    for word, near in (("kinsae", 2), ("a" * 60_000, 0)):
        work = Work()
        assert len(nearest(terms, Letters.of(terms), word, 2, work)) == near
        assert work.spent == 50 * near
