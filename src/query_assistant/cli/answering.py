"""`qa ask` and `qa predict`: instructions in, queries out."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click
from pydantic import ConfigDict, field_validator

from query_assistant.apis import Api, load_api
from query_assistant.cli.correcting import accepted_examples
from query_assistant.cli.options import (
    ApiType,
    PathType,
    TextType,
    json_option,
    json_text,
    load_replica,
    show,
    show_json,
)
from query_assistant.cli.tables import show_hits
from query_assistant.errors import InputError, QueryAssistantError, visible
from query_assistant.files import atomic_writer, check_writable, is_stream
from query_assistant.params import load_params
from query_assistant.project import project_root
from query_assistant.queries.request import parse
from query_assistant.records import Pair, Query, Record, Response, json_line, read_jsonl
from query_assistant.systems.answering import answers_of
from query_assistant.systems.assistant import Assistant, Proposal, open_assistant
from query_assistant.systems.generation import System
from query_assistant.systems.guessing import guess_api
from query_assistant.systems.learned import open_in_use
from query_assistant.systems.published import SYSTEM, install, open_published
from query_assistant.systems.soundness import check_question

if TYPE_CHECKING:
    from query_assistant.replica import Replica
    from query_assistant.server.documents import QueryAnswer
    from query_assistant.server.results import RecordSource

TRACES = "QUERY_ASSISTANT_TRACES"
_OF_A_REFERENCE = {"query", "path", "body", "alternatives"}


class Instruction(Record):
    """One line of the file that `qa predict` reads."""

    model_config = ConfigDict(extra="allow", frozen=True)

    id: str
    api: str
    instruction: str

    @field_validator("instruction")
    @classmethod
    def _not_blank(cls, given: str) -> str:
        if not given.strip():
            raise ValueError("it is empty; write what the query is to find, or leave the line out")
        return given


def open_system(
    system: str, apis: dict[str, Api], *, workspace: bool, corrected: Sequence[Pair] = (), learned: bool = True
) -> Assistant:
    """The system that a command or the server answers with, its model loaded."""
    root = project_root()
    if not workspace:
        return (open_in_use if learned else open_published)(root, apis, system, corrected)
    params = load_params(root / "params.yaml")
    return open_assistant(System.parse(system), params, apis, root / "models", examples=corrected)


def _guessed(instruction: str, system: str, *, workspace: bool) -> Api:
    """The API that the question is most likely for; said on stderr, since it may be wrong."""
    System.parse(system)  # what is misspelt is said before anything is loaded
    index, names = known_apis(workspace=workspace)
    api = load_api(guess_api(instruction, index, names))
    click.echo(f"asked {api.title}; --api names another", err=True)
    return api


def known_apis(*, workspace: bool) -> tuple[Path, tuple[str, ...]]:
    """The index that an assistant retrieves from, and the APIs that it knows."""
    root = project_root()
    models = root / "models" if workspace else install(root)
    return models / "index", load_params((root if workspace else models) / "params.yaml").apis


def open_corrected(system: str, apis: dict[str, Api], *, workspace: bool) -> Assistant:
    """The assistant for people: with the accepted corrections as near examples."""
    return traced_if_wanted(
        open_system(system, apis, workspace=workspace, corrected=accepted_examples(project_root(), apis))
    )


def traced_if_wanted(assistant: Assistant) -> Assistant:
    """The same assistant, its answers traced in MLflow where QUERY_ASSISTANT_TRACES says so."""
    if os.environ.get(TRACES, "").lower() in ("", "0", "false", "no"):
        return assistant
    from query_assistant.reporting.traces import traced

    return traced(assistant)


def system_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which system answers: the published assistant's or the workspace's, and which of its systems."""
    help_text = "<weights>-<examples>-<context>-<decoding>"
    command = click.option("--system", default=SYSTEM, show_default=True, help=help_text)(command)
    return click.option("--workspace", is_flag=True, help="What the pipeline trained here, not what is published.")(
        command
    )


@click.command()
@click.option("--api", type=ApiType(), default=None, help="mygene, myvariant, ...; where none is named it is guessed.")
@click.argument("instruction", type=TextType(), required=False)
@system_options
@json_option
@click.option("--explain", is_flag=True, help="Also what the query asks for, in words, on stderr.")
@click.option("--run", is_flag=True, help="Also its hits in the replica, as a table; with --json the whole answer.")
@click.option("--live", is_flag=True, help="With --run: ask the real API instead; needs the network.")
def ask(  # a word of the command line each
    api: Api | None,
    instruction: str | None,
    system: str,
    workspace: bool,
    as_json: bool,
    explain: bool,
    run: bool,
    live: bool,
) -> int:
    """Print the query for INSTRUCTION, in one line. Exit code 1: it does not know, and says why.

    Without INSTRUCTION it is `qa chat`. The assistant in use answers: the published one, which is made on first use, or
    what `qa learn` promoted; or with --workspace what `dvc repro` made here.

    \b
    qa ask --api mygene "zebrafish genes with a UniProt entry whose name mentions collagen, fifty at most"
    """
    if instruction is None:
        if as_json or explain or run or live:
            raise InputError("no INSTRUCTION to answer; write one, or leave the options out to chat")
        from query_assistant.cli.chatting import start_chat

        return start_chat(api, system, workspace=workspace)
    check_question(instruction)
    api = api or _guessed(instruction, system, workspace=workspace)
    apis = {api.name: api}
    answer = open_corrected(system, apis, workspace=workspace).answer(instruction, api.name)
    query = answer.query
    if as_json:
        ran = {"answer": _body(api, query, live=live)} if query and (run or live) else {}
        show_json(_document(answer, api) | ran)
        return 0 if query else 1
    if query is None:
        click.echo(visible(unknown(answer)), err=True)
        return 1
    click.echo(line_of(query))
    if explain:
        click.echo(visible(words_of(query, api)), err=True)
    if run or live:
        show_hits(_live_hits(api, query) if live else sample_hits(load_replica(api), query))
    return 0


def unknown(answer: Proposal) -> str:
    """What is said where there is no query."""
    return f"I do not know: {answer.reason or 'the answer is no query'}; try other words"


def line_of(query: Query) -> str:
    """The call in one line that a terminal shows and does not obey; percent signs and JSON's escapes mean the same."""
    path = "".join(sign if sign.isprintable() else quote(sign, errors="replace") for sign in query.query)
    return path if query.body is None else json_text({"path": path, "body": query.body})


def _document(answer: Proposal, api: Api) -> dict[str, Any]:
    """What a program wants to know: the call, whether the API takes it, what it asks for, how sure it is, what else."""
    if answer.query is None:
        why = {"confidence": answer.confidence, "text": answer.text, "reason": answer.reason}
        return {"api": api.name, "query": None} | why
    others = [_described(other.query, other.confidence, api) for other in answer.alternatives if other.query]
    return {"api": api.name} | _described(answer.query, answer.confidence, api) | {"alternatives": others}


def _described(query: Query, confidence: float | None, api: Api) -> dict[str, Any]:
    from query_assistant.queries.validation import is_valid, validate

    issues = validate(query, api)
    return query.model_dump(exclude_none=True) | {
        "valid": is_valid(issues),
        "issues": [issue.message for issue in issues],
        "confidence": confidence,
        "words": words_of(query, api),
    }


def words_of(query: Query, api: Api) -> str:
    from query_assistant.verbalising.reading_back import said_back

    try:
        return said_back(query, api)
    except QueryAssistantError as error:
        return f"no words for it: {error}"


def sample_hits(replica: Replica, query: Query) -> QueryAnswer:
    """Hits and rows of a query in the replica, and that this is a sample."""
    from query_assistant.server.results import answer_of

    note = f"a sample of {len(replica):,} real records, not all of {replica.api.title}"
    return answer_of(query, replica.api, replica, note)


def _live_hits(api: Api, query: Query) -> QueryAnswer:
    from query_assistant.server.results import answer_of

    return answer_of(query, api, _live(api), f"{api.title} itself")


def _body(api: Api, query: Query, *, live: bool) -> Any:
    """The API's own answer."""
    return (_live(api) if live else load_replica(api)).execute(parse(query, api)).body


def _live(api: Api) -> RecordSource:
    from query_assistant.replica.live import LiveExecutor

    return LiveExecutor(api, project_root() / ".cache" / "live.sqlite")


@click.command()
@click.argument("source", type=PathType())
@click.argument("target", type=PathType())
@system_options
def predict(source: Path, target: Path, system: str, workspace: bool) -> None:
    """Queries for the instructions of SOURCE (JSON Lines: id, api, instruction), written to TARGET.

    The same lines come back with `query` (and `body` for a POST), null where there was no usable answer; a right query
    that stood there is left out. `-` is standard output. A run that was killed goes on where it stopped.
    """
    check_writable(target, [source])
    items = read_jsonl(source, Instruction)
    if not items:
        raise InputError(f"{source} holds no instructions; expected one JSON object a line with id, api, instruction")
    apis = {name: load_api(name) for name in sorted({item.api for item in items})}
    assistant = open_system(system, apis, workspace=workspace, learned=False)
    with (
        _partial_file(target) as partial,
        answers_of(assistant, items, partial) as answers,
        atomic_writer(target) as out,
    ):
        for item, answer in zip(items, answers, strict=True):
            out.write(json_line(_prediction(item, answer)) + "\n")
    found = sum(answer.query is not None for answer in answers)
    show(f"{found} queries for {len(items)} instructions in {target}", beside=target)


@contextmanager
def _partial_file(target: Path) -> Iterator[Path]:
    """Where answers are kept until all are there: beside the target, unless that is a device or a pipe."""
    if not is_stream(target):
        real = target.resolve()
        yield real.with_name(f".{real.name}.partial")
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder, "answers.partial")


def _prediction(item: Instruction, answer: Response) -> dict[str, Any]:
    """The line with the model's answer, and nothing left of a right one that may have stood there."""
    kept = {key: value for key, value in item.model_dump().items() if key not in _OF_A_REFERENCE}
    return kept | {"query": answer.query} | ({} if answer.body is None else {"body": answer.body})
