"""The reference pages are what the code says today, and the cards what data/ and metrics/ hold."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
SPEC = importlib.util.spec_from_file_location("reference", DOCS / "reference.py")
assert SPEC is not None and SPEC.loader is not None
reference = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(reference)


@pytest.mark.parametrize("page", reference.PAGES)
def test_a_page_is_what_the_code_says(page: str) -> None:
    written = reference.PAGES[page]().rstrip("\n") + "\n"
    assert (DOCS / page).read_text(encoding="utf-8") == written, "run `make reference` and commit docs/"


@pytest.mark.parametrize("page", reference.BLOCKS)
def test_a_card_shows_what_the_repository_holds(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    assert all(f"<!-- {name}:begin -->" in text for name in reference.BLOCKS[page])
    assert text == reference.with_blocks(page), "run `make reference` and commit docs/"


def test_every_knob_with_a_value_says_what_may_stand_there() -> None:
    rows = [line.split(" | ") for line in reference.knobs_page().splitlines() if line.startswith("| `")]
    knobs = [row for row in rows if len(row) == 4]
    assert len(knobs) > 60
    assert [row[0] for row in knobs if row[1].strip() and not row[2].strip()] == []
