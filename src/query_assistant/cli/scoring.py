"""`qa score`: the ladder over files of predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from query_assistant.cli.options import PathType, json_option, load_replica_if_there, show, show_json
from query_assistant.errors import InputError

if TYPE_CHECKING:
    from query_assistant.scoring import Prediction, Reference, Results

RUNGS = ("parsed", "valid", "exact", "canonical", "execution", "selection")
COMPARED = ("execution", "selection")


@click.command()
@json_option
@click.argument("predictions", nargs=-1, required=True, type=PathType())
@click.argument("references", type=PathType())
def score(predictions: tuple[Path, ...], references: Path, as_json: bool) -> None:
    """Score PREDICTIONS against REFERENCES, JSON Lines joined on `id`; of several files, which system is better.

    A prediction has `query` (and `body` for a POST); lines of `qa import-responses`, of data/responses/ and of OpenAI's
    batch output are read as they are. A reference has `api`, `query` and, where there are other right queries,
    `alternatives`.
    """
    from query_assistant.apis import load_api
    from query_assistant.scoring import Judge, duels, read_predictions, read_references

    right = read_references(references)
    given = {name: read_predictions(path) for name, path in _named(predictions).items()}
    for name, lines in given.items():
        _say_what_is_missing(name if len(given) > 1 else "", lines, right)
    apis = {name: load_api(name) for name in sorted({reference.api for reference in right})}
    loaded = {name: load_replica_if_there(api) for name, api in apis.items()}
    judge = Judge(apis, {name: replica for name, replica in loaded.items() if replica is not None})
    results = {name: judge.score(lines, right) for name, lines in given.items()}
    found = [asdict(duel) for duel in duels(results, COMPARED)]
    if as_json:
        _show_json(results, found)
        return
    for name, one in results.items():
        _show_table(name if len(results) > 1 else "", one)
    for duel in found:
        show(
            f"{duel['left']} less {duel['right']}, {duel['metric']}: {100 * duel['difference']:+.1f} points "
            f"({100 * duel['interval']['low']:+.1f} to {100 * duel['interval']['high']:+.1f}), p = {duel['p_holm']:.3g}"
        )


def _named(files: Sequence[Path]) -> dict[str, Path]:
    """Each file under a name of its own: its stem, or its whole path where two have the same."""
    stems = [path.stem for path in files]
    named = {path.stem if stems.count(path.stem) == 1 else str(path): path for path in files}
    if len(named) < len(files):
        raise InputError(f"a file of predictions is named twice: {', '.join(map(str, files))}; name each once")
    return named


def _say_what_is_missing(name: str, predictions: Sequence[Prediction], references: Sequence[Reference]) -> None:
    from query_assistant.scoring.files import check_joined, words_about

    check_joined(predictions, references)
    for word in words_about(predictions, references):
        click.echo(f"note: {f'{name}: ' if name else ''}{word}", err=True)


def _show_json(results: Mapping[str, Results], found: Sequence[Mapping[str, object]]) -> None:
    from query_assistant.scoring.documents import file_score

    documents = {name: file_score(one).model_dump(mode="json") for name, one in results.items()}
    show_json({"systems": documents, "duels": found} if len(documents) > 1 else next(iter(documents.values())))


def _show_table(name: str, results: Results) -> None:
    show(f"{name or '':12}" + "".join(f"{rung:>11}" for rung in RUNGS) + f"{'n':>8}")
    for scope in (None, *results.apis):
        shares = "".join(f"{100 * results.share(rung, scope):10.1f}%" for rung in RUNGS)
        show(f"{scope or 'all':12}{shares}{len(results.of_api(scope)):8}")
    for error, count in sorted(results.errors.items(), key=lambda pair: -pair[1]):
        if count:
            show(f"  {count:5} {error.replace('_', ' ')}")
    for answer in results.answers:
        if answer.error == "not_judged":
            click.echo(f"note: {answer.id!r} could not be judged, our mistake: {answer.differences[0]}", err=True)
