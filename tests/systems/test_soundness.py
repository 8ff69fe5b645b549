"""Answers that cannot be trusted are told from those that can, by their form and the API's fields alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from query_assistant.apis import api_folder, load_api
from query_assistant.errors import InputError
from query_assistant.prompts import read_answer
from query_assistant.records import BenchmarkItem, Query, WrittenPair, read_jsonl
from query_assistant.systems.soundness import answer_fault, check_question, query_fault

NAMES = ("mygene", "myvariant", "mychem", "mydisease")


@dataclass(frozen=True)
class Answer:
    text: str
    answer_tokens: int = 20
    logprob: float | None = -1.0


def fault(text: str, instruction: str = "a question", api: str = "mygene", tokens: int = 20) -> str:
    return answer_fault(Answer(text, tokens), read_answer(text), load_api(api), instruction, most_tokens=96)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", [("development.jsonl", BenchmarkItem), ("written.jsonl", WrittenPair)])
def test_nothing_that_a_person_wrote_is_distrusted(name: str, kind: tuple[str, type]) -> None:
    """Wrongly distrusted: none of some thousand right queries."""
    file, record = kind
    api = load_api(name)
    items = read_jsonl(api_folder(name) / file, record)
    wrong = [one for one in items if query_fault(Query(query=one.query, body=one.body), api, one.instruction)]
    assert items
    assert [f"{one.instruction}: {one.query}" for one in wrong] == []


def test_what_is_cut_off_is_not_given() -> None:
    assert fault("/v3/query?q=cdk2", tokens=95) == ""
    assert fault("/v3/query?q=cdk2", tokens=96) == "the query is cut off after 96 tokens"
    assert fault("I cannot say") == "the answer is no query"


@pytest.mark.parametrize(
    ("api", "query"),
    [
        ("mygene", "/v3/query?q=pathway.kegg.pathway_id_100555 AND symbol:CDK2"),
        ("mygene", "/v3/query?q=refseq.genomic Cdk5&species=mouse"),
        ("mygene", "/v3/query?q=human_taxonomy.id_of_species"),
        ("mygene", '/v3/query?q="go.MF.term"'),
        ("mygene", "/v3/query?q=ensembl.gen*"),
        ("mygene", "/v3/gene/pathway.kegg.id"),
        ("myvariant", "/v1/query?q=clinvar.rcv.clinical_significance:benignORclinvar.rcv.clinical_significance"),
        ("mychem", "/v1/query?q=chembl.max_phase=4 AND chembl.molecule_type:antibody"),
    ],
)
def test_a_field_s_path_is_no_word_to_look_for(api: str, query: str) -> None:
    assert "the name of a field" in fault(query, api=api)


@pytest.mark.parametrize(
    ("api", "query"),
    [
        ("mygene", "/v3/query?q=NM_000546.6"),
        ("mygene", "/v3/query?q=ENSG00000139618.2 OR AC012.1"),
        ("mygene", "/v3/query?q=_exists_:pathway.kegg.id"),
        ("myvariant", "/v1/variant/chr7:g.140453134T>A"),
        ("myvariant", "/v1/query?q=p.Val600Glu"),
        ("mychem", "/v1/query?q=St. Johns Wort"),
        ("mygene", "/v3/query?q=symbol:CDK2&fields=pathway.kegg.id"),
    ],
)
def test_dots_are_no_fault(api: str, query: str) -> None:
    assert fault(query, api=api) == ""


def test_a_word_with_dots_that_was_asked_for_may_be_looked_for() -> None:
    assert fault("/v3/query?q=ab_c.def_g", "who mentions ab_c.def_g?") == ""
    assert "the name of a field" in fault("/v3/query?q=ab_c.def_g", "who mentions that?")


def test_a_loop_is_caught_by_its_period_its_conditions_or_its_digits() -> None:
    assert "repeats itself" in fault("/v3/query?q=symbol:A" + " OR symbol:BRCA" * 5)
    same = "/v3/query?q=" + " OR ".join(f"(symbol:CDK2 AND taxid:{number})" for number in (9606, 10090, 10116))
    assert fault(same) == "the query repeats one condition again and again: symbol:CDK2"
    invented = [f"go.BP.id:GO\\:000{number}" for number in range(10, 17)]
    looping = f"/v3/query?q={' OR '.join(invented)}"
    assert "does not name" in fault(looping)
    assert fault(looping, "genes of " + ", ".join(f"GO:000{number}" for number in range(10, 17))) == ""
    batch = 'POST /v3/query {"q": ["onset", "onset", "onset"], "scopes": "symbol"}'
    assert "again and again" in fault(batch, "the genes")
    assert fault(batch, "what is known of onset, onset, onset") == ""


def test_what_the_api_refuses_is_not_given() -> None:
    assert fault("/v3/query?q=symbol:(CDK2").startswith("MyGene.info would refuse it: ")
    assert fault("/v3/query?q=nofield:1").startswith("MyGene.info would not take it: field `nofield`")


@pytest.mark.parametrize("text", ["", " \n", "?!", "aaaaaaaa", "gene gene gene", "xxxxx xxxxx"])
def test_what_is_no_question_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="write what you want to find"):
        check_question(text)


@pytest.mark.parametrize("text", ["cdk2", "TTN", "aa", "BRCA1 BRCA1", "11111"])
def test_a_word_is_a_question(text: str) -> None:
    check_question(text)


def test_the_page_knows_no_bad_answer_by_heart() -> None:
    """The rules are about forms: no field, value or question of an API stands in them."""
    source = Path("src/query_assistant/systems/soundness.py").read_text(encoding="utf-8").partition('"""\n\nfrom')[2]
    code = "\n".join(line.partition("#")[0] for line in source.splitlines() if '"""' not in line and "`" not in line)
    fields = {field.name for name in NAMES for field in load_api(name).schema.searchable if "." in field.name}
    assert [name for name in fields if name in code] == []
