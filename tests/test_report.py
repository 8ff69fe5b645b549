"""The report's tables say what the scores say, in bytes that do not change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from query_assistant.errors import InputError
from query_assistant.report import MARKERS, between_markers, write_report

RUNGS = ("parsed", "valid", "exact", "canonical", "execution", "selection")


def score(system: str, selection: float) -> dict[str, Any]:
    shares = dict.fromkeys(RUNGS, selection) | {"n": 10, "errors": {"wrong_field": 3}}
    part = shares | {"interval": {"selection": [0.1, 0.9]}, "by_api": {"mygene": {"selection": selection}}}
    return {
        "system": system,
        "benchmark": part,
        "test": part,
        "cost": {"prompt_tokens_mean": 99.6, "latency_ms_median": 120.4},
    }


@pytest.fixture
def scores(tmp_path: Path) -> list[Path]:
    paths = []
    for system, selection in (("finetuned-zero_shot-closed-free", 0.5), ("base-zero_shot-closed-free", 0.0)):
        path = tmp_path / f"{system}.json"
        path.write_text(json.dumps(score(system, selection)), encoding="utf-8")
        paths.append(path)
    return paths


def test_the_table_has_a_row_per_system_the_best_last(scores: list[Path], tmp_path: Path) -> None:
    write_report(scores, None, tmp_path / "report")
    rows = (tmp_path / "report" / "systems.md").read_text(encoding="utf-8").splitlines()
    assert rows[2].startswith("| `base-zero_shot-closed-free` | 0.0 ")
    assert rows[3] == (
        "| `finetuned-zero_shot-closed-free` | 50.0 | 50.0 | 50.0 | 50.0 | 50.0 (10.0 to 90.0) | 50.0 | 100 | 120 |"
    )


def test_the_same_scores_give_the_same_bytes(scores: list[Path], tmp_path: Path) -> None:
    once = [path.read_bytes() for path in write_report(scores, None, tmp_path / "one")]
    again = [path.read_bytes() for path in write_report(scores, None, tmp_path / "two")]
    assert once == again


def test_a_missing_score_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lost-system"):
        write_report([tmp_path / "lost-system.json"], None, tmp_path / "report")


def test_text_between_the_markers_is_replaced_and_nothing_else() -> None:
    begin, end = MARKERS
    assert between_markers(f"a\n{begin}\nold\n{end}\nb\n", "new\n") == f"a\n{begin}\nnew\n{end}\nb\n"
    with pytest.raises(InputError, match="once"):
        between_markers("no markers", "new\n")
