"""Runs a stage script and writes down what it really read and ran: python traced.py OUT stages/filter.py mygene

{"params": ["filter.executor", ...], "files": ["data/raw/records/mygene.jsonl.gz", ...],
 "code": ["query_assistant.logs.filtering:filter_logs", ...]}
"""

from __future__ import annotations

import ast
import inspect
import json
import os
import runpy
import sys
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

HERE = Path.cwd()


def main(out: Path, script: str, *words: str) -> None:
    opened, called = set[str](), set[tuple[str, int]]()
    read = watch_params()
    sys.addaudithook(lambda event, arguments: opened.add(str(arguments[0])) if _is_read(event, arguments) else None)
    sys.argv = [script, *words]

    def note(frame: FrameType, event: str, _: Any) -> None:
        """Functions alone: the body of a class runs when its module is imported, whoever needs it."""
        if event == "call" and frame.f_code.co_flags & inspect.CO_OPTIMIZED:
            called.add((frame.f_code.co_filename, frame.f_lineno))

    sys.setprofile(note)
    try:
        runpy.run_path(script, run_name="__main__")
    finally:
        sys.setprofile(None)
        seen = {
            "params": sorted(read),
            "files": sorted(_inside(opened)),
            "code": sorted(filter(None, map(_name, called))),
        }
        out.write_text(json.dumps(seen, indent=1), encoding="utf-8")


def watch_params() -> set[str]:
    """The dotted names of the parameters that are asked for from now on."""
    from query_assistant import params

    read, places = set[str](), dict[int, str]()
    plain_get, plain_dump, plain_load = params.Section.__getattribute__, params.Section.model_dump, params.load_params

    def place(section: params.Section, name: str) -> None:
        for key in type(section).model_fields:
            value = plain_get(section, key)
            below = f"{name}.{key}" if name else key
            if isinstance(value, params.Section):
                place(value, below)
        places[id(section)] = name

    def load(*arguments: Any) -> params.Params:
        loaded = plain_load(*arguments)
        place(loaded, "")
        return loaded

    def get(self: params.Section, key: str) -> Any:
        value = plain_get(self, key)
        if key in type(self).model_fields and not isinstance(value, params.Section) and id(self) in places:
            read.add(f"{places[id(self)]}.{key}".lstrip("."))
        return value

    def dump(self: params.Section, **settings: Any) -> dict[str, Any]:
        values = plain_dump(self, **settings)
        if id(self) in places:
            read.update(f"{places[id(self)]}.{key}".lstrip(".") for key in values)
        return values

    params.load_params = load
    params.Section.__getattribute__ = get  # type: ignore[method-assign, assignment]
    params.Section.model_dump = dump  # type: ignore[method-assign]
    return read


def _is_read(event: str, arguments: tuple[Any, ...]) -> bool:
    return (
        event == "open"
        and isinstance(arguments[0], str | os.PathLike)
        and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)
    )


def _inside(opened: set[str]) -> set[str]:
    """Data below the checkout: neither code nor what git, DVC and Python keep."""
    paths = {(HERE / name).resolve() for name in opened}
    names = {path.relative_to(HERE).as_posix() for path in paths if path.is_relative_to(HERE) and path.is_file()}
    return {name for name in names if not name.startswith(("src/", ".git/", ".dvc/", "tests/", ".venv/"))}


def _name(call: tuple[str, int]) -> str | None:
    """The definition at the top of a module of ours that a called line belongs to."""
    file, line = Path(call[0]), call[1]
    src = HERE / "src"
    if not file.is_relative_to(src):
        return None
    module = ".".join(file.relative_to(src).with_suffix("").parts).removesuffix(".__init__")
    return next((f"{module}:{name}" for name, first, last in _definitions(file) if first <= line <= last), None)


@cache
def _definitions(file: Path) -> list[tuple[str, int, int]]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return [
        (node.name, min([node.lineno, *(one.lineno for one in node.decorator_list)]), node.end_lineno or node.lineno)
        for node in tree.body
        if isinstance(node, kinds)
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
