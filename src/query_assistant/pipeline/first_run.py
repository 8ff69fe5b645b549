"""`make quick`: what the published adapter is worth, in a few minutes and without training.

The published responses are scored on the whole benchmark: the table and MLflow. Meanwhile, in a second process, the
published assistant is put together in models/published, so that `qa ask` has it.

git finds nothing changed afterwards, and for DVC the default pipeline has still to be run.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from query_assistant.archives import unpack
from query_assistant.exits import run_to_exit
from query_assistant.params import load_params
from query_assistant.project import load_environment, project_root
from query_assistant.reporting.pipeline_runs import current_pipeline_run
from query_assistant.reporting.published import EXPERIMENT, rescore
from query_assistant.reporting.tracking import log_comparison
from query_assistant.shared_data import pull_shared_data
from query_assistant.systems.published import install

RAW = Path("data/raw")
NEXT = """
A model answers:                       qa ask --api mygene "human kinases on chromosome 7"
The runs, side by side:                make ui
The whole pipeline, with training:     make repro
"""


def first_run(root: Path) -> None:
    """The published scores, tracked, and a model in place.

    Raises:
        QueryAssistantError: shared data or base weights cannot be had; what could be done without them is done.
    """
    pull_shared_data(root)
    for bundle in ("records", "published-responses"):
        unpack(root / f"data/shared/{bundle}.tar.gz", root / RAW / bundle)
    os.environ["TQDM_DISABLE"] = "1"  # for the second process: two that draw bars on one terminal draw neither
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        model = pool.submit(install, root)
        print(score_published(root))  # noqa: T201
        print(f"{model.result().relative_to(root)}: the published assistant")  # noqa: T201


def score_published(root: Path) -> str:
    """Scores the published responses, logs them, and returns their table."""
    responses, scores = root / RAW / "published-responses", root / "metrics/published"
    pipeline = current_pipeline_run(responses / "params.yaml", EXPERIMENT)
    found = rescore(responses, root / RAW / "records", root / "data/apis", scores, pipeline.git_revision)
    log_comparison(load_params(root / "params.yaml").score.mlflow_experiment, pipeline, found)
    return (scores / "systems.md").read_text(encoding="utf-8")


def main() -> None:
    load_environment()
    first_run(project_root())
    print(NEXT)  # noqa: T201


if __name__ == "__main__":
    sys.exit(run_to_exit(main))
