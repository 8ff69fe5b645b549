"""`qa validate`, `qa compare`, `qa explain`, `qa execute`, `qa grammar`: what a query means."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from query_assistant.apis import Api
from query_assistant.cli.options import (
    PathType,
    QueryType,
    TextType,
    api_option,
    json_option,
    load_replica,
    load_replica_if_there,
    show,
    show_json,
)
from query_assistant.errors import visible
from query_assistant.records import Query


@click.command()
@api_option
@json_option
@click.argument("query", type=QueryType())
def validate(api: Api, query: Query, as_json: bool) -> int:
    """Would the API accept QUERY, and why not?

    Exit code 0: it would (there may be warnings); 1: it would not, or what it asks for can never be found.

    \b
    qa validate --api mygene '/v3/query?q=ensembl.ensembl_id:ENSG00000123374'
    """
    from query_assistant.queries.validation import is_valid
    from query_assistant.queries.validation import validate as find_issues

    issues = find_issues(query, api)
    valid = is_valid(issues)
    if as_json:
        show_json({"valid": valid, "issues": [asdict(issue) | {"severity": issue.severity} for issue in issues]})
    else:
        show("valid" if valid else "not valid")
        for issue in issues:
            show(f"  {issue.severity.replace('_', ' ')}: {issue.message}")
    return 0 if valid else 1


@click.command()
@api_option
@json_option
@click.argument("left", type=QueryType())
@click.argument("right", type=QueryType())
def compare(api: Api, left: Query, right: Query, as_json: bool) -> int:
    """How alike are two queries? Prints the strongest relation that holds, and what differs.

    \b
    exact      the same text
    canonical  exactly equivalent
    execution  the same records, shown the same way
    selection  the same records
    different  (exit code 1)
    """
    from query_assistant.judging.comparison import compare as relate

    found = relate(left, right, api, load_replica_if_there(api))
    if as_json:
        show_json({"relation": found.relation, "differences": [asdict(one) for one in found.differences]})
    else:
        show(found.relation)
        for difference in found.differences:
            show(f"  {difference.message}")
    return 1 if found.relation == "different" else 0


@click.command()
@api_option
@json_option
@click.argument("query", type=QueryType())
def explain(api: Api, query: Query, as_json: bool) -> int:
    """What QUERY asks for, in words. Exit code 1: it holds something there are no words for yet.

    \b
    qa explain --api mygene '/v3/query?q=name:kinase AND NOT _exists_:MIM&species=mouse&size=0'
    """
    from query_assistant.verbalising.plan import UnsayableError
    from query_assistant.verbalising.reading_back import said_back

    words, reason = "", ""
    try:
        words = said_back(query, api)
    except UnsayableError as error:
        reason = str(error)
    if as_json:
        show_json({"words": words or None, "reason": reason})
    elif words:
        show(words)
    else:
        click.echo(f"no words for it: {visible(reason)}", err=True)
    return 0 if words else 1


@click.command()
@api_option
@click.argument("query", type=QueryType())
def execute(api: Api, query: Query) -> int:
    """Run QUERY on the replica and print the API's own answer as JSON.

    Exit code 1 where the API answers with an error.
    """
    from query_assistant.errors import RequestError
    from query_assistant.queries.request import parse
    from query_assistant.replica.answers import refusal

    replica = load_replica(api)
    try:
        answer = replica.execute(parse(query, api))
    except RequestError as error:
        answer = refusal(error)
    show_json(answer.body)
    return 0 if answer.status < 400 else 1


@click.command()
@api_option
@click.option("--format", "form", type=click.Choice(["ebnf", "gbnf", "lark"]), required=True, help="Who is to read it.")
@click.option("--end", type=TextType(), default=None, help="A token that closes every sentence, such as '<|im_end|>'.")
@click.option("--output", "-o", type=PathType(), default="-", help="A file, not the screen.")
def grammar(api: Api, form: str, end: str | None, output: Path) -> None:
    """The grammar in which every sentence is a valid query of the API.

    \b
    ebnf  xgrammar, openvino-genai, vLLM
    gbnf  llama.cpp
    lark  llguidance
    """
    from query_assistant.files import atomic_writer
    from query_assistant.grammar import grammar as write_grammar

    with atomic_writer(output) as out:
        out.write(write_grammar(api, form, end))  # type: ignore[arg-type]
