"""The index of one API's records: its columns, made when first asked for or mapped from a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from query_assistant.replica.analysis import TERM_KINDS, TEXT_KINDS
from query_assistant.replica.layout import ID, Column, Flat, Layout, Positions, Values, flatten
from query_assistant.replica.postings import Docs, Ints, List, Mask, Numbers, Stretches, Terms, build, merged
from query_assistant.replica.values import text_of


class IndexParts(Protocol):
    """Named parts of an index, as `archived` made them."""

    @property
    def about(self) -> dict[str, Any]: ...

    def __contains__(self, name: str) -> bool: ...

    def array(self, name: str) -> npt.NDArray[Any]: ...

    def text(self, name: str) -> list[str]: ...


class Source(Protocol):
    """Where an index gets its columns from."""

    count: int

    def ids(self) -> Sequence[str]: ...

    def lists(self, column: Column) -> List: ...

    def present(self, column: Column) -> Docs: ...

    def stretches(self, path: str) -> Stretches: ...


class InMemory:
    """Columns built from flattened records, each on first use: quick for a handful of probes."""

    def __init__(self, flat: Flat) -> None:
        self._flat = flat
        self.count = flat.count
        self._built: dict[str, List] = {}

    def ids(self) -> Sequence[str]:
        found = self._flat.paths.get(ID, Values())
        by_doc = dict(zip(found.docs, map(text_of, found.values), strict=True))
        return [by_doc.get(doc, str(doc)) for doc in range(self.count)]

    def lists(self, column: Column) -> List:
        built = self._built.get(column.name)
        if built is None:
            built = self._built[column.name] = build(column, merged(self._parts(column)), self.count)
        return built

    def _parts(self, column: Column) -> list[Values]:
        return [self._flat.paths[path] for path in column.sources if path in self._flat.paths]

    def forget(self, column: Column) -> None:
        """Frees a column that was written and will not be asked for again."""
        self._built.pop(column.name, None)

    def present(self, column: Column) -> Docs:
        """The records with a value; a text without any word is one too."""
        if column.kind not in TEXT_KINDS:
            return self.lists(column).docs
        return np.array([doc for part in self._parts(column) for doc in part.docs], dtype=np.int32)

    def stretches(self, path: str) -> Stretches:
        found = self._flat.nested.get(path, Positions())
        return Stretches(
            np.array(found.docs, dtype=np.int32),
            found.chromosomes,
            np.array(found.starts, dtype=np.int64),
            np.array(found.ends, dtype=np.int64),
        )


class Mapped:
    """Columns in an index file; only what a query touches is read."""

    def __init__(self, archive: IndexParts) -> None:
        self._archive = archive
        self.count = int(archive.about["count"])

    def ids(self) -> Sequence[str]:
        return self._archive.text("ids")

    def lists(self, column: Column) -> List:
        name = column.name
        docs = self._archive.array(f"{name}/docs")
        if column.kind not in TERM_KINDS:
            return Numbers(self._archive.array(f"{name}/values"), docs)
        terms, offsets = self._archive.text(f"{name}/terms"), self._archive.array(f"{name}/offsets")
        if f"{name}/places" not in self._archive:
            return Terms(terms, offsets, docs)
        frequencies, lengths = self._archive.array(f"{name}/frequencies"), self._archive.array(f"{name}/lengths")
        return Terms(terms, offsets, docs, frequencies, lengths, lambda: self._places(name))

    def _places(self, name: str) -> tuple[Ints, Docs]:
        return self._archive.array(f"{name}/starts"), self._archive.array(f"{name}/places")

    def present(self, column: Column) -> Docs:
        name = "present" if column.kind in TEXT_KINDS else "docs"
        return self._archive.array(f"{column.name}/{name}")

    def stretches(self, path: str) -> Stretches:
        docs, begins, ends = (self._archive.array(f"{path}//{part}") for part in ("docs", "begins", "ends"))
        return Stretches(docs, self._archive.text(f"{path}//chromosomes"), begins, ends)


class Index:
    """What matching and ranking ask: columns by name, their lists, who has a value."""

    def __init__(self, layout: Layout, source: Source) -> None:
        self.layout = layout
        self.count = source.count
        self._source = source
        self._lists: dict[str, List] = {}
        self._present: dict[str, Mask] = {}
        self._stretches: dict[str, Stretches] = {}

    @classmethod
    def of_records(cls, layout: Layout, records: Iterable[dict[str, Any]]) -> Index:
        return cls(layout, InMemory(flatten(records, layout)))

    @cached_property
    def ids(self) -> Sequence[str]:
        return self._source.ids()

    @cached_property
    def doc_of(self) -> dict[str, int]:
        """The record number of each id."""
        return {identifier: doc for doc, identifier in enumerate(self.ids)}

    def column(self, name: str) -> Column | None:
        return self.layout.columns.get(name)

    def lists(self, column: Column) -> List:
        found = self._lists.get(column.name)
        if found is None:
            found = self._lists[column.name] = self._source.lists(column)
        return found

    def stretches(self, path: str) -> Stretches:
        found = self._stretches.get(path)
        if found is None:
            found = self._stretches[path] = self._source.stretches(path)
        return found

    def mask(self, docs: Docs) -> Mask:
        """A truth value for every record: whether it is in the list."""
        mask = np.zeros(self.count, dtype=bool)
        mask[docs] = True
        return mask

    def present(self, name: str) -> Mask:
        """The records with a value in the field, or in any field below the object of that name."""
        found = self._present.get(name)
        if found is None:
            found = np.zeros(self.count, dtype=bool)
            columns = self._at_or_below(name)
            for column in columns:
                found[self._source.present(column)] = True
            if columns:  # names without any are endless: nothing is kept of them
                self._present[name] = found
        return found

    def _at_or_below(self, name: str) -> list[Column]:
        exact = self.column(name)
        if exact is not None:
            return [exact]
        return [column for path, column in self.layout.columns.items() if path.startswith(name + ".")]


def archived(layout: Layout, flat: Flat) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Every column, built, as the named arrays and texts that `Mapped` reads back."""
    source = InMemory(flat)
    arrays: dict[str, Any] = {}
    texts: dict[str, list[str]] = {"ids": list(source.ids())}
    for column in layout.columns.values():
        _archive_column(column, source.lists(column), arrays, texts)
        if column.kind in TEXT_KINDS:
            arrays[f"{column.name}/present"] = np.unique(source.present(column))
        source.forget(column)
    for nested in sorted(layout.nested):
        stretches = source.stretches(nested)
        for part in ("docs", "begins", "ends"):
            arrays[f"{nested}//{part}"] = getattr(stretches, part)
        texts[f"{nested}//chromosomes"] = list(stretches.chromosomes)
    return arrays, texts


def _archive_column(column: Column, lists: List, arrays: dict[str, Any], texts: dict[str, list[str]]) -> None:
    name = column.name
    arrays[f"{name}/docs"] = lists.docs
    if isinstance(lists, Numbers):
        arrays[f"{name}/values"] = lists.values
        return
    texts[f"{name}/terms"] = list(lists.terms)
    arrays[f"{name}/offsets"] = lists.offsets
    if lists.read_places is not None:
        arrays[f"{name}/frequencies"], arrays[f"{name}/lengths"] = lists.frequencies, lists.lengths
        arrays[f"{name}/starts"], arrays[f"{name}/places"] = lists.places
