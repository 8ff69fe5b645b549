"""`qa replica serve` and `qa serve`: the local API, and the assistant, over HTTP."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from query_assistant.apis import Api, load_api
from query_assistant.cli.answering import system_options
from query_assistant.cli.options import ApiType, load_replica
from query_assistant.errors import MissingResourceError
from query_assistant.params import load_params
from query_assistant.project import project_root

if TYPE_CHECKING:
    from query_assistant.server.answering_thread import OpenedAssistant
    from query_assistant.server.results import RecordSource

TOKEN = "QUERY_ASSISTANT_TOKEN"


@click.group()
def replica() -> None:
    """The local stand-in of the APIs: real records, the servers' rules, no network."""


@replica.command("serve")
@click.argument("apis", nargs=-1, required=True, type=ApiType())
@click.option("--host", default="127.0.0.1", show_default=True, help="Another address opens it to the network.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8000, show_default=True)
def serve_replica(apis: tuple[Api, ...], host: str, port: int) -> None:
    """Serve APIS over HTTP until interrupted; public clients work against it with their base URL set.

    \b
    qa replica serve mygene          http://127.0.0.1:8000/v3/query?q=cdk2
    qa replica serve mygene mychem   http://127.0.0.1:8000/mygene/v3/query?q=cdk2
    """
    from query_assistant.replica.http import serve as serve_replicas

    serve_replicas([load_replica(api) for api in apis], host, port)


@click.command()
@click.option(
    "--api", "apis", multiple=True, type=ApiType(), help="Served APIs; those of params.yaml if none is named."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Another address opens it to the network.")
@click.option("--port", type=click.IntRange(0, 65_535), default=7860, show_default=True)
@click.option(
    "--token", envvar=TOKEN, default="", help=f"Asked of everyone; better as {TOKEN} than on the command line."
)
@click.option("--root-path", default="", help="The path under which a proxy on this machine shows it: /assistant.")
@click.option("--allowed-host", "hosts", multiple=True, help="A further name by which browsers know it.")
@click.option("--calls-per-minute", type=click.IntRange(0), default=240, show_default=True, help="A client's; 0: any.")
@click.option("--live", is_flag=True, help="Let people run queries on the real APIs too; needs the network.")
@system_options
def serve(
    apis: tuple[Api, ...],
    host: str,
    port: int,
    token: str,
    root_path: str,
    hosts: tuple[str, ...],
    calls_per_minute: int,
    live: bool,
    system: str,
    workspace: bool,
) -> None:
    """The page, the HTTP API and MCP over the assistant, until interrupted.

    \b
    qa serve                                   http://127.0.0.1:7860, /api/openapi.json, /mcp
    qa serve --host 0.0.0.0 --token SECRET     for a lab; put a proxy with TLS before it
    """
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    try:
        from query_assistant.server.hosting import serve_desk
    except ModuleNotFoundError as error:
        raise MissingResourceError(
            f"{error.name} is not installed; `pip install 'query-assistant[serve]'` brings what the server needs"
        ) from None
    from query_assistant.corrections.store import PLACE
    from query_assistant.server.answering_thread import AnsweringThread
    from query_assistant.server.desk import Desk
    from query_assistant.server.gate import LOOPBACK, GateRules

    root = project_root()
    served = {api.name: api for api in apis} or {
        name: load_api(name) for name in load_params(root / "params.yaml").apis
    }
    names = () if host in ("0.0.0.0", "::") and not hosts else (*LOOPBACK, host, *hosts)
    desk = Desk(
        served,
        AnsweringThread(lambda: _opened(system, served, workspace=workspace)),
        load_replica,
        root / PLACE,
        _live if live else None,
    )
    click.echo(f"http://{host}:{port}{root_path}/", err=True)
    serve_desk(desk, GateRules(names, token, calls_per_minute), host=host, port=port, root_path=root_path.rstrip("/"))


def _live(api: Api) -> RecordSource:
    from query_assistant.replica.live import LiveExecutor

    return LiveExecutor(api, project_root() / ".cache" / "live.sqlite")


def _opened(system: str, apis: dict[str, Api], *, workspace: bool) -> OpenedAssistant:
    """The assistant, asked once of each API, so that nobody waits for what is loaded and compiled on first use."""
    from query_assistant.cli.answering import open_system, traced_if_wanted
    from query_assistant.cli.correcting import accepted_examples
    from query_assistant.server.answering_thread import OpenedAssistant
    from query_assistant.systems.guessing import guess_api
    from query_assistant.systems.published import PLACE as PUBLISHED

    root = project_root()
    corrected = accepted_examples(root, apis)
    assistant = open_system(system, apis, workspace=workspace, corrected=corrected)
    index = root / ("models" if workspace else PUBLISHED) / "index"
    for name, api in apis.items():
        assistant.answer(api.record, name)
    guess_api("", index, list(apis))
    made = "workspace" if workspace else "published"
    name = f"{made} {system}"
    assistant = traced_if_wanted(assistant)  # from here on: nobody asked what warms it up
    return OpenedAssistant(assistant, lambda question: guess_api(question, index, list(apis)), name, corrected)
