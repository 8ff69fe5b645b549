"""Source files as their meaning: statements without remarks, what each binds, names and imports."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

Import = ast.Import | ast.ImportFrom
Function = ast.FunctionDef | ast.AsyncFunctionDef
# They do not read the annotations of the function they decorate; any other decorator may.
BLIND = frozenset({"cache", "cached_property", "contextmanager", "lru_cache", "property", "staticmethod"})
_DOTTED = re.compile(r"[a-z_]\w*(\.\w+)+")


class Package:
    """The sources below one folder, parsed as far as they are asked for."""

    def __init__(self, src: Path) -> None:
        self._src = src
        self._modules: dict[str, Module | None] = {}

    def module(self, name: str) -> Module | None:
        """The module of that dotted name; None where it is no file of ours."""
        if name not in self._modules:
            place = self._src.joinpath(*name.split("."))
            file = next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()), None)
            self._modules[name] = Module.read(name, file) if file else None
        return self._modules[name]

    def data_files(self, module: Module) -> Iterator[tuple[str, bytes]]:
        """Names and contents of the files in the module's folder that are neither code nor another package's."""
        folder = module.path.parent
        ours = [folder, *(path for path in folder.iterdir() if path.is_dir() and not (path / "__init__.py").exists())]
        files = (path for place in ours for path in sorted(place.iterdir()) if path.is_file())
        kept = (path for path in files if path.suffix not in (".py", ".pyc"))
        return ((path.relative_to(self._src).as_posix(), path.read_bytes()) for path in kept)


@dataclass
class Module:
    """One file: what each top-level name is bound by, and the statements that run whoever imports it."""

    name: str
    path: Path
    bound: dict[str, list[Statement]] = field(default_factory=dict)
    running: list[Statement] = field(default_factory=list)

    @classmethod
    def read(cls, name: str, path: Path) -> Module:
        module = cls(name, path)
        for statement in statements_of(path):
            for bound in statement.names:
                module.bound.setdefault(bound, []).append(statement)
            if not statement.names and "__name__" not in statement.uses:  # which is what it does as a script of its own
                module.running.append(statement)
        return module

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    @property
    def imports(self) -> Iterator[Statement]:
        return (each for statements in self.bound.values() for each in statements if isinstance(each.node, Import))


class Statement:
    """A top-level statement, its remarks taken out."""

    def __init__(self, node: ast.stmt) -> None:
        self.node = node

    @cached_property
    def names(self) -> list[str]:
        """What it binds; nothing where it does more than that, so that it counts whoever imports the module."""
        node = self.node
        if isinstance(node, Import):
            return [alias.asname or alias.name.split(".")[0] for alias in node.names]
        if isinstance(node, Function | ast.ClassDef):
            return [node.name] if {_last_name(one) for one in node.decorator_list} <= BLIND | {"dataclass"} else []
        own = [node.target] if isinstance(node, ast.AnnAssign) else []
        targets = node.targets if isinstance(node, ast.Assign) else own
        parts = [part for one in targets for part in (one.elts if isinstance(one, ast.Tuple) else [one])]
        names = [part.id for part in parts if isinstance(part, ast.Name)]
        return names if len(names) == len(parts) else []

    @cached_property
    def imports(self) -> list[Import]:
        return [node for node in ast.walk(self.node) if isinstance(node, Import)]

    @cached_property
    def uses(self) -> dict[str, set[str]]:
        """Every name that stands in it, with the attributes asked of it; none where the name also stands alone."""
        nodes = list(ast.walk(self.node))
        owned = [node for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]
        owners = {id(node.value) for node in owned}
        names = [node for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
        alone = {node.id for node in names if id(node) not in owners}
        asked: dict[str, set[str]] = {name: set() for name in alone}
        for node in owned:
            name = node.value.id  # type: ignore[attr-defined]
            if name not in alone:
                asked.setdefault(name, set()).add(node.attr)
        return asked

    @cached_property
    def texts(self) -> set[str]:
        """Dotted names that stand in it as text: a package whose data it reads, a module or class it has started."""
        texts = (node.value for node in ast.walk(self.node) if isinstance(node, ast.Constant))
        return {text for text in texts if isinstance(text, str) and _DOTTED.fullmatch(text)}

    @property
    def reads_its_folder(self) -> bool:
        return not self.uses.keys().isdisjoint({"__file__", "__package__"})

    @cached_property
    def meaning(self) -> str:
        return _text(self.node)

    @cached_property
    def defaults(self) -> str:
        """The meaning of the values that a class gives its fields; empty where it gives none."""
        parts = getattr(self.node, "body", ())
        return "".join(_text(part) for part in parts if isinstance(part, ast.AnnAssign) and part.value is not None)

    def target(self, name: str, package: Package) -> tuple[str, str | None]:
        """What an import binds to the name: (module, definition), or (module, None) for a whole module."""
        assert isinstance(self.node, Import)
        alias = next(one for one in self.node.names if name == (one.asname or one.name.split(".")[0]))
        if isinstance(self.node, ast.Import):
            return alias.name, None
        return import_target(self.node.module or "", alias.name, package)


def import_target(module: str, name: str, package: Package) -> tuple[str, str | None]:
    """What `from module import name` gives: the definition before the module of that name, as Python does it."""
    holder = package.module(module)
    if name == "*":
        return module, None
    if holder and name not in holder.bound and package.module(f"{module}.{name}"):
        return f"{module}.{name}", None
    return module, name


def statements_of(path: Path) -> list[Statement]:
    tree = _Remarks().visit(ast.parse(path.read_text(encoding="utf-8")))
    return [Statement(node) for node in tree.body]


class _Remarks(ast.NodeTransformer):
    """Takes out docstrings, annotations of functions and of names inside them, and what only type checkers read."""

    def __init__(self) -> None:
        self._in_function = False

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | None:
        return None if _last_name(node.test) == "TYPE_CHECKING" and not node.orelse else self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if {_last_name(one) for one in node.decorator_list} <= BLIND:
            node.returns = None
            for argument in (each for each in ast.walk(node.args) if isinstance(each, ast.arg)):
                argument.annotation = None
        return self._inside(node, True)

    visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._inside(node, False)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if not self._in_function:
            return self.generic_visit(node)
        return ast.Assign(targets=[node.target], value=self.visit(node.value)) if node.value else None

    def _inside(self, node: ast.AST, function: bool) -> ast.AST:
        outside, self._in_function = self._in_function, function
        self.generic_visit(node)
        self._in_function = outside
        return node


def _text(node: ast.AST) -> str:
    """The tree as text, the same for every Python: empty parts are left out, for newer ones have more of them."""
    parts = ((name, value) for name, value in ast.iter_fields(node) if value not in (None, []))
    shown = (f"{name}={_part(value)}" for name, value in parts if name not in ("ctx", "kind", "type_comment"))
    return f"{type(node).__name__}({','.join(shown)})"


def _part(value: object) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(_part, value))}]"
    return _text(value) if isinstance(value, ast.AST) else repr(value)


def _last_name(node: ast.expr) -> str:
    """`cache` of `cache`, `functools.cache` and `cache(...)`."""
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
