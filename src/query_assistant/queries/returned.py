"""Which fields of a record an answer shows, as a set of names: what two `fields` parameters have in common."""

from __future__ import annotations

import re
from functools import lru_cache

from query_assistant.apis import Api


def returned(fields: tuple[str, ...] | None, api: Api) -> frozenset[str]:
    """The leaves that `fields` shows; None shows all. Names that do not exist show nothing.

    `go` and `go.*` show the same leaves, `-go.CC` takes away what is below it, and a parent covers its children.
    An object whose content is not listed counts as a leaf.
    """
    return _returned(None if fields is None else frozenset(fields), api)


@lru_cache(maxsize=4096)
def _returned(fields: frozenset[str] | None, api: Api) -> frozenset[str]:
    everything = _shown(api)
    if fields is None or "all" in fields:
        return frozenset(everything)
    included = frozenset(name for name in fields if not name.startswith("-"))
    excluded = frozenset(name[1:] for name in fields if name.startswith("-"))
    kept = _covered(included, everything) if included else frozenset(everything)
    return kept - _covered(excluded, everything)


def _covered(names: frozenset[str], everything: dict[str, frozenset[str]]) -> frozenset[str]:
    plain = frozenset(name for name in names if "*" not in name)
    patterns = [re.escape(name).replace(r"\*", ".*") for name in names if "*" in name]
    pattern = re.compile("|".join(patterns)) if patterns else None
    return frozenset(
        leaf
        for leaf, above in everything.items()
        if not plain.isdisjoint(above) or (pattern and any(pattern.fullmatch(name) for name in above))
    )


@lru_cache(maxsize=64)
def _shown(api: Api) -> dict[str, frozenset[str]]:
    """Every leaf that records can show, with its own name and the names of the objects above it."""
    listed = [field.name for field in api.schema if field.name not in api.hidden or api.hidden[field.name].index]
    parents = {name.rpartition(".")[0] for name in listed}
    return {name: _above(name) for name in listed if name not in parents}


def _above(name: str) -> frozenset[str]:
    parts = name.split(".")
    return frozenset(".".join(parts[:count]) for count in range(1, len(parts) + 1))
