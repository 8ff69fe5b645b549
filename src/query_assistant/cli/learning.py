"""`qa learn`: the assistant retrained with corrections, promoted only if a paired test says better; the list; the way
back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from query_assistant.cli.options import json_option, show, show_json
from query_assistant.errors import InputError, MissingResourceError, visible
from query_assistant.project import project_root

if TYPE_CHECKING:
    from query_assistant.systems.learned import Manifest, Trial


@click.command()
@click.option("-S", "turned", multiple=True, metavar="KNOB=VALUE", help="Turns a knob of conf/learn.yaml.")
@click.option("--list", "listed", is_flag=True, help="What was learnt so far, and which model answers.")
@click.option("--rollback", is_flag=True, help="Take the last promotion back.")
@json_option
def learn(turned: tuple[str, ...], listed: bool, rollback: bool, as_json: bool) -> int:
    """Teach the published assistant what accepted corrections say, and let it answer if it is better.

    A part of the corrections is held out. The new model answers from now on (`qa ask`) only if it is better on those by
    a paired test and, on the development set, not worse beyond a bound; otherwise the reason is said and the exit code
    is 1. A call that was killed goes on where it stopped.

    \b
    qa learn -S max_minutes=30
    qa learn --list
    """
    if listed and rollback:
        raise InputError("--list and --rollback are two things; ask for one")
    root = project_root()
    if listed:
        return _list(root, as_json=as_json)
    if rollback:
        return _roll_back(root)
    from query_assistant.learning.knobs import LEARN_KNOBS, load_learn_params

    knobs = load_learn_params(root / LEARN_KNOBS, turned)  # what is misspelt is said before anything is loaded
    from query_assistant.learning.learn import learn as teach

    manifest = teach(root, knobs)
    if not manifest.refused:
        _register(root, manifest)
    if as_json:
        show_json(manifest.model_dump())
    else:
        _show(manifest)
    return 1 if manifest.refused else 0


def _show(manifest: Manifest) -> None:
    taught, tested = len(manifest.corrections), len(manifest.held_out)
    show(f"{manifest.number}  {manifest.made}  learnt from {taught} corrections, tested on {tested} others")
    alone = f"without the others as examples {manifest.unaided:.0%}"
    show(f"    held-out corrections  {_told(manifest.on_held_out)}; {alone}")
    show(f"    development set       {_told(manifest.on_development)}")
    show(f"    not promoted: {manifest.refused}" if manifest.refused else "    promoted")


def _told(result: Trial) -> str:
    return (
        f"{result.before:.0%} before, {result.after:.0%} after "
        f"({result.gained} gained, {result.lost} lost of {result.items}; p = {result.p_value:.3f})"
    )


def _list(root: Path, *, as_json: bool) -> int:
    from query_assistant.systems.learned import manifests, promoted_numbers

    promoted = promoted_numbers(root)
    if as_json:
        show_json({"promoted": promoted, "learned": [one.model_dump() for one in manifests(root)]})
        return 0
    for manifest in manifests(root):
        _show(manifest)
    last = f"learned model {promoted[-1]}" if promoted else "the published assistant"
    show(f"`qa ask` answers with {last}")
    return 0


def _roll_back(root: Path) -> int:
    from query_assistant.systems.learned import roll_back

    number = roll_back(root)
    show(f"`qa ask` answers with {'the published assistant' if number is None else f'learned model {number}'} again")
    try:
        from query_assistant.learning.registry import move_alias

        move_alias(number, _experiment(root))
    except MissingResourceError as error:
        click.echo(f"note: MLflow's alias was not moved: {visible(str(error))}", err=True)
    return 0


def _register(root: Path, manifest: Manifest) -> None:
    """The promoted model in MLflow; where its server is away the promotion stands all the same."""
    from query_assistant.learning.registry import register

    try:
        register(root, manifest, _experiment(root))
    except MissingResourceError as error:
        click.echo(f"note: not in MLflow's registry: {visible(str(error))}", err=True)


def _experiment(root: Path) -> str:
    from query_assistant.params import load_params

    return load_params(root / "params.yaml").score.mlflow_experiment
