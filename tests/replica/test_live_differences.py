"""The table of docs/replica.md that says where replica and live API differ: what it says of the replica is so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from query_assistant.apis import api_names, load_api
from query_assistant.replica import Replica
from query_assistant.replica.connections import running
from query_assistant.replica.http import application

PAGE = Path(__file__).parents[2] / "docs" / "replica.md"
SECTION = PAGE.read_text(encoding="utf-8").split("## Where it and the live API differ")[1].split("\n## ")[0]
ROWS = re.findall(r"^\| [^|]+ \| `((?:\\\||[^`])+)` \| (\d{3})(.*?) \|", SECTION, re.M)
RECORDS = {
    "mygene": [{"_id": "1017", "symbol": "CDK2", "name": "cyclin dependent kinase 2", "taxid": 9606}],
    "myvariant": [{"_id": "chr1:g.1A>G", "chrom": "1", "hg19": {"start": 1, "end": 1}}],
    "mychem": [{"_id": "BSYNRYMUTXBXSQ-UHFFFAOYSA-N", "drugbank": {"name": "Aspirin"}, "chebi": {"name": "aspirin"}}],
    "mydisease": [{"_id": "MONDO:0000490", "mondo": {"label": "cancer"}}],
}


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    served = application([Replica.from_records(load_api(name), records) for name, records in RECORDS.items()])
    with running(served) as address, httpx.Client(base_url=address, timeout=30) as made:
        yield made


def api_of(request: str) -> str:
    """The API that a row's request is for, told from what only that API has."""
    if request.startswith("/v3"):
        return "mygene"
    return next(
        name for word, name in (("obsolete", "mydisease"), ("aspirin", "mychem"), ("", "myvariant")) if word in request
    )


def test_the_table_has_rows_for_every_parameter_that_changes_nothing() -> None:
    assert len(ROWS) == 13
    assert set(RECORDS) <= set(api_names())


@pytest.mark.parametrize(("request_text", "status", "more"), ROWS)
def test_the_replica_answers_as_its_row_says(client: httpx.Client, request_text: str, status: str, more: str) -> None:
    request = request_text.replace("\\|", "|")
    answer = client.get(f"/{api_of(request)}{request}")
    assert answer.status_code == int(status)
    if "no hits" in more:
        assert answer.json()["total"] == 0
    if "no buckets" in more:
        assert answer.json()["facets"]["genomic_pos.chr"]["terms"] == []
    if "no `_license` keys" in more or "without explanations" in more:
        assert answer.json()["total"] == 1
        assert "_license" not in answer.text and "explanation" not in answer.text
    if "as if it were not there" in more or "the species alone" in more:
        plain = re.sub("&(userquery|include_tax_tree)=[^&]*", "", request)
        assert answer.json()["total"] == client.get(f"/mygene{plain}").json()["total"] == 1
