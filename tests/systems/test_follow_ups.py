"""What a follow-up says plainly is changed in the query itself; what it says otherwise is left to the model."""

from __future__ import annotations

from functools import cache

import pytest

from query_assistant.apis import load_api
from query_assistant.queries.request import from_text
from query_assistant.queries.validation import is_valid, validate
from query_assistant.records import Query
from query_assistant.systems.follow_ups import edited, is_follow_up
from query_assistant.verbalising.lexicon import Lexicon

KINASES = "/v3/query?q=name:kinase&species=human"
ACID = "/v1/query?q=acid"
RATS = "/v3/query?q=name:kinase&species=rat&fields=symbol&size=3"


@cache
def lexicon(name: str) -> Lexicon:
    return Lexicon.load(name, load_api(name).schema)


@pytest.mark.parametrize(
    ("api", "before", "said", "after"),
    [
        ("mygene", KINASES, "only mouse", "/v3/query?q=name:kinase&species=mouse"),
        ("mygene", KINASES, "what about rats?", "/v3/query?q=name:kinase&species=rat"),
        ("mygene", KINASES, "in mice, please", "/v3/query?q=name:kinase&species=mouse"),
        ("mygene", KINASES, "also mouse", "/v3/query?q=name:kinase&species=human,mouse"),
        ("mygene", KINASES, "in all species", "/v3/query?q=name:kinase"),
        ("mygene", KINASES, "first 20", f"{KINASES}&size=20"),
        ("mygene", KINASES, "just five of them", f"{KINASES}&size=5"),
        ("mygene", f"{KINASES}&size=20", "the next 10", f"{KINASES}&size=10&from=20"),
        ("mygene", KINASES, "more", f"{KINASES}&from=10"),
        ("mygene", KINASES, "skip the first 30", f"{KINASES}&from=30"),
        ("mygene", f"{KINASES}&size=5&sort=symbol", "how many are there?", f"{KINASES}&size=0"),
        ("mygene", KINASES, "how many of each type of gene", f"{KINASES}&size=0&facets=type_of_gene"),
        ("mygene", KINASES, "sort by symbol", f"{KINASES}&sort=symbol"),
        ("mygene", KINASES, "sorted by entrez id, descending", None),
        ("mygene", KINASES, "sort by entrez id descending", f"{KINASES}&sort=-entrezgene"),
        ("mygene", f"{KINASES}&fields=name", "also the symbol", f"{KINASES}&fields=name,symbol"),
        ("mygene", KINASES, "with the summary", f"{KINASES}&fields=name,symbol,taxid,entrezgene,summary"),
        ("mygene", f"{KINASES}&fields=name,symbol", "without the name", f"{KINASES}&fields=symbol"),
        ("mygene", KINASES, "only rat, first 3, just the symbol", RATS),
        ("mygene", KINASES, "without pseudogenes", None),
        ("mygene", KINASES, "on chromosome 7", None),
        ("mygene", KINASES, "only mouse, on chromosome 7", None),
        ("mygene", "/v3/gene/1017", "only mouse", None),
        ("mygene", 'POST /v3/query {"q": ["1017"]}', "first 20", None),
        ("mydisease", "/v1/query?q=brca1", "with their OMIM ids", "/v1/query?q=brca1&fields=mondo.xrefs.omim"),
        ("mydisease", "/v1/query?q=brca1", "only mouse", None),
        ("mychem", "/v1/query?q=aspirin", "sort by weight, lightest first", None),
        ("mychem", ACID, "order by weight heaviest first", f"{ACID}&sort=-pubchem.molecular_weight"),
    ],
)  # fmt: skip
def test_what_is_said_plainly_is_changed(api: str, before: str, said: str, after: str | None) -> None:
    found = edited(from_text(before), said, load_api(api), lexicon(api))
    assert (found.query if found else None) == after
    if found:
        assert is_valid(validate(found, load_api(api)))


@pytest.mark.parametrize(
    ("text", "follows"),
    [
        ("only mouse", True),
        ("approved after 2010", True),
        ("also the symbol", True),
        ("first 20", True),
        ("genes on chromosome 7", False),
        ("insulin gene", False),
        ("in mice", True),
        ("in mice, the genes of the insulin pathway", False),
        ("first 20 genes", True),
        ("Which human proteins have a kinase domain?", False),
    ],
)
def test_a_new_question_is_told_from_a_follow_up(text: str, follows: bool) -> None:
    assert is_follow_up(text, load_api("mygene")) == follows


@pytest.mark.parametrize("said", ["", " ,, ", "9" * 5000, "\x00", "(((", "sort by " + "a" * 5000, "also " * 2000])
def test_nonsense_changes_nothing(said: str) -> None:
    assert edited(Query(query=KINASES), said, load_api("mygene"), lexicon("mygene")) is None
