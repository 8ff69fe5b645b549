"""The playground notebook runs from its first cell to its last, and is committed without outputs."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from query_assistant.apis import records_file
from query_assistant.project import project_root

NOTEBOOK = Path(__file__).parent.parent / "docs" / "playground.ipynb"
CELLS = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
CODE = [cell for cell in CELLS if cell["cell_type"] == "code"]


def run(cells: Iterable[dict[str, Any]]) -> list[Any]:
    """What each cell's last expression gives, None where it ends with no expression."""
    names: dict[str, Any] = {}
    shown = []
    for cell in cells:
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, str(NOTEBOOK), "exec"), names)
        shown.append(eval(compile(ast.Expression(last.value), str(NOTEBOOK), "eval"), names) if last else None)  # type: ignore[attr-defined]
    return shown


def of(*tags: str) -> list[dict[str, Any]]:
    return [cell for cell in CODE if set(cell["metadata"].get("tags", [])) <= set(tags)]


def test_it_is_committed_without_outputs() -> None:
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in CODE)


def test_what_needs_no_data_runs() -> None:
    canonical, words, issues, _ = run(of())
    assert canonical == "/v3/query?q=symbol:cdk2 AND NOT _exists_:MIM&species=human&size=5"
    assert "cdk2" in words
    assert "at most 1000" in issues[0]


@pytest.mark.skipif(not records_file("mygene").is_file(), reason="no records here: dvc pull && dvc repro unpack")
def test_what_needs_records_runs() -> None:
    *_, (total, symbols), (relation, differences), _ = run(of("records"))
    assert total >= len(symbols) == 3
    assert relation == "different" and differences


@pytest.mark.slow
@pytest.mark.skipif(
    not (project_root() / "models/published").is_dir(), reason="no published assistant here: make quick"
)
def test_the_assistant_answers() -> None:
    *_, (query, confidence, _), through_llama_cpp = run(of("records", "model"))
    assert query.query.startswith("/v3/query?")
    assert 0 < confidence < 1
    if find_spec("xllamacpp"):  # the extra `llamacpp`: the same weights say the same
        assert through_llama_cpp == query.query
    else:
        assert through_llama_cpp is None
