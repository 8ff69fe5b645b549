"""What of a record an answer shows: chosen fields, then the answer's form (lists, nulls, flat keys, order).

Projection.of(["symbol", "go.*.id", "-go.CC"]).of_record({...})
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from query_assistant.errors import RequestError
from query_assistant.nesting import leaf_values
from query_assistant.replica.patterns import Glob

Decision = Literal["keep", "descend", "drop"]


@dataclass
class Projection:
    """Which paths are shown. A parent covers its children, `*` stands for any characters, dots included."""

    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    _decisions: dict[tuple[str, bool], Decision] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._kept, self._dropped = _Names.of(self.includes), _Names.of(self.excludes)

    @classmethod
    def of(cls, fields: Sequence[str] | None) -> Projection:
        """The projection of a `fields` parameter: None, nothing and `all` show everything, `-name` leaves out."""
        names = tuple(fields or ())
        if "all" in names:
            return cls()
        return cls(
            tuple(name for name in names if not name.startswith("-")),
            tuple(name[1:] for name in names if name.startswith("-")),
        )

    def of_record(self, record: dict[str, Any]) -> dict[str, Any]:
        """The shown part of a record, without its `_id`."""
        kept = {key: value for key, value in record.items() if key != "_id"}
        return self._inside(kept, "", not self.includes) if self.includes or self.excludes else kept

    def _inside(self, value: dict[str, Any], path: str, included: bool) -> dict[str, Any]:
        shown = {}
        for key, inner in value.items():
            below = f"{path}.{key}" if path else key
            decision = self._decide(below, included)
            if decision == "keep" and not self.excludes:
                shown[key] = inner
            elif decision != "drop":
                part = self._part(inner, below, decision == "keep")
                if part is not None:
                    shown[key] = part
        return shown

    def _part(self, value: Any, path: str, included: bool) -> Any:
        """The shown part of a value, None if there is none."""
        if isinstance(value, dict):
            part = self._inside(value, path, included)
            return part if part or included else None
        if isinstance(value, list):
            parts = [self._part(item, path, included) for item in value]
            kept = [part for part in parts if part is not None]
            return kept if kept or included else None
        return value if included else None

    def _decide(self, path: str, included: bool) -> Decision:
        known = self._decisions.get((path, included))
        if known is None:
            known = self._decisions[path, included] = self._decision(path, included)
        return known

    def _decision(self, path: str, included: bool) -> Decision:
        if self._dropped.fit(path):
            return "drop"
        if included or self._kept.fit(path):
            return "keep"
        return "descend" if self._kept.lead_on_from(path) else "drop"


@dataclass(frozen=True)
class _Names:
    """Paths as a request names them: those without wildcards, what stands above them, and the patterns."""

    plain: frozenset[str]
    parents: frozenset[str]
    patterns: tuple[Glob, ...]
    beginnings: tuple[str, ...]  # what stands before the first wildcard of each pattern

    @classmethod
    def of(cls, names: Sequence[str]) -> _Names:
        wild = [name for name in names if any(sign in name for sign in "*?\\")]
        plain = frozenset(names).difference(wild)
        parents = frozenset(name[:place] for name in plain for place, sign in enumerate(name) if sign == ".")
        return cls(plain, parents, tuple(map(Glob, wild)), tuple(name.partition("*")[0] for name in wild))

    def fit(self, path: str) -> bool:
        return path in self.plain or any(pattern.matches(path) for pattern in self.patterns)

    def lead_on_from(self, path: str) -> bool:
        """Whether something below the path may fit."""
        below = path + "."
        return path in self.parents or any(
            beginning.startswith(below) or below.startswith(beginning) for beginning in self.beginnings
        )


@dataclass(frozen=True)
class Form:
    """How shown records are written. `keep_items` is MyChem's list_filter."""

    dotfield: bool = False
    ordered: bool = True
    always_list: tuple[str, ...] = ()
    allow_null: tuple[str, ...] = ()
    keep_items: str | None = None

    def of_record(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record in this form; the one given is left as it is."""
        shaped: dict[str, Any] = self._shaped(record, "", self._trim)
        return self._flat(shaped) if self.dotfield else shaped

    @cached_property
    def _trim(self) -> Trim | None:
        return list_filter(self.keep_items) if self.keep_items else None

    @cached_property
    def _nulls(self) -> dict[str, list[str]]:
        return _by_parent(self.allow_null)

    @cached_property
    def _lists(self) -> dict[str, list[str]]:
        return _by_parent(self.always_list)

    def _shaped(self, value: Any, path: str, trim: Trim | None) -> Any:
        if isinstance(value, list):
            return [self._shaped(item, path, trim) for item in value]
        if not isinstance(value, dict):
            return value
        prefix = path + "." if path else ""
        shaped = {key: self._shaped(inner, prefix + key, trim) for key, inner in value.items()}
        if trim:
            trim(path, shaped)
        for key in self._nulls.get(path, ()):
            shaped.setdefault(key, None)
        for key in self._lists.get(path, ()):
            if key in shaped and not isinstance(shaped[key], list):
                shaped[key] = [] if shaped[key] is None else [shaped[key]]
        return dict(sorted(shaped.items())) if self.ordered else shaped

    def _flat(self, record: dict[str, Any]) -> dict[str, Any]:
        """One key per path. Of several values at a path the empty ones (0, false, null) are left out: the API does."""
        collected: dict[str, list[Any]] = {}
        for path, value in leaf_values(record):
            collected.setdefault(path, []).append(value)
        flat: dict[str, Any] = {}
        lists = frozenset(self.always_list)
        for path, values in collected.items():
            single = len(values) == 1 and path not in lists
            flat[path] = values[0] if single else [value for value in values if value]
        return flat


def _by_parent(names: Sequence[str]) -> dict[str, list[str]]:
    """The keys that the named paths have in the object at each path."""
    keys: dict[str, list[str]] = {}
    for name in names:
        parent, _, key = name.rpartition(".")
        if key:
            keys.setdefault(parent, []).append(key)
    return keys


Trim = Callable[[str, dict[str, Any]], None]


def list_filter(text: str) -> Trim:
    """`PATH.LIST:sub=v1,v2|sub2=v3`: keeps the items of one list whose subfields all have one of the values.

    Raises:
        RequestError: the text is of another form.
    """
    path, colon, conditions = text.partition(":")
    parent, dot, name = path.rpartition(".")
    pairs = [condition.partition("=") for condition in conditions.split("|")]
    if not (colon and dot) or ":" in conditions or any(not sign or "=" in values for _, sign, values in pairs):
        raise RequestError(
            f"list_filter {text!r} cannot be read; expected PATH.LIST:sub=v1,v2|sub2=v3", parameter="list_filter"
        )
    wanted: dict[str, set[str]] = {}
    for key, _, listed in pairs:
        values = {value.strip() for value in listed.split(",")}
        wanted[key.strip()] = wanted.get(key.strip(), values) & values
    needed = [key for key, values in wanted.items() if "" not in values]

    def trim(at: str, holder: dict[str, Any]) -> None:
        if at == parent and name in holder:
            items = holder[name] if isinstance(holder[name], list) else [holder[name]]
            holder[name] = [item for item in items if isinstance(item, dict) and _fits(item, wanted, needed)]

    return trim


def _fits(item: dict[str, Any], wanted: dict[str, set[str]], needed: Sequence[str]) -> bool:
    """Whether each wanted subfield has one of its values; one that is not there is empty."""
    if not all(key in item for key in needed):
        return False
    return all(str(value) in wanted[key] for key, value in item.items() if key in wanted)
