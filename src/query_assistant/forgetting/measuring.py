"""One model on the tasks, by lm-evaluation-harness, without network. Every finished task is kept.

A measurement is kept under $QUERY_ASSISTANT_CACHE/forgetting/results, by a hash of all that it depends on: weights,
adapter, task, items, precision, batches, code and the versions of the libraries. A run that was killed goes on with the
task it was at, and the base model is measured once, however many adapters are compared with it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from query_assistant.errors import InputError, MissingResourceError
from query_assistant.forgetting.documents import read_documents
from query_assistant.models.cache import sha256_of
from query_assistant.models.fetching import describe
from query_assistant.project import shared_cache
from query_assistant.records import Record, write_json
from query_assistant.seeds import generator

TASKS = Path(__file__).parent / "tasks"
HARNESS_MISSING = (
    "the package lm_eval is not installed: run `pip install -e '.[evaluation]' -c requirements.lock`, "
    "or set forget=none"
)
_LIBRARIES = ("lm-eval", "transformers", "peft", "torch")
_DTYPES = {"fp32": "float32", "bf16": "bfloat16"}


class _TaskLoader(yaml.SafeLoader):
    """Reads a task's file with its functions as their names."""


_TaskLoader.add_constructor("!function", lambda _, node: str(node.value))


class Measured(Record):
    """What a model scored on a task: the numbers of the items, and by metric each one's value, in their order."""

    task: str
    items: tuple[int, ...]
    values: dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class MeasuredModel:
    """A model to be measured: the folder of its base weights and, if it is fine-tuned, that of its adapter."""

    base: Path
    adapter: Path | None = None

    @property
    def name(self) -> str:
        return "finetuned" if self.adapter else "base"

    def hashes(self) -> dict[str, str]:
        found = {f"base/{name}": digest for name, digest in describe(self.base)["files"].items()}
        adapter = sorted(self.adapter.glob("adapter_*")) if self.adapter else []
        return found | {f"adapter/{path.name}": sha256_of(path) for path in adapter}


@dataclass(frozen=True)
class Conditions:
    """How it is measured.

    Attributes:
        items: questions of each task, drawn once by the seed, the same for every model; 0: all.
        code: what the program means; measurements of another are not taken.
    """

    items: int
    seed: int
    batch_size: int
    device: str
    dtype: str
    code: str = ""


def measure(subject: MeasuredModel, tasks: Sequence[str], conditions: Conditions) -> dict[str, Measured]:
    """What the model scores on each task.

    Raises:
        MissingResourceError: the harness is not installed, the model not there, or the data cannot be fetched.
        InputError: the data are others than those that were pinned.
    """
    if find_spec("lm_eval") is None:
        raise MissingResourceError(HARNESS_MISSING)
    harness = _Harness(subject, conditions)
    return {task: _measured(task, harness) for task in tasks}


def provenance(subject: MeasuredModel) -> dict[str, Any]:
    """What figures are of: the SHA-256 of the weights, and the versions of the libraries."""
    weights = {name: digest for name, digest in subject.hashes().items() if name.endswith(".safetensors")}
    return {"sha256": weights, "versions": {name: version(name) for name in _LIBRARIES}}


def task_file(task: str) -> dict[str, Any]:
    """What the file of a task says, its functions as their names."""
    text = (TASKS / f"{task}.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.load(text, _TaskLoader)
    return found


def drawn_items(task: str, items: int, seed: int) -> list[int]:
    """The numbers of the items to ask, in order."""
    count = sum(1 for _ in read_documents(task_file(task)["metadata"]["data"]))
    chosen = range(count) if not 0 < items < count else generator(seed, f"forget/{task}").sample(range(count), items)
    return sorted(chosen)


def _measured(task: str, harness: _Harness) -> Measured:
    conditions, subject = harness.conditions, harness.subject
    items = drawn_items(task, conditions.items, conditions.seed)
    kept = shared_cache() / "forgetting" / "results" / f"{_key(task, items, subject, conditions)}.json"
    found = _read(kept)
    if found is None:
        found = harness.ask(task, items)
        write_json(kept, found.model_dump())
    return found


def _key(task: str, items: Sequence[int], subject: MeasuredModel, conditions: Conditions) -> str:
    facts: dict[str, Any] = {
        "task": task_file(task),
        "items": list(items),
        "model": subject.hashes(),
        "run": [conditions.batch_size, conditions.device, conditions.dtype],
        "code": conditions.code,
        "versions": {name: version(name) for name in _LIBRARIES},
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _read(file: Path) -> Measured | None:
    try:
        return Measured.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None


class _Harness:
    """lm-evaluation-harness with one model, which is loaded when the first question is put to it."""

    def __init__(self, subject: MeasuredModel, conditions: Conditions) -> None:
        self.subject, self.conditions = subject, conditions

    def ask(self, task: str, items: Sequence[int]) -> Measured:
        os.environ["HF_HUB_OFFLINE"] = "1"
        from lm_eval.evaluator import evaluate
        from lm_eval.tasks import TaskManager

        from query_assistant.forgetting import documents, scoring  # noqa: F401 - the files of tasks/ name their functions

        loaded = TaskManager(include_path=str(TASKS), include_defaults=False).load([task])
        chat = bool(task_file(task)["metadata"].get("chat"))
        started = time.monotonic()
        results = evaluate(self.model, loaded, samples={task: list(items)}, bootstrap_iters=0, apply_chat_template=chat)
        found = _values(task, items, results["samples"][task])
        self._say(found, time.monotonic() - started)
        return found

    @cached_property
    def model(self) -> Any:
        from lm_eval.models.huggingface import HFLM

        logging.getLogger("lm_eval").setLevel(logging.ERROR)
        if not (self.subject.base / "config.json").is_file():
            raise MissingResourceError(f"no transformers model in {self.subject.base}; run `dvc repro fetch`")
        adapter = {"peft": str(self.subject.adapter)} if self.subject.adapter else {}
        return HFLM(
            pretrained=str(self.subject.base),
            device=self.conditions.device,
            dtype=_DTYPES[self.conditions.dtype],
            batch_size=self.conditions.batch_size,
            **adapter,
        )

    def _say(self, found: Measured, seconds: float) -> None:
        means = ", ".join(f"{name} {sum(column) / len(column):.4f}" for name, column in found.values.items())
        print(f"{self.subject.name}, {found.task}: {means} ({len(found.items)} items, {seconds:.0f} s)", flush=True)  # noqa: T201


def _values(task: str, items: Sequence[int], samples: Sequence[Mapping[str, Any]]) -> Measured:
    by_item = {sample["doc_id"]: sample for sample in samples}
    if sorted(by_item) != list(items):
        raise InputError(f"the harness answered {len(by_item)} of {len(items)} items of {task}; run it again")
    names = [metric["metric"] for metric in task_file(task)["metric_list"]]
    values = {name: tuple(round(float(by_item[item][name]), 6) for item in items) for name in names}
    return Measured(task=task, items=tuple(items), values=values)
