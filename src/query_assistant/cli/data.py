"""`qa filter`, `qa simulate`, `qa review`, `qa import-responses`, `qa import-original`: the data's way to training."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TextIO

import click

from query_assistant.apis import Api
from query_assistant.cli.options import (
    PathType,
    TextType,
    api_option,
    json_option,
    load_replica,
    output_option,
    records_path,
    show,
    show_json,
)
from query_assistant.errors import InputError

LOG_FORMATS = ("csv", "combined", "common", "tornado", "paths")


@click.command("filter")
@api_option
@json_option
@click.argument("logs", nargs=-1, required=True, type=PathType())
@output_option("Good queries, JSON Lines.")
@click.option(
    "--format",
    "form",
    type=TextType(),
    default=None,
    help="Log format, where sniffing fails: combined, tornado, csv, ...",
)
@click.option(
    "--column",
    type=TextType(),
    default=None,
    help="A table's column with the path; PATH?QUERY where the query has its own.",
)
@click.option(
    "--per-signature", type=click.IntRange(1), default=10, show_default=True, help="Queries kept of each shape."
)
@click.option("--live", is_flag=True, help="Execute on the real API instead of the replica; needs the network.")
def filter_(
    api: Api,
    as_json: bool,
    logs: tuple[Path, ...],
    output: Path,
    form: str | None,
    column: str | None,
    per_signature: int,
    live: bool,
) -> None:
    """Good queries out of access LOGS: parsed, without noise, executed, with hits.

    LOGS are files, folders, patterns, or the same in a bucket: s3://bucket/folder.
    """
    from query_assistant.files import check_writable
    from query_assistant.logs.files import find_logs
    from query_assistant.logs.filtering import Executor, filter_logs
    from query_assistant.project import project_root
    from query_assistant.records import write_jsonl
    from query_assistant.replica.live import LiveExecutor

    check_writable(output)
    check_writable(output, list(find_logs(logs)))
    cache = project_root() / ".cache" / "live.sqlite"
    executor: Executor = LiveExecutor(api, cache) if live else load_replica(api)
    result = filter_logs(logs, api, executor, per_signature, format=form, column=column)
    write_jsonl(output, result.queries)
    if as_json:
        show_json(result.report.details(), beside=output)
    else:
        show(result.report.text(), beside=output)


@click.command()
@api_option
@click.option("--lines", type=click.IntRange(1), default=100_000, show_default=True, help="Requests in the log.")
@click.option("--seed", default=17, show_default=True)
@click.option("--format", "form", type=click.Choice(LOG_FORMATS), default="csv", show_default=True)
@output_option("A name ending in .gz is gzipped.")
def simulate(api: Api, lines: int, seed: int, form: str, output: Path) -> None:
    """Write a year of SIMULATED access logs: no real request is in them."""
    from query_assistant.files import check_writable
    from query_assistant.records import iterate_documents
    from query_assistant.simulator import simulate as lines_of
    from query_assistant.simulator import write

    check_writable(output)
    records = iterate_documents(records_path(api.name))
    count = write(output, lines_of(api, records, lines, seed, form))  # type: ignore[arg-type]
    show(f"{count} simulated lines in {output}", beside=output)


@click.command("import-responses")
@click.argument("source", type=PathType())
@click.argument("target", type=PathType())
@click.option(
    "--references",
    type=PathType(),
    default=None,
    help="References in the order of the responses: each response gets the id of its own, as `qa score` needs it.",
)
def import_responses(source: Path, target: Path, references: Path | None) -> None:
    """Turn the prototype's pickled response lists into JSON Lines that `qa score` reads.

    Only lists, dictionaries, texts and numbers are read; a pickle that asks for anything else is refused. The pickles
    hold no ids: without --references a response's id is its place, from 0.
    """
    from query_assistant.errors import InputError
    from query_assistant.files import atomic_writer, check_writable
    from query_assistant.records import json_line
    from query_assistant.scoring import read_references
    from query_assistant.systems.importing import import_pickled_responses

    check_writable(target, [source])
    responses = import_pickled_responses(source)
    known = read_references(references) if references else None
    ids = [line.id for line in known] if known else [str(number) for number in range(len(responses))]
    if len(ids) != len(responses):
        raise InputError(
            f"{source} holds {len(responses)} responses, {references} {len(ids)} references; expected one for each, "
            "in the same order"
        )
    with atomic_writer(target) as out:
        for number, (identifier, response) in enumerate(zip(ids, responses, strict=True)):
            try:
                out.write(json_line({"id": identifier, "response": response}) + "\n")
            except (TypeError, ValueError) as error:
                raise InputError(f"response {number} of {source} is no JSON: {error}; expected texts, lists") from None
    show(f"{len(responses)} responses in {target}", beside=target)


@click.command("import-original")
@api_option
@json_option
@click.argument("folder", type=PathType())
def import_original(api: Api, as_json: bool, folder: Path) -> int:
    """Bring the prototype's FOLDER over: tarballs and files of logs, pairs, answers, adapters, its server's database.

    --api is whose files those are that name no API (the prototype's own experiments were MyGene's). The folder is only
    read, its pickles are never run. A second import changes nothing. Exit code 1: something was refused.

    \b
    qa import-original --api mygene ~/query_assistant
    """
    from query_assistant.project import project_root
    from query_assistant.prototype.importing import import_original as bring_over

    report = bring_over(folder, project_root(), api)
    if as_json:
        show_json(report.details())
    else:
        show(report.text())
    return 0 if report.is_whole else 1


@click.command()
@api_option
@click.option("--pairs", type=PathType(), default=None, help="Default: data/pairs/<api>.jsonl.")
@click.option("--limit", type=click.IntRange(0), default=0, help="Stop after so many; 0: until you quit.")
def review(api: Api, pairs: Path | None, limit: int) -> None:
    """Look through pairs, the doubtful first: accept, edit or reject.

    Decisions are kept in data/apis/<api>/review.jsonl; `dvc repro` honours them.
    """
    from query_assistant.apis import api_folder
    from query_assistant.files import held
    from query_assistant.pairs.review import REVIEW
    from query_assistant.pairs.review_session import review as look_through
    from query_assistant.project import project_root
    from query_assistant.records import Pair, read_jsonl

    root = project_root()
    queue = read_jsonl(pairs or root / "data" / "pairs" / f"{api.name}.jsonl", Pair)
    decisions = api_folder(api.name) / REVIEW
    alone = decisions.with_name(f".{REVIEW}.session")
    with held(alone):  # two sessions would each save their own decisions over the other's
        look_through(queue, decisions, _typed(), sys.stdout, limit)
        alone.unlink()


def _typed() -> TextIO:
    """Standard input; bytes that are no UTF-8 come as surrogates, for the session to refuse."""
    if sys.stdin is None:
        raise InputError("standard input is closed; review needs a terminal or a file of answers")
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
    return sys.stdin
