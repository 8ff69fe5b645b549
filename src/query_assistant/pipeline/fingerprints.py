"""The files under .fingerprints/, on which stages depend in place of source code and API folders.

    .fingerprints/code/<stage>          what the stage's program means, see `code`
    .fingerprints/apis/<api>/<part>     what one part of an API's folder holds; also of a part that is not there: `none`
    .fingerprints/apis/all/<part>       the same of all APIs of the run

DVC takes no pattern and no file that may be missing for a dependency, and takes a comment for a change.
"""

from __future__ import annotations

import gc
import hashlib
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from query_assistant.apis import FOLDER, api_names
from query_assistant.files import atomic_writer
from query_assistant.pipeline.code import code_fingerprint
from query_assistant.pipeline.source import Package

PLACE = Path(".fingerprints")
# What stages read of data/apis/<api>/; the rest of it is for people and for `qa simulate`.
PARTS = {
    "definition": ("definition.yaml", "fields.csv", "../family.yaml"),
    "documentation": ("documentation.md", "../family.md"),
    "glossary": ("glossary/*.yaml",),
    "words": ("words.yaml",),
    "contents": ("contents.csv",),
    "familiar": ("familiar.yaml", "../familiar.yaml"),
    "benchmark": ("benchmark.jsonl",),
    "development": ("development.jsonl",),
    "records": ("records.jsonl.gz",),
    "review": ("review.jsonl",),
    "written": ("written.jsonl",),
}


def write_fingerprints(apis: Iterable[str], root: Path = Path()) -> None:
    """Writes all of them and takes away those of stages and APIs that are no more; `apis` are the run's."""
    wanted = dict(_of_code(root)) | dict(_of_apis(root / FOLDER, sorted({*apis, *api_names()}), apis))
    for path in (root / PLACE).rglob("*"):
        if path.is_file() and path.relative_to(root / PLACE).as_posix() not in wanted:
            path.unlink()
    for folder in (root / PLACE / "apis").glob("*"):
        if not any(folder.iterdir()):
            shutil.rmtree(folder)
    for name, content in wanted.items():
        with atomic_writer(root / PLACE / name) as out:
            out.write(content)


def _of_code(root: Path) -> Iterable[tuple[str, str]]:
    package = Package(root / "src")
    with _no_collection():
        hashes = {script.stem: code_fingerprint(script, package) for script in sorted((root / "stages").glob("*.py"))}
    return ((f"code/{name}", _lines(found)) for name, found in hashes.items())


@contextmanager
def _no_collection() -> Iterator[None]:
    """A million nodes of syntax trees stay until the end: going through them for garbage takes half the time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _of_apis(folder: Path, known: Iterable[str], run: Iterable[str]) -> Iterable[tuple[str, str]]:
    parts = {(api, part): _part(folder, api, patterns) for api in known for part, patterns in PARTS.items()}
    yield from ((f"apis/{api}/{part}", _lines(hashes)) for (api, part), hashes in parts.items())
    for part in PARTS:
        yield f"apis/all/{part}", "".join(_lines(parts[api, part]) for api in run)


def _part(folder: Path, api: str, patterns: Iterable[str]) -> dict[str, str]:
    files = [file.resolve() for pattern in patterns for file in sorted((folder / api).glob(pattern))]
    return {file.relative_to(folder.resolve()).as_posix(): _hash(file) for file in files}


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def _lines(hashes: Mapping[str, str]) -> str:
    """One line a file; a line too where there is none, for DVC warns of empty files."""
    return "none\n" if not hashes else "".join(f"{name} {value}\n" for name, value in hashes.items())
