"""Requests that say nothing about what people want: health checks' records, the documentation's examples."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

import yaml

from query_assistant.errors import ConfigurationError


@dataclass(frozen=True)
class Familiar:
    """`monitors` are identifiers that probes ask for, `examples` the documentation's values (ids and query texts)."""

    monitors: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()


def load_familiar(api: str) -> Familiar:
    """What familiar.yaml lists for the API; nothing for one it does not list."""
    file = resources.files(__package__).joinpath("familiar.yaml")
    listed = yaml.safe_load(file.read_text(encoding="utf-8")).get(api, {})
    unknown = set(listed) - {"monitors", "examples"}
    if unknown:
        raise ConfigurationError(f"familiar.yaml: {api} has {sorted(unknown)[0]!r}; expected monitors or examples")
    return Familiar(**{kind: tuple(str(value) for value in values) for kind, values in listed.items()})
