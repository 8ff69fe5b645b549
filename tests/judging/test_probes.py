from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from query_assistant.apis import load_api
from query_assistant.apis.fields import Field
from query_assistant.judging.contents import single_valued
from query_assistant.judging.probes import LIMIT, Probe, making, probes, probes_between, probes_of, truths
from query_assistant.judging.probes.drafts import ProbeDraft, elsewhere, homes, stretches_around
from query_assistant.judging.probes.making import MIXTURES, MOST_CHARACTERS, MOST_STEPS
from query_assistant.judging.probes.patterns import texts_matching
from query_assistant.judging.probes.truths import MOST_MEETINGS, agreed, deciding, distinct_clauses, inner, settle
from query_assistant.judging.probes.values import MOST_SLOP, values
from query_assistant.queries.request import parse
from query_assistant.queries.tree import (
    BestOf,
    Boolean,
    Boost,
    Exists,
    Fuzzy,
    Interval,
    Match,
    MatchAll,
    Node,
    Phrase,
    Range,
    Regex,
    Strict,
    Wildcard,
    Words,
)

API = load_api("mygene")
A, B, C, D = (Words(name, ("x",)) for name in ("symbol", "name", "alias", "HGNC"))
NODES = some.recursive(
    some.sampled_from([A, B, C, D]),
    lambda inner: some.one_of(
        some.builds(
            Boolean,
            must=some.lists(inner, max_size=2).map(tuple),
            should=some.lists(inner, max_size=3).map(tuple),
            must_not=some.lists(inner, max_size=2).map(tuple),
        ).filter(lambda node: node.must or node.should or node.must_not),
        some.lists(inner, min_size=1, max_size=3).map(lambda nodes: BestOf(tuple((1.0, node) for node in nodes))),
        inner.map(Strict),
        inner.map(lambda node: Boost(node, 2.0)),
    ),
    max_leaves=6,
)


def holds(node: Node, truth: dict[Node, bool]) -> bool:
    """The servers' rule for joined clauses, written down again."""
    if isinstance(node, Boolean):
        found = all(holds(child, truth) for child in node.must)
        if not node.must and node.should:
            found = any(holds(child, truth) for child in node.should)
        return found and not any(holds(child, truth) for child in node.must_not)
    if isinstance(node, BestOf):
        return any(holds(child, truth) for child in inner(node))
    if isinstance(node, Strict | Boost):
        return holds(node.node, truth)
    return truth.get(node, False)


def contents(leaf: Node, kind: str) -> list[object]:
    return [value.content for value in values(leaf, Field("f", kind, indexed=True, searched_by_default=False))]  # type: ignore[arg-type]


@given(NODES)
def test_settling_makes_a_tree_without_repeated_clauses_hold_or_fail(node):
    if len(list(distinct_clauses(node))) != str(node).count("Words("):
        return
    for wanted in (True, False):
        truth: dict[Node, bool] = {}
        settle(node, wanted, truth)
        assert holds(node, truth) is wanted


@given(NODES)
def test_a_clause_in_its_deciding_company_decides_where_any_company_lets_it(node):
    clauses = distinct_clauses(node)
    if len(clauses) != str(node).count("Words("):
        return
    for target in clauses:
        others = [clause for clause in clauses if clause != target]
        companies = [dict(zip(others, truths, strict=True)) for truths in product([False, True], repeat=len(others))]
        can = any(holds(node, {**c, target: True}) != holds(node, {**c, target: False}) for c in companies)
        found = [holds(node, {**c, target: True}) != holds(node, {**c, target: False}) for c in deciding(node, target)]
        assert any(found) is can


def test_a_should_beside_a_must_never_decides():
    node = Boolean(must=(A,), should=(B,))
    (truth,) = deciding(node, B)
    assert holds(node, {**truth, B: True}) == holds(node, {**truth, B: False})


def test_words_are_probed_whole_in_pieces_and_in_other_company():
    assert contents(Words("f", ("Kinase", "b2")), "text") == [
        "Kinase b2",
        "b2 Kinase",
        ["Kinase", "b2"],
        "Kinase more b2",
        "Kinase",
        "b2",
        "kINASE B2",
        "Kinase b2 more",
        "more Kinase b2",
        "Kinase b2x",
        "xKinase b2",
        "Kinase b",
        "Kinase b3",
        "Kinase b2.9",
    ]


def test_a_number_is_probed_beside_itself_in_its_own_type():
    assert contents(Words("f", ("5",)), "integer") == [5, 6, 4]
    assert contents(Words("f", ("5",)), "float") == [5.0, 6.0, 4.0, 5.5]
    assert contents(Words("f", ("human",)), "integer") == []


def test_a_huge_number_is_kept_exact():
    assert contents(Words("f", ("9007199254740993",)), "long") == [9007199254740993, 9007199254740994, 9007199254740992]


def test_a_truth_value_is_probed_with_both():
    assert contents(Words("f", ("true",)), "boolean") == [True, False]
    assert contents(Exists("f"), "boolean") == [True, False]


@pytest.mark.parametrize(
    ("leaf", "expected"),
    [
        (Range("f", "1", "5"), {0, 1, 2, 4, 5, 6}),
        (Range("f", "1", "5", include_low=False), {0, 1, 2, 4, 5, 6}),
        (Range("f", None, "5"), {4, 5, 6}),
    ],
)
def test_a_range_is_probed_at_and_around_its_ends(leaf, expected):
    found = contents(leaf, "integer")
    assert expected <= {value for value in found if not isinstance(value, list)}


def test_the_first_value_of_a_range_lies_in_it():
    assert contents(Range("f", "1", "5", include_low=False), "integer")[0] == 2
    assert contents(Range("f", None, "5", include_high=False), "integer")[0] == 4
    assert 0.1 < contents(Range("f", "0.1", None, include_low=False), "float")[0] < 0.11
    assert contents(Range("f", "2020-02-29", None, include_low=False), "date")[0] == "2020-03-01"


def test_a_range_is_probed_with_one_value_on_either_side():
    assert [0, 6] in contents(Range("f", "1", "5"), "integer")


def test_a_wildcard_is_probed_at_its_edges():
    found = contents(Wildcard("f", "cd?2*"), "keyword")
    assert found[:2] == ["cdb2q7", "cda2"]
    assert {"xcdb2q7", "more cdb2q7", "cd2q7", "CDB2Q7"} <= set(found)
    assert contents(Wildcard("f", r"a\*b*"), "keyword")[1] == "a*b"


def test_a_fuzzy_term_is_probed_by_the_number_of_changes():
    assert {"insulin", "qnsulin", "qqsulin", "qqqulin", "nisulin"} <= set(contents(Fuzzy("f", "insulin"), "text"))


def test_a_sloppy_phrase_is_probed_with_as_many_words_between_and_one_more():
    found = contents(Phrase("f", "a b", 2), "text")
    assert {"a more more b", "a more more more b"} <= {value for value in found if isinstance(value, str)}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("cdk[0-9]+", ["cdk0", "cdk9"]), ("(a|b)c?", ["ac", "bc"]), (r"\d{3}", ["777"]), ("[^x]z", ["qz"]), ("(", [])],
)
def test_samples_of_a_regular_expression(pattern, expected):
    assert texts_matching(pattern) == expected


@given(some.text(alphabet="ab(){}[]|*+?.\\19,", max_size=40))
def test_no_regular_expression_is_run_or_grows_out_of_bounds(pattern):
    assert all(len(text) <= 64 for text in texts_matching(pattern))


def test_a_million_fold_repeat_stays_short():
    assert texts_matching("((a{9999}){9999}){9999}") == ["a" * 64]


def test_unfielded_words_live_in_a_default_field_that_the_query_does_not_name():
    assert [field.name for field in homes(Words(None, ("x",)), API)] == ["name", "_id"]
    assert [field.name for field in homes(Words(None, ("x",)), API, {"name"})] == ["other_names", "_id"]


def test_a_hidden_field_lives_where_its_copies_come_from():
    assert [field.name for field in homes(Words("refseq_agg", ("NM_1",)), API)] == ["refseq.rna", "refseq.protein"]


def test_a_wildcard_in_a_field_name_lives_in_the_first_the_middle_and_the_last():
    assert [field.name for field in homes(Words("go.*.id", ("x",)), API)] == ["go.BP.id", "go.CC.id", "go.MF.id"]
    assert len(homes(Words("reagent.*.id", ("x",)), API)) == 3


def test_an_object_exists_through_a_field_below_it():
    assert [field.name for field in homes(Exists("go"), API)] == ["go.BP.category"]


def test_an_unknown_field_has_no_home():
    assert homes(Words("gene_symbol", ("x",)), API) == ()


def test_elsewhere_is_searchable_but_not_by_default():
    field = elsewhere(API, {"AllianceGenome"})
    assert field is not None
    assert (field.indexed, field.searched_by_default, field.name) == (True, False, "FLYBASE")


def test_a_draft_becomes_a_document_of_the_apis_shape():
    draft = ProbeDraft()
    draft.put("go.BP.id", "GO:1")
    draft.put("go.BP.id", ["GO:1", "GO:2"])
    draft.put("taxid", 9606)
    draft.put("_id", "1017")
    interval = Interval("genomic_pos", "genomic_pos.chr", "1", 100, 200)
    draft.place(interval, next(stretches_around(interval)).content)
    assert draft.record("probe-0") == {
        "_id": "1017",
        "go": {"BP": {"id": ["GO:1", "GO:2"]}},
        "taxid": 9606,
        "genomic_pos": {"chr": "1", "start": 100, "end": 200},
    }


def test_a_chromosome_outside_the_position_is_kept_outside():
    draft = ProbeDraft()
    interval = Interval("hg19", "chrom", "1", 100, 200)
    split = [value.content for value in stretches_around(interval) if len({p.chromosome for p in value.content}) == 2]
    draft.place(interval, split[0])
    record = draft.record("p")
    assert record["chrom"] == ["1", "7"]
    assert record["hg19"] == [{"start": 1000200, "end": 1000210}, {"start": 100, "end": 200}]


@given(NODES)
@settings(max_examples=50)
def test_probes_are_few_distinct_repeatable_and_explained(node):
    found = probes_of(node, API)
    assert found == probes_of(node, API)
    assert 0 < len(found) <= LIMIT
    without_ids = [{**probe.record, "_id": None} for probe in found]
    assert all(record not in without_ids[:number] for number, record in enumerate(without_ids))
    assert all(probe.reason for probe in found)


@given(NODES, NODES)
@settings(max_examples=50)
def test_probes_between_two_queries_do_not_depend_on_their_order(left, right):
    assert list(probes_between(left, right, API)) == list(probes_between(right, left, API))


def test_a_requests_filters_are_probed_like_its_clauses():
    request = parse("/v3/query?q=symbol:CDK2&species=human&missing=HGNC", API)
    records = [{**probe.record, "_id": None} for probe in probes(request, API)]
    assert {"symbol": "cdk2", "taxid": 9606, "_id": None} in records
    assert {"symbol": "CDK2", "taxid": 9607, "_id": None} in records
    assert {"symbol": "CDK2", "taxid": 9606, "HGNC": "1", "_id": None} in records


def test_a_limit_shortens_every_clause_and_drops_none():
    clauses = tuple(Words(name, ("x",)) for name in ("symbol", "name", "alias", "HGNC", "MIM"))
    found = probes_of(Boolean(must=clauses), API, limit=40)
    assert len(found) <= 40
    for clause in clauses:
        assert any(probe.reason == f"only what {clause.field}:x asks for" for probe in found)


def test_shared_clauses_are_probed_in_their_joining_alone():
    joints, boundaries = probes_between(Boolean(must=(A, B)), Boolean(should=(A, B)), API)
    assert [{name for name in probe.record if name != "_id"} for probe in joints] == [
        {"symbol", "name"},
        {"name"},
        {"symbol"},
        set(),
    ]
    assert boundaries == []


def test_tangled_clauses_get_mixtures_of_their_values_and_always_the_same():
    *_, mixtures = probes_between(Boolean(must=(A, B, C)), Boolean(must=(A, B), must_not=(C,)), API)
    assert {probe.reason for probe in mixtures} == {"a mixture of the values asked for"}
    assert 50 < len(mixtures) <= MIXTURES
    assert {name for probe in mixtures for name in probe.record} == {"_id", "symbol", "name", "alias"}


def test_a_query_for_everything_has_its_probe():
    assert [probe.record for probe in probes_of(MatchAll(), API)] == [{"_id": "probe-0"}]


def test_every_kind_of_clause_gets_probes():
    kinds: list[Node] = [
        A, Phrase("name", "a b"), Wildcard("name", "a*"), Fuzzy("name", "insulin"), Regex("name", "a+"),
        Range("taxid", "1", "5"), Exists("HGNC"), Match(("symbol", "name"), "x"),
        Interval("genomic_pos", "genomic_pos.chr", "1", 1, 2),
    ]  # fmt: skip
    assert all(len(probes_of(kind, API)) > 3 for kind in kinds)


AT_LEAST, AT_MOST = Range("cadd.phred", "20", None), Range("cadd.phred", None, "30")


def held(found, *path):
    """What the probes hold in one field, without repeats and in order."""
    contents = []
    for probe in found:
        content = probe.record
        for name in path:
            content = content.get(name, {})
        if content != {} and content not in contents:
            contents.append(content)
    return sorted(contents, key=str)


def test_a_field_of_one_value_is_probed_with_one_at_a_time():
    found = probes_of(Boolean(must=(AT_LEAST, AT_MOST)), load_api("myvariant"))
    assert held(found, "cadd", "phred") == [0.0, 19.98, 20.0, 20.02, 29.97, 30.0, 30.03, 40.0, 60.0]


def test_a_field_that_may_hold_several_values_is_probed_with_two():
    field = "dbnsfp.sift.score"
    clauses = (Range(field, "20", None), Range(field, None, "30"))
    found = probes_of(Boolean(must=clauses), load_api("myvariant"))
    assert [20.0, 30.0] in held(found, "dbnsfp", "sift", "score")


def test_a_variant_has_one_place_and_a_gene_may_have_several():
    variant = Interval("hg19", "chrom", "1", 100, 200)
    places = held(probes_of(variant, load_api("myvariant")), "hg19")
    assert {"start": 90, "end": 210} in places
    assert all(isinstance(place, dict) for place in places)
    gene = Interval("genomic_pos", "genomic_pos.chr", "1", 100, 200)
    assert any(isinstance(place, list) for place in held(probes_of(gene, API), "genomic_pos"))


@pytest.mark.parametrize(
    ("asked", "contents", "expected"),
    [
        ({AT_LEAST: True}, [20.0, 20.02], 20.0),
        ({AT_LEAST: True, AT_MOST: True}, [20.0, 30.0], 20.0),
        ({Exists("cadd.phred"): True, AT_LEAST: True}, [1.0, 20.0], 20.0),
        ({AT_LEAST: True, Words("cadd.phred", ("20",)): False}, [20.0, 20.02], 20.02),
        ({Range("f", "1", None, include_low=False): True, Range("f", None, "1.001", include_high=False): True},
         [1.0, 1.001], 1.0005),
        ({Range("f", "3", None): True, Range("f", None, "4", include_high=False): True}, [4, 3], 3),
        ({Range("f", "a", None): True, Range("f", None, "c"): True}, ["a", "c"], "a"),
        ({Range("f", "2000", None): True, Words("f", ("x",)): True}, [1999, 2000], 2000),
    ],
)  # fmt: skip
def test_one_value_suits_most_clauses(asked, contents, expected):
    assert agreed(asked, contents) == expected


ONE = ("cadd.phred", "exac.af", "exac.ac.ac", "hg19.start")
NUMBERS = some.sampled_from(["0", "0.5", "1", "20", "30", "x"])
ON_ONE = some.one_of(
    some.builds(Range, some.sampled_from(ONE), some.none() | NUMBERS, some.none() | NUMBERS, some.booleans()),
    some.builds(Words, some.sampled_from(ONE), some.tuples(NUMBERS)),
    some.builds(Exists, some.sampled_from(ONE)),
)
GROUPS = some.builds(
    Boolean,
    must=some.lists(ON_ONE, max_size=3).map(tuple),
    should=some.lists(ON_ONE, max_size=3).map(tuple),
    must_not=some.lists(ON_ONE, max_size=2).map(tuple),
)


@given(GROUPS, GROUPS)
@settings(max_examples=50, deadline=None)
def test_no_probe_ever_holds_two_values_where_records_hold_one(left, right):
    api = load_api("myvariant")
    assert set(ONE) <= single_valued(api)
    assert list(probes_between(left, right, api)) == list(probes_between(right, left, api))
    for batch in probes_between(left, right, api):
        for name in ONE:
            assert not any(isinstance(content, list) for content in held(batch, *name.split(".")))


def total(batches: Iterable[list[Probe]]) -> int:
    return sum(len(str(probe.record)) for batch in batches for probe in batch)


@pytest.mark.parametrize("slop", [10_000_000, 10**300])
def test_slop_without_end_makes_probes_of_a_bounded_size(slop):
    phrase, words = Phrase("name", "protein kinase", slop=slop), Words("name", ("protein", "kinase"))
    found = [value for value in values(phrase, API.schema["name"]) if "words in between" in value.why]
    assert [len(value.content.split()) - 2 for value in found] == [MOST_SLOP, MOST_SLOP + 1]
    assert total(probes_between(phrase, words, API)) < 10 * MOST_CHARACTERS


HUGE = {
    "clauses": Boolean(should=tuple(Words("name", (f"w{number}",)) for number in range(2000))),
    "required": Boolean(must=tuple(Words("name", (f"w{number}",)) for number in range(2000))),
    "one value": Boolean(should=tuple(Range("taxid", str(number), None) for number in range(2000))),
    "slops": Boolean(must=tuple(Phrase("name", f"a {number}", slop=10**9) for number in range(500))),
    "a long word": Words("name", ("x" * 60_000,)),
    "a long phrase": Phrase("name", "ab " * 20_000),
    "stars": Wildcard("name", "a*" * 30_000),
}


@pytest.mark.parametrize("node", HUGE.values(), ids=HUGE)
def test_probes_of_huge_queries_are_bounded_by_counting_what_they_cost(node, monkeypatch):
    steps = Counter()
    drafted, met = making._Workshop.draft, truths.meets

    def counted_draft(shop, truth):
        steps["weighed"] += len(truth)
        return drafted(shop, truth)

    def counted_meets(leaf, content):
        steps["met"] += 1
        return met(leaf, content)

    monkeypatch.setattr(making._Workshop, "draft", counted_draft)
    monkeypatch.setattr(truths, "meets", counted_meets)
    other = Boolean(must=(node, A))
    size = total([*probes_between(node, other, API), probes_of(node, API)])
    longest = 20 * len(repr(node))  # a batch stops behind the draft that goes over
    assert size < 10 * (MOST_CHARACTERS + longest)
    assert steps["weighed"] < 10 * (MOST_STEPS + len(distinct_clauses(node)))
    assert steps["met"] < 400 * MOST_MEETINGS
