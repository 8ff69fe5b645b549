"""`qa score`: the ladder over a file of predictions."""

from __future__ import annotations

from pathlib import Path

import click

from query_assistant.cli.options import json_option, load_replica_if_there, show, show_json

RUNGS = ("parsed", "valid", "exact", "canonical", "execution", "selection")


@click.command()
@json_option
@click.argument("predictions", type=click.Path(path_type=Path))
@click.argument("references", type=click.Path(path_type=Path))
def score(predictions: Path, references: Path, as_json: bool) -> None:
    """Score PREDICTIONS against REFERENCES, both JSON Lines, joined on `id`.

    A prediction has `query` (and `body` for a POST); a reference has `api`, `query` and, where there are other right
    queries, `alternatives`.
    """
    from query_assistant.apis import load_api
    from query_assistant.scoring import read_predictions, read_references
    from query_assistant.scoring import score as score_all

    right = read_references(references)
    apis = {name: load_api(name) for name in sorted({reference.api for reference in right})}
    loaded = {name: load_replica_if_there(api) for name, api in apis.items()}
    replicas = {name: replica for name, replica in loaded.items() if replica is not None}
    results = score_all(read_predictions(predictions), right, apis, replicas)
    if as_json:
        show_json(results.to_json())
        return
    show(f"{'':12}" + "".join(f"{rung:>11}" for rung in RUNGS) + f"{'n':>8}")
    for name, chosen in [("all", None), *((api, api) for api in results.apis)]:
        shares = "".join(f"{100 * results.share(rung, chosen):10.1f}%" for rung in RUNGS)
        count = len(results.items if chosen is None else results.of_api(chosen))
        show(f"{name:12}{shares}{count:8}")
    for error, count in sorted(results.errors.items(), key=lambda pair: -pair[1]):
        if count:
            show(f"  {count:5} {error.replace('_', ' ')}")
    for missing in results.missing[:5]:
        click.echo(f"no prediction for {missing!r}", err=True)
