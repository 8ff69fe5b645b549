"""Arguments that several commands share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import ValidationError

from query_assistant.apis import Api, load_api
from query_assistant.errors import InputError
from query_assistant.project import project_root
from query_assistant.queries.request import from_text
from query_assistant.records import Query
from query_assistant.replica import Replica

F = TypeVar("F", bound=Callable[..., Any])


class ApiType(click.ParamType[Api]):
    """The name of an API under data/apis/."""

    name = "api"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Api:
        return value if isinstance(value, Api) else load_api(str(value))


class QueryType(click.ParamType[Query]):
    """A GET path, `POST PATH JSON`, or `{"path": ..., "body": {...}}`."""

    name = "query"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Query:
        return value if isinstance(value, Query) else read_query(str(value))


def read_query(text: str) -> Query:
    """One query as a person types it.

    Raises:
        InputError: it looks like JSON and is not, or has other keys than path and body.
    """
    if not text.lstrip().startswith("{"):
        return from_text(text)
    try:
        values = json.loads(text)
        return Query(query=values.pop("path", values.pop("query", None)), **values)
    except (ValueError, ValidationError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"not a query: {text[:80]!r}: {error}; expected a path, or path and body as JSON") from None


def api_option(command: F) -> F:
    return click.option("--api", type=ApiType(), required=True, help="mygene, myvariant, mychem, mydisease, ...")(
        command
    )


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document for programs.")(command)


def records_path(api_name: str) -> Path:
    """The replica's records of one API.

    Raises:
        InputError: they are not unpacked yet.
    """
    path = project_root() / "data" / "raw" / "records" / f"{api_name}.jsonl.gz"
    if not path.exists():
        raise InputError(f"no records at {path}; bring them with `dvc pull` and `dvc repro unpack`")
    return path


def load_replica(api: Api) -> Replica:
    return Replica.load(api, records_path(api.name))


def load_replica_if_there(api: Api) -> Replica | None:
    """The replica, or None (with a word on stderr) where its records are not unpacked: probes alone then decide."""
    try:
        return load_replica(api)
    except InputError as error:
        click.echo(f"note: without real records, on probes alone: {error}", err=True)
        return None


def show_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, sort_keys=True))
