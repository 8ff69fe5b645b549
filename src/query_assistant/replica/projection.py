"""What of a record an answer shows: chosen fields, then the answer's form (lists, nulls, flat keys, order).

Projection.of(["symbol", "go.*.id", "-go.CC"]).of_record({...})
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from query_assistant.errors import RequestError
from query_assistant.replica.patterns import glob

Decision = Literal["keep", "descend", "drop"]
ROOT_KEYS = ("_id", "_score", "_version")


@dataclass
class Projection:
    """Which paths are shown. A parent covers its children, `*` stands for any characters, dots included."""

    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    _decisions: dict[tuple[str, bool], Decision] = field(default_factory=dict, repr=False)

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
        if any(glob(name).matches(path) for name in self.excludes):
            return "drop"
        if included or any(glob(name).matches(path) for name in self.includes):
            return "keep"
        return "descend" if any(_leads_to(path, name) for name in self.includes) else "drop"


def _leads_to(path: str, name: str) -> bool:
    """Whether something below the path may fit the name."""
    fixed, star, _ = name.partition("*")
    return fixed.startswith(path + ".") or (bool(star) and (path + ".").startswith(fixed))


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
        trim = list_filter(self.keep_items) if self.keep_items else None
        shaped: dict[str, Any] = self._shaped(record, "", trim)
        return self._flat(shaped) if self.dotfield else shaped

    def _shaped(self, value: Any, path: str, trim: Trim | None) -> Any:
        if isinstance(value, list):
            return [self._shaped(item, path, trim) for item in value]
        if not isinstance(value, dict):
            return value
        prefix = path + "." if path else ""
        shaped = {key: self._shaped(inner, prefix + key, trim) for key, inner in value.items()}
        if trim:
            trim(path, shaped)
        for key in _children(prefix, self.allow_null):
            shaped.setdefault(key, None)
        for key in _children(prefix, self.always_list):
            if key in shaped and not isinstance(shaped[key], list):
                shaped[key] = [] if shaped[key] is None else [shaped[key]]
        return dict(sorted(shaped.items())) if self.ordered else shaped

    def _flat(self, record: dict[str, Any]) -> dict[str, Any]:
        """One key per path. Of several values at a path the empty ones (0, false, null) are left out: the API does."""
        collected: dict[str, list[Any]] = {}
        for path, value in _leaves(record, ""):
            collected.setdefault(path, []).append(value)
        flat: dict[str, Any] = {}
        for path, values in collected.items():
            single = len(values) == 1 and path not in self.always_list
            flat[path] = values[0] if single else [value for value in values if value]
        return flat


def _children(prefix: str, names: Sequence[str]) -> Iterator[str]:
    """The keys that the named paths have in the object at the prefix."""
    for name in names:
        key = name[len(prefix) :]
        if name.startswith(prefix) and key and "." not in key:
            yield key


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for inner in value:
            yield from _leaves(inner, path)
    else:
        yield path, value


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
    wanted = [(key.strip(), {value.strip() for value in values.split(",")}) for key, _, values in pairs]

    def trim(at: str, holder: dict[str, Any]) -> None:
        if at == parent and name in holder:
            items = holder[name] if isinstance(holder[name], list) else [holder[name]]
            holder[name] = [item for item in items if isinstance(item, dict) and _fits(item, wanted)]

    return trim


def _fits(item: dict[str, Any], wanted: list[tuple[str, set[str]]]) -> bool:
    return all(str(item.get(key, "")) in values for key, values in wanted)
