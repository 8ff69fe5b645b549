"""`qa doctor`: what is set up, what is missing, and how to get it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

from query_assistant.apis import api_names, records_file
from query_assistant.cli.options import json_option, show, show_json
from query_assistant.cli.tables import show_table
from query_assistant.errors import InputError
from query_assistant.params import load_params
from query_assistant.project import project_root

_ROOM = 8 * 10**9  # bytes that a run of the default takes


class Finding(NamedTuple):
    """One thing looked at: whether it is there, what was found, and what to do where it is not."""

    what: str
    there: bool
    found: str
    remedy: str = ""


@click.command()
@json_option
def doctor(as_json: bool) -> int:
    """What is set up here, what is missing, and how to get it. Exit code 1: something is missing.

    Nothing is fetched, built or changed.
    """
    findings = list(look(project_root()))
    if as_json:
        show_json([finding._asdict() for finding in findings])
    else:
        _show(findings)
    return 0 if all(finding.there for finding in findings) else 1


def _show(findings: list[Finding]) -> None:
    """A table for people; elsewhere a line each, as they have always stood in logs and bug reports."""
    if sys.stdout.isatty():
        rows = [
            ["ok" if one.there else "missing", one.what, one.found, "" if one.there else one.remedy] for one in findings
        ]
        show_table(["", "what", "found", "remedy"], rows)
        return
    for one in findings:
        remedy = f": {one.remedy}" if not one.there and one.remedy else ""
        show(f"{'ok     ' if one.there else 'missing'}  {one.what}: {one.found}{remedy}")


def look(root: Path) -> Iterator[Finding]:
    """The findings, the ground first."""
    yield Finding(
        "Python", (3, 10) <= sys.version_info[:2] <= (3, 12), sys.version.split()[0], "make PYTHON=python3.11"
    )
    free = shutil.disk_usage(root).free
    yield Finding("disk", free > _ROOM, f"{free / 1e9:.0f} GB free", "make room: a run takes up to 8 GB")
    yield _shared(root)
    yield from _records()
    yield _published(root)
    yield _learned(root)
    yield _trained(root)
    yield _run(root)


def _shared(root: Path) -> Finding:
    wanted = sorted(path.with_suffix("") for path in (root / "data/shared").glob("*.dvc"))
    lacking = [path.name for path in wanted if not path.is_file()]
    found = f"no {', '.join(lacking)}" if lacking else f"all {len(wanted)} tarballs"
    return Finding("shared data", bool(wanted) and not lacking, found, "dvc pull")


def _records() -> Iterator[Finding]:
    there = [name for name in api_names() if records_file(name).is_file()]
    lacking = [name for name in load_params(project_root() / "params.yaml").apis if name not in there]
    found = f"none of {', '.join(lacking)}" if lacking else ", ".join(there)
    yield Finding("real records", not lacking, found, "dvc pull && dvc repro unpack")


def _published(root: Path) -> Finding:
    from query_assistant.systems.published import is_installed

    there = is_installed(root)
    found = "in models/published" if there else "not yet"
    return Finding("published assistant", there, found, "make quick, or the first `qa ask` makes it")


def _learned(root: Path) -> Finding:
    """What `qa learn` taught here, and whether that answers. None at all is as it should be; a broken one is not."""
    from query_assistant.systems.learned import in_use, manifests, promoted_numbers
    from query_assistant.systems.published import PLACE, is_installed

    try:
        made, promoted = manifests(root), promoted_numbers(root)
        used = in_use(root, root / PLACE) if promoted and is_installed(root) else None
    except (InputError, ValueError) as error:
        return Finding("learned models", False, str(error).splitlines()[0], "remove what is damaged, then `qa learn`")
    refused = sum(bool(one.refused) for one in made)
    found = f"{len(made)}, {refused} of them not promoted" if made else "none"
    answers = f"number {used} answers" if used is not None else "the published assistant answers"
    stale = bool(promoted) and used is None
    return Finding(
        "learned models",
        not stale,
        f"{found}; {answers}",
        f"number {promoted[-1]} is set aside: `qa learn`" if stale else "",
    )


def _trained(root: Path) -> Finding:
    there = (root / "models/finetuned").is_dir() and (root / "models/index/rag").is_dir()
    return Finding("model of this workspace", there, "in models/" if there else "none", "make repro")


def _run(root: Path) -> Finding:
    """What the configured pipeline wants of this machine."""
    from query_assistant.pipeline.checks import missing

    params = load_params(root / "params.yaml")
    lacking = list(missing(params, root / "models/base"))
    return Finding(f"model={params.model.name}", not lacking, "; ".join(lacking) or "can be trained and asked here")
