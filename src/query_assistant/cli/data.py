"""`qa filter`, `qa simulate`, `qa review`, `qa import-responses`: the data's way to training."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from query_assistant.apis import Api
from query_assistant.cli.options import api_option, json_option, load_replica, records_path, show_json

LOG_FORMATS = ("csv", "combined", "common", "tornado", "paths")


@click.command("filter")
@api_option
@json_option
@click.argument("logs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True, help="Good queries, JSON Lines.")
@click.option("--format", "form", default=None, help="Log format, where sniffing fails: combined, tornado, csv, ...")
@click.option("--column", default=None, help="A table's column with the path; PATH?QUERY where the query has its own.")
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
    """Good queries out of access LOGS: parsed, without noise, executed, with hits."""
    from query_assistant.logs.filtering import Executor, filter_logs
    from query_assistant.project import project_root
    from query_assistant.records import check_writable, write_jsonl
    from query_assistant.replica.live import LiveExecutor

    check_writable(output)
    cache = project_root() / ".cache" / "live.sqlite"
    executor: Executor = LiveExecutor(api, cache) if live else load_replica(api)
    result = filter_logs(logs, api, executor, per_signature, format=form, column=column)
    write_jsonl(output, result.queries)
    if as_json:
        show_json(result.report.details())
    else:
        click.echo(result.report.text())


@click.command()
@api_option
@click.option("--lines", type=click.IntRange(1), default=100_000, show_default=True, help="Requests in the log.")
@click.option("--seed", default=17, show_default=True)
@click.option("--format", "form", type=click.Choice(LOG_FORMATS), default="csv", show_default=True)
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True, help="A name ending in .gz is gzipped.")
def simulate(api: Api, lines: int, seed: int, form: str, output: Path) -> None:
    """Write a year of SIMULATED access logs: no real request is in them."""
    from query_assistant.records import check_writable, iterate_documents
    from query_assistant.simulator import simulate as lines_of
    from query_assistant.simulator import write

    check_writable(output)
    records = iterate_documents(records_path(api.name))
    count = write(output, lines_of(api, records, lines, seed, form))  # type: ignore[arg-type]
    click.echo(f"{count} simulated lines in {output}")


@click.command("import-responses")
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
def import_responses(source: Path, target: Path) -> None:
    """Turn the prototype's pickled response lists into JSON Lines.

    Only lists, dictionaries, texts and numbers are read; a pickle that asks for anything else is refused.
    """
    from query_assistant.errors import InputError
    from query_assistant.records import atomic_writer
    from query_assistant.systems.importing import import_pickled_responses

    responses = import_pickled_responses(source)
    with atomic_writer(target) as out:
        for number, response in enumerate(responses):
            line = {"id": str(number), "response": response}
            try:
                out.write(json.dumps(line, ensure_ascii=False, sort_keys=True, allow_nan=False) + "\n")
            except (TypeError, ValueError) as error:
                raise InputError(f"response {number} of {source} is no JSON: {error}; expected texts, lists") from None
    click.echo(f"{len(responses)} responses in {target}")


@click.command()
@api_option
@click.option("--pairs", type=click.Path(path_type=Path), default=None, help="Default: data/pairs/<api>.jsonl.")
@click.option("--limit", default=0, help="Stop after so many; 0: until you quit.")
def review(api: Api, pairs: Path | None, limit: int) -> None:
    """Look through pairs, the doubtful first: accept, edit or reject.

    Decisions are kept in data/review/decisions.jsonl; `dvc repro` honours them.
    """
    from query_assistant.pairs.review_session import review as look_through
    from query_assistant.project import project_root
    from query_assistant.records import Pair, read_jsonl

    root = project_root()
    queue = read_jsonl(pairs or root / "data" / "pairs" / f"{api.name}.jsonl", Pair)
    look_through(queue, root / "data" / "review" / "decisions.jsonl", sys.stdin, sys.stdout, limit)
