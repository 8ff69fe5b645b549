"""The report's tables say what the scores say, in bytes that do not change."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from query_assistant.errors import InputError
from query_assistant.forgetting.comparison import Forgetting, compare_measured
from query_assistant.forgetting.measuring import Measured
from query_assistant.reporting.provenance import Provenance, describe_run
from query_assistant.reporting.report import between_markers, update_tables, write_report
from query_assistant.reporting.tables import gains, read_scores, systems_table
from query_assistant.statistics import Resampling
from reporting.scores import score

RUN = Provenance("default", {}, "small", {"benchmark": {"mygene": 10}, "test": {"mygene": 10}}, "ab12", "1234567")


def write(scores: list[Path], folder: Path, training: Path | None = None, run: Provenance = RUN) -> list[Path]:
    return write_report(read_scores(scores), run, training, folder)


@pytest.fixture
def scores(tmp_path: Path) -> list[Path]:
    paths = []
    for system, selection in (("finetuned-zero_shot-closed-free", 0.5), ("base-zero_shot-closed-free", 0.0)):
        path = tmp_path / f"{system}.json"
        path.write_text(score(system, selection).model_dump_json(exclude_none=True), encoding="utf-8")
        paths.append(path)
    return paths


def test_the_table_has_a_row_per_system_the_best_last(scores: list[Path], tmp_path: Path) -> None:
    write(scores, tmp_path / "report")
    rows = (tmp_path / "report" / "systems.md").read_text(encoding="utf-8").splitlines()
    assert rows[4].startswith("| `base-zero_shot-closed-free` | 0.0 ")
    assert rows[5] == (
        "| `finetuned-zero_shot-closed-free` | 50.0 | 50.0 | 50.0 | 50.0 | 50.0 (10.0 to 90.0) | 50.0 | 100 |"
    )


@pytest.mark.parametrize("table", ["systems", "techniques", "apis"])
def test_every_table_says_what_it_is_of(scores: list[Path], tmp_path: Path, table: str) -> None:
    write(scores, tmp_path / "report")
    assert (tmp_path / "report" / f"{table}.md").read_text(encoding="utf-8").splitlines()[:2] == [
        "Experiment `default`; small; 10 benchmark instructions and 10 instructions of the test split "
        "(benchmark: mygene 10); revision 1234567.",
        "",
    ]


def test_every_system_is_a_row_of_dvc_metrics(scores: list[Path], tmp_path: Path) -> None:
    write(scores, tmp_path / "report")
    rows = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "report" / "systems").iterdir()}
    assert sorted(rows) == ["base-zero_shot-closed-free", "finetuned-zero_shot-closed-free"]
    assert rows["finetuned-zero_shot-closed-free"] == {"n": 10, "selection": 0.5, "valid": 0.5, "test_selection": 0.5}


def test_nothing_of_another_run_stays_in_the_report(scores: list[Path], tmp_path: Path) -> None:
    write(scores, tmp_path / "report")
    written = write(scores[:1], tmp_path / "report")
    assert sorted(path.stem for path in (tmp_path / "report" / "systems").iterdir()) == [scores[0].stem]
    assert all(path.is_file() for path in written)


def test_scores_that_came_out_before_keep_the_revision_at_which_they_did(scores: list[Path], tmp_path: Path) -> None:
    write(scores, tmp_path / "report")
    before = {path.name: path.read_bytes() for path in write(scores, tmp_path / "report")}
    later = replace(RUN, revision="89abcde")
    assert {path.name: path.read_bytes() for path in write(scores, tmp_path / "report", run=later)} == before
    write(scores, tmp_path / "report", run=replace(later, scores_sha256="cd34"))
    assert "revision 89abcde" in (tmp_path / "report" / "systems.md").read_text(encoding="utf-8")


GRID = {
    "base-zero_shot-closed-free": 0.1,
    "base-zero_shot-rag-free": 0.0,
    "finetuned-zero_shot-closed-free": 0.3,
    "finetuned-zero_shot-rag-free": 0.5,
    "finetuned-few_shot-rag-free": 0.6,
}


def test_a_technique_gains_what_systems_otherwise_alike_differ_by() -> None:
    scores = [score(system, share) for system, share in GRID.items()]
    rounded = {name: [round(gain, 3) for gain in found] for name, found in gains(scores).items()}
    assert rounded == {"finetuned": [0.2, 0.5], "few_shot": [0.1], "rag": [-0.1, 0.2]}


def test_the_summary_holds_the_best_system_and_each_gain(scores: list[Path], tmp_path: Path) -> None:
    write(scores, tmp_path / "report")
    summary = json.loads((tmp_path / "report" / "summary.json").read_text(encoding="utf-8"))
    assert summary == {"best_selection": 0.5, "best_test": 0.5, "gain_finetuned": 0.5}


def test_one_row_of_the_spreadsheet_is_one_system(scores: list[Path], tmp_path: Path) -> None:
    write(scores, tmp_path / "report")
    with (tmp_path / "report" / "systems.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["system"] for row in rows] == ["base-zero_shot-closed-free", "finetuned-zero_shot-closed-free"]
    assert {name: rows[1][name] for name in ("n", "selection", "selection_low", "test_selection_high")} == {
        "n": "10",
        "selection": "0.5",
        "selection_low": "0.1",
        "test_selection_high": "0.9",
    }


def test_errors_are_shares_of_all_instructions_the_best_system_first(scores: list[Path], tmp_path: Path) -> None:
    write(scores, tmp_path / "report")
    assert (tmp_path / "report" / "errors.csv").read_text(encoding="utf-8").splitlines() == [
        "system,error,share",
        "finetuned-zero_shot-closed-free,wrong_field,0.3",
        "base-zero_shot-closed-free,wrong_field,0.3",
    ]


def test_losses_are_divided_so_that_no_step_without_a_measurement_counts_as_zero(
    scores: list[Path], tmp_path: Path
) -> None:
    training = tmp_path / "training.csv"
    training.write_text("loss,step,validation_loss\n2.5,1,\n1.5,2,\n,2,1.75\n", encoding="utf-8")
    written = write(scores, tmp_path / "report", training)
    texts = {path.name: path.read_text(encoding="utf-8") for path in written}
    assert texts["training_loss.csv"] == "step,loss\n1,2.5000\n2,1.5000\n"
    assert texts["validation_loss.csv"] == "step,loss\n2,1.7500\n"
    assert "training.svg" in texts


def test_the_same_scores_give_the_same_bytes(scores: list[Path], tmp_path: Path) -> None:
    once = [path.read_bytes() for path in write(scores, tmp_path / "one")]
    again = [path.read_bytes() for path in write(scores, tmp_path / "two")]
    assert once == again


def test_a_missing_score_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lost-system"):
        read_scores([tmp_path / "lost-system.json"])


def test_text_between_the_markers_is_replaced_and_nothing_else() -> None:
    document = "a\n<!-- x:begin of=some run -->\n{}\n<!-- x:end -->\n<!-- y:begin of=it -->\nb\n"
    assert between_markers(document.format("old"), "x", "new\n") == document.format("new")
    with pytest.raises(InputError, match="once"):
        between_markers("no markers", "x", "new\n")


def test_a_table_is_made_from_the_run_that_its_marker_names_and_from_no_other(
    scores: list[Path], tmp_path: Path
) -> None:
    readme, report = tmp_path / "README.md", tmp_path / "report"
    readme.write_text("<!-- results:begin of=default -->\nold\n<!-- results:end -->\n", encoding="utf-8")
    for run in (
        replace(RUN, experiment="smoke"),
        replace(RUN, turned={"finetune.learning_rate": "0.0005"}),
    ):
        write(scores, report, run=run)
        with pytest.raises(InputError, match="marker names 'default'"):
            update_tables(readme, {"results": report / "systems.md"})
        assert "old" in readme.read_text(encoding="utf-8")
    write(scores, report)
    update_tables(readme, {"results": report / "systems.md"})
    assert (report / "systems.md").read_text(encoding="utf-8") in readme.read_text(encoding="utf-8")
    readme.write_text(
        "<!-- results:begin of=smoke, finetune.learning_rate=0.0005 -->\n<!-- results:end -->\n", encoding="utf-8"
    )
    write(scores, report, run=replace(RUN, experiment="smoke", turned={"finetune.learning_rate": "0.0005"}))
    update_tables(readme, {"results": report / "systems.md"})
    assert "Experiment `smoke`, `finetune.learning_rate=0.0005`" in readme.read_text(encoding="utf-8")


def test_figures_that_do_not_say_what_they_are_of_are_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("<!-- x:begin of=default -->\n<!-- x:end -->\n", encoding="utf-8")
    with pytest.raises(InputError, match="does not say what its figures are of"):
        update_tables(tmp_path / "README.md", {"x": tmp_path / "systems.md"})


def test_without_a_test_split_the_table_has_no_column_for_it() -> None:
    only = score("base-zero_shot-closed-free", 0.25).model_copy(update={"test": None, "confidence": 0.9})
    assert systems_table([only]).splitlines() == [
        "| system | valid | exact | canonical | execution | selection (90% interval) | prompt tokens |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| `base-zero_shot-closed-free` | 25.0 | 25.0 | 25.0 | 25.0 | 25.0 (10.0 to 90.0) | 100 |",
    ]


def test_scores_of_different_instructions_make_no_table() -> None:
    one, other = score("base-zero_shot-closed-free", 0.5), score("base-zero_shot-rag-free", 0.5)
    fewer = other.benchmark.by_api["mygene"].model_copy(update={"n": 9})
    other = other.model_copy(update={"benchmark": other.benchmark.model_copy(update={"by_api": {"mygene": fewer}})})
    with pytest.raises(InputError, match="figures of different instructions make no table"):
        describe_run([one, other], experiment="default", turned={}, model="small", revision="1234567")


def test_a_run_is_called_after_what_was_turned() -> None:
    turned = {f"knob{number}": str(number) for number in range(5)}
    assert RUN.title == "default"
    assert replace(RUN, turned={"index": "none"}).title == "index=none"
    assert replace(RUN, experiment="smoke", turned=turned).title == "smoke, knob0=0, knob1=1, knob2=2, 2 more"


def test_what_was_forgotten_is_a_table_if_it_was_measured(scores: list[Path], tmp_path: Path) -> None:
    values = {"base": (1.0, 1.0, 0.0), "finetuned": (1.0, 0.0, 0.0)}
    base, tuned = ({"boolq": Measured(task="boolq", items=(0, 1, 2), values={"acc": one})} for one in values.values())
    measured = compare_measured(base, tuned, of={}, seed=1, resampling=Resampling(100))
    write_report(read_scores(scores), RUN, None, tmp_path / "report", measured)
    lines = (tmp_path / "report" / "forgetting.md").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "Experiment `default`; small; revision 1234567."
    assert lines[4].startswith("| `boolq` | acc | 3 | 50.0 | 66.7 | 33.3 | -33.3 (")
    write_report(read_scores(scores), RUN, None, tmp_path / "report", Forgetting())
    assert not (tmp_path / "report" / "forgetting.md").exists()
