"""How the rooms of the package stand to each other: docs/architecture.md draws it, and this holds the code to it.

A room is a folder of src/query_assistant, or a module that lies beside them.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "query_assistant"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def room_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else file.stem


@cache
def files() -> dict[str, list[Path]]:
    found = defaultdict(list)
    for file in sorted(PACKAGE.rglob("*.py")):
        if file != PACKAGE / "__init__.py":
            found[room_of(file)].append(file)
    return dict(found)


def imported(file: Path) -> Iterator[str]:
    """The rooms that a module imports, inside functions and for type checkers too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        parts = [name.split(".") for name in names]
        yield from (part[1] for part in parts if part[0] == PACKAGE.name and part[1] in files())


def drawn() -> list[list[str]]:
    """The rows of rooms in the page's picture, the highest first."""
    picture = re.search(r"```text\n(.*?)```", PAGE, re.S)
    assert picture is not None
    return [line.split("|")[0].split() for line in picture[1].splitlines() if "|" in line]


def test_every_room_is_drawn_once_and_explained_once() -> None:
    assert sorted(room for row in drawn() for room in row) == sorted(files())
    explained = re.findall(r"^\| `(\w+)` \|", PAGE, re.M)
    assert sorted(explained) == sorted(files())


@pytest.mark.parametrize("room", sorted(files()))
def test_arrows_point_down(room: str) -> None:
    """A room imports what is drawn below it, so there is no circle either."""
    height = {name: -number for number, row in enumerate(drawn()) for name in row}
    up = {f"{file.name} -> {one}" for file in files()[room] for one in imported(file) if one != room}
    assert {arrow for arrow in up if height[arrow.split(" -> ")[1]] >= height[room]} == set()


def test_no_room_holds_over_a_sixth_of_the_code() -> None:
    lines = {room: sum(len(file.read_text().splitlines()) for file in group) for room, group in files().items()}
    assert {room for room, count in lines.items() if count > sum(lines.values()) / 6} == set()


def test_a_public_name_exists_once() -> None:
    """Two things of one name are taken for each other. Commands are exempt: they are named like what they call."""
    homes: dict[str, set[Path]] = defaultdict(set)
    for file in (file for room, group in files().items() if room != "cli" for file in group):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            named = isinstance(node, ast.FunctionDef | ast.ClassDef)
            if named and not node.name.startswith("_") and node.name != "main":
                homes[node.name].add(file.relative_to(PACKAGE))
    assert {name: sorted(map(str, places)) for name, places in homes.items() if len(places) > 1} == {}
