"""`qa replica serve`: the local API over HTTP."""

from __future__ import annotations

import click

from query_assistant.apis import Api
from query_assistant.cli.options import ApiType, load_replica


@click.group()
def replica() -> None:
    """The local stand-in of the APIs: real records, the servers' rules, no network."""


@replica.command()
@click.argument("apis", nargs=-1, required=True, type=ApiType())
@click.option("--host", default="127.0.0.1", show_default=True, help="Another address opens it to the network.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8000, show_default=True)
def serve(apis: tuple[Api, ...], host: str, port: int) -> None:
    """Serve APIS over HTTP until interrupted; public clients work against it with their base URL set.

    \b
    qa replica serve mygene          http://127.0.0.1:8000/v3/query?q=cdk2
    qa replica serve mygene mychem   http://127.0.0.1:8000/mygene/v3/query?q=cdk2
    """
    from query_assistant.replica.http import serve as serve_replicas

    serve_replicas([load_replica(api) for api in apis], host, port)
