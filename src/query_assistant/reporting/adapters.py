"""The adapter of a pipeline run in MLflow: a logged model, and a version in the model registry.

    mlflow.artifacts.download_artifacts("models:/query-assistant-adapter@current")     # a folder in PEFT's format

An adapter is known by the hash of its weights and kept once, whichever runs use it: the run that trained it has it as
an output, runs that took it up and the systems that answer with it have it as an input. The alias `current` stands at
the adapter of the pipeline run that was logged last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelInput, LoggedModelOutput, LoggedModelStatus, Run
from mlflow.exceptions import MlflowException

from query_assistant.finetuning.training import WEIGHTS
from query_assistant.models.cache import sha256_of
from query_assistant.reporting.store import process_store

REGISTERED, ALIAS = "query-assistant-adapter", "current"
ABOUT = "Adapters that the pipeline trained, in PEFT's format; each belongs to the base model that its tags name."


def log_adapter(
    client: MlflowClient, parent: Run, systems: Iterable[Run], adapter: Path, facts: Mapping[str, str]
) -> str:
    """Logs the adapter of a pipeline run where it is new, and says which runs have it; returns its version.

    Args:
        systems: the runs of the systems that answer with it.
        facts: what a reader of the registry wants to know of it.
    """
    tags = {"sha256": sha256_of(adapter / WEIGHTS), **facts}
    model = _logged(client, parent, adapter, tags)
    for run in systems:
        if model.model_id not in _inputs(run):
            client.log_inputs(run.info.run_id, models=[LoggedModelInput(model.model_id)])
    version = _version(client, model, tags)
    client.set_registered_model_alias(REGISTERED, ALIAS, version)
    return version


def _logged(client: MlflowClient, parent: Run, adapter: Path, tags: Mapping[str, str]) -> LoggedModel:
    """The adapter's logged model: the one that is there, where it is whole, or a new one."""
    experiment, run_id = parent.info.experiment_id, parent.info.run_id
    alike = client.search_logged_models([experiment], f"tags.sha256 = '{tags['sha256']}'")
    known = next((one for one in alike if one.status == LoggedModelStatus.READY), None)
    if known:
        if run_id != known.source_run_id and known.model_id not in _inputs(parent):
            client.log_inputs(run_id, models=[LoggedModelInput(known.model_id)])
        return known
    model = client.create_logged_model(experiment, "adapter", run_id, dict(tags), model_type="adapter")
    client.log_model_artifacts(model.model_id, str(adapter))
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
    return client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)


def _inputs(run: Run) -> set[str]:
    return {one.model_id for one in run.inputs.model_inputs or ()}


def _version(client: MlflowClient, model: LoggedModel, tags: Mapping[str, str]) -> str:
    try:
        client.get_registered_model(REGISTERED)
    except MlflowException:
        client.create_registered_model(REGISTERED, description=ABOUT)
    versions = client.search_model_versions(f"name = '{REGISTERED}'")
    known = [str(one.version) for one in versions if one.tags.get("sha256") == tags["sha256"]]
    if known:
        return max(known, key=int)
    source = f"models:/{model.model_id}"
    with process_store(client.tracking_uri):  # where the registry looks for the model
        made = client.create_model_version(REGISTERED, source, model.source_run_id, dict(tags), model_id=model.model_id)
    return str(made.version)
