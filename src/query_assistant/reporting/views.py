"""What MLflow shows first: its saved views, so that nobody has to look for the runs nor to choose their columns.

MLflow keeps a view as a tag of the experiment: a name, a filter, an order, columns and their widths. Its page reads it
where the address names it, `#/experiments/1/runs?viewStateShareKey=systems`, and lists all under "Views". A version
that does not know them shows its usual page.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from mlflow import MlflowClient

SYSTEMS, PIPELINE_RUNS = "systems", "pipeline-runs"
SHARED_VIEW = "mlflow.sharedViewState."
KIND = {"mlflow.experimentKind": "custom_model_development"}  # else MLflow opens on traces, of which there are none
NOTE = "Under *Views*: the **systems compared** by the last run, and all **pipeline runs** with what was turned."
FIGURES = ("selection", "selection_low", "selection_high", "valid", "execution", "test/selection")
COSTS = ("cost/ms", "cost/prompt_tokens")
SUMMARY = ("best_selection", "best_test", "gain_finetuned", "gain_few_shot", "gain_rag", "gain_grammar")
METRIC_WIDTH = 95  # pixels
WIDTHS = {
    "attributes.`Run Name`": 240,
    "runDateAndNestInfo": 125,
    "metrics.`cost/prompt_tokens`": 135,
    "tags.`answers_of`": 170,
}


def write_views(client: MlflowClient, experiment_id: str, parent: str) -> None:
    """Puts the systems of one pipeline run, the best first, and all pipeline runs among the experiment's views."""
    systems = _view(
        "Systems compared",
        f"tags.comparison = '{parent}'",
        "metrics.`selection`",
        [*(f"metrics.`{name}`" for name in (*FIGURES, *COSTS)), "tags.`answers_of`", "attributes.`Dataset`"],
    )
    runs = _view(
        "Pipeline runs",
        "tags.kind = 'pipeline'",
        "attributes.start_time",
        [*(f"metrics.`{name}`" for name in SUMMARY), "params.`model`", "params.`experiment`", "tags.`git_revision`"],
    )
    tags = {
        **KIND,
        "mlflow.note.content": NOTE,
        f"{SHARED_VIEW}{SYSTEMS}": systems,
        f"{SHARED_VIEW}{PIPELINE_RUNS}": runs,
    }
    for name, value in tags.items():
        client.set_experiment_tag(experiment_id, name, value)


def _view(name: str, condition: str, order: str, columns: Sequence[str]) -> str:
    """A saved view as MLflow 3 writes it: an envelope around the state of its page."""
    widths = {column: METRIC_WIDTH for column in columns if column.startswith("metrics.")}
    order_of_columns = ["attributes.`Run Name`", "runDateAndNestInfo", "duration", *columns]
    state: dict[str, Any] = {
        "searchFilter": condition,
        "orderByKey": order,
        "orderByAsc": False,
        "selectedColumns": list(columns),
        "columnOrder": order_of_columns,
        "columnWidths": {**widths, **WIDTHS},
    }
    now = int(time.time() * 1000)
    return json.dumps({"name": name, "createdAt": now, "updatedAt": now, "state": json.dumps(state)})


def view_address(server: str, experiment_id: str, view: str, mode: str = "TABLE") -> str:
    """Where a server shows one of the views: `TABLE` of runs, `CHART`, or `ARTIFACT`, the runs' tables side by side."""
    page = f"{server.rstrip('/')}/#/experiments/{experiment_id}/runs"
    shown = "" if mode == "TABLE" else f"&compareRunsMode={mode}"
    return f"{page}?viewStateShareKey={view}&workflowType=machine_learning{shown}"
