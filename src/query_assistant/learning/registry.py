"""Promoted models in MLflow's model registry: a version each, tagged with the corrections it learnt from.

The alias `promoted` stands at the version in use; where none is, nowhere.
"""

from __future__ import annotations

import time
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from query_assistant.reporting.store import exclusively, open_store
from query_assistant.systems.learned import LEARNED, MANIFEST, Manifest, Trial

REGISTERED, ALIAS = "query-assistant-learned", "promoted"


def register(root: Path, manifest: Manifest, experiment: str) -> str:
    """Logs a promoted model with its adapter, registers it and moves the alias to it; returns the version.

    Raises:
        MissingResourceError: the server that `MLFLOW_TRACKING_URI` names does not answer.
    """
    folder = root / LEARNED / str(manifest.number)
    with exclusively():
        client, experiment_id = open_store(experiment)
        run_id = _log(client, experiment_id, manifest, folder)
        _ensure_registered(client)
        version = client.create_model_version(
            REGISTERED, f"runs:/{run_id}/adapter", run_id, _tags(manifest), description=_told(manifest)
        )
        client.set_registered_model_alias(REGISTERED, ALIAS, version.version)
    return str(version.version)


def move_alias(number: int | None, experiment: str) -> None:
    """Puts the alias on the version of a learned model, or takes it away; nothing where none was registered."""
    with exclusively():
        client, _ = open_store(experiment)
        versions = client.search_model_versions(f"name = '{REGISTERED}'")
        if not versions:
            return
        client.delete_registered_model_alias(REGISTERED, ALIAS)
        found = [one for one in versions if number is not None and one.tags.get("number") == str(number)]
        if found:
            client.set_registered_model_alias(REGISTERED, ALIAS, _newest(found).version)


def _newest(versions: list[ModelVersion]) -> ModelVersion:
    return max(versions, key=lambda one: int(one.version))


def _ensure_registered(client: MlflowClient) -> None:
    try:
        client.get_registered_model(REGISTERED)
    except MlflowException:
        text = "The published assistant, taught further with corrections (docs/corrections.md)."
        client.create_registered_model(REGISTERED, description=text)


def _log(client: MlflowClient, experiment_id: str, manifest: Manifest, folder: Path) -> str:
    tags = {**_tags(manifest), "kind": "learned", MLFLOW_RUN_NOTE: _told(manifest)}
    run = client.create_run(experiment_id, run_name=f"learned {manifest.number}", tags=tags)
    run_id, now = str(run.info.run_id), int(time.time() * 1000)
    figures = {
        **_figures("held_out", manifest.on_held_out),
        **_figures("development", manifest.on_development),
        **{f"training/{name}": value for name, value in manifest.training.items()},
    }
    client.log_batch(
        run_id,
        metrics=[Metric(name, value, now, 0) for name, value in sorted(figures.items())],
        params=[Param(f"learn.{name}", str(value)) for name, value in sorted(manifest.knobs.items())],
    )
    client.log_artifact(run_id, str(folder / MANIFEST))
    client.log_artifacts(run_id, str(folder / "adapter"), "adapter")
    client.set_terminated(run_id)
    return run_id


def _figures(name: str, result: Trial) -> dict[str, float]:
    return {f"{name}/{key}": float(value) for key, value in result.model_dump().items()}


def _tags(manifest: Manifest) -> dict[str, str]:
    return {
        "number": str(manifest.number),
        "corrections": " ".join(map(str, manifest.corrections)),
        "held_out": " ".join(map(str, manifest.held_out)),
        "base_adapter": manifest.base_adapter,
        "adapter": manifest.adapter,
    }


def _told(manifest: Manifest) -> str:
    held_out, development = manifest.on_held_out, manifest.on_development
    return (
        f"Learnt from {len(manifest.corrections)} corrections. Held-out corrections right: "
        f"{100 * held_out.before:.0f}% before, {100 * held_out.after:.0f}% after (p = {held_out.p_value:.3f}); "
        f"development questions: {100 * development.before:.0f}% before, {100 * development.after:.0f}% after."
    )
