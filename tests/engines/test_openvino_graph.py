"""A kept graph answers as its GGUF does, is never that of other weights, and is in nobody's way."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import openvino_genai
import pytest

from query_assistant.engines import Message, open_engine, openvino_graph
from query_assistant.engines.openvino_graph import open_pipeline
from query_assistant.params import EngineParams

SETTINGS = EngineParams(kind="openvino", batch_size=2, cache_gb=1)
PROMPTS = [[Message("user", f"Find gene {number}")] for number in (1017, 7157, 672)]


@pytest.fixture(scope="module")
def of_8_bits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return eight_bits(tmp_path_factory.mktemp("models") / "base", "qwen2")


def eight_bits(folder: Path, kind: str, scale: float = 1) -> Path:
    """A model folder with 8-bit weights, as `fetch` and `merge` leave them."""
    from finetuning.tiny import gguf_name, make_model, write_gguf
    from query_assistant.engines.transformers import load_model

    network = load_model(make_model(folder, kind=kind), "cpu")
    network.get_parameter("model.layers.0.mlp.up_proj.weight").data *= scale
    matrices = {gguf_name(name): "Q8_0" for name, weight in network.state_dict().items() if weight.ndim > 1}
    write_gguf(network, folder / "model.gguf", folder / "tokenizer.json", kind, matrices)
    return folder


@pytest.fixture
def model(of_8_bits: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(of_8_bits, tmp_path / "finetuned"))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what OpenVINO is asked to open, in order."""
    names: list[str] = []
    real = openvino_genai.ContinuousBatchingPipeline

    def watched(path: Path, *others: Any) -> Any:
        names.append(Path(path).name)
        return real(path, *others)

    monkeypatch.setattr(openvino_graph.openvino_genai, "ContinuousBatchingPipeline", watched)
    return names


def answers(model: Path, *, keep_graph: bool = True) -> list[tuple[str, float | None]]:
    engine = open_engine(SETTINGS, model, keep_graph=keep_graph)
    free = engine.generate(PROMPTS, max_new_tokens=8)
    bound = engine.generate(PROMPTS[:1], max_new_tokens=8, grammar='root ::= "/v3/gene/" [0-9]+')
    return [(one.text, one.logprob) for one in (*free, *bound)]


def kept(model: Path) -> Path:
    return model.with_name(f".{model.name}.openvino")


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_answers_and_their_scores_are_the_same_with_and_without_a_kept_graph(
    tmp_path: Path, opened: list[str], kind: str
) -> None:
    model = eight_bits(tmp_path / "finetuned", kind)
    plain = answers(model, keep_graph=False)
    assert not kept(model).exists() and opened == ["model.gguf"]
    assert [answers(model), answers(model), answers(model, keep_graph=False)] == [plain] * 3
    assert opened[1:] == ["model.gguf", kept(model).name, kept(model).name]
    assert sorted(path.name for path in model.parent.iterdir()) == [kept(model).name, model.name]


def test_the_graph_of_other_weights_is_not_used(model: Path, opened: list[str]) -> None:
    before = answers(model)
    other = eight_bits(model.parent / "other", "qwen2", scale=50)
    state = (model / "model.gguf").stat()
    shutil.copyfile(other / "model.gguf", model / "model.gguf")
    os.utime(model / "model.gguf", ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert answers(model) == answers(other, keep_graph=False) != before
    assert opened == ["model.gguf"] * 3
    answers(model)
    assert opened[3:] == [kept(model).name]


def test_weights_that_were_only_touched_need_no_new_graph(model: Path, opened: list[str]) -> None:
    answers(model)
    os.utime(model / "model.gguf", ns=(1, 1))
    answers(model)
    assert opened == ["model.gguf", kept(model).name]
    assert json.loads((kept(model) / "made_of.json").read_text())["state"][-1] == 1  # and are not hashed again


@pytest.mark.parametrize("damage", ["cut", "gone", "other version", "garbage", "no mark"])
def test_a_damaged_graph_is_made_anew(model: Path, opened: list[str], damage: str) -> None:
    before = answers(model)
    graph, mark = kept(model) / "openvino_model.xml", kept(model) / "made_of.json"
    if damage == "cut":
        os.truncate(graph, 100)
    elif damage == "gone":
        (kept(model) / "openvino_tokenizer.bin").unlink()
    elif damage == "other version":
        mark.write_text(json.dumps(json.loads(mark.read_text()) | {"openvino": "2019.1"}))
    elif damage == "garbage":
        graph.write_bytes(b"x" * graph.stat().st_size)
    else:
        mark.write_text("{")
    assert answers(model) == before
    assert opened[-1] == "model.gguf"
    assert answers(model) == before
    assert opened[-1] == kept(model).name


def test_what_cannot_be_kept_is_no_hindrance(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = answers(model, keep_graph=False)
    kept(model).write_text("a file where the folder should be")
    assert answers(model) == before
    kept(model).unlink()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(openvino_graph, "_mark", full)
    assert answers(model) == before
    assert [path.name for path in model.parent.iterdir()] == [model.name]


def test_a_graph_that_would_answer_otherwise_is_not_kept(any_tiny_gguf: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(any_tiny_gguf, tmp_path / "finetuned"))  # of half precision
    assert answers(model) == answers(model) == answers(model, keep_graph=False)
    assert [path.name for path in kept(model).iterdir()] == ["made_of.json"]


def test_broken_weights_are_still_an_error(model: Path) -> None:
    (model / "model.gguf").write_bytes(b"GGUF and nothing")
    with pytest.raises(RuntimeError):
        open_pipeline(model / "model.gguf", openvino_genai.SchedulerConfig(), keep_graph=True)
    assert not kept(model).exists()
