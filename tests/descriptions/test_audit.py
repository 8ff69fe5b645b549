"""The audit: samples that anybody can draw again, and published figures that are those of the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from query_assistant.apis.fields import load_schema
from query_assistant.descriptions.audit import Judged, draw, read_audit, share
from query_assistant.errors import InputError

ROOT = Path(__file__).parents[2]
AUDIT = read_audit(ROOT / "data" / "audits" / "annotation.csv")


@pytest.mark.parametrize("round_", [1, 2, 3])
@pytest.mark.parametrize("api", ["mygene", "myvariant", "mychem", "mydisease"])
def test_what_was_judged_is_what_the_seed_draws(api: str, round_: int) -> None:
    schema = load_schema(ROOT / "data" / "apis" / api / "fields.csv")
    assert [row.field for row in AUDIT if (row.api, row.round) == (api, round_)] == draw(schema, api, round_)


@pytest.mark.parametrize("round_", [1, 2, 3])
def test_the_published_figures_are_those_of_the_file(round_: int) -> None:
    wrong, imprecise = share(AUDIT, round_, "wrong"), share(AUDIT, round_, "imprecise")
    cells = [str(round_), str(wrong.total)]
    for found in (wrong, imprecise):
        cells += [f"{found.count / found.total:.0%}", f"{found.interval.low:.1%} to {found.interval.high:.1%}"]
    assert f"| {' | '.join(cells)} |" in (ROOT / "docs" / "annotation.md").read_text(encoding="utf-8")


def test_the_published_table_is_that_of_the_figures_file() -> None:
    figures = json.loads((ROOT / "benchmarks" / "annotation.json").read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "annotation.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| My")]
    assert sorted(rows) == sorted(
        f"| {title} | {row['fields']} | {row['leaves']} | {row['covered']:.0%} | {row['distinct_descriptions']:.0%} "
        f"| {row['distinct_names']:.0%} | {row['examples']} | {row['median_words']:g} | {row['tokens']:,} |"
        for title, row in ((title, figures[title.lower()]) for title in ("MyGene", "MyVariant", "MyChem", "MyDisease"))
    )


def test_a_share_counts_one_round_and_one_verdict() -> None:
    rows = [Judged(1, "a", "f", "d", "wrong"), Judged(2, "a", "f", "d", "wrong"), Judged(2, "a", "g", "d", "right")]
    found = share(rows, 2, "wrong")
    assert (found.count, found.total) == (1, 2)
    assert found.interval.low < 0.5 < found.interval.high


@pytest.mark.parametrize(
    "text",
    [
        "round,api,field,type,values,description,verdict,reason\n1,a,f,text,,d,fine,\n",
        "round,api,field\n1,a,f\n",
        "round,api,field,description,verdict\nfirst,a,f,d,right\n",
    ],
)
def test_a_file_that_is_no_audit_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "audit.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"audit\.csv is not an audit"):
        read_audit(tmp_path / "audit.csv")
