"""A person's decisions are stored, and hold as long as the pair is what they saw."""

from __future__ import annotations

import io
from pathlib import Path

from query_assistant.pairs.review import Decision, apply_decisions, content_hash, load_decisions, queue, save_decisions
from query_assistant.pairs.review_session import review
from query_assistant.records import Pair


def pair(number: int, instruction: str = "Find CDK2", constructs: tuple[str, ...] = ("fielded",)) -> Pair:
    return Pair(
        id=f"p{number}", api="mygene", instruction=instruction, query=f"/v3/query?q=symbol:CDK{number}",
        form="imperative", origin="log", skeleton="s", constructs=constructs,
    )  # fmt: skip


PAIRS = [pair(1), pair(2), pair(3), pair(4)]


def sit(tmp_path: Path, keys: str, pairs: list[Pair] = PAIRS) -> tuple[dict[str, Decision], str]:
    screen = io.StringIO()
    return review(pairs, tmp_path / "decisions.jsonl", io.StringIO(keys), screen), screen.getvalue()


def test_keys_become_decisions_and_are_on_disk_at_once(tmp_path: Path) -> None:
    decisions, screen = sit(tmp_path, "a\nr\nunclear\ne\nFind gene CDK3\ns\n")

    assert {key: (each.action, each.instruction, each.note) for key, each in decisions.items()} == {
        "p1": ("accept", None, None),
        "p2": ("reject", None, "unclear"),
        "p3": ("edit", "Find gene CDK3", None),
    }
    assert load_decisions(tmp_path / "decisions.jsonl") == decisions
    assert screen.endswith("3 decided, 0 left\n")


def test_undo_takes_the_last_decision_back(tmp_path: Path) -> None:
    decisions, _ = sit(tmp_path, "a\na\nu\nr\n\nq\n")

    assert {key: each.action for key, each in decisions.items()} == {"p1": "accept", "p2": "reject"}


def test_the_end_of_input_ends_the_sitting_and_nonsense_is_told(tmp_path: Path) -> None:
    decisions, screen = sit(tmp_path, "x\nu\ne\n\n")

    assert decisions == {}
    assert "'x' is no choice" in screen
    assert "nothing to undo" in screen
    assert "unchanged" in screen


def test_a_second_sitting_goes_on_where_the_first_stopped(tmp_path: Path) -> None:
    sit(tmp_path, "a\nq\n")
    _, screen = sit(tmp_path, "q\n")

    assert "symbol:CDK2" in screen
    assert "symbol:CDK1" not in screen


def test_decisions_change_the_pairs_until_the_pairs_change() -> None:
    decisions = {
        "p1": Decision(id="p1", content=content_hash(PAIRS[0]), action="reject"),
        "p2": Decision(id="p2", content=content_hash(PAIRS[1]), action="edit", instruction="Gene CDK2"),
        "p3": Decision(id="p3", content="something else", action="reject"),
    }
    kept, effects = apply_decisions(PAIRS, decisions)

    assert [each.instruction for each in kept] == ["Gene CDK2", "Find CDK2", "Find CDK2"]
    assert dict(effects) == {"reject": 1, "edit": 1, "outdated": 1}


def test_the_doubtful_come_first() -> None:
    long = pair(5, "Find CDK2 whose a and whose b or that c and d in clinvar.rcv.accession", ("negation", "or"))

    assert queue([*PAIRS, long], {})[0] is long


def test_saved_decisions_are_sorted_by_id(tmp_path: Path) -> None:
    save_decisions(tmp_path / "d.jsonl", {key: Decision(id=key, content="c", action="accept") for key in ("b", "a")})

    assert list(load_decisions(tmp_path / "d.jsonl")) == ["a", "b"]
