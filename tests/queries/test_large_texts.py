"""Texts as long as a server reads, made to cost more than their length: bounds that nothing may outgrow.

Each took seconds to minutes, or ended in a traceback, while something in its reading was quadratic or unbounded.
"""

from __future__ import annotations

from urllib.parse import quote

import pytest

from query_assistant.apis import load_api
from query_assistant.errors import RequestError
from query_assistant.queries.canonical import canonicalize, signature, skeleton
from query_assistant.queries.request import parse, to_text
from query_assistant.queries.rules import shorthands
from query_assistant.queries.validation import validate, validate_request

LONG = 60_000
LARGE = {
    "chr": "chr" * (LONG // 3),
    "chr at the end": "a" * LONG + "chr",
    "blanks": "a" + " " * LONG + "b",
    "broken intervals": "chr1:1-" * (LONG // 7),
    "AND before an interval": "a AND " * (LONG // 6) + "chr1:5",
    "blanks behind an interval": "chr1:5" + " " * LONG + "AND",
    "commas": "chr1:" + "1," * (LONG // 2) + "-",
    "half intervals": "a:1-" * (LONG // 4),
    "colons": "1:" * (LONG // 2),
    "replaced names in quotes": 'name:"' + "go:" * (LONG // 3) + '"',
    "names that stay in quotes": 'name:"' + "GO:HGNC:" * (LONG // 8) + '"',
    "replaced names": "go:" * (LONG // 3),
    "replaced fields": "go:1 " * (LONG // 5),
    "open parentheses": "(" * LONG,
    "parentheses": "(" * (LONG // 2) + "a" + ")" * (LONG // 2),
    "quotes": '"' * LONG,
    "backslashes": "\\" * LONG,
    "words": "a " * (LONG // 2),
    "underscores": "_" * LONG,
    "one long field": "f" * LONG + ":x",
    "a field of stars": "\\*" * (LONG // 2) + ":x",
    "a field of letters and stars": "a\\*" * (LONG // 3) + ":x",
    "fields with stars": " ".join(f"f{at}\\*:x" for at in range(LONG // 11)),
    "stars": "*" * LONG,
    "letters and stars": "a*" * (LONG // 2),
    "a regular expression": "symbol:/" + "a" * LONG + "/",
    "open ranges": "taxid:[" * (LONG // 7),
    "an open bound": 'taxid:["' + "a" * LONG,
    "negations": "NOT " * (LONG // 4) + "a",
    "exclamation marks": "!" * LONG + "a",
    "tildes": "a~" * (LONG // 2),
    "a long number": "taxid:" + "9" * LONG,
    "a long plain number": "9" * LONG,
    "a large exponent": "cadd.phred:1e" + "9" * 40,
}


@pytest.mark.parametrize("name", ["mygene", "myvariant"])
@pytest.mark.parametrize("text", LARGE.values(), ids=LARGE)
def test_no_text_costs_more_than_its_length(name: str, text: str) -> None:
    api = load_api(name)
    path = f"/{api.version}/query?q={quote(text)}"
    try:
        request = parse(path, api)
    except RequestError:
        assert all(len(issue.message) < 70_000 for issue in validate(path, api))
        return
    assert all(len(issue.message) < 70_000 for issue in validate_request(request, api))
    try:
        form = canonicalize(request, api)
    except RequestError:
        return
    assert canonicalize(parse(to_text(form.to_query()), api), api) == form
    assert skeleton(form, api) and signature(form, api)


def test_names_inside_a_value_are_guarded_in_one_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    rewritten: list[int] = []
    plain = shorthands.rewrite
    monkeypatch.setattr(shorthands, "rewrite", lambda text, api: rewritten.append(len(text)) or plain(text, api))
    api = load_api("mygene")
    form = canonicalize(parse('/v3/query?q=name:"' + "go\\:" * 1000 + '"', api), api)
    assert form.q is not None and form.q.count("go\\:") == 1000
    assert sum(rewritten) < 40 * 1000
