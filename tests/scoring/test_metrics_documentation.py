"""Every key of a results file is explained in docs/metrics.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from query_assistant.judging.comparison import LADDER
from query_assistant.reporting.techniques import Effects
from query_assistant.scoring.diagnosis import COMPONENTS, ERRORS
from query_assistant.scoring.documents import FileScore, Score, Times
from query_assistant.scoring.results import RUNGS

DOCUMENT = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([^`\n]+)`", DOCUMENT))


def keys(kind: type[BaseModel]) -> set[str]:
    """The keys of a document and of all documents within it."""
    found = set(kind.model_fields)
    waiting: list[object] = [field.annotation for field in kind.model_fields.values()]
    while waiting:
        part = waiting.pop()
        waiting.extend(get_args(part))
        if isinstance(part, type) and issubclass(part, BaseModel):
            found |= keys(part)
    return found


@pytest.mark.parametrize("kind", [FileScore, Score, Times, Effects])
def test_every_key_of_a_document_is_explained(kind: type[BaseModel]) -> None:
    assert {"n", "selection"} <= keys(Score)
    assert keys(kind) - NAMED == set()


def test_every_metric_relation_and_error_class_is_explained() -> None:
    assert {*RUNGS, *COMPONENTS, *LADDER, *ERRORS} - NAMED == set()


def test_every_command_of_the_document_exists() -> None:
    root = Path(__file__).parents[2]
    scripts = re.findall(r"`python (\S+\.py)", DOCUMENT)
    measured = ["contents", "mutations", "scoring", "tangles"]
    assert sorted(set(scripts)) == [f"benchmarks/{name}.py" for name in measured]
    assert all((root / script).is_file() for script in scripts)
    assert all((root / path).exists() for path in re.findall(r"`(src/[^`]+)`", DOCUMENT))
