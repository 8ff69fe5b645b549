"""How to ask each API, in passages short enough to be retrieved one by one.

    ---
    api: mygene
    examples:
      wildcard: /v3/query?q=symbol:CDK*&species=human
    ---
    ## Genes in a stretch of a chromosome
    Write the interval as ...

data/apis/<api>/documentation.md holds what is its own; data/apis/family.md what holds for all APIs of the family, where
`{{wildcard}}` is the example of that name. Each `##` section is one passage.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from query_assistant.errors import ConfigurationError, InputError
from query_assistant.inputs import read_text

SHARED = "family.md"
PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
QUERY = re.compile(r"`((?:POST )?/\w+/[^`]+)`")


@dataclass(frozen=True, slots=True)
class Passage:
    """One section: a question of use, answered on its own."""

    api: str
    title: str
    text: str

    @property
    def queries(self) -> tuple[str, ...]:
        """The example queries of the text, as readable paths."""
        return tuple(QUERY.findall(self.text))


def chunks(path: Path) -> list[Passage]:
    """The passages of an API's documentation, its own first, then the shared ones with the API's examples.

    Raises:
        ConfigurationError: the file or family.md is missing, or lacks its head or an example.
    """
    head, body = _split(_read(path), path)
    api, examples = head["api"], head["examples"]
    shared = path.parent.with_name(SHARED)

    def example(match: re.Match[str]) -> str:
        if match[1] not in examples:
            raise ConfigurationError(f"{path.name} has no example {match[1]!r}, which {SHARED} shows; add it")
        return str(examples[match[1]])

    text = f"{body}\n{PLACEHOLDER.sub(example, _read(shared))}"
    return [Passage(api, title, " ".join(part.split())) for title, part in _sections(text)]


def _split(text: str, path: Path) -> tuple[dict[str, Any], str]:
    """The head between the two lines of dashes, and what follows it."""
    try:
        _, head, body = text.split("---\n", 2)
        loaded = yaml.safe_load(head)
        return {"api": loaded["api"], "examples": loaded["examples"]}, body
    except (ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path.name}: expected a head with api and examples between --- lines") from error


def _sections(text: str) -> list[tuple[str, str]]:
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return list(zip((title.strip() for title in parts[1::2]), parts[2::2], strict=True))


def _read(path: Path) -> str:
    try:
        return read_text(path)
    except InputError as error:
        raise ConfigurationError(f"no documentation at {path}: {error}") from None
