"""`qa corrections`: what people put right, kept, listed, taken back, and handed to training."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from query_assistant.apis import Api
from query_assistant.cli.options import (
    ApiType,
    PathType,
    QueryType,
    TextType,
    api_option,
    json_option,
    load_replica_if_there,
    show,
    show_json,
)
from query_assistant.cli.tables import show_table
from query_assistant.project import project_root
from query_assistant.records import Query

if TYPE_CHECKING:
    from query_assistant.records import Pair


def accepted_examples(root: Path, apis: Mapping[str, Api]) -> list[Pair]:
    """The accepted corrections of this installation as near examples; none where nobody has corrected anything."""
    from query_assistant.corrections.store import PLACE

    if not (root / PLACE).is_file():
        return []
    from query_assistant.corrections.checking import as_examples
    from query_assistant.corrections.store import Corrections

    with Corrections.open(root / PLACE) as kept:
        return as_examples(kept.all(state="accepted"), apis)


@click.group()
def corrections() -> None:
    """What people put right. An accepted correction is at once a near example for `qa ask` in this checkout."""


@corrections.command()
@api_option
@click.argument("instruction", type=TextType())
@click.argument("query", type=QueryType())
@click.option("--given", type=QueryType(), default=None, help="What the assistant had answered: what differs is said.")
@click.option("--reason", default="", help="Why that was wrong, in your words.")
def add(api: Api, instruction: str, query: Query, given: Query | None, reason: str) -> int:
    """Keep QUERY as the right one for INSTRUCTION. Exit code 1: the API would not take it, and nothing is kept.

    \b
    qa corrections add --api mygene "cdk2 in mice" '/v3/query?q=cdk2&species=mouse'
    """
    from query_assistant.corrections.checking import faults, measured_items, unsound
    from query_assistant.corrections.store import PLACE, Correction, Corrections
    from query_assistant.queries.request import to_text

    made = Correction(
        api=api.name,
        instruction=instruction,
        query=query.query,
        body=query.body,
        given=to_text(given) if given else None,
        reason=reason,
    )
    if wrong := unsound(made, api):
        show(f"not kept, for {api.title} would not take it: {'; '.join(wrong)}")
        return 1
    if given:
        _say_what_differs(given, query, api)
    with Corrections.open(project_root() / PLACE) as kept:
        remarks = list(faults(made, api, kept.all(state="accepted"), measured_items(api.name)))
        number = kept.add(made)
    show(f"kept as {number}" + (f"; not for training: {'; '.join(remarks)}" if remarks else ""))
    return 0


def _say_what_differs(given: Query, query: Query, api: Api) -> None:
    from query_assistant.judging.comparison import compare

    found = compare(query, given, api, load_replica_if_there(api))
    show(f"right and given are {found.relation}")
    for difference in found.differences:
        show(f"  {difference.message}")


@corrections.command("list")
@click.option("--api", type=ApiType(), default=None, help="Of one API alone.")
@json_option
def list_(api: Api | None, as_json: bool) -> None:
    """Every correction with its number, state, and what speaks against learning from it."""
    from query_assistant.corrections.remarks import with_remarks

    rows = [(one, remarks) for one, remarks in with_remarks(project_root()) if api is None or one.api == api.name]
    if as_json:
        show_json([one.model_dump(exclude_none=True) | {"remarks": remarks} for one, remarks in rows])
        return
    if sys.stdout.isatty():
        cells = [[str(one.id), one.state, one.api, one.instruction, one.query, "; ".join(said)] for one, said in rows]
        show_table(["number", "state", "API", "question", "query", "against training"], cells)
        return
    for one, remarks in rows:
        show(f"{one.id}  {one.state}  {one.api}  {one.instruction}")
        show(f"    {one.query}" + (f"  ({'; '.join(remarks)})" if remarks else ""))


@corrections.command()
@click.argument("number", type=int)
def withdraw(number: int) -> None:
    """Take a correction back: no example and no lesson any more. It stays in the database."""
    from query_assistant.corrections.store import PLACE, Corrections

    with Corrections.open(project_root() / PLACE) as kept:
        kept.settle(number, "withdrawn")
    show(f"{number} is withdrawn")


@corrections.command()
@api_option
@click.argument("target", type=PathType())
def export(api: Api, target: Path) -> None:
    """Write accepted corrections that nothing speaks against to TARGET, in the form of data/apis/<api>/written.jsonl.

    Append them there, and the next `dvc repro` trains on them.
    """
    from query_assistant.corrections.remarks import with_remarks
    from query_assistant.files import atomic_writer
    from query_assistant.records import WrittenPair, dump

    rows = [(one, remarks) for one, remarks in with_remarks(project_root()) if one.api == api.name]
    sound = [one for one, remarks in rows if one.state == "accepted" and not remarks]
    with atomic_writer(target) as out:
        for one in sound:
            out.write(dump(WrittenPair(instruction=one.instruction, query=one.query, body=one.body)) + "\n")
    left = sum(one.state == "accepted" for one, _ in rows) - len(sound)
    show(f"{len(sound)} corrections in {target}, {left} left out (`qa corrections list` says why)", beside=target)


@corrections.command("import")
@api_option
@json_option
@click.argument("source", type=PathType())
def import_(api: Api, as_json: bool, source: Path) -> None:
    """Keep the corrections in SOURCE, the `responses.db` of the prototype's server.

    SOURCE is only read. A row that cannot be kept is said with the reason; what is kept already is not kept twice.

    \b
    qa corrections import --api mygene responses.db
    """
    from query_assistant.corrections.importing import import_corrections
    from query_assistant.corrections.store import PLACE

    found = import_corrections(source, api, project_root() / PLACE)
    if as_json:
        show_json({"kept": found.kept, "left_out": found.left_out, "only_asked": found.only_asked})
        return
    for line in found.left_out:
        show(f"left out, {line}")
    show(f"{len(found.kept)} corrections kept, {len(found.left_out)} rows left out")
    if found.only_asked:
        show(f"{found.only_asked} questions without a correction teach nothing")
