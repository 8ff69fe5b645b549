"""`qa search`: the knobs that bring most, found by Optuna over experiments of DVC."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from query_assistant.cli.options import json_option, show, show_json
from query_assistant.project import project_root

if TYPE_CHECKING:
    from query_assistant.pipeline.searching import TriedKnobs


@click.command("search")
@click.argument("name", default="search")
@click.option("-S", "turned", multiple=True, metavar="KNOB=VALUE", help="Turns a knob of conf/search.yaml.")
@json_option
def search(name: str, turned: tuple[str, ...], as_json: bool) -> None:
    """Search over knobs of fine-tuning and answering; NAME goes on with the search of that name.

    Every trial is an experiment of DVC, which `dvc exp apply` brings into the workspace; MLflow has them under one run.
    A call that was killed goes on where it stopped. Needs the extra `search`.

    \b
    qa search -S trials=20
    qa search rates -S 'knobs={finetune.learning_rate: {low: 1e-4, high: 1e-3, log: true}}'
    """
    from query_assistant.pipeline.search_space import SEARCH_KNOBS, load_search_params

    root = project_root()
    params = load_search_params(root / SEARCH_KNOBS, turned)  # what is misspelt is said before anything is loaded
    from query_assistant.pipeline.searching import search as try_knobs

    tried = try_knobs(root, name, params)
    if as_json:
        show_json([asdict(one) for one in tried])
        return
    for one in tried:
        show(_line(one, params.measure))
    best = next((one for one in tried if one.value is not None), None)
    if best:
        show(f"best: dvc exp apply {best.experiment}")


def _line(one: TriedKnobs, measure: str) -> str:
    knobs = " ".join(f"{name}={value}" for name, value in one.knobs.items())
    return f"{one.number:>4}  {f'{measure} {one.value:.4f}' if one.value is not None else one.state:<24} {knobs}"
