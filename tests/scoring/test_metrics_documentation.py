"""Every key of a results file is explained in docs/metrics.md."""

from __future__ import annotations

import re
from pathlib import Path

from query_assistant.apis import load_api
from query_assistant.judging.comparison import LADDER
from query_assistant.scoring import Prediction, Reference, score
from query_assistant.scoring.errors import ERRORS

DOCUMENT = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([^`\n]+)`", DOCUMENT))


def test_every_key_of_the_results_is_documented():
    line = Reference(id="a", api="mygene", query="/v3/query?q=x")
    results = score([Prediction(id="a", query="/v3/query?q=x")], [line], {"mygene": load_api("mygene")}, {})
    document = results.to_json()
    assert set(document) - NAMED == set()
    assert set(document["components"]) - NAMED == set()
    assert set(document["items"][0]) - NAMED == set()
    assert set(document["by_api"]["mygene"]) - NAMED == set()
    assert set(results.intervals()) - NAMED == set()


def test_every_relation_and_every_error_class_is_documented():
    assert {*LADDER, *ERRORS} - NAMED == set()


def test_every_command_of_the_document_exists():
    root = Path(__file__).parents[2]
    scripts = re.findall(r"`python (\S+\.py)", DOCUMENT)
    measured = ["contents", "mutations", "scoring", "tangles"]
    assert sorted(set(scripts)) == [f"benchmarks/{name}.py" for name in measured]
    assert all((root / script).is_file() for script in scripts)
    assert all((root / path).exists() for path in re.findall(r"`(src/[^`]+)`", DOCUMENT))
