"""Every part of a query is said once, with the words of the question that it came from; the rest of them is marked."""

from __future__ import annotations

import pytest

from query_assistant.apis import Api
from query_assistant.queries.request import from_text
from query_assistant.verbalising.coverage import covered

SAID = [
    (
        "zebrafish genes with a UniProt entry whose name mentions collagen, fifty at most",
        "/v3/query?q=name:collagen AND _exists_:uniprot&species=zebrafish&size=50",
        ["genes of MyGene.info", "name mentions collagen", "UniProt ID is known", "species is zebrafish", "at most 50"],
        [],
    ),
    (
        "human protein-coding genes on chromosome 7 that are not kinases",
        "/v3/query?q=type_of_gene:protein-coding AND NOT name:kinase&species=human",
        ["genes of MyGene.info", "type of gene is protein-coding", "not: name mentions kinase", "species is human"],
        ["chromosome", "7"],
    ),
    (
        "how many mouse genes lack an Ensembl ID?",
        "/v3/query?q=NOT _exists_:ensembl.gene&species=mouse&size=0",
        ["genes of MyGene.info", "Ensembl ID is not known", "species is mouse", "count them, show none"],
        [],
    ),
    (
        "symbols for Entrez 1017 and 7248",
        'POST /v3/query {"q":["1017","7248"],"scopes":["entrezgene"],"fields":["symbol"]}',
        ["genes of MyGene.info", "look up 1017 and 7248 by Entrez ID", "show symbol"],
        [],
    ),
    (
        "genes on chr7 between 5 and 6 Mb",
        "/v3/query?q=chr7:5000000-6000000",
        ["genes of MyGene.info", "overlaps chromosome 7, 5000000 to 6000000"],
        [],
    ),
    (
        "kinases, not pseudogenes",
        "/v3/query?q=name:kinase",
        ["genes of MyGene.info", "name mentions kinase"],
        ["not", "pseudogenes"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("question", "query", "meanings", "marked"), SAID)
def test_parts_and_uncovered_words(
    mygene: Api, question: str, query: str, meanings: list[str], marked: list[str]
) -> None:
    parts, words = covered(from_text(query), mygene, question)
    assert [part.meaning for part in parts] == meanings
    assert [word.text for word in words if not word.covered] == marked
    assert "".join(word.text for word in words) == question


def test_a_part_knows_its_words_and_its_place(mygene: Api) -> None:
    query = "/v3/query?q=name:insulin AND symbol:INS&species=mouse"
    parts, words = covered(from_text(query), mygene, "mice with insulin in the name")
    insulin = next(part for part in parts if part.value == "insulin")
    species = next(part for part in parts if part.value == "mouse")
    assert query[insulin.start : insulin.end] == "name:insulin"
    assert query[species.start : species.end] == "species=mouse"
    assert (insulin.words, species.words) == (["insulin", "name"], ["mice"])
    assert words[0].parts == [parts.index(species)]


def test_what_nobody_would_say_has_parts_too(mygene: Api) -> None:
    parts, _ = covered(from_text("/v3/query?q=symbol:CDK? OR (a AND b OR c)&userquery=x"), mygene, "")
    assert [part.kind for part in parts].count("condition") >= 4
