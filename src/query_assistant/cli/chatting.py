"""`qa chat`: questions one after the other, with the model loaded."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

from query_assistant.apis import Api, load_api
from query_assistant.cli.options import ApiType, load_replica, show
from query_assistant.cli.tables import show_hits
from query_assistant.errors import InputError, QueryAssistantError, visible
from query_assistant.project import project_root
from query_assistant.systems.soundness import check_question

if TYPE_CHECKING:
    from query_assistant.replica import Replica
    from query_assistant.systems.conversation import Conversation, Turn

HISTORY, MOST_LINES = Path(".cache/chat_history"), 1000
HELP = """A question, or what goes on with the one before: "only mouse", "also the symbol", "first 20", "sort by name".
:api NAME   ask that API from now on; `:api guess`: the likeliest one for each question; alone: which is asked
:run        the last query's hits in the replica
:new        the next line follows nothing
:help       this
:quit       the end; so is Ctrl-D, twice"""
Guess = Callable[[str], str]


class Chat:
    """One session: lines in, answers out. No line ends it but `:quit`."""

    def __init__(self, talk: Conversation, known: tuple[str, ...], guess: Guess, api: str | None) -> None:
        self._talk, self._known, self._guess, self.api = talk, known, guess, api

    @property
    def prompt(self) -> str:
        return f"{self.api or 'qa'}> "

    def take(self, line: str) -> bool:
        """Does what a line says; False where that is to end."""
        try:
            if line.startswith(":"):
                return self._command(*line[1:].strip().partition(" ")[::2])
            line.encode()
            self._show(self._ask(line))
        except UnicodeEncodeError:
            click.echo("not UTF-8 text; write whole characters", err=True)
        except QueryAssistantError as error:
            click.echo(visible(str(error)), err=True)
        except Exception as error:  # whatever it is, the next question may be answered
            click.echo(visible(f"that failed, please report it: {type(error).__name__}: {str(error)[:200]}"), err=True)
        return True

    def _ask(self, line: str) -> Turn:
        check_question(line)
        if self._talk.follows(line):
            return self._talk.ask(line, "")
        return self._talk.ask(line, self.api or self._guess(line))

    def _show(self, turn: Turn) -> None:
        from query_assistant.cli.answering import line_of, unknown, words_of

        api, query = load_api(turn.api), turn.answer.query
        if turn.how != "asked":
            click.echo(visible(f"{api.title}, going on: {turn.question}"), err=True)
        elif self.api is None:
            click.echo(f"{api.title}; `:api NAME` asks another", err=True)
        if query is None:
            click.echo(visible(unknown(turn.answer)), err=True)
            return
        click.echo(line_of(query))
        sure = "" if turn.answer.confidence is None else f" (right with a chance of {turn.answer.confidence:.0%})"
        click.echo(visible(words_of(query, api) + sure), err=True)

    def _command(self, name: str, argument: str) -> bool:
        if name in ("quit", "q", "exit"):
            return False
        known: dict[str, Callable[[str], None]] = {
            "api": self._name_api, "run": self._run, "new": self._forget, "help": lambda _: show(HELP),
        }  # fmt: skip
        if name not in known:
            raise InputError(f"no command :{name}; `:help` lists them")
        known[name](argument.strip())
        return True

    def _name_api(self, name: str) -> None:
        if name and name != "guess" and name not in self._known:
            raise InputError(f"unknown API {name!r}; known here are {', '.join(self._known)}, or `guess`")
        if name:
            self.api = None if name == "guess" else name
            self._talk.forget()
        show(f"asked: {self.api or 'the likeliest API for each question'}")

    def _forget(self, _: str) -> None:
        self._talk.forget()

    def _run(self, _: str) -> None:
        from query_assistant.cli.answering import sample_hits

        last = self._talk.last
        if last is None or last.answer.query is None:
            raise InputError("nothing to run yet; ask something first")
        show_hits(sample_hits(_replica(last.api), last.answer.query))


@cache
def _replica(name: str) -> Replica:
    return load_replica(load_api(name))


def converse(chat: Chat) -> int:
    """Reads lines to the end; Ctrl-C gives up a line or an answer and not the session."""
    ends = 0
    with _edited_lines():
        while ends < 2:
            try:
                line = input(chat.prompt if sys.stdin.isatty() else "").strip()
                ends = 0
                if line and not chat.take(line):
                    break
            except KeyboardInterrupt:
                click.echo("", err=True)
            except EOFError:
                ends += 1 if sys.stdin.isatty() else 2
                click.echo("\n`:quit`, or Ctrl-D once more, ends" if ends == 1 else "", err=True, nl=ends == 1)
            except UnicodeDecodeError:
                click.echo("not UTF-8 text; write whole characters", err=True)
    return 0


@contextmanager
def _edited_lines() -> Iterator[None]:
    """Line editing and a history that the next session has too, in a terminal whose Python knows how."""
    if not sys.stdin.isatty():
        yield
        return
    try:
        import readline
    except ImportError:
        yield
        return
    file = project_root() / HISTORY
    with suppress(OSError):
        readline.read_history_file(file)
    readline.set_history_length(MOST_LINES)
    try:
        yield
    finally:
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            readline.write_history_file(file)


def start_chat(api: Api | None, system: str, *, workspace: bool) -> int:
    """Opens the assistant for all APIs that it knows, and talks until the end."""
    from query_assistant.cli.answering import known_apis, open_corrected
    from query_assistant.systems.conversation import Conversation
    from query_assistant.systems.generation import System
    from query_assistant.systems.guessing import guess_api
    from query_assistant.verbalising.lexicon import Lexicon

    System.parse(system)  # what is misspelt is said before anything is loaded
    index, names = known_apis(workspace=workspace)
    if api is not None and api.name not in names:
        names = (*names, api.name)  # whoever opens the assistant says what is wrong with it
    assistant = open_corrected(system, {name: load_api(name) for name in names}, workspace=workspace)
    lexicon_of = cache(lambda one: Lexicon.load(one.name, one.schema))
    chat = Chat(
        Conversation(assistant, lexicon_of),
        names,
        lambda question: guess_api(question, index, names),
        api.name if api else None,
    )
    if sys.stdin.isatty():
        click.echo("`:help` says what can be typed", err=True)
    return converse(chat)


@click.command()
@click.option("--api", type=ApiType(), default=None, help="mygene, myvariant, ...; where none is named it is guessed.")
@click.option("--system", default=None, help="<weights>-<examples>-<context>-<decoding>")
@click.option("--workspace", is_flag=True, help="What the pipeline trained here, not what is published.")
def chat(api: Api | None, system: str | None, workspace: bool) -> int:
    """Ask one question after the other; the model stays loaded, and a line may go on with the one before it.

    \b
    human genes with insulin receptor in the name
    only mouse
    also the summary, first 20
    """
    from query_assistant.systems.published import SYSTEM

    return start_chat(api, system or SYSTEM, workspace=workspace)
