"""The graph that OpenVINO builds from a GGUF, kept beside the model: read faster, with the same answers.

    models/published/finetuned/model.gguf
    models/published/.finetuned.openvino/     openvino_*.xml, openvino_*.bin, made_of.json

It takes as much room as the GGUF, so whoever answers only once does not keep it. It is used as long as the weights are
those it was made of, OpenVINO is the same and its files have the sizes they were written with; it may be removed at any
time. What is in the way of keeping it (no room, a read-only folder) is in nobody else's way.

OpenVINO rounds the constants of a graph with half-precision weights when it writes it (not those of 8-bit weights, as
ours are): such a graph would answer a little differently and is not kept, only the mark that says so.
"""

from __future__ import annotations

import hashlib
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import openvino_genai

from query_assistant.errors import InputError
from query_assistant.files import atomic_folder, atomic_writer

_MARK = "made_of.json"
_SAVED = {"enable_save_ov_model": True}  # written beside the path that the GGUF was opened by
_ROUNDED = b'<attribute name="decompression"'


def open_pipeline(weights: Path, scheduler: Any, *, keep_graph: bool) -> Any:
    """The model ready to answer: from its kept graph where that is current, else from the GGUF `weights`."""
    folder = _folder(weights)
    files = _current(folder, weights)
    if files:
        with suppress(RuntimeError):  # damaged since: there are the weights, and it is made anew
            return openvino_genai.ContinuousBatchingPipeline(folder, scheduler, "CPU")
    if keep_graph and files != {}:
        with suppress(InputError, OSError, RuntimeError):  # weights at fault say so below
            return _built(weights, folder, scheduler)
    return openvino_genai.ContinuousBatchingPipeline(weights, scheduler, "CPU")


def _folder(weights: Path) -> Path:
    model = weights.parent.resolve()
    return model.with_name(f".{model.name}.openvino")


def _built(weights: Path, folder: Path, scheduler: Any) -> Any:
    """The model from its weights; what was built for it stays in `folder`."""
    with atomic_folder(folder) as made:
        link = made / weights.name
        link.symlink_to(weights.resolve())
        pipeline = openvino_genai.ContinuousBatchingPipeline(link, scheduler, "CPU", _SAVED, _SAVED)
        link.unlink()
        if _ROUNDED in (made / "openvino_model.xml").read_bytes():
            for name in _sizes(made):
                (made / name).unlink()
        files = _sizes(made)
        _mark(made, weights, _sha256(weights), files)
    if files:
        told = f"starts from {folder} ({sum(files.values()) >> 20} MiB) take half of the time\n"
        sys.stderr.write(told)
    return pipeline


def _current(folder: Path, weights: Path) -> dict[str, int] | None:
    """The graph's files and their sizes, if of these very weights, which are hashed only if they were touched.

    None where there is no such graph, nothing where it is one that is not kept.
    """
    try:
        mark = json.loads((folder / _MARK).read_text(encoding="utf-8"))
        files: dict[str, int] = mark["sizes"]
        if mark["openvino"] != openvino_genai.get_version() or files != _sizes(folder):
            return None
        if mark["state"] != _state(weights):
            if mark["sha256"] != _sha256(weights):
                return None
            with suppress(InputError):
                _mark(folder, weights, mark["sha256"], files)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return files


def _mark(folder: Path, weights: Path, sha256: str, sizes: dict[str, int]) -> None:
    made_of = {"openvino": openvino_genai.get_version(), "sha256": sha256, "sizes": sizes, "state": _state(weights)}
    with atomic_writer(folder / _MARK) as out:
        json.dump(made_of, out, sort_keys=True)


def _sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir() if path.name.startswith("openvino_")}


def _state(weights: Path) -> list[int]:
    state = weights.stat()
    return [state.st_ino, state.st_size, state.st_mtime_ns]


def _sha256(weights: Path) -> str:
    with weights.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
