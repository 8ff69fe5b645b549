"""What a person or a record says is text on the page, whatever signs it is made of."""

from __future__ import annotations

import pytest

from query_assistant.server import markup
from query_assistant.server.desk import Desk
from query_assistant.server.documents import ComparedQueries, QueryAnswer, ResultTable

HOSTILE = "\"><script>alert('x')</script>&amp;"


def test_hostile_text_is_escaped_everywhere(desk: Desk) -> None:
    asked = desk.ask("insulin genes of mice " + HOSTILE[:60])
    assert asked.explained is not None
    table = ResultTable(columns=["_id", HOSTILE], rows=[[HOSTILE, HOSTILE]], links=["https://mygene.info/v3/gene/%22"])
    made = [
        markup.understood(asked.explained, asked),
        markup.records(QueryAnswer(hits=1, table=table, note=HOSTILE)),
        markup.records(QueryAnswer(hits=None, table=table, note="", error=HOSTILE)),
        markup.notice("error", HOSTILE, HOSTILE),
        markup.checked_query(HOSTILE, True, []),
        markup.welcome([HOSTILE]),
    ]
    assert [html for html in made if "<script" in html] == []


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("left asks for symbol:cdk*, right does not", "Yours asks for symbol:cdk*, the given one does not"),
        (
            "species differs: mouse on the left, any on the right",
            "Species differs: mouse in yours, any in the given one",
        ),
        ("17 is found by the left one alone", "17 is found by yours alone"),
        ("name:left ventricle differs", "Name:left ventricle differs"),
    ],
)
def test_the_judge_s_sides_are_named(said: str, shown: str) -> None:
    compared = ComparedQueries(relation="different", same_records=False, differences=[said])
    assert shown in markup.checked_query("MyGene.info", True, [], compared)
