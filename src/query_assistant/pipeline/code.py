"""What a program means: every definition that a script reaches in the package, with a hash of its syntax tree.

    query_assistant.retrieval.search:Retriever 5f0c1be09a2f
    query_assistant.retrieval.search:_WORD 04c7d2f6a1b3
    stages/index.py 91ae55c20d18

A definition is a function, a class or a constant at the top of a module. Reached is what the script names, what that
names in turn, imports inside functions included, and the data files of a package whose code asks for its own folder.
Comments, docstrings, annotations of functions, layout and definitions that nobody reaches leave no trace: an edit that
cannot change what a stage writes does not run it again, any other does.

Left out: the program that looks on while a stage works (`watching`), for it changes nothing that the stage writes.

Not seen: names that are put together at run time (`getattr(module, name)`, `import_module`). The package uses neither
where a stage goes, and tests/pipeline/test_code.py holds the functions that real stages run against their lists.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from query_assistant.pipeline.source import Import, Module, Package, Statement, import_target, statements_of
from query_assistant.pipeline.watching import WATCHER

# The schema of params.yaml can refuse a value, and the values are each stage's `params:`: only its defaults count here.
SCHEMA = "query_assistant.params"


def code_fingerprint(script: Path, package: Package) -> dict[str, str]:
    """A hash of the meaning of everything that the script reaches, by name; in order of names."""
    walk, module = _Walk(package), Module.read(script.stem, script)
    walk.enter_imports(module)
    statements = statements_of(script)
    walk.follow(module, (one for one in statements if not isinstance(one.node, Import)))
    while walk.waiting:
        walk.visit(*walk.waiting.pop())
    own = {f"{script.parent.name}/{script.name}": _hash(*(one.meaning for one in statements))}
    return dict(sorted({**walk.hashes, **own}.items()))


class _Walk:
    """Goes from definition to definition, to each once."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._seen: set[tuple[str, str]] = set()
        self._entered: set[str] = set()
        self.waiting: list[tuple[Module, str]] = []
        self.hashes: dict[str, str] = {}

    def follow(self, module: Module, statements: Iterable[Statement]) -> None:
        """Puts on the list what the statements import and name."""
        for statement in statements:
            for place, name, known_as in _imported(statement, self._package):
                if name is None:
                    self._reach_in(place, statement.uses.get(known_as, set()))
                else:
                    self._reach(place, name)
            for name, attributes in statement.uses.items():
                self._use(module, name, attributes)
            if statement.reads_its_folder:
                self._take_data(module)
            for text in sorted(statement.texts):
                self._reach_named(text)

    def _reach_named(self, text: str) -> None:
        """A dotted name in quotes: a package means its data, a module what it does when started."""
        if text == WATCHER:
            return
        module = self._package.module(text)
        if module is None:
            self._reach(*text.rpartition(".")[::2])
        elif module.is_package:
            self._take_data(module)
        else:
            self._reach(text, None)

    def _take_data(self, module: Module) -> None:
        self.hashes.update((name, _hash(content)) for name, content in self._package.data_files(module))

    def visit(self, module: Module, name: str) -> None:
        statements = module.bound[name]
        for statement in statements:
            if isinstance(statement.node, Import):
                self._reach(*statement.target(name, self._package))
            else:
                self.follow(module, [statement])
        written = [one for one in statements if not isinstance(one.node, Import)]
        meanings = [one.defaults if module.name == SCHEMA else one.meaning for one in written]
        if any(meanings):
            self.hashes[f"{module.name}:{name}"] = _hash(*meanings)

    def _use(self, module: Module, name: str, attributes: set[str]) -> None:
        """A name in a module: its definition or, where it is a module, what is asked of that."""
        statements = module.bound.get(name, ())
        targets = [one.target(name, self._package) for one in statements if isinstance(one.node, Import)]
        if targets and all(definition is None for _, definition in targets):
            for place, _ in targets:
                self._reach_in(place, attributes)
        elif statements:
            self._enqueue(module, name)

    def _reach_in(self, place: str, attributes: set[str]) -> None:
        """What is asked of a module; everything, where it is handed on as it is."""
        for attribute in attributes:
            self._reach(*import_target(place, attribute, self._package))
        if not attributes:
            self._reach(place, None)

    def _reach(self, place: str, name: str | None) -> None:
        """A definition, or without a name everything in a module."""
        module = self._package.module(place)
        if module is None:
            return
        self._enter(module)
        for each in list(module.bound) if name is None else [name]:
            if each in module.bound:
                self._enqueue(module, each)

    def _enter(self, module: Module) -> None:
        """Importing a module runs it, the packages above it and the modules it imports at the top."""
        if module.name in self._entered:
            return
        self._entered.add(module.name)
        if above := self._package.module(module.name.rpartition(".")[0]):
            self._enter(above)
        self.enter_imports(module)
        if module.running:
            self.hashes[module.name] = _hash(*(one.meaning for one in module.running))
            self.follow(module, module.running)

    def enter_imports(self, module: Module) -> None:
        imported = (node for statement in module.imports for node in statement.imports)
        for inner in (self._package.module(place) for node in imported for place in _places(node)):
            if inner is not None:
                self._enter(inner)

    def _enqueue(self, module: Module, name: str) -> None:
        if (module.name, name) not in self._seen:
            self._seen.add((module.name, name))
            self.waiting.append((module, name))


def _imported(statement: Statement, package: Package) -> Iterator[tuple[str, str | None, str]]:
    """What is imported inside a statement: module, definition or None for the module itself, and its local name."""
    for node in statement.imports:
        for alias in node.names:
            known_as = alias.asname or alias.name
            if isinstance(node, ast.Import):
                yield alias.name, None, known_as
            else:
                yield *import_target(node.module or "", alias.name, package), known_as


def _places(node: Import) -> list[str]:
    """The modules that an import may run."""
    names = [alias.name for alias in node.names]
    return names if isinstance(node, ast.Import) else [node.module or "", *(f"{node.module}.{one}" for one in names)]


def _hash(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else part.encode())
    return digest.hexdigest()[:12]
