"""The query text language, fact by fact: each row of a table is one statement about how the servers read a text."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from query_assistant.errors import QuerySyntaxError
from query_assistant.queries.rendering import render_text
from query_assistant.queries.syntax import MAX_DEPTH, MAX_LENGTH, parse_text
from query_assistant.queries.tree import (
    Boolean,
    Boost,
    Exists,
    Fuzzy,
    MatchAll,
    Node,
    Operator,
    Phrase,
    Range,
    Regex,
    Wildcard,
    Words,
)


def words(*texts: str, field: str | None = None, operator: Operator = "and") -> Words:
    return Words(field, texts, operator)


A, B, C = words("a"), words("b"), words("c")
NOT_B = Boolean(must_not=(B,))

CLAUSES_WITH_DEFAULT_AND: list[tuple[str, Node]] = [
    ("a", A),
    ("a OR b", Boolean(should=(A, B))),
    ("a || b", Boolean(should=(A, B))),
    ("a AND b", Boolean(must=(A, B))),
    ("a && b", Boolean(must=(A, B))),
    ("a AND b OR c", Boolean(must=(A,), should=(B, C))),
    ("a OR b AND c", Boolean(must=(B, C), should=(A,))),
    ("a b OR c", Boolean(must=(A,), should=(B, C))),
    ("a OR b c", Boolean(must=(C,), should=(A, B))),
    ("a OR NOT b", Boolean(should=(A,), must_not=(B,))),
    ("NOT a OR b", Boolean(should=(B,), must_not=(A,))),
    ("a OR (NOT b)", Boolean(should=(A, NOT_B))),
    ("NOT a", Boolean(must_not=(A,))),
    ("NOT a b", Boolean(must=(B,), must_not=(A,))),
    ("a NOT b", Boolean(must=(A,), must_not=(B,))),
    ("a -b", Boolean(must=(A,), must_not=(B,))),
    ("a !b", Boolean(must=(A,), must_not=(B,))),
    ("a AND NOT b", Boolean(must=(A,), must_not=(B,))),
    ("NOT a AND NOT b", Boolean(must_not=(A, B))),
    ("+a", A),
    ("+a +b", Boolean(must=(A, B))),
    ("a OR +b", Boolean(should=(A, B))),
    ("(a OR b) AND c", Boolean(must=(Boolean(should=(A, B)), C))),
    ("a OR (b AND c)", Boolean(should=(A, Boolean(must=(B, C))))),
    ("((a))", A),
    ("a and b", words("a", "and", "b")),
    ("a or b", words("a", "or", "b")),
    ("not a", words("not", "a")),
    ("ANDROGEN ORF NOTCH1", words("ANDROGEN", "ORF", "NOTCH1")),
    ("a - b", Boolean(must=(A, words("-"), B))),
]

CLAUSES_WITH_DEFAULT_OR: list[tuple[str, Node]] = [
    ("a b", words("a", "b", operator="or")),
    ("a:1 b:2", Boolean(should=(words("1", field="a", operator="or"), words("2", field="b", operator="or")))),
    ("a AND b", Boolean(must=(words("a", operator="or"), words("b", operator="or")))),
    (
        "a b AND c",
        Boolean(must=(words("b", operator="or"), words("c", operator="or")), should=(words("a", operator="or"),)),
    ),
    ("a NOT b", Boolean(should=(words("a", operator="or"),), must_not=(words("b", operator="or"),))),
    ("+a b:1", Boolean(must=(words("a", operator="or"),), should=(words("1", field="b", operator="or"),))),
]

CHUNKS: list[tuple[str, Node]] = [
    ("a b c", words("a", "b", "c")),
    ("a  b", words("a", "b")),
    ("f:(a b)", words("a", "b", field="f")),
    ("f:(a OR b)", Boolean(should=(words("a", field="f"), words("b", field="f")))),
    ("f:(a g:b)", Boolean(must=(words("a", field="f"), words("b", field="g")))),
    ("name:cell cycle", Boolean(must=(words("cell", field="name"), words("cycle")))),
    ("a b c:d", Boolean(must=(words("a", "b"), words("d", field="c")))),
    ("a b* c", Boolean(must=(A, Wildcard(None, "b*"), C))),
    ('a b "c d"', Boolean(must=(words("a", "b"), Phrase(None, "c d")))),
    ("a b AND c", Boolean(must=(A, B, C))),
    ("a b (c)", Boolean(must=(words("a", "b"), C))),
    ("a b~1", Boolean(must=(A, Fuzzy(None, "b", 1)))),
]

VALUES: list[tuple[str, Node]] = [
    ('"a b"', Phrase(None, "a b")),
    ('f:"a b"~3', Phrase("f", "a b", 3)),
    ('"a AND b* (c"', Phrase(None, "a AND b* (c")),
    ('"a \\"b\\""', Phrase(None, 'a "b"')),
    ("ab*", Wildcard(None, "ab*")),
    ("*ab", Wildcard(None, "*ab")),
    ("a?c", Wildcard(None, "a?c")),
    ("f:a\\*b*", Wildcard("f", "a\\*b*")),
    ("f:*", Exists("f")),
    ("_exists_:a.b", Exists("a.b")),
    ('_exists_:"a.b"', Exists("a.b")),
    ("*", MatchAll()),
    ("*:*", MatchAll()),
    ("term~", Fuzzy(None, "term", 1)),
    ("longer~", Fuzzy(None, "longer", 2)),
    ("term~1", Fuzzy(None, "term", 1)),
    ("term^2", Boost(words("term"), 2.0)),
    ("(a OR b)^2.5", Boost(Boolean(should=(A, B)), 2.5)),
    ("f:/ab[cd]+/", Regex("f", "ab[cd]+")),
    ("f:[1 TO 5]", Range("f", "1", "5")),
    ("f:{1 TO 5}", Range("f", "1", "5", False, False)),
    ("f:[1 TO 5}", Range("f", "1", "5", True, False)),
    ("f:[1 TO *]", Range("f", "1", None)),
    ("f:[* TO 5]", Range("f", None, "5")),
    ("f:>5", Range("f", "5", None, False)),
    ("f:>=5", Range("f", "5", None)),
    ("f:<5", Range("f", None, "5", True, False)),
    ("f:<=5", Range("f", None, "5")),
    ("f:\\>5", Range("f", "5", None, False)),
    ("f:(>=1 AND <5)", Boolean(must=(Range("f", "1", None), Range("f", None, "5", True, False)))),
    ("p:[MONDO:1 TO MONDO:5]", Range("p", "MONDO:1", "MONDO:5")),
    ("uniprot.Swiss-Prot:P24941", words("P24941", field="uniprot.Swiss-Prot")),
    ("cadd.1000g.afr:1", words("1", field="cadd.1000g.afr")),
    ("go.\\*.id:x", words("x", field="go.*.id")),
    ("f : a", words("a", field="f")),
    ("f:a\\:b", words("a:b", field="f")),
    ("a\\/b", words("a/b")),
    ("\\AND", words("AND")),
    ("\\u0041", words("A")),
] + [(f"a{sign}b", words(f"a{sign}b")) for sign in "-+._,>'="]

ERRORS: list[tuple[str, int]] = [
    ("f:a:b", 3),
    ("f:", 2),
    ("a AND", 5),
    ("AND a", 0),
    ("(a", 0),
    ("a)", 1),
    ('"a', 0),
    ("a]", 1),
    ("a/b", 1),
    ("[1 to 5]", 0),
    ("[1 TO 5", 0),
    ("()", 1),
    ("", 0),
    ("a AND OR b", 6),
    ("go.*.id:x", 7),
    ("a\\", 1),
    ("a~3", 1),
]


@pytest.mark.parametrize(("text", "tree"), CLAUSES_WITH_DEFAULT_AND)
def test_clauses_are_marked_one_by_one_with_default_and(text: str, tree: Node) -> None:
    assert parse_text(text) == tree


@pytest.mark.parametrize(("text", "tree"), CLAUSES_WITH_DEFAULT_OR)
def test_clauses_are_marked_one_by_one_with_default_or(text: str, tree: Node) -> None:
    assert parse_text(text, "or") == tree


@pytest.mark.parametrize(("text", "tree"), CHUNKS)
def test_bare_words_in_a_row_form_one_chunk(text: str, tree: Node) -> None:
    assert parse_text(text) == tree


@pytest.mark.parametrize(("text", "tree"), VALUES)
def test_values_are_read_as_the_search_engine_reads_them(text: str, tree: Node) -> None:
    assert parse_text(text) == tree


@pytest.mark.parametrize(("text", "position"), ERRORS)
def test_what_the_servers_refuse_is_refused_at_its_place(text: str, position: int) -> None:
    with pytest.raises(QuerySyntaxError) as raised:
        parse_text(text, parameter="filter")
    assert (raised.value.position, raised.value.parameter, raised.value.status) == (position, "filter", 400)


@pytest.mark.parametrize("text", [row[0] for row in CLAUSES_WITH_DEFAULT_AND + CHUNKS + VALUES])
def test_rendered_trees_are_read_back_as_themselves(text: str) -> None:
    tree = parse_text(text)
    assert parse_text(render_text(tree)) == tree


PIECES = st.sampled_from(
    ["a", "b", "cell", "AND", "OR", "NOT", "&&", "||", "!", "+", "-", "(", ")", "f:", "g.x:", '"a b"', '"', "*", "ab*",
     "?", "~", "~1", "^2", "/r.x/", "/", "[1 TO 5]", "{a TO *}", ">5", "<=", "\\", "\\:", ":", "[", "]", "_exists_:",
     " ", "\t"]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=14).map(" ".join) | st.lists(PIECES, max_size=14).map("".join) | st.text(max_size=40)


@settings(max_examples=250, deadline=None)
@given(TEXTS, st.sampled_from(["and", "or"]))
@example("NOT x OR s m", "and")
@example("\\\\* a", "and")
@example("_exists_: {a TO *}", "and")
def test_any_text_is_read_or_refused_and_survives_rendering(text: str, operator: Operator) -> None:
    try:
        tree = parse_text(text, operator)
    except QuerySyntaxError as error:
        assert 0 <= error.position <= len(text)
        return
    assert parse_text(render_text(tree, operator), operator) == tree


def test_parentheses_as_deep_as_allowed_are_read_and_deeper_ones_refused() -> None:
    inner = "(NOT " * (MAX_DEPTH - 1) + "a" + ")" * (MAX_DEPTH - 1)
    assert parse_text(render_text(parse_text(inner))) == parse_text(inner)
    for depth in (MAX_DEPTH + 1, 10_000):
        with pytest.raises(QuerySyntaxError, match="nested deeper"):
            parse_text("(" * depth + "a" + ")" * depth)


@pytest.mark.parametrize(
    "piece",
    [
        "a ",
        "f:a AND ",
        '"a b" ',
        "a* ",
        "(a) ",
        "\\a",
        "f:[1 TO 2] ",
        "/a/ ",
        "a~1^2 ",
        "- ",
        "((a))AND ",
        "/a\\/",
        "a",
        '\\"',
    ],
)
def test_time_grows_with_the_length_of_the_text_only(piece: str) -> None:
    """Sixteen times the text may take eighty times the time, for noise; a quadratic reader would take 256 times."""

    def seconds(count: int) -> float:
        text = piece * count + "a"
        start = time.process_time()
        with contextlib.suppress(QuerySyntaxError):
            parse_text(text)
        return time.process_time() - start

    short = min(seconds(500) for _ in range(3))
    longest = (MAX_LENGTH - 1) // len(piece)
    assert min(seconds(longest) for _ in range(2)) < 5 * (longest / 500) * short + 0.05


def test_the_longest_text_is_read_within_a_second() -> None:
    text = "symbol:CDK2 OR " * 4_369 + "a"
    start = time.process_time()
    tree = parse_text(text)
    assert time.process_time() - start < 1
    assert len(text) == MAX_LENGTH
    assert isinstance(tree, Boolean)
    assert len(tree.should) == 4_370


def test_a_text_that_no_url_can_carry_is_refused_with_its_length_before_it_is_read() -> None:
    longest = "a" * MAX_LENGTH
    assert parse_text(longest) == Words(None, (longest,))
    with pytest.raises(QuerySyntaxError, match="has 65,537 characters; a server takes at most 65,536") as failure:
        parse_text(longest + "(")
    assert failure.value.position == MAX_LENGTH


@pytest.mark.parametrize("boost", ["9" * 39, "9" * 400, "340282356779733661637539395458142568448"])
def test_a_boost_beyond_the_servers_numbers_is_refused(boost: str) -> None:
    with pytest.raises(QuerySyntaxError, match="boost at position 6") as raised:
        parse_text(f"cdk2 a^{boost}")
    assert len(str(raised.value)) < 120
    assert parse_text("a^340282300000000000000000000000000000000") is not None


@pytest.mark.parametrize("slop", ["2147483648", "9" * 400])
def test_a_distance_beyond_the_servers_numbers_is_their_largest(slop: str) -> None:
    assert parse_text(f'"a b"~{slop}') == Phrase(None, "a b", 2**31 - 1)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("\\ud800:abc", Words("\ufffd", ("abc",))), ("\\ud83e\\uddec", Words(None, ("\U0001f9ec",)))],
)
def test_escaped_halves_of_characters_are_joined_or_replaced(written: str, meant: Node) -> None:
    assert parse_text(written) == meant
