"""What a hostile request costs: counted in clauses, states, steps and characters, and told as the API's own 400."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from query_assistant.apis import Api, load_api
from query_assistant.errors import RequestError
from query_assistant.queries.request import parse
from query_assistant.queries.tree import BestOf, Boolean, Boost, Interval, Node, Phrase, Range, Strict, Wildcard, Words
from query_assistant.records import Query
from query_assistant.replica import Replica, answers, limits
from query_assistant.replica import replica as replica_module
from query_assistant.replica.analysis import standard_tokens
from query_assistant.replica.limits import MAX_CLAUSES, Work
from query_assistant.replica.matching import Matcher
from query_assistant.replica.ranking import Ranker

Of = Callable[[str], Replica]
REFUSED = {"code": 400, "success": False, "error": "search_phase_execution_exception"}


@pytest.fixture
def spent(monkeypatch: pytest.MonkeyPatch) -> list[Work]:
    """The work of every request asked during the test, a tenth of what is allowed so that the test is quick."""
    made: list[Work] = []

    def work() -> Work:
        made.append(Work(limits.MAX_WORK // 10))
        return made[-1]

    monkeypatch.setattr(replica_module, "Work", work)
    return made


def executed(replica: Replica, q: str, **parameters: str) -> Any:
    body = replica.execute(parse(call(replica, q, **parameters), replica.api)).body
    json.dumps(body, allow_nan=False)
    return body


def call(replica: Replica, q: str, **parameters: str) -> str:
    escaped = q.replace("%", "%25").replace("+", "%2B").replace("#", "%23").replace("&", "%26")
    return f"/{replica.api.version}/query?q={escaped}" + "".join(f"&{name}={text}" for name, text in parameters.items())


def posted(replica: Replica, **body: Any) -> Any:
    return replica.execute(parse(Query(query=f"/{replica.api.version}/query", body=body), replica.api)).body


def refused(body: Any, reason: str) -> bool:
    return {key: body[key] for key in REFUSED} == REFUSED and reason in body["root_cause_line_00"]


@pytest.mark.parametrize(
    "q",
    [
        " OR ".join(f"*a{number}*" for number in range(2000)),
        " OR ".join(f"symbol:a{number}" for number in range(1025)),
        " OR ".join(f"a{number}" for number in range(600)),  # each asked of _id and of all
        "symbol:x AND (" + " OR ".join(f"(name:a{number} AND name:b)" for number in range(520)) + ")",
        "name:(" + "a " * 1025 + ")",
        "a " * 30_000,
        "refseq.rna:" + "a." * 1024 + "a",
        "a." * 30_000 + "a",
        "(" * 99 + " OR ".join(f"a{number}" for number in range(1100)) + ")^2" * 99,
    ],
)
def test_more_clauses_than_elasticsearch_takes_are_refused_as_it_does(
    replica_of: Of, spent: list[Work], q: str
) -> None:
    assert refused(executed(replica_of("mygene"), q), "maxClauseCount is set to 1024")
    assert spent[-1].spent < 500_000


def test_a_filter_has_clauses_of_its_own_and_the_same_bound(replica_of: Of) -> None:
    words = " OR ".join(f"symbol:a{number}" for number in range(MAX_CLAUSES))
    assert executed(replica_of("mygene"), words, filter=words.replace(" OR ", " "))["total"] == 0
    assert refused(executed(replica_of("mygene"), "*", filter=words + " symbol:b"), "maxClauseCount")


def test_a_thousand_clauses_species_fields_and_terms_are_answered(replica_of: Of) -> None:
    replica = replica_of("mygene")
    symbols = [f"a{number}" for number in range(999)]
    assert executed(replica, "symbol:(" + " OR ".join([*symbols, "CDK2"]) + ")")["total"] == 2
    assert executed(replica, "cdk2", species=",".join(map(str, [*range(1, 999), 9606])))["total"] == 1
    rows = posted(replica, q=[*symbols, "cdk2"], scopes=["symbol", "alias", "name", "ensembl.gene"], size=1000)
    assert (len(rows), rows[-1]["_id"]) == (1001, "12566")


def test_fields_named_by_a_wildcard_are_counted_as_clauses(replica_of: Of) -> None:
    assert refused(executed(replica_of("myvariant"), r"\*:a"), "maxClauseCount")


@pytest.mark.parametrize(
    "q",
    [
        " OR ".join(f"/.*a.{{9}}b{number}/" for number in range(900)),
        " OR ".join(f"/a{number}(a|b|c|d)*a(a|b){{11}}/" for number in range(400)),
        '"' + "protein kinase " * 3000 + '"~99',
        " OR ".join(f'"protein kinase of"~{number}' for number in range(500)),
        " OR ".join(f"protein{number}~2" for number in range(1000)),
        " OR ".join(f"*a?{number}*" for number in range(1000)),
        " OR ".join(f"[a{number} TO *]" for number in range(1000)),
    ],
)
def test_a_request_ends_within_its_allowance_of_work(replica_of: Of, spent: list[Work], q: str) -> None:
    body = executed(replica_of("mychem"), q)
    assert "total" in body or refused(body, "takes more than")
    assert spent[-1].spent < limits.MAX_WORK


def test_work_beyond_the_allowance_is_refused_in_the_api_s_own_shape(
    replica_of: Of, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica_module, "Work", lambda: Work(1000))
    replica = replica_of("mygene")
    assert executed(replica, "symbol:cdk2")["total"] == 2
    assert refused(executed(replica, "protein~2 kinase~2 receptor~2"), "takes more than 1,000 steps")
    assert refused(posted(replica, q=["a", "b", "c"], scopes=["symbol"]), "takes more than 1,000 steps")
    with pytest.raises(RequestError, match="1,000 steps"):
        replica.select(parse(call(replica, "name:/.*kinase.*/ name:/.*protein.*/"), replica.api))


@pytest.mark.parametrize("api", ["mygene", "mychem"])
def test_an_answer_does_not_depend_on_what_was_asked_before(replica_of: Of, api: str) -> None:
    replica = replica_of(api)
    patterns = ["/.{999}/", "/.{1000}/", "/.*[A-Z].{9}/", "/.*[a-z].{9}/", "/(a|b)*a(a|b){13}/", "/.*a.*/"]
    patterns = [f"name:{one}" for one in patterns]
    alone = {one: executed(replica, one) | {"took": 0} for one in patterns}
    for one in (*reversed(patterns), *patterns):
        assert executed(replica, one) | {"took": 0} == alone[one]
    assert refused(alone["name:/(a|b)*a(a|b){13}/"], "too complex")
    assert "total" in alone["name:/.{1000}/"]


def test_underscores_without_end_are_no_word_and_a_word_with_them_is_one() -> None:
    """Quadratic time would take this test an hour."""
    for run in ("_" * 300_000, "_\u0301" * 150_000, "_" * 300_000 + " \u00e9"):
        assert standard_tokens(run) == (("\u00e9",) if run.endswith("\u00e9") else ())
    assert standard_tokens("a" + "_" * 200 + "b") == ("a" + "_" * 200 + "b",)
    assert len(standard_tokens("a._" * 50_000)) == 50_000
    assert standard_tokens("é" + "_" * 3 + " ___ _a") == ("é___", "_a")


def test_prefixes_of_an_accession_are_bounded_before_they_are_made(replica_of: Of, spent: list[Work]) -> None:
    assert refused(posted(replica_of("mygene"), q=["a." * 250_000], scopes=["refseq.rna"]), "maxClauseCount")
    assert spent[-1].spent < 10_000


@pytest.mark.parametrize("length", [100, 8_000, 60_000])
def test_a_long_fuzzy_word_costs_no_more_than_a_short_one(replica_of: Of, spent: list[Work], length: int) -> None:
    assert executed(replica_of("mygene"), "name:" + "a" * length + "~2")["total"] == 0
    assert spent[-1].spent < 2_000


def test_a_batch_reads_and_shapes_a_record_once(mygene: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    replica = Replica.from_records(mygene, [{"_id": str(number), "symbol": "X"} for number in range(20)])
    shaped: list[str] = []
    of_hit = answers.Shape.of_hit

    def counted(shape: answers.Shape, hit: answers.Hit) -> dict[str, Any]:
        shaped.append(hit.id)
        return of_hit(shape, hit)

    monkeypatch.setattr(answers.Shape, "of_hit", counted)
    rows = posted(replica, q=["*", "symbol:x", "*^3"] * 10, scopes=[], size=1000, fields="symbol")
    assert (len(rows), len(shaped)) == (600, 20)
    assert [row["_score"] for row in rows[:41:20]] == [1, rows[20]["_score"], 3]
    assert rows[0] == {"query": "*", "_id": "0", "_score": 1.0, "symbol": "X"}


def test_a_list_of_scores_stays_each_row_s_own(mygene: Api) -> None:
    replica = Replica.from_records(mygene, [{"_id": "1", "symbol": "X"}])
    rows = posted(replica, q=["*", "*^3"], scopes=[], fields="symbol", always_list="_score")
    assert [row["_score"] for row in rows] == [[1.0], [3.0]]


def test_a_batch_ends_where_its_answer_would_be_too_long(replica_of: Of, monkeypatch: pytest.MonkeyPatch) -> None:
    replica = replica_of("mygene")
    rows = posted(replica, q=["*"] * 10, scopes=[], size=1000)
    assert len(rows) == 10 * executed(replica, "*")["total"]
    monkeypatch.setattr(answers, "MAX_ANSWER", 10_000)
    assert refused(posted(replica, q=["*"] * 10, scopes=[], size=1000), "more than 10,000 characters")
    assert len(posted(replica, q=["*"] * 10, scopes=[], size=2)) == 20


def test_a_batch_keeps_no_masks_of_the_terms_it_is_done_with(mygene: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    replica = Replica.from_records(mygene, [{"_id": "1", "symbol": "X"}])
    made: list[Matcher] = []

    def matcher(*arguments: Any) -> Matcher:
        made.append(Matcher(*arguments))
        return made[-1]

    monkeypatch.setattr(replica_module, "Matcher", matcher)
    posted(replica, q=[f"x{number}" for number in range(50)], scopes=["symbol", "name"])
    assert len(made) == 51 and max(len(one._leaves) for one in made[1:]) == 2


NINES = ["9" * 20, "9" * 40, "9" * 310, "9" * 5000, "0" * 5000 + "7"]


@pytest.mark.parametrize("digits", NINES)
@pytest.mark.parametrize("api", ["mygene", "myvariant", "mychem", "mydisease"])
def test_numbers_of_any_length_are_compared_in_every_numeric_field(replica_of: Of, api: str, digits: str) -> None:
    replica = replica_of(api)
    fields = [leaf.name for leaf in load_api(api).schema.searchable if leaf.numeric]
    for name in fields[:40]:
        for form in (
            "{f}:{d}",
            "{f}:\\-{d}",
            "{f}:[{d} TO *]",
            "{f}:[\\-{d} TO {d}]",
            "{f}:>={d}",
            "{f}:{d}.5",
            "{f}:{d}e9",
        ):
            body = executed(replica, form.format(f=name, d=digits), size="1")
            assert "total" in body or body["code"] == 400
    assert fields


def test_a_number_without_end_lies_beyond_every_other(mygene: Api) -> None:
    replica = Replica.from_records(mygene, [{"_id": str(taxid), "taxid": taxid} for taxid in (7, 2**31, 2**62)])
    for digits in NINES[:-1]:
        assert replica.matching(Range("taxid", None, digits)) == ("7", str(2**31), str(2**62))
        assert replica.matching(Range("taxid", digits, None)) == ()
        assert replica.matching(Range("taxid", "-" + digits, "8")) == ("7",)
    assert replica.matching(Words("taxid", (NINES[-1],))) == ("7",)


def test_species_of_thousands_of_digits_are_refused_and_identifiers_find_nothing(replica_of: Of) -> None:
    replica = replica_of("mygene")
    with pytest.raises(RequestError, match="taxonomy id of at most 2147483647"):
        executed(replica, "cdk2", species="9" * 5000)
    assert replica.execute(parse("/v3/gene/" + "9" * 5000, replica.api)).status == 404


@pytest.mark.parametrize("bound", [2**31, 2**63, 10**30, 10**4000])
def test_an_interval_reaches_as_far_as_its_numbers_say(replica_of: Of, bound: int) -> None:
    whole = Interval("genomic_pos", "genomic_pos.chr", "12", -bound, bound)
    assert "1017" in replica_of("mygene").matching(whole)
    assert replica_of("myvariant").matching(Interval("hg19", "chrom", "19", 0, bound))
    assert not replica_of("myvariant").matching(Interval("hg19", "chrom", "19", bound, bound))


@pytest.mark.parametrize("factor", [1e30, 3e38, 1e300, float("inf")])
def test_no_boost_makes_a_score_that_is_no_number(replica_of: Of, factor: float) -> None:
    index = replica_of("mygene").index
    kinase = Words("name", ("kinase",))
    boosted = Boost(Boost(kinase, factor), factor)
    for node in (boosted, Boost(boosted, 0.0), Boolean(must=(boosted, boosted)), BestOf(((3.0, boosted),))):
        matcher = Matcher(index)
        found = matcher.matches(node)
        scores = Ranker(matcher).scores(node)
        assert json.dumps([float(score) for score in scores], allow_nan=False)
        assert found.any() and (scores >= 0).all()


def test_boosts_multiplied_beyond_all_numbers_are_still_json(replica_of: Of) -> None:
    body = executed(replica_of("mygene"), "((kinase^" + "9" * 38 + ")^" + "9" * 38 + ") OR protein")
    assert body["max_score"] == pytest.approx(3.4e38, rel=1e-2)


def test_a_distance_between_words_may_be_any_number(replica_of: Of) -> None:
    replica = replica_of("mygene")
    near, far = (replica.matching(Phrase("name", "cyclin kinase", slop)) for slop in (5, 10**12))
    assert set(near) <= set(far) and far


def nested(depth: int) -> Node:
    node: Node = Words("name", ("kinase",))
    for _ in range(depth):
        node = Boost(Boolean(must=(node, Words("name", ("kinase",)))), 1.5)
    return node


def test_as_many_parentheses_as_the_parser_takes_are_answered(replica_of: Of) -> None:
    replica = replica_of("mygene")
    assert executed(replica, "(" * 100 + "name:kinase" + " OR name:x)^2" * 100)["total"] > 0
    index = replica.index
    matcher = Matcher(index)
    assert matcher.matches(Strict(nested(100))).any()
    with pytest.raises(RequestError, match="nested too deeply"):
        Matcher(index).matches(nested(126))


def test_a_wildcard_of_any_length_is_answered(replica_of: Of, spent: list[Work]) -> None:
    replica = replica_of("mychem")
    for pattern in ("?" * 60_000, "*?" * 30_000, "*" + "*".join(f"ab{number}" for number in range(9000)), "*" * 60_000):
        assert "total" in executed(replica, pattern)
        assert spent[-1].spent < 1_000_000
    assert len(replica.matching(Wildcard("_id", "*"))) == len(replica)


@pytest.mark.parametrize("parameter", ["always_list", "allow_null", "fields"])
def test_a_thousand_names_are_looked_up_once_per_object(replica_of: Of, parameter: str) -> None:
    replica = replica_of("mydisease")
    names = ",".join(f"mondo.x{number}" for number in range(999)) + ",mondo.label"
    body = executed(replica, "*", size="1000", **{parameter: names})
    assert body["total"] == len(replica) and len(body["hits"]) == min(1000, len(replica))
    labelled = [hit["mondo"] for hit in body["hits"] if "label" in hit.get("mondo", ())]
    assert labelled and all(
        {"always_list": isinstance(held["label"], list), "allow_null": held.get("x998", 0) is None, "fields": True}[
            parameter
        ]
        for held in labelled
    )


def test_unknown_names_leave_nothing_behind_in_the_index(replica_of: Of) -> None:
    index = replica_of("mygene").index
    executed(replica_of("mygene"), "_exists_:go")
    kept = dict(index._present)
    executed(replica_of("mygene"), " OR ".join(f"_exists_:nowhere{number}" for number in range(500)))
    assert index._present.keys() == kept.keys() >= {"go"}


def test_a_record_nested_beyond_all_use_is_indexed_and_told_when_it_is_to_be_shown(mygene: Api) -> None:
    deep: Any = "x"
    for _ in range(900):
        deep = {"a": deep}
    replica = Replica(
        mygene, Replica.from_records(mygene, [{"_id": "1", "symbol": "X", "deep": deep}]).index, Deep(deep)
    )
    answer = replica.execute(parse("/v3/query?q=symbol:x&fields=all", mygene))
    assert answer.status in (200, 500) and replica.select(parse("/v3/query?q=symbol:x", mygene)).ids == ("1",)
    assert "nested too deeply" in answer.body.get("details", "nested too deeply")


class Deep:
    """One record of great depth, which no JSON parser had to read."""

    def __init__(self, deep: Any) -> None:
        self.record = {"_id": "1", "symbol": "X", "deep": deep}

    def __len__(self) -> int:
        return 1

    def __getitem__(self, doc: int) -> dict[str, Any]:
        return self.record
