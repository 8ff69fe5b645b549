"""The report of a run: tables and figures made from score documents and nothing else. Each says what it is of.

python -m query_assistant.reporting.report README.md      puts the tables between the README's markers

    <!-- results:begin of=default -->       the marker names the experiment; figures of another are refused
    <!-- results:end -->
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from query_assistant.errors import InputError
from query_assistant.exits import run_to_exit
from query_assistant.files import atomic_writer
from query_assistant.forgetting.comparison import Forgetting
from query_assistant.records import write_json
from query_assistant.reporting.figures import draw_accuracy, draw_errors, draw_losses, loss_curves, write_losses
from query_assistant.reporting.provenance import Provenance, check_provenance, with_first_revision, write_provenance
from query_assistant.reporting.tables import (
    api_table,
    forgetting_table,
    headline,
    summary,
    systems_table,
    techniques_table,
    write_errors,
    write_systems,
)
from query_assistant.reporting.techniques import Effect
from query_assistant.scoring.documents import Score

TABLES = {
    "results": Path("metrics/report/systems.md"),
    "published": Path("metrics/published/systems.md"),
    "levers": Path("metrics/published/levers.md"),
}


def write_report(
    scores: Sequence[Score],
    run: Provenance,
    training: Path | None,
    folder: Path,
    forgetting: Forgetting | None = None,
    effects: Sequence[Effect] = (),
) -> list[Path]:
    """Writes the tables and figures of one run's scores, as `read_scores` gives them, and returns their paths.

    What the folder held before is removed, for it may be another run's.

    Args:
        forgetting: what fine-tuning cost elsewhere; a table more, if anything was measured.
        effects: what the techniques are worth, as the score stage found.
    """
    run = with_first_revision(run, folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_provenance(run, folder)
    tables = {"systems": systems_table(scores), "techniques": techniques_table(effects), "apis": api_table(scores)}
    for name, table in tables.items():
        (folder / f"{name}.md").write_text(f"{run.caption}\n\n{table}", encoding="utf-8")
    if forgetting and forgetting.tasks:
        caption = f"Experiment `{run.title}`; {run.model}; revision {run.revision}."
        (folder / "forgetting.md").write_text(f"{caption}\n\n{forgetting_table(forgetting)}", encoding="utf-8")
    write_json(folder / "summary.json", summary(scores))
    for score in scores:
        write_json(folder / "systems" / f"{score.system}.json", headline(score))
    write_systems(scores, folder / "systems.csv")
    write_errors(scores, folder / "errors.csv")
    title = f"{run.title}; {run.model}"
    draw_accuracy(scores, title, folder / "accuracy.svg")
    draw_errors(scores, title, folder / "errors.svg")
    if training:
        losses = loss_curves(training)
        write_losses(losses, folder)
        draw_losses(losses, folder / "training.svg")
    return sorted(path for path in folder.iterdir() if path.is_file())


def between_markers(document: str, name: str, text: str) -> str:
    """The document with everything between `<!-- name:begin of=... -->` and `<!-- name:end -->` replaced by `text`.

    Raises:
        InputError: the markers are not there, in this order.
    """
    found = _marked(document, name)
    return f"{document[: found.start(2)]}{text}{document[found.end(2) :]}"


def named_run(document: str, name: str) -> str:
    """The experiment that a table's marker names."""
    return _marked(document, name)[1]


def _marked(document: str, name: str) -> re.Match[str]:
    """The one stretch between a table's markers: group 1 is the run that they name, group 2 the text."""
    pattern = rf"<!-- {re.escape(name)}:begin of=(.+?) -->\n(.*?)<!-- {re.escape(name)}:end -->"
    found = list(re.finditer(pattern, document, flags=re.S))
    if len(found) != 1:
        raise InputError(
            f"expected <!-- {name}:begin of=EXPERIMENT --> and <!-- {name}:end --> once, in this order; "
            f"found them {len(found)} times"
        )
    return found[0]


def update_tables(readme: Path, tables: Mapping[str, Path]) -> None:
    """Brings a document's tables up to date, all or none.

    Raises:
        InputError: markers are missing, or the figures are of another run than a marker names.
    """
    document = readme.read_text(encoding="utf-8")
    for name, table in tables.items():
        check_provenance(table.parent, named_run(document, name))
        document = between_markers(document, name, table.read_text(encoding="utf-8"))
    with atomic_writer(readme) as out:
        out.write(document)


if __name__ == "__main__":
    sys.exit(run_to_exit(lambda: update_tables(Path(sys.argv[1]), TABLES)))
