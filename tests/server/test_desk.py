"""What the desk answers: the query with everything there is to say of it, or that it does not know."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from query_assistant.apis import Api
from query_assistant.corrections.store import Corrections
from query_assistant.engines import Prompt
from query_assistant.errors import BusyError, InputError, MissingResourceError
from query_assistant.replica import Replica
from query_assistant.server.answering_thread import AnsweringThread, OpenedAssistant
from query_assistant.server.desk import Desk
from query_assistant.server.documents import AskedCorrection, AskedThumb

from .serving import desk_of, say


def test_a_question_is_answered_and_explained(desk: Desk) -> None:
    answer = desk.ask("  insulin   genes of mice ")
    assert (answer.api, answer.guessed, answer.model, answer.reason) == ("mygene", True, "fake", "")
    said = answer.explained
    assert said is not None
    assert said.answer is not None
    assert (said.valid, said.answer.hits) == (True, 4)
    assert said.answer.table.columns == ["_id", "symbol", "name"]
    assert said.answer.table.links[0] == "https://mygene.info/v3/gene/1002"
    assert said.answer.note == "a sample of 12 real records, not all of MyGene.info"
    assert "insulin" in said.words
    assert said.copies is not None
    assert said.copies.curl.startswith("curl 'https://mygene.info/v3/query?q=name:insulin")
    assert [word.text for word in said.question if not word.covered] == []


def test_facets_come_as_bars(desk: Desk) -> None:
    said = desk.ask("how many human genes per type?", "mygene").explained
    assert said is not None
    assert said.answer is not None
    assert [(bar.field, bar.counts) for bar in said.answer.facets] == [
        ("type_of_gene", [("protein-coding", 4), ("pseudo", 4)])
    ]


def test_it_says_when_it_does_not_know(desk: Desk) -> None:
    answer = desk.ask("gibberish please")
    assert (answer.explained, answer.sure) == (None, False)
    assert answer.reason.startswith("I do not know")
    wrong = desk.ask("a field that is not there")
    assert (wrong.explained, wrong.sure) == (None, False)
    assert "does not exist" in wrong.reason


def test_other_readings_come_with_their_hits_and_what_differs(desk: Desk) -> None:
    answer = desk.ask("genes about kinase", "mygene")
    assert not answer.sure
    assert [(one.query, one.hits) for one in answer.alternatives] == [
        ("/v3/query?q=symbol:CDK*", 3),
        ("/v3/query?q=name:kinase&species=mouse", 4),
    ]
    assert all(one.differences and one.words for one in answer.alternatives)


@pytest.mark.parametrize("question", ["", "  \n", "?!", "x" * 1001, "half \ud83d"])
def test_questions_that_are_none_are_refused(desk: Desk, question: str) -> None:
    with pytest.raises(InputError):
        desk.ask(question)


def test_an_unknown_api_is_named(desk: Desk) -> None:
    with pytest.raises(InputError, match="unknown API 'nope'; served here are mygene"):
        desk.ask("cdk2", "nope")


def test_hints_begin_as_typed_or_are_near(desk: Desk) -> None:
    assert next(hint.field for hint in desk.hints("mygene", "ensembl.g")) == "ensembl.gene"
    assert "symbol" in [hint.field for hint in desk.hints("mygene", "simbol")]
    assert all(hint.holds for hint in desk.hints("mygene", "sym"))


def test_the_live_api_is_off_unless_switched_on(desk: Desk) -> None:
    with pytest.raises(InputError, match="not switched on"):
        desk.execute("mygene", "/v3/query?q=cdk2", live=True)


def test_the_live_api_answers_where_it_is_switched_on_and_is_opened_once(
    mygene: Api, replica: Replica, tmp_path: Path
) -> None:
    made: list[str] = []

    def live(api: Api) -> Replica:
        made.append(api.name)
        return replica

    with desk_of(mygene, replica, tmp_path, live=live) as desk:
        done = desk.execute("mygene", "/v3/query?q=symbol:CDK2", live=True)
        assert (done.source, done.note, done.body["total"]) == ("live", "asked MyGene.info itself", 1)
        assert desk.rows("mygene", "/v3/query?q=symbol:CDK2", live=True).hits == 1
    assert made == ["mygene"]


def test_a_correction_is_kept_compared_shown_as_example_and_withdrawn(desk: Desk) -> None:
    given = desk.ask("insulin genes of mice", "mygene").explained
    assert given is not None
    kept = desk.correct(
        AskedCorrection(
            api="mygene", question="insulin genes of mice", query="/v3/query?q=symbol:INS&species=mouse",
            given=given.query, reason="the symbol",
        )
    )  # fmt: skip
    assert kept.kept
    assert kept.number == 1
    assert kept.comparison is not None
    assert (kept.comparison.relation, kept.comparison.same_records) == ("different", False)
    assert kept.comparison.differences
    assert desk.ask("insulin genes of mice", "mygene").examples == 1
    (row,) = desk.corrected()
    assert (row.model, row.given, len(row.prompt_sha256)) == ("fake", given.query, 64)
    desk.withdraw(1)
    assert desk.ask("insulin genes of mice", "mygene").examples == 0
    assert desk.corrected() == []


def test_a_correction_that_the_api_would_refuse_is_not_kept(desk: Desk) -> None:
    kept = desk.correct(AskedCorrection(api="mygene", question="a", query="/v3/query?q=nope.nope:1"))
    assert not kept.kept
    assert kept.issues[0].severity == "error"
    assert not desk.corrections.exists()


def test_corrections_made_at_once_are_all_kept_and_all_examples(desk: Desk) -> None:
    asked = [
        AskedCorrection(api="mygene", question=f"gene number {number}", query=f"/v3/query?q=entrezgene:{1000 + number}")
        for number in range(12)
    ]
    writing = [threading.Thread(target=desk.correct, args=(one,)) for one in asked]
    for one in writing:
        one.start()
    for one in writing:
        one.join(60)
    assert sorted(one.instruction for one in desk.corrected()) == sorted(one.question for one in asked)
    assert desk.ask("insulin genes of mice", "mygene").examples == 12


def test_a_thumb_needs_no_query(desk: Desk) -> None:
    desk.ask("gibberish please", "mygene")
    desk.thumb(AskedThumb(api="mygene", question="gibberish please", given="", thumb="down", reason="nothing found"))
    with Corrections.open(desk.corrections) as kept:
        (thumb,) = kept.thumbs()
    assert (thumb.thumb, thumb.reason, thumb.model, len(thumb.prompt_sha256)) == ("down", "nothing found", "fake", 64)


def test_who_comes_to_a_full_queue_is_told_when_to_come_back(mygene: Api, replica: Replica, tmp_path: Path) -> None:
    go_on = threading.Event()

    def slow(prompt: Prompt) -> str:
        go_on.wait(10)
        return say(prompt)

    with desk_of(mygene, replica, tmp_path, slow, most_waiting=2) as desk:
        asking = [threading.Thread(target=desk.ask, args=(f"cdk{number}", "mygene")) for number in range(2)]
        for one in asking:
            one.start()
        while desk.state().waiting < 2:
            time.sleep(0.005)
        with pytest.raises(BusyError) as refused:
            desk.ask("cdk9", "mygene")
        assert refused.value.retry_after_s >= 1
        go_on.set()
        for one in asking:
            one.join(10)
        assert desk.ask("cdk9", "mygene").explained is not None
        assert desk.state().waiting == 0


class Gated:
    """An engine's answers, the first of which waits until it may go on; each finds the last word of its question."""

    def __init__(self) -> None:
        self.go_on, self.asked = threading.Event(), list[str]()

    def __call__(self, prompt: Prompt) -> str:
        self.asked.append(prompt[-1].content.split()[-1])
        self.go_on.wait(10)
        return f"/v3/query?q=symbol:{self.asked[-1]}"


def until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 20
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.005)


def test_those_who_wait_are_answered_in_one_batch_each_its_own(mygene: Api, replica: Replica, tmp_path: Path) -> None:
    gated = Gated()
    with desk_of(mygene, replica, tmp_path, gated) as desk:
        first = desk.begin("find CDK1", "mygene")
        until(lambda: gated.asked == ["CDK1"])
        others = [desk.begin(f"find CDK{number}", "mygene") for number in range(2, 8)]
        gated.go_on.set()
        found = [given.proposal.query.query for given in map(desk.model.wait, [first, *others]) if given.proposal.query]
        assert found == [f"/v3/query?q=symbol:CDK{number}" for number in range(1, 8)]
        engine = desk.model._assistant.assistant.engine  # type: ignore[union-attr, attr-defined]
        assert [len(batch) for batch in engine.batches] == [1, 6]


def test_one_that_fails_fails_alone(mygene: Api, replica: Replica, tmp_path: Path) -> None:
    gated = Gated()

    def brittle(prompt: Prompt) -> str:
        if prompt[-1].content.endswith("poison"):
            raise RuntimeError("a secret path")
        return gated(prompt)

    with desk_of(mygene, replica, tmp_path, brittle) as desk:
        first = desk.begin("find CDK1", "mygene")
        until(lambda: gated.asked == ["CDK1"])
        good, bad, after = (desk.begin(f"find {word}", "mygene") for word in ("CDK2", "poison", "CDK4"))
        gated.go_on.set()
        assert all(desk.model.wait(one).proposal.query for one in (first, good, after))
        with pytest.raises(Exception, match=r"the model failed on this question \(RuntimeError\)"):
            desk.model.wait(bad)


def test_nobody_asks_the_model_for_who_has_gone(mygene: Api, replica: Replica, tmp_path: Path) -> None:
    gated = Gated()
    with desk_of(mygene, replica, tmp_path, gated) as desk:
        first = desk.begin("find CDK1", "mygene")
        until(lambda: gated.asked == ["CDK1"])
        gone, stays = desk.begin("find CDK2", "mygene"), desk.begin("find CDK4", "mygene")
        assert gone.cancel()
        assert desk.state().waiting == 2
        gated.go_on.set()
        assert desk.model.wait(first).proposal.query and desk.model.wait(stays).proposal.query
        assert gated.asked == ["CDK1", "CDK4"]
        assert desk.state().waiting == 0


def test_those_who_wait_are_told_at_once_when_the_server_ends(mygene: Api, replica: Replica, tmp_path: Path) -> None:
    gated = Gated()
    with desk_of(mygene, replica, tmp_path, gated) as desk:
        first = desk.begin("find CDK1", "mygene")
        until(lambda: gated.asked == ["CDK1"])
        waiting = desk.begin("find CDK2", "mygene")
        desk.model.stop()
        with pytest.raises(MissingResourceError, match="the server is ending"):
            waiting.result(timeout=5)
        assert not first.done()
        with pytest.raises(MissingResourceError, match="the server is ending"):
            desk.begin("find CDK4", "mygene")
        gated.go_on.set()
        assert desk.model.wait(first).proposal.query


def test_without_a_model_everything_else_works(mygene: Api, replica: Replica, tmp_path: Path) -> None:
    def nothing_there() -> OpenedAssistant:
        raise MissingResourceError("no weights; run `make quick`")

    model = AnsweringThread(nothing_there)
    desk = Desk({"mygene": mygene}, model, lambda _: replica, tmp_path / "c.sqlite")
    with pytest.raises(MissingResourceError, match="make quick"):
        desk.ask("cdk2", "mygene")
    assert (desk.state().model, desk.state().reason) == ("missing", "no weights; run `make quick`")
    assert desk.explain("mygene", "/v3/query?q=cdk2").valid
    assert model.close()


def test_an_engine_that_breaks_once_is_asked_again(mygene: Api, replica: Replica, tmp_path: Path) -> None:
    broken = iter([True])

    def brittle(prompt: Prompt) -> str:
        if next(broken, False):
            raise RuntimeError("a secret path")
        return say(prompt)

    with desk_of(mygene, replica, tmp_path, brittle) as desk:
        with pytest.raises(Exception, match=r"the model failed on this question \(RuntimeError\)"):
            desk.ask("cdk2", "mygene")
        assert desk.ask("cdk2", "mygene").explained is not None


def test_without_records_the_query_is_explained_all_the_same(mygene: Api, tmp_path: Path) -> None:
    def none(_: Api) -> Replica:
        raise InputError("no records")

    model = AnsweringThread(lambda: (_ for _ in ()).throw(MissingResourceError("none")))
    said = Desk({"mygene": mygene}, model, none, tmp_path / "c").explain("mygene", "/v3/query?q=cdk2")
    assert said.answer is not None
    assert (said.valid, said.answer.hits) == (True, None)
    assert "dvc pull" in said.answer.error
    assert model.close()
