"""A chat goes on through errors, Ctrl-C and one Ctrl-D, keeps its history, and shows and changes what is asked."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from conftest import SYMBOLS, gene
from fake_engine import FakeEngine
from query_assistant.apis import load_api
from query_assistant.cli import chatting, run
from query_assistant.cli.chatting import Chat, converse
from query_assistant.prompts import PromptBuilder, PromptSettings
from query_assistant.replica import Replica
from query_assistant.systems.assistant import Assistant
from query_assistant.systems.conversation import Conversation
from query_assistant.systems.generation import System
from query_assistant.verbalising.lexicon import Lexicon

QUERY = "/v3/query?q=symbol:CDK2"


def opened(answers: Sequence[str], api: str | None = "mygene") -> Chat:
    engine = FakeEngine(answers)
    apis = {name: load_api(name) for name in ("mygene", "mychem")}
    builder = PromptBuilder(apis, PromptSettings(), engine.count_tokens)
    assistant = Assistant(System.parse("base-zero_shot-closed-free"), apis, engine, builder, {}, 96, 1, "")
    talk = Conversation(assistant, lambda one: Lexicon.load(one.name, one.schema))
    return Chat(talk, tuple(apis), lambda question: "mychem" if "drug" in question else "mygene", api)


def test_lines_are_answered_and_follow_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    chat = opened([QUERY])
    assert chat.take("the gene cdk2")
    assert chat.take("only mouse")
    out, err = capsys.readouterr()
    assert out == f"{QUERY}\n{QUERY}&species=mouse\n"
    assert "going on: the gene cdk2, only mouse" in err and "CDK2" in err


def test_the_api_is_shown_changed_and_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    chat = opened([QUERY, "/v1/query?q=aspirin", QUERY])
    assert chat.prompt == "mygene> "
    chat.take(":api guess")
    assert (chat.prompt, chat.api) == ("qa> ", None)
    chat.take("the gene cdk2")
    chat.take("a drug against pain for children")
    assert "MyGene.info; `:api NAME` asks another" in (said := capsys.readouterr().err)
    assert "MyChem.info;" in said
    chat.take(":api mychem")
    chat.take(":api")
    assert capsys.readouterr().out == "asked: mychem\n" * 2
    chat.take(":api nowhere")
    assert "known here are mygene, mychem" in capsys.readouterr().err


def test_nothing_but_quit_ends_it(capsys: pytest.CaptureFixture[str]) -> None:
    chat = opened(["I do not know"])
    for line in (":run", ":nothing", "\udcff", "\x1b[31m cdk2", "the engine has no more answers", ":help", ":new"):
        assert chat.take(line), line
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err
    for said in (
        "nothing to run yet",
        "no command :nothing",
        "not UTF-8",
        "I do not know: the answer is no query",
        "that failed",
    ):
        assert said in err
    assert not chat.take(":quit")


def test_the_last_query_runs_on_the_replica(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    records = [gene(number, symbol) for number, symbol in enumerate(SYMBOLS)]
    monkeypatch.setattr(chatting, "load_replica", lambda api: Replica.from_records(api, records))
    chatting._replica.cache_clear()
    chat = opened([QUERY])
    chat.take("the gene cdk2")
    chat.take(":run")
    shown = capsys.readouterr().out.splitlines()
    assert shown[1].startswith("1 hit, in a sample of ")
    assert shown[2].split("\t")[0] == "_id"
    assert shown[3].endswith("\thttps://mygene.info/v3/gene/1000")
    chatting._replica.cache_clear()


def test_ctrl_c_gives_up_a_line_and_ctrl_d_ends_at_the_second(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = iter([KeyboardInterrupt, "the gene cdk2", EOFError, "only mouse", EOFError, EOFError, "never read"])

    def line(_: str) -> str:
        given = next(typed)
        if isinstance(given, str):
            return given
        raise given

    monkeypatch.setattr("builtins.input", line)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(chatting, "_edited_lines", chatting.suppress)
    assert converse(opened([QUERY])) == 0
    out, err = capsys.readouterr()
    assert out == f"{QUERY}\n{QUERY}&species=mouse\n"
    assert "Ctrl-D once more" in err
    assert next(typed) == "never read"


def test_a_pipe_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    lines = iter(["the gene cdk2", "", "only mouse"])
    monkeypatch.setattr("builtins.input", lambda _: next(lines, None) or _end(lines))
    assert converse(opened([QUERY])) == 0
    assert capsys.readouterr().out.startswith(QUERY)


def _end(_: object) -> str:
    raise EOFError


def test_a_terminal_has_a_history_that_lasts(tmp_path: Path) -> None:
    """A real terminal: a line of the first session comes back in the second with the arrow key."""
    pytest.importorskip("readline")
    program = (
        "import sys\nfrom pathlib import Path\nfrom query_assistant.cli import chatting\n"
        f"chatting.project_root = lambda: Path({str(tmp_path)!r})\n"
        "class Chat:\n"
        "    prompt = '> '\n"
        "    def take(self, line):\n        print('took', line, flush=True)\n        return line != ':quit'\n"
        "chatting.converse(Chat())\n"
    )
    assert "took the gene cdk2" in _typed(program, "the gene cdk2\n:quit\n")
    assert "took the gene cdk2" in _typed(program, "\x1b[A\x1b[A\n:quit\n")


def _typed(program: str, keys: str) -> str:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    os.write(ours, keys.encode())
    shown = bytearray()
    while True:
        try:
            block = os.read(ours, 1024)
        except OSError:  # the other end is gone
            break
        if not block:
            break
        shown += block
    assert process.wait(60) == 0
    os.close(ours)
    return shown.decode()


def test_asking_nothing_is_a_chat(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[object] = []
    monkeypatch.setattr(chatting, "start_chat", lambda api, system, *, workspace: started.append(api.name) or 0)
    assert run(["ask", "--api", "mygene"]) == 0
    assert run(["chat", "--api", "mychem"]) == 0
    assert started == ["mygene", "mychem"]
    assert run(["ask", "--api", "mygene", "--json"]) == 2
