"""The adapter and the prompt of a pipeline run are in MLflow's registries once, and known by what they are."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from query_assistant.prompts import rendering
from query_assistant.reporting import prompt_registry
from query_assistant.reporting.adapters import ALIAS, REGISTERED, log_adapter
from query_assistant.reporting.prompt_registry import PROMPT, log_prompt
from query_assistant.reporting.store import open_store


@pytest.fixture
def store(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[MlflowClient, str]:
    (tmp_path / "data" / "apis").mkdir(parents=True)
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return open_store("lab")


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return trained(tmp_path / "adapter", b"weights")


def trained(folder: Path, weights: bytes) -> Path:
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(weights)
    (folder / "adapter_config.json").write_text("{}", encoding="utf-8")
    return folder


def begun(store: tuple[MlflowClient, str], name: str) -> Run:
    return store[0].create_run(store[1], run_name=name)


def again(client: MlflowClient, run: Run) -> Run:
    return client.get_run(run.info.run_id)


def current(client: MlflowClient) -> str:
    return str(client.get_model_version_by_alias(REGISTERED, ALIAS).version)


def test_an_adapter_is_a_model_of_the_run_that_trained_it_and_an_input_of_its_systems(
    store: tuple[MlflowClient, str], adapter: Path, tmp_path: Path
) -> None:
    client, parent, system = store[0], begun(store, "default"), begun(store, "finetuned-few_shot-rag-free")
    for _ in range(2):  # as score and report do
        log_adapter(client, again(client, parent), [again(client, system)], adapter, {"model": "small"})
    (model,) = client.search_logged_models([store[1]])
    assert [one.model_id for one in again(client, parent).outputs.model_outputs] == [model.model_id]
    assert [one.model_id for one in again(client, system).inputs.model_inputs] == [model.model_id]
    (version,) = client.search_model_versions(f"name = '{REGISTERED}'")
    assert (version.tags["model"], version.run_id) == ("small", parent.info.run_id)
    assert current(client) == str(version.version)
    place = client.get_model_version_download_uri(REGISTERED, version.version)
    assert Path(place.removeprefix("file://"), "adapter_model.safetensors").read_bytes() == b"weights"


def test_what_was_taken_up_again_is_no_second_version_and_the_alias_follows(
    store: tuple[MlflowClient, str], adapter: Path, tmp_path: Path
) -> None:
    client, first, second, third = store[0], *(begun(store, name) for name in "abc")
    kept = log_adapter(client, first, [], adapter, {})
    other = log_adapter(client, second, [], trained(tmp_path / "other", b"others"), {})
    assert current(client) == other != kept
    assert log_adapter(client, third, [], adapter, {}) == kept
    assert current(client) == kept
    assert len(client.search_logged_models([store[1]])) == 2
    (used,) = again(client, third).inputs.model_inputs
    assert used.model_id == again(client, first).outputs.model_outputs[0].model_id


def test_an_adapter_that_a_kill_left_half_logged_is_logged_again(
    store: tuple[MlflowClient, str], adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, parent = store[0], begun(store, "default")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(client, "log_model_artifacts", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        log_adapter(client, parent, [], adapter, {})
    log_adapter(client, again(client, parent), [], adapter, {})
    assert sorted(str(one.status) for one in client.search_logged_models([store[1]])) == ["PENDING", "READY"]


def test_a_wording_is_a_version_and_runs_are_linked_to_it(
    store: tuple[MlflowClient, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, runs = store[0], [begun(store, name) for name in "abc"]
    assert [log_prompt(client, store[1], run.info.run_id) for run in runs[:2]] == [1, 1]
    monkeypatch.setattr(prompt_registry, "templates_sha256", lambda: "other words")
    assert log_prompt(client, store[1], runs[2].info.run_id) == 2
    said = client.load_prompt(f"prompts:/{PROMPT}/1")
    assert said is not None
    assert [one["role"] for one in said.template] == ["system", "user"]
    assert said.template[1]["content"] == rendering.templates()[1].content
    assert '"version": "2"' in again(client, runs[2]).data.tags["mlflow.linkedPrompts"]
