"""`qa ask` and `qa predict`: instructions in, queries out."""

from __future__ import annotations

import json
from pathlib import Path

import click
from pydantic import ConfigDict

from query_assistant.apis import Api, load_api
from query_assistant.cli.options import api_option, load_replica, show_json
from query_assistant.errors import InputError
from query_assistant.params import load_params
from query_assistant.project import project_root
from query_assistant.queries.request import parse
from query_assistant.records import Query, Record, Response, atomic_writer, check_writable, read_jsonl
from query_assistant.systems.assistant import Assistant, open_assistant
from query_assistant.systems.generation import System, generate

DEFAULT = "finetuned-zero_shot-closed-grammar"


class Instruction(Record):
    """One line of the file that `qa predict` reads."""

    model_config = ConfigDict(extra="allow", frozen=True)

    id: str
    api: str
    instruction: str


def _open(system: str, apis: dict[str, Api]) -> Assistant:
    root = project_root()
    return open_assistant(System.parse(system), load_params(root / "params.yaml"), apis, root / "models")


@click.command()
@api_option
@click.argument("instruction")
@click.option("--system", default=DEFAULT, show_default=True, help="<weights>-<examples>-<context>-<decoding>")
@click.option("--run", is_flag=True, help="Also the answer of the replica, as JSON on the next line.")
@click.option("--live", is_flag=True, help="With --run: ask the real API instead; needs the network.")
def ask(api: Api, instruction: str, system: str, run: bool, live: bool) -> int:
    """Print the query for INSTRUCTION, in one line. Exit code 1: the model gave no usable answer.

    \b
    qa ask --api mygene "zebrafish genes with a UniProt entry whose name mentions collagen, fifty at most"
    """
    query = _open(system, {api.name: api}).ask(instruction, api.name)
    if query is None:
        click.echo("no usable answer; try another --system, or other words", err=True)
        return 1
    click.echo(_line(query))
    if run or live:
        _run(api, query, live)
    return 0


def _line(query: Query) -> str:
    return query.query if query.body is None else json.dumps({"path": query.query, "body": query.body})


def _run(api: Api, query: Query, live: bool) -> None:
    request = parse(query, api)
    if live:
        from query_assistant.replica.live import LiveExecutor

        show_json(LiveExecutor(api, project_root() / ".cache" / "live.sqlite").execute(request).body)
    else:
        show_json(load_replica(api).execute(request).body)


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--system", default=DEFAULT, show_default=True, help="<weights>-<examples>-<context>-<decoding>")
def predict(source: Path, target: Path, system: str) -> None:
    """Queries for the instructions of SOURCE (JSON Lines: id, api, instruction), written to TARGET.

    The same lines come back with `query` (and `body` for a POST), null where there was no usable answer. A run that was
    killed goes on where it stopped.
    """
    check_writable(target)
    items = read_jsonl(source, Instruction)
    if not items:
        raise InputError(f"{source} holds no instructions; expected one JSON object a line with id, api, instruction")
    apis = {name: load_api(name) for name in sorted({item.api for item in items})}
    assistant = _open(system, apis)
    responses = target.with_name(f".{target.name}.responses")
    generate(
        items,
        assistant.system,
        assistant.engine,
        assistant.builder,
        responses,
        max_new_tokens=assistant.max_new_tokens,
        batch_size=assistant.batch_size,
        grammars=assistant.grammars,
        fingerprint=assistant.fingerprint,
    )
    answers = read_jsonl(responses, Response)
    with atomic_writer(target) as out:
        for item, answer in zip(items, answers, strict=True):
            line = item.model_dump() | {"query": answer.query} | ({"body": answer.body} if answer.body else {})
            out.write(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n")
    responses.unlink()
    click.echo(
        f"{sum(answer.query is not None for answer in answers)} queries for {len(items)} instructions in {target}"
    )
