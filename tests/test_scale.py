"""The arithmetic of docs/scale.md comes out as the page says, from figures that stand where they were measured."""

from __future__ import annotations

import ast
import math
import operator
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
SUMS = [line for block in re.findall(r"```text\n(.*?)```", PAGE, re.S) for line in block.splitlines()]
OPERATIONS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
# A figure that a sum starts from, and the page that has it.
SOURCES = {
    "| 1,000,000 | 23 | 212,377 | 34,806, 7,448 | 15,194 | 18.5 | 2.6 | 665 |": "docs/logs.md",
    "| 10,000,000 | 224 | 1,169,248 | 30,002, 12,109 | 15,562 | 27.1 | | 653 |": "docs/logs.md",
    "2:40": "LOG.md",
    "196": "LOG.md",
    "140 tokens a second": "LOG.md",
    "514 steps": "data/shared/published-adapter.md",
    "990 tokens": "data/shared/published-adapter.md",
    "13 minutes on two cores for 12,784 pairs": "docs/models.md",
    "494M (358M)": "docs/models.md",
    "0.56 s an answer": "LOG.md",
    "712 predictions scored in 1.2 s": "LOG.md",
    "3 s with Qwen's": "docs/models.md",
    "21 of 21 answered, p50 8.8 s": "LOG.md",
}


def value(node: ast.expr) -> float:
    """A number, a sum of numbers, or a logarithm; anything else fails."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    if isinstance(node, ast.BinOp):
        return float(OPERATIONS[type(node.op)](value(node.left), value(node.right)))
    assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "log"
    return math.log(value(node.args[0]))


@pytest.mark.parametrize("line", SUMS)
def test_a_sum_comes_out(line: str) -> None:
    formula, result = line.split(": ", 1)[1].rsplit(" = ", 1)
    found = value(ast.parse(formula.strip(), mode="eval").body)
    assert found == pytest.approx(float(result), rel=0.025)


@pytest.mark.parametrize("figure", SOURCES)
def test_a_figure_is_where_it_was_measured(figure: str) -> None:
    text = " ".join((ROOT / SOURCES[figure]).read_text(encoding="utf-8").split())
    assert figure in text
