"""The words of the prompts in MLflow's prompt registry: a version for each wording, linked to the runs it asked in.

What is registered is what all systems share, the templates. Examples, which stand between the two messages, and fields
are retrieved for each question; whole prompts are kept beside the answers.
"""

from __future__ import annotations

import json

from mlflow import MlflowClient
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY, PROMPT_EXPERIMENT_IDS_TAG_KEY
from mlflow.tracing.constant import TraceTagKey

from query_assistant.prompts.rendering import templates, templates_sha256

PROMPT = "query-assistant"
WORDING = "templates_sha256"


def log_prompt(client: MlflowClient, experiment_id: str, run_id: str) -> int:
    """Registers the templates as they are, where they are new, and links a run to them; returns the version."""
    version = _known(client) or _registered(client, experiment_id)
    # `link_prompt_version_to_run` looks for the run in the store of the process, not of the client
    client.set_tag(run_id, TraceTagKey.LINKED_PROMPTS, json.dumps([{"name": PROMPT, "version": str(version)}]))
    return version


def _known(client: MlflowClient) -> int | None:
    found = client.search_model_versions(f"name = '{PROMPT}' AND tags.`{IS_PROMPT_TAG_KEY}` = 'true'")
    return max((int(one.version) for one in found if one.tags.get(WORDING) == templates_sha256()), default=None)


def _registered(client: MlflowClient, experiment_id: str) -> int:
    said = [{"role": message.role, "content": message.content} for message in templates()]
    about = "What is shown to the model; examples stand between the two messages."
    tags = {WORDING: templates_sha256(), PROMPT_EXPERIMENT_IDS_TAG_KEY: f",{experiment_id},"}
    return int(client.register_prompt(PROMPT, said, about, tags).version)
