"""`qa api check|add`: an API's folder, part by part, and a first one from what a service says of itself."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import click

from query_assistant.cli.options import json_option, show_json


@click.group()
def api() -> None:
    """The APIs: what is known of each, and adding one."""


@api.command()
@click.argument("name")
@json_option
def check(name: str, as_json: bool) -> int:
    """Say what data/apis/NAME holds and what each missing part costs; exit code 1 where it cannot be used.

    \b
    qa api check hpo
    """
    from query_assistant.onboarding.checking import check_api, is_usable

    parts = check_api(name)
    usable = is_usable(parts)
    if as_json:
        rows = [{"file": part.file, "state": part.state, "says": part.says} for part in parts]
        show_json({"api": name, "usable": usable, "parts": rows})
    else:
        for part in parts:
            click.echo(f"{part.state:8}{part.file:18}{part.says}")
    return 0 if usable else 1


@api.command()
@click.argument("name")
@click.argument("source")
@click.option("--base", default="", help="Host of the service, as https://mygeneset.info; else that of a URL.")
@click.option("--version", default="", help="First word of its paths, as v1; else that of a URL.")
@click.option("--record", default="record", show_default=True, help="What one record is called: gene, disease ...")
@click.option("--title", default="", help="Name for people; else NAME.")
@click.option("--about", default="", help="What its records are, for prompts.")
def add(name: str, source: str, base: str, version: str, record: str, title: str, about: str) -> None:
    """Draft data/apis/NAME from SOURCE: a URL of the service, a saved answer of it, or a file of records.

    \b
    qa api add doid https://biothings.ncats.io/doid --record disease
    qa api add doid fields.json --base https://biothings.ncats.io --version doid --record disease
    """
    from query_assistant.onboarding import drafting

    if source.startswith(("http://", "https://")):
        from query_assistant.onboarding.service import ask_service

        parts = urlsplit(source)
        base = base or f"{parts.scheme}://{parts.netloc}"
        version = version or parts.path.strip("/").split("/")[0] or "v1"
        text = ask_service(f"{base}/{version}/metadata/fields")
    else:
        text = drafting.read_source(Path(source))
    folder = drafting.draft_api(
        name,
        drafting.read_fields(text),
        base=base or "https://biothings.ncats.io",
        version=version or name,
        record=record,
        title=title or name,
        about=about or f"{record} records",
    )
    click.echo(f"{folder}: look at both files, then `qa api check {name}`")
