"""Which modules of the package a script imports, directly or not, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SRC = Path("src")
PACKAGE = "query_assistant"

# Modules that carry values around without changing what a stage produces; not worth a retraining when edited.
PLUMBING = frozenset(
    {"__init__", "errors", "exits", "files", "inputs", "params", "project", "records", "stage", "tracking"}
)


def imported(script: Path) -> set[Path]:
    """The package's files that `script` needs, less the plumbing; imports inside functions count."""
    seen: set[Path] = set()
    waiting = [script]
    while waiting:
        file = waiting.pop()
        seen.update(_data(file))
        needed = {found for name in _names(file) for found in _files(name)} - seen
        needed = {found for found in needed if not _is_plumbing(found)}
        seen.update(needed)
        waiting.extend(needed)
    return seen


def suggested(script: Path) -> list[str]:
    """The src/ dependencies to write in dvc.yaml: a folder where most of it is imported, else single files."""
    files = imported(script)
    folders = {file.parent for file in files if len(file.relative_to(SRC / PACKAGE).parts) > 1}
    whole = {folder for folder in folders if _mostly(folder, files)}
    whole = {folder for folder in whole if not whole & set(folder.parents)}
    single = {file for file in files if not whole & set(file.parents)}
    return sorted(str(path) for path in whole | single)


def _mostly(folder: Path, files: set[Path]) -> bool:
    below = [file for file in folder.rglob("*.py") if file.read_text(encoding="utf-8").strip()]
    return 2 * sum(file in files for file in below) >= len(below)


def _is_plumbing(file: Path) -> bool:
    return file.parent == SRC / PACKAGE and file.stem in PLUMBING


def _data(file: Path) -> Iterator[Path]:
    """The data files beside a module whose names stand in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith((".yaml", ".j2")):
            beside = file.with_name(node.value) if "/" not in node.value else file.parent / node.value
            if file.is_relative_to(SRC) and beside.is_file():
                yield beside


def _names(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _files(name: str) -> Iterator[Path]:
    """The files that importing a dotted name runs: every package on the way, and the module."""
    parts = name.split(".")
    if parts[0] != PACKAGE:
        return
    for count in range(1, len(parts) + 1):
        place = SRC.joinpath(*parts[:count])
        yield from (file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file())


if __name__ == "__main__":
    for stage in sorted(Path("stages").glob("*.py")):
        print(stage.stem, *suggested(stage), sep="\n      - ")  # noqa: T201
