"""How the texts of a request are read: once, intervals as the servers' patterns do, numbers as Python does."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from query_assistant.apis import Api, load_api
from query_assistant.errors import RequestError
from query_assistant.queries import reading
from query_assistant.queries.canonical import canonicalize, literals, selection_form, signature, skeleton
from query_assistant.queries.meaning import understand
from query_assistant.queries.reading import QueryText, mode_of, plain_integer, read_q
from query_assistant.queries.request import parse, to_text
from query_assistant.queries.tree import Match
from query_assistant.queries.validation import validate_request

GENE, VARIANT, CHEM, DISEASE = (load_api(name) for name in ("mygene", "myvariant", "mychem", "mydisease"))


# ---- MyVariant's interval, against a scanner written from the description of the server's pattern

CHROMOSOMES = {str(number) for number in range(1, 23)} | {"X", "Y", "MT"}
DIGITS = "0123456789,"
BLANKS = " \t\n\r\x0b\x0c"
Expected = tuple[str, str, str, str | None, str | None]  # chromosome, start, end, text before, text after


def expected_interval(q: str) -> Expected | None:
    """From the first lower-case `chr` on, the first stretch in any case; before it nothing, or text that ends in AND
    and a blank; behind it AND, blanks and at least two characters, or text that is dropped.
    """
    first = q.find("chr")
    if first < 0:
        return None
    for at in range(first, len(q)):
        found = _stretch(q, at)
        if found is not None:
            chromosome, start, end, position = found
            before = q[:at].strip()
            if before and not (q[at - 1].isspace() and before[-3:].upper() == "AND"):
                return None
            return chromosome.lower(), start, end, before[:-3] if before else None, _joined_behind(q, position)
    return None


def _stretch(q: str, at: int) -> tuple[str, str, str, int] | None:
    if q[at : at + 3].lower() != "chr":
        return None
    chromosome, colon, _ = q[at + 3 : at + 6].partition(":")
    if not colon or chromosome.upper() not in CHROMOSOMES or not chromosome.isascii():
        return None
    position = at + 3 + len(chromosome) + 1
    start = _run(q, position)
    position += len(start)
    end = _run(q, position + 1) if q[position : position + 1] == "-" else ""
    position += len(end) + 1 if end else 0
    return (chromosome, start, end or start, position) if start else None


def _run(q: str, at: int) -> str:
    end = at
    while end < len(q) and q[end] in DIGITS:
        end += 1
    return q[at:end]


def _joined_behind(q: str, at: int) -> str | None:
    rest = q[at:]
    behind = rest.lstrip(BLANKS)
    if behind == rest or behind[:3].upper() != "AND" or behind[3:4] not in set(BLANKS):
        return None
    after = behind[3:].lstrip(BLANKS)
    line = after[1:].partition("\n")[0]
    return after[0] + line if line else None


def _seen(q: str) -> Expected | None:
    try:
        text = read_q(q, {}, VARIANT)
    except RequestError:
        return None
    if text.located is None:
        return None
    interval, sides = text.located.interval, list(text.located.sides)
    expected = expected_interval(q)
    before = sides.pop(0) if expected is not None and expected[3] is not None and sides else None
    return interval.chromosome, str(interval.start), str(interval.end), before, sides.pop(0) if sides else None


PIECES = (
    *("chr", "CHR", "Chr", "chr1:5", "chr2:10-20", "chrX:7", "chrmt:3-4", "chr23:1", "chrM:1", "chr1", ":", "1", "22"),
    *("5-9", "-", "C>T", "-C-T", "_6del", ".", "g.", " ", "  ", "\n", " AND ", " and ", "AND", " OR ", "NOT ", "a"),
    *("bb", "cadd.phred:5", "(", ")", '"', "hg19.", "é"),
)


def random_intervals(count: int) -> list[str]:
    generator = random.Random(20)
    return ["".join(generator.choices(PIECES, k=generator.randint(1, 8))).strip() for _ in range(count)]


def test_a_variant_interval_is_found_where_the_server_finds_it() -> None:
    compared = 0
    for q in random_intervals(20_000):
        expected = expected_interval(q)
        try:
            found = read_q(q, {}, VARIANT).located if q else None
        except RequestError:  # text beside it that the parser refuses, or query text that it refuses
            continue
        compared += expected is not None
        assert (found is None) == (expected is None), q
        assert expected is None or _seen(q) == expected, q
    assert compared > 2000


@pytest.mark.parametrize(
    "q",
    [
        "chr19:11227554C>T",
        "chr19:11227554-C-T",
        "chr19:11227554_11227555del",
        "chr19:11227554.",
        "chr19:11227554-",
        "chr19:11227554:C:T",
        "chr19:11227554 OR symbol:x",
        "chr19:11227554,",
    ],
)
def test_what_stands_right_behind_a_position_does_not_change_it(q: str) -> None:
    if q.endswith(","):
        with pytest.raises(RequestError, match="without commas"):
            read_q(q, {}, VARIANT)
        return
    text = read_q(q, {}, VARIANT)
    assert text.located is not None and text.located.dropped
    assert (text.located.interval.start, text.located.interval.end, text.query) == (11227554, 11227554, None)


def test_the_text_beside_an_interval_is_read_as_the_one_text_that_the_server_makes_of_it() -> None:
    text = read_q("a) OR (bb AND chr1:5 AND cc) OR (d", {}, VARIANT)
    assert text.located is not None and text.located.text == "(a) OR (bb ) AND (cc) OR (d)"
    with pytest.raises(RequestError):
        read_q("AND chr1:5", {}, VARIANT)


@pytest.mark.parametrize(
    ("q", "chromosome", "start", "end", "dropped"),
    [
        ("xchr1:1-2chr3:4-5", "1", 1, 2, True),
        ("a:1-2chr3:4-5", "3", 4, 5, True),
        ("chrchr1:5-6", "chr1", 5, 6, False),
        ("hg38.chr1:5-6", "1", 5, 6, False),
        ("x hg38.chr1:5-6", "1", 5, 6, True),
        ("chr1:1,000-2,000", "1", 1000, 2000, False),
    ],
)
def test_a_gene_interval_is_the_first_one_anywhere(
    q: str, chromosome: str, start: int, end: int, dropped: bool
) -> None:
    located = read_q(q, {}, GENE).located
    assert located is not None and located.dropped is dropped
    assert (located.interval.chromosome, located.interval.start, located.interval.end) == (chromosome, start, end)


@pytest.mark.parametrize("api", [GENE, VARIANT])
@pytest.mark.parametrize("digits", ["9" * 30, "9" * 5000, "9223372036854775808"])
def test_a_position_beyond_the_index_is_one_clear_error(api: Api, digits: str) -> None:
    with pytest.raises(RequestError, match="expected a position from 0 to") as error:
        read_q(f"chr1:1-{digits}", {}, api)
    assert len(str(error.value)) < 200


# ---- MyGene's plain numbers


@pytest.mark.parametrize(
    ("q", "digits"),
    [("1017", "1017"), ("-5", "-5"), ("+5", "5"), ("1_017", "1017"), ("٣", "3"), ("１０", "10"), ("007", "7")],
)
def test_a_plain_number_is_what_python_takes_for_one(q: str, digits: str) -> None:
    assert mode_of(q, GENE) == "integer"
    assert read_q(q, {}, GENE).tree == Match(("entrezgene",), digits, "whole")
    path = f"/v3/query?q={q.replace('+', '%2B')}"
    assert to_text(canonicalize(parse(path, GENE), GENE).to_query()) == f"/v3/query?q={digits}"


@pytest.mark.parametrize("q", ["1__0", "_1", "5.0", "--5", "1e3", "½", "9" * 5000])
def test_other_digits_are_words(q: str) -> None:
    assert plain_integer(q) is None and mode_of(q, GENE) == "words"


# ---- read once

READERS: tuple[Callable[..., object], ...] = (
    understand,
    validate_request,
    canonicalize,
    selection_form,
    signature,
    skeleton,
    literals,
)


@pytest.mark.parametrize(
    ("api", "path", "texts"),
    [
        (CHEM, "/v1/query?q=chebi.name:acid AND chembl.oral:true&filter=chebi.star:3&post_filter=_exists_:unii", 3),
        (DISEASE, "/v1/query?q=mondo.label:diabetes", 1),
        (VARIANT, "/v1/query?q=chr1:1-2 AND cadd.phred:>20", 1),
    ],
)
def test_every_reader_of_a_request_shares_one_parse(
    api: Api, path: str, texts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[str] = []
    plain = reading.parse_text

    def counted(text: str, *arguments: object) -> object:
        parsed.append(text)
        return plain(text, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(reading, "parse_text", counted)
    request = parse(path, api)
    for read in READERS[:2]:
        read(request, api)
    assert len(parsed) == texts
    form = canonicalize(request, api)
    for read in READERS:
        read(form, api)
    assert len(parsed) == 2 * texts


def test_texts_say_where_they_stand() -> None:
    request = parse('POST /v3/query {"q":["symbol:a","b"],"scopes":[],"filter":"taxid:1"}', GENE)
    found = [(text.parameter, text.place, text.text, text.operator, text.strict) for text in request.texts(GENE)]
    assert found == [
        ("q", 0, "symbol:a", "and", True),
        ("q", 1, "b", "and", True),
        ("filter", None, "taxid:1", "or", True),
    ]
    assert all(isinstance(text, QueryText) for text in request.texts(GENE))


def test_what_the_author_wrote_is_kept_beside_what_the_server_reads() -> None:
    text = read_q("go:0000307", {}, GENE)
    assert repr(text.query) == "Words(field='go.*.id', words=('go:0000307',), operator='and')"
    assert repr(text.written) == "Words(field='go', words=('0000307',), operator='and')"
