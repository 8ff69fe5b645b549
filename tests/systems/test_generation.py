from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fake_engine import FakeEngine
from query_assistant.engines import Prompt
from query_assistant.errors import ConfigurationError, InputError
from query_assistant.prompts import PromptBuilder, PromptSettings
from query_assistant.records import Pair, Response, read_jsonl
from query_assistant.systems.generation import ALL_SYSTEMS, System, generate

APIS: Any = {
    "mygene": SimpleNamespace(title="MyGene.info", version="v3", entity="gene"),
    "mychem": SimpleNamespace(title="MyChem.info", version="v1", entity="chem"),
}
FREE = System.parse("base-zero_shot-closed-free")


def builder() -> PromptBuilder:
    return PromptBuilder(APIS, PromptSettings(), lambda text: len(text.split()))


def items(count: int = 10) -> list[Pair]:
    return [
        Pair(
            id=f"p{number}",
            api="mychem" if number % 3 == 0 else "mygene",
            instruction=f"Find {number}",
            query=f"/v3/query?q={number}",
            form="imperative",
            origin="log",
            skeleton="s",
        )
        for number in range(count)
    ]


def asked(prompt: Prompt) -> str:
    return f"/v3/query?q={prompt[-1].content.split()[-1]}"


def test_answers_stand_in_the_order_of_the_items_with_what_was_extracted(tmp_path: Path) -> None:
    engine = FakeEngine(asked)
    count = generate(items(), FREE, engine, builder(), tmp_path / "out.jsonl", batch_size=4)
    responses = read_jsonl(tmp_path / "out.jsonl", Response)
    assert count == 10
    assert [(one.id, one.query) for one in responses] == [(f"p{n}", f"/v3/query?q={n}") for n in range(10)]
    assert {one.system for one in responses} == {"base-zero_shot-closed-free"}
    assert not list(tmp_path.glob("*.partial"))


def test_batches_hold_one_api_and_have_fixed_boundaries(tmp_path: Path) -> None:
    engine = FakeEngine(asked)
    generate(items(), FREE, engine, builder(), tmp_path / "out.jsonl", batch_size=4)
    assert engine.batches == [
        ["Find 0", "Find 3", "Find 6", "Find 9"],
        ["Find 1", "Find 2", "Find 4", "Find 5"],
        ["Find 7", "Find 8"],
    ]


def test_prose_is_kept_as_text_without_a_query(tmp_path: Path) -> None:
    generate(items(1), FREE, FakeEngine(["I cannot know."]), builder(), tmp_path / "out.jsonl")
    (response,) = read_jsonl(tmp_path / "out.jsonl", Response)
    assert (response.text, response.query, response.body) == ("I cannot know.", None, None)


def test_a_post_keeps_its_body(tmp_path: Path) -> None:
    answer = 'POST /v3/query {"q":["a","b"],"scopes":["symbol"]}'
    generate(items(1), FREE, FakeEngine([answer]), builder(), tmp_path / "out.jsonl")
    (response,) = read_jsonl(tmp_path / "out.jsonl", Response)
    assert (response.query, response.body) == ("/v3/query", {"q": ["a", "b"], "scopes": ["symbol"]})


def interrupted(folder: Path, batches: int) -> Path:
    """A partial file of a run that failed in batch number `batches` + 1."""
    left = iter(range(batches))

    def answer(prompt: Prompt) -> str:
        if prompt[-1].content in ("Find 0", "Find 1", "Find 7") and next(left, None) is None:
            raise KeyboardInterrupt
        return asked(prompt)

    with pytest.raises(KeyboardInterrupt):
        generate(items(), FREE, FakeEngine(answer), builder(), folder / "out.jsonl", batch_size=4)
    return folder / "out.jsonl.partial"


def test_a_resumed_run_asks_only_for_what_is_missing(tmp_path: Path) -> None:
    interrupted(tmp_path, 2)
    engine = FakeEngine(asked)
    generate(items(), FREE, engine, builder(), tmp_path / "out.jsonl", batch_size=4)
    generate(items(), FREE, FakeEngine(asked), builder(), tmp_path / "whole.jsonl", batch_size=4)
    assert engine.batches == [["Find 7", "Find 8"]]
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


@pytest.mark.parametrize("lost", [2, 30, 200])
def test_a_torn_last_line_is_asked_again_and_nothing_is_lost(tmp_path: Path, lost: int) -> None:
    partial = interrupted(tmp_path, 2)
    partial.write_bytes(partial.read_bytes()[:-lost])
    engine = FakeEngine(asked)
    generate(items(), FREE, engine, builder(), tmp_path / "out.jsonl", batch_size=4)
    generate(items(), FREE, FakeEngine(asked), builder(), tmp_path / "whole.jsonl", batch_size=4)
    assert engine.batches == [["Find 1", "Find 2", "Find 4", "Find 5"], ["Find 7", "Find 8"]]
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


DAMAGE = {
    "only the line end lost": b"\n".join,
    "nothing": lambda lines: b"\n".join([*lines, b""]),
    "a blank line": lambda lines: b"\n".join([lines[0], b"", b"  ", *lines[1:], b""]),
    "a line of NULs": lambda lines: b"\n".join([lines[0], b"\0" * 4096, *lines[1:], b""]),
    "NULs at the end": lambda lines: b"\n".join([*lines, b"\0" * 500]),
    "bytes that are no UTF-8": lambda lines: b"\n".join([b"\xff\xfe", *lines, b""]),
    "half a line within": lambda lines: b"\n".join([lines[0], lines[1][:50], *lines[1:], b""]),
    "a line twice": lambda lines: b"\n".join([*lines, lines[0], b""]),
    "another run's line": lambda lines: b"\n".join([lines[0].replace(b'"work": "', b'"work": "0'), *lines, b""]),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_sound_lines_are_kept_whatever_lies_between_them(tmp_path: Path, damage: Any) -> None:
    partial = interrupted(tmp_path, 2)
    partial.write_bytes(damage(partial.read_bytes().splitlines()))
    engine = FakeEngine(asked)
    generate(items(), FREE, engine, builder(), tmp_path / "out.jsonl", batch_size=4)
    generate(items(), FREE, FakeEngine(asked), builder(), tmp_path / "whole.jsonl", batch_size=4)
    assert engine.batches == [["Find 7", "Find 8"]]
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


@pytest.mark.parametrize("place", range(8))
def test_a_line_lost_anywhere_is_asked_again_and_survives_the_next_kill(tmp_path: Path, place: int) -> None:
    partial = interrupted(tmp_path, 2)
    lines = partial.read_bytes().splitlines()
    partial.write_bytes(b"\n".join([*lines[:place], b"\0" * len(lines[place]), *lines[place + 1 :]]))
    interrupted(tmp_path, 1)  # the lost line's batch is asked again before the kill
    engine = FakeEngine(asked)
    generate(items(), FREE, engine, builder(), tmp_path / "out.jsonl", batch_size=4)
    assert engine.batches == [["Find 7", "Find 8"]]


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\ud800", "\0"])
def test_answers_with_line_ends_of_other_alphabets_are_taken_up(tmp_path: Path, sign: str) -> None:
    left = iter(range(1))

    def answer(prompt: Prompt) -> str:
        if prompt[-1].content in ("Find 0", "Find 1") and next(left, None) is None:
            raise KeyboardInterrupt
        return f"/v3/query?q=a{sign}b"

    with pytest.raises(KeyboardInterrupt):
        generate(items(), FREE, FakeEngine(answer), builder(), tmp_path / "out.jsonl", batch_size=4)
    engine = FakeEngine(asked)
    generate(items(), FREE, engine, builder(), tmp_path / "out.jsonl", batch_size=4)
    assert engine.batches == [["Find 1", "Find 2", "Find 4", "Find 5"], ["Find 7", "Find 8"]]
    assert len(read_jsonl(tmp_path / "out.jsonl", Response)) == 10


@pytest.mark.parametrize("depth", [40, 100, 300, 900, 5000])
def test_an_answer_nested_without_end_is_no_query_and_reads_back(tmp_path: Path, depth: int) -> None:
    nested = 'POST /v3/query {"q": ' + "[" * depth + "]" * depth + "}"
    generate(items(1), FREE, FakeEngine([nested]), builder(), tmp_path / "out.jsonl")
    (response,) = read_jsonl(tmp_path / "out.jsonl", Response)
    assert (response.text, response.query) == (nested, "/v3/query" if depth < 50 else None)


def test_a_second_run_on_the_same_output_says_so(tmp_path: Path) -> None:
    def answer(prompt: Prompt) -> str:
        with pytest.raises(InputError, match="another run is writing"):
            generate(items(), FREE, FakeEngine(asked), builder(), tmp_path / "out.jsonl")
        return asked(prompt)

    generate(items(), FREE, FakeEngine(answer), builder(), tmp_path / "out.jsonl")
    assert [one.query for one in read_jsonl(tmp_path / "out.jsonl", Response)][-1] == "/v3/query?q=9"
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


@pytest.mark.parametrize("changed", [{"fingerprint": "other weights"}, {"max_new_tokens": 7}, {"batch_size": 3}])
def test_a_partial_file_of_other_work_is_not_taken_up(tmp_path: Path, changed: dict[str, Any]) -> None:
    interrupted(tmp_path, 2)
    engine = FakeEngine(asked)
    generate(items(), FREE, engine, builder(), tmp_path / "out.jsonl", **{"batch_size": 4, **changed})
    assert sum(map(len, engine.batches)) == 10


def test_from_a_store_the_same_is_not_asked_again_and_what_changed_is(tmp_path: Path) -> None:
    store = tmp_path / "answers"
    generate(items(), FREE, FakeEngine(asked), builder(), tmp_path / "one.jsonl", store=store, fingerprint="weights")
    again, changed = FakeEngine(asked), FakeEngine(asked)
    generate(items(), FREE, again, builder(), tmp_path / "two.jsonl", store=store, fingerprint="weights")
    generate(items(), FREE, changed, builder(), tmp_path / "three.jsonl", store=store, fingerprint="other code")
    assert (again.batches, sum(map(len, changed.batches))) == ([], 10)
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answers", "one.jsonl", "three.jsonl", "two.jsonl"]


def test_two_that_ask_the_same_at_once_ask_it_once(tmp_path: Path) -> None:
    engine = FakeEngine(asked)
    ask = partial(generate, items(), FREE, engine, store=tmp_path / "answers", batch_size=4)
    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(ask, builder(), tmp_path / f"{number}.jsonl") for number in range(2)]
    assert [one.result() for one in done] == [10, 10]
    assert sum(map(len, engine.batches)) == 10
    assert (tmp_path / "0.jsonl").read_bytes() == (tmp_path / "1.jsonl").read_bytes()


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = {path!r}
from fake_engine import FakeEngine
import test_generation as t

def answer(prompt):
    if prompt[-1].content == "Find 7":
        os.kill(os.getpid(), signal.SIGKILL)
    return t.asked(prompt)

t.generate(t.items(), t.FREE, FakeEngine(answer), t.builder(), Path(sys.argv[1]), batch_size=4)
"""


def test_after_kill_9_no_answer_is_lost_or_repeated(tmp_path: Path) -> None:
    script = KILLED.format(path=[str(Path(__file__).parent), str(Path(__file__).parents[1])])
    killed = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "out.jsonl")], capture_output=True, check=False
    )
    assert killed.returncode == -9
    assert not (tmp_path / "out.jsonl").exists()
    engine = FakeEngine(asked)
    generate(items(), FREE, engine, builder(), tmp_path / "out.jsonl", batch_size=4)
    assert engine.batches == [["Find 7", "Find 8"]]
    assert [one.id for one in read_jsonl(tmp_path / "out.jsonl", Response)] == [f"p{n}" for n in range(10)]


def test_a_grammar_system_sends_each_api_its_grammar(tmp_path: Path) -> None:
    engine = FakeEngine(asked)
    system = System.parse("base-zero_shot-closed-grammar")
    grammars = {"mygene": "root ::= gene", "mychem": "root ::= chem"}
    generate(items(), system, engine, builder(), tmp_path / "out.jsonl", batch_size=16, grammars=grammars)
    assert engine.grammars == ["root ::= chem", "root ::= gene"]
    with pytest.raises(ConfigurationError, match="mychem"):
        generate(items(), system, engine, builder(), tmp_path / "o2.jsonl", grammars={"mygene": "root ::= gene"})


def test_items_with_one_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'p0'"):
        generate([*items(2), *items(1)], FREE, FakeEngine(asked), builder(), tmp_path / "out.jsonl")


def test_sixteen_systems_have_names_that_read_back() -> None:
    assert len(set(map(str, ALL_SYSTEMS))) == 24
    assert [System.parse(str(system)) for system in ALL_SYSTEMS] == list(ALL_SYSTEMS)


@pytest.mark.parametrize(
    "name", ["", "base", "base-zero_shot-closed", "base-few-rag-free", "base-zero_shot-closed-free-x"]
)
def test_unknown_system_names_are_refused_with_the_choices(name: str) -> None:
    with pytest.raises(ConfigurationError, match="few_shot"):
        System.parse(name)


def test_an_id_that_stands_twice_is_found_in_one_pass(tmp_path: Path) -> None:
    looked = 0

    class Counted(list):  # type: ignore[type-arg]
        def __iter__(self) -> Any:
            nonlocal looked
            for one in super().__iter__():
                looked += 1
                yield one

    many = Counted([*items(500), items(500)[-1]])
    with pytest.raises(InputError, match="'p499'"):
        generate(many, FREE, FakeEngine(asked), builder(), tmp_path / "out.jsonl")
    assert looked <= 2 * len(many)
