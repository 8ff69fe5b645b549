"""What a configuration lacks on this machine is said before a run, all at once, each with its remedy."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from query_assistant.errors import ConfigurationError, MissingResourceError
from query_assistant.params import Params
from query_assistant.pipeline import checks
from query_assistant.pipeline.configuration import compose


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No keys, no GPU, no network, an empty cache; memory and disk enough."""
    for name in ("HF_TOKEN", "OPENAI_API_KEY", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("QUERY_ASSISTANT_CACHE", str(tmp_path / "cache"))
    has(monkeypatch, memory=64, disk=500)


def has(monkeypatch: pytest.MonkeyPatch, memory: int, disk: int) -> None:
    """A machine with so many gigabytes."""
    monkeypatch.setattr("os.sysconf", lambda name: {"SC_PAGE_SIZE": 1000, "SC_PHYS_PAGES": memory * 10**6}[name])
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=disk * 10**9))


def params(tmp_path: Path, *overrides: str) -> Params:
    return compose(overrides, tmp_path / "params.yaml")


def missing(tmp_path: Path, *overrides: str) -> list[str]:
    return [one.split(":")[0] for one in checks.missing(params(tmp_path, *overrides), tmp_path / "base")]


def test_the_default_needs_nothing(tmp_path: Path) -> None:
    assert missing(tmp_path) == []
    checks.require(params(tmp_path), tmp_path / "base")


def test_a_gated_model_on_a_gpu_lacks_all_of_it_here(tmp_path: Path) -> None:
    source = "meta-llama/Llama-3.1-8B-Instruct"
    assert missing(tmp_path, "model=llama31-8b") == [
        f"no weights of {source} here and no way to http",
        "no HF_TOKEN",
        "PyTorch is a CPU build",
        "no NVIDIA GPU to fine-tune and to answer, with 48 GB",
    ]


def test_a_name_that_nobody_looks_up_keeps_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: looked_up.wait(60))
    monkeypatch.setattr(checks, "_PATIENCE_S", 0.1)
    assert "no weights of" in missing(tmp_path, "model=llama31-8b")[0]
    assert not looked_up.is_set()
    looked_up.set()


def test_what_is_missing_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        MissingResourceError, match=r"^model=llama31-8b cannot run here: \(1\) .*; \(4\) .*; nothing was touched$"
    ):
        checks.require(params(tmp_path, "model=llama31-8b"), tmp_path / "base")


def test_weights_that_lie_here_need_neither_network_nor_token(tmp_path: Path) -> None:
    source = params(tmp_path, "model=llama31-8b").model.source.model_dump()
    (tmp_path / "base").mkdir()
    (tmp_path / "base/source.json").write_text(json.dumps({"source": source, "files": {}}), encoding="utf-8")
    assert missing(tmp_path, "model=llama31-8b") == [
        "PyTorch is a CPU build",
        "no NVIDIA GPU to fine-tune and to answer, with 48 GB",
    ]


@pytest.mark.parametrize(
    ("override", "section"),
    [("model=hosted", "model.engine"), ("annotate=llm", "annotate.llm"), ("pair=llm", "pair.llm")],
)
def test_a_hosted_model_wants_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, override: str, section: str
) -> None:
    [said] = checks.missing(params(tmp_path, override), tmp_path / "base")
    assert said.startswith("no OPENAI_API_KEY: ")
    assert section in said
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert missing(tmp_path, override) == []


def test_a_local_server_wants_no_key(tmp_path: Path) -> None:
    assert missing(tmp_path, "model=hosted", "model.engine.api_key_variable=''") == []


@pytest.mark.parametrize(
    ("gigabytes", "said"), [(24, ["the GPU has 24 GB of memory, 48 are needed to fine-tune and to answer"]), (80, [])]
)
def test_a_gpu_must_be_large_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gigabytes: int, said: list[str]
) -> None:
    def listed(*_: Any, **__: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 0, stdout=f"{1024 * gigabytes}\n16384\n", stderr="")

    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/nvidia-smi")
    monkeypatch.setattr("subprocess.run", listed)
    found = missing(tmp_path, "model=llama31-8b")
    assert [one for one in found if "the GPU" in one] == said


def test_two_processes_want_two_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_gpu_gigabytes", lambda: [80])
    found = missing(tmp_path, "model=llama31-8b", "finetune.processes=2")
    assert "1 GPU(s) for finetune.processes=2" in found


def test_a_small_machine_is_told_of_its_memory_and_its_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    has(monkeypatch, memory=7, disk=30)
    found = missing(tmp_path, "model=llama31-8b")
    assert "7 GB of memory, 24 are needed to load and merge the weights" in found
    assert f"30 GB free in {tmp_path}, 40 are needed for the weights" in found
    assert missing(tmp_path) == []


def test_a_folder_of_weights_must_hold_some(tmp_path: Path) -> None:
    overrides = ["model.source.kind=folder", f"model.source.name={tmp_path}/given"]
    assert missing(tmp_path, *overrides) == [f"no weights in {tmp_path}/given"]
    (tmp_path / "given").mkdir()
    assert missing(tmp_path, *overrides) == [f"no weights in {tmp_path}/given"]
    (tmp_path / "given/model.gguf").touch()
    assert missing(tmp_path, *overrides) == []


def test_grammars_by_transformers_want_their_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = checks.importlib.util.find_spec
    monkeypatch.setattr(checks.importlib.util, "find_spec", lambda name: None if name == "xgrammar" else find(name))
    overrides = ["model.engine.kind=transformers", "+model.engine.device=cpu"]
    assert missing(tmp_path, *overrides) == []
    said = ["the package xgrammar is not installed"]
    assert missing(tmp_path, *overrides, "generate.decoding=[free,grammar]") == said


def test_logs_in_a_bucket_want_what_dvc_asks_it_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = checks.importlib.util.find_spec
    there: dict[str, object] = {"dvc_s3": None}
    monkeypatch.setattr(checks.importlib.util, "find_spec", lambda name: there[name] if name in there else find(name))
    assert missing(tmp_path, "filter.logs=s3://bucket/logs") == ["the package dvc_s3 is not installed"]
    there["dvc_s3"] = object()
    assert missing(tmp_path, "filter.logs=s3://bucket/logs") == []


def test_hugging_face_trains_no_quantised_base(tmp_path: Path) -> None:
    assert "no QLoRA by finetune=hf" in missing(tmp_path, "model=llama31-8b", "finetune=hf")


@pytest.mark.parametrize(
    ("command", "looked_at"),
    [("dvc exp run -S x", True), ("dvc exp run --queue -S x", False), ("dvc repro", False), ("python make.py", False)],
)
def test_an_experiment_that_starts_now_looks_at_the_machine_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, looked_at: bool
) -> None:
    monkeypatch.setattr("sys.argv", command.split())
    if looked_at:
        with pytest.raises(ConfigurationError, match="model=llama31-8b cannot run here"):
            params(tmp_path, "model=llama31-8b")
        assert not (tmp_path / "params.yaml").exists()
    else:
        assert params(tmp_path, "model=llama31-8b").model.name == "llama31-8b"


def test_measuring_what_is_forgotten_wants_the_harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = checks.importlib.util.find_spec
    monkeypatch.setattr(checks.importlib.util, "find_spec", lambda name: None if name == "lm_eval" else find(name))
    assert missing(tmp_path) == []
    assert missing(tmp_path, "forget=subset") == ["the package lm_eval is not installed"]


def test_what_is_not_trained_here_forgets_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"model=hosted is not trained here.*set forget=none"):
        params(tmp_path, "model=hosted", "forget=subset")
