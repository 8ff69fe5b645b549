"""Which parameters a stage reads, from its source: every function it reaches that is given the `Params`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from query_assistant.params import Params, Section
from query_assistant.pipeline.code import code_fingerprint
from query_assistant.pipeline.source import Package

SRC = Path("src")
SAYS_WHAT_IT_IS_OF = "turned"  # reads every knob to name a run in MLflow; no output depends on it but the report's


def parameters_read(script: Path, *, but: str = "") -> set[str]:
    """Dotted names; a whole section where one is handed on as it is. What the function `but` reads is left out."""
    return {name for function in _functions(script) if function.name != but for name in _read_by(function)}


def _functions(script: Path) -> Iterator[ast.FunctionDef]:
    """The script's functions, and the package's that it reaches."""
    yield from _defined(script)
    for name in code_fingerprint(script, _package(SRC.resolve())):
        module, _, definition = name.partition(":")
        place = SRC.joinpath(*module.split("."))
        file = next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()), None)
        if definition and file:
            yield from (node for node in _defined(file) if node.name == definition)


@cache
def _package(src: Path) -> Package:
    """Parsed once for all stages: most of it is reached from each."""
    return Package(src)


def _defined(file: Path) -> list[ast.FunctionDef]:
    return _functions_in(file.read_text(encoding="utf-8"))


@cache
def _functions_in(text: str) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]


@cache
def _read_by(function: ast.FunctionDef) -> set[str]:
    return set(filter(None, _names_in(function)))


def _names_in(function: ast.FunctionDef) -> Iterator[str]:
    given = [each for each in ast.walk(function.args) if isinstance(each, ast.arg)]
    known = {each.arg: "" for each in given if getattr(each.annotation, "id", "") == "Params"}
    if not known:
        return
    renamed = set[int]()
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            renamed.update(_rename(node, known))
    inner = {id(node.value) for node in ast.walk(function) if isinstance(node, ast.Attribute)}
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and _chain(node.func, known) == "" and _dumps(node):
            yield from _included(node, function)
        elif isinstance(getattr(node, "ctx", None), ast.Load) and id(node) not in inner | renamed:
            yield from filter(None, [_chain(node, known)])


def _rename(node: ast.Assign, known: dict[str, str]) -> Iterator[int]:
    """`knobs = params.filter`, also one of several; the values that only got another name."""
    target, value = node.targets[0], node.value
    pairs = (
        zip(target.elts, value.elts, strict=True)
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
        else [(target, value)]
    )
    for name, given in pairs:
        chain = _chain(given, known)
        if isinstance(name, ast.Name) and chain is not None and _is_section(chain):
            known[name.id] = chain
            yield id(given)


def _chain(node: ast.AST, known: dict[str, str]) -> str | None:
    """`generate.rag.k` of `params.generate.rag.k`, methods left out; None for anything else."""
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if not isinstance(node, ast.Attribute):
        return None
    above = _chain(node.value, known)
    if above is None:
        return None
    below = f"{above}.{node.attr}" if above else node.attr
    return below if _kind(below) else above


def _is_section(chain: str) -> bool:
    kind = _kind(chain)
    return kind is not None and isinstance(kind, type) and issubclass(kind, Section)


def _kind(chain: str) -> object | None:
    """The type of a parameter; None where there is none of that name."""
    kind: object = Params
    for part in filter(None, chain.split(".")):
        kind = next((one for one in (kind, *getattr(kind, "__args__", ())) if hasattr(one, "model_fields")), None)
        fields = getattr(kind, "model_fields", {})
        if part not in fields:
            return None
        kind = fields[part].annotation
    return kind


def _dumps(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and node.func.attr == "model_dump"


def _included(node: ast.Call, function: ast.FunctionDef) -> Iterator[str]:
    """The sections that a dump of all parameters is narrowed to, written there or named before."""
    sections = next((each.value for each in node.keywords if each.arg == "include"), None)
    assert sections is not None, "a stage that dumps all parameters reads all"
    if isinstance(sections, ast.Name):
        named = (one for one in ast.walk(function) if isinstance(one, ast.Assign))
        sections = next(one.value for one in named if getattr(one.targets[0], "id", "") == sections.id)
    yield from (one.value for one in ast.walk(sections) if isinstance(one, ast.Constant) and isinstance(one.value, str))
