"""Arguments that several commands share, and how their answers are shown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from query_assistant.apis import Api, api_names, load_api, records_file
from query_assistant.errors import InputError, visible
from query_assistant.files import is_stdout
from query_assistant.queries.typed import check_utf8, read_query
from query_assistant.records import Query

if TYPE_CHECKING:
    from query_assistant.replica import Replica

F = TypeVar("F", bound=Callable[..., Any])


class ApiType(click.ParamType[Api]):
    """The name of an API under data/apis/."""

    name = "api"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Api:
        return value if isinstance(value, Api) else load_api(str(value))

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name) for name in api_names() if name.startswith(incomplete)]


class TextType(click.ParamType[str]):
    """Text that is UTF-8 and not blank."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        check_utf8(text, text)
        if not text.strip():
            raise InputError(f"{param.human_readable_name if param else 'the text'} is empty; write something")
        return text


class PathType(click.ParamType[Path]):
    """The name of a file; whoever opens it says what is wrong with it."""

    name = "file"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(incomplete, type="file")]

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        if not str(value):
            raise InputError("an empty file name; name a file")
        return Path(value)


class QueryType(click.ParamType[Query]):
    """A GET path, `POST PATH JSON`, or `{"path": ..., "body": {...}}`."""

    name = "query"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Query:
        return value if isinstance(value, Query) else read_query(str(value))


def api_option(command: F) -> F:
    return click.option("--api", type=ApiType(), required=True, help="mygene, myvariant, mychem, mydisease, ...")(
        command
    )


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document for programs.")(command)


def output_option(help_text: str) -> Callable[[F], F]:
    """Where the result goes."""
    return click.option("--output", "-o", type=PathType(), required=True, help=f"{help_text} `-`: standard output.")


def records_path(api_name: str) -> Path:
    """The replica's records of one API.

    Raises:
        InputError: they are not unpacked yet.
    """
    path = records_file(api_name)
    if not path.exists():
        raise InputError(f"no records at {path}; bring them with `dvc pull` and `dvc repro unpack`")
    return path


def load_replica(api: Api) -> Replica:
    from query_assistant.replica import Replica

    return Replica.load(api, records_path(api.name))


def load_replica_if_there(api: Api) -> Replica | None:
    """The replica, or None (with a word on stderr) where its records are not unpacked: probes alone then decide."""
    try:
        return load_replica(api)
    except InputError as error:
        click.echo(f"note: without real records, on probes alone: {visible(str(error))}", err=True)
        return None


def show(text: str, beside: Path | None = None) -> None:
    """Prints a line for people, with nothing in it that a terminal obeys.

    Args:
        beside: the file that the result went to; where that is standard output, the line goes to stderr.
    """
    lines = "\n".join(visible(line) for line in text.split("\n"))
    click.echo(lines, err=beside is not None and is_stdout(beside))


def show_json(value: Any, beside: Path | None = None) -> None:
    """Prints a line for programs; `beside` as in `show`."""
    click.echo(json_text(value), err=beside is not None and is_stdout(beside))


def json_text(value: Any) -> str:
    """JSON in one line that no terminal obeys: what is not printable stands as its escape, which means the same."""
    return re.sub(r"[^ -~]", _escaped, json.dumps(value, ensure_ascii=False, sort_keys=True))


def _escaped(sign: re.Match[str]) -> str:
    return sign[0] if sign[0].isprintable() else json.dumps(sign[0])[1:-1].replace("\x7f", "\\u007f")
