"""Answers are traced where somebody wants it, and answered alike where nobody does or nothing can be reached."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest

from fake_engine import FakeEngine
from query_assistant.apis import Api
from query_assistant.cli.answering import traced_if_wanted
from query_assistant.prompts import PromptBuilder, PromptSettings
from query_assistant.reporting.store import open_store
from query_assistant.reporting.traces import EXPERIMENT, traced
from query_assistant.systems.assistant import Assistant
from query_assistant.systems.generation import System


@pytest.fixture
def assistant(mygene: Api) -> Assistant:
    engine, apis = FakeEngine(lambda prompt: "/v3/query?q=CDK2"), {"mygene": mygene}
    builder = PromptBuilder(apis, PromptSettings(), engine.count_tokens)
    system = System.parse("base-zero_shot-closed-free")
    return Assistant(system, apis, engine, builder, {}, 96, 16, "", count_hits=lambda query, api: 1)


@pytest.fixture(autouse=True)
def store(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "data" / "apis").mkdir(parents=True)
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLFLOW_EXPERIMENT_ID", raising=False)
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_TRACE_LOGGING", "false")
    yield
    mlflow.set_tracking_uri(None)


def test_an_answer_is_a_trace_with_its_prompt_and_what_the_model_wrote(assistant: Assistant) -> None:
    watched = traced(assistant)
    assert watched.answer("genes named CDK2", "mygene") == assistant.answer("genes named CDK2", "mygene")
    assert watched.prompt_sha256("genes named CDK2", "mygene") == assistant.prompt_sha256("genes named CDK2", "mygene")
    client, experiment_id = open_store(EXPERIMENT)
    (trace,) = client.search_traces(locations=[experiment_id])
    spans = {span.name: span for span in trace.data.spans}
    assert list(spans) == ["ask", "prompt", "model"]
    assert spans["ask"].inputs == {"question": "genes named CDK2", "api": "mygene"}
    assert spans["ask"].outputs["query"] == "/v3/query?q=CDK2"
    assert spans["prompt"].outputs[-1]["content"].endswith("genes named CDK2")
    assert spans["model"].outputs == ["/v3/query?q=CDK2"]


def test_nothing_is_traced_unless_it_is_wanted(assistant: Assistant, monkeypatch: pytest.MonkeyPatch) -> None:
    for said in ("", "0", "false"):
        monkeypatch.setenv("QUERY_ASSISTANT_TRACES", said)
        assert traced_if_wanted(assistant) is assistant
    monkeypatch.setenv("QUERY_ASSISTANT_TRACES", "1")
    assert traced_if_wanted(assistant) is not assistant


def test_without_a_store_questions_are_answered_untraced(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://nowhere")
    assert traced(assistant) is assistant
    assert "answers are not traced" in caplog.text
