"""What was turned is said in the words that turned it."""

from __future__ import annotations

from pathlib import Path

import pytest

from query_assistant.pipeline.configuration import compose
from query_assistant.pipeline.turned import turned

CASES = [
    ([], "default", {}),
    (["experiment=smoke"], "smoke", {}),
    (["finetune.learning_rate=5e-4"], "default", {"finetune.learning_rate": "0.0005"}),
    (
        ["generate.examples=[few_shot]", "score.text_metrics=true"],
        "default",
        {"generate.examples": "[few_shot]", "score.text_metrics": "true"},
    ),
    (["model=llama31-8b", "model.prompt_tokens=77"], "default", {"model": "llama31-8b", "model.prompt_tokens": "77"}),
    (["experiment=smoke", "finetune=published"], "smoke", {"finetune": "published"}),
]


@pytest.mark.parametrize(("overrides", "experiment", "knobs"), CASES, ids=str)
def test_a_run_is_described_by_what_turned_it(
    overrides: list[str], experiment: str, knobs: dict[str, str], tmp_path: Path
) -> None:
    found = turned(compose(overrides, tmp_path / "params.yaml"))
    assert (found.experiment, found.knobs) == (experiment, knobs)


def test_what_is_said_composes_the_same_parameters_again(tmp_path: Path) -> None:
    params = compose(["experiment=full", "model=hosted", "generate.rag.k=8"], tmp_path / "params.yaml")
    found = turned(params)
    said = [f"experiment={found.experiment}", *(f"{name}={value}" for name, value in found.knobs.items())]
    assert compose(said, tmp_path / "again.yaml") == params
