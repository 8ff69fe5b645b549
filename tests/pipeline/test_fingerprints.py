"""One file for each part of an API that stages read: of the run's APIs together, and of each alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from query_assistant.pairs.review import REVIEW
from query_assistant.pipeline.fingerprints import PLACE, write_fingerprints

ROOT = Path(__file__).parents[2]


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The APIs alone: no stages, so that no source is read."""
    shutil.copytree(ROOT / "data/apis", tmp_path / "data/apis")
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(tmp_path))
    return tmp_path


def changed(root: Path, apis: list[str], file: str, content: str) -> set[str]:
    """The fingerprints that another content of a file changes."""
    write_fingerprints(apis, root)
    before = {path: path.read_text(encoding="utf-8") for path in (root / PLACE).rglob("*") if path.is_file()}
    (root / file).write_text(content, encoding="utf-8")
    write_fingerprints(apis, root)
    return {
        path.relative_to(root / PLACE / "apis").as_posix()
        for path, text in before.items()
        if path.read_text(encoding="utf-8") != text
    }


@pytest.mark.parametrize(
    ("file", "parts"),
    [
        ("mygene/words.yaml", {"mygene/words", "all/words"}),
        ("mygene/fields.csv", {"mygene/definition", "all/definition"}),
        ("mygene/glossary/genes.yaml", {"mygene/glossary", "all/glossary"}),
        ("mygene/topics.yaml", set()),  # for `qa simulate`
        ("hpo/fields.csv", {"hpo/definition"}),  # not of this run
    ],
)
def test_an_edit_changes_the_part_it_is_in(copy: Path, file: str, parts: set[str]) -> None:
    assert changed(copy, ["mygene", "mychem"], f"data/apis/{file}", "other") == parts


def test_what_a_person_decided_about_pairs_is_a_part_although_most_apis_have_none(copy: Path) -> None:
    assert changed(copy, ["mygene"], f"data/apis/mygene/{REVIEW}", "{}") == {"mygene/review", "all/review"}


def test_what_the_family_shares_is_part_of_every_api(copy: Path) -> None:
    found = changed(copy, ["mygene"], "data/apis/family.yaml", "other")
    assert {"mygene/definition", "mychem/definition", "hpo/definition", "all/definition"} <= found


def test_a_line_of_noise_runs_nothing_but_the_filter_again(copy: Path) -> None:
    found = changed(copy, ["mygene"], "data/apis/familiar.yaml", "other")
    assert {"mygene/familiar", "mychem/familiar", "hpo/familiar", "all/familiar"} <= found
    assert {part.split("/")[1] for part in found} == {"familiar"}


def test_an_api_that_is_gone_leaves_nothing(copy: Path) -> None:
    write_fingerprints(["mygene"], copy)
    shutil.rmtree(copy / "data/apis/hpo")
    write_fingerprints(["mygene"], copy)
    assert not (copy / PLACE / "apis/hpo").exists()
