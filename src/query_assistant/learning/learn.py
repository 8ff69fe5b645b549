"""The loop: corrections are taught, tested and, if that helped, promoted. A call that was killed goes on where it was.

    learn(root, load_learn_params(root / LEARN_KNOBS)).refused     # "" where the new weights answer from now on

Training starts from the published adapter, never from an earlier learned one, so that a model is its published adapter
and its corrections, and nothing else. Prompts are those in use: linked fields, near examples, the corrections among
them; never a pair's own answer. What is compared is what would change: the weights in use against the new ones, both
with the same examples.

models/learned/.learning-<key>/ holds the state of one training until its model is whole: the key is a hash of all that
it depends on.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from query_assistant.apis import Api, load_api, records_file
from query_assistant.corrections.checking import as_examples
from query_assistant.corrections.store import Correction
from query_assistant.errors import ConfigurationError
from query_assistant.files import atomic_folder, held
from query_assistant.finetuning.samples import Sample
from query_assistant.finetuning.training import WEIGHTS, finetune
from query_assistant.learning.knobs import LearnParams
from query_assistant.learning.lessons import HeldApart, divided, learnable, lessons
from query_assistant.learning.trials import objection, trial
from query_assistant.models.cache import sha256_of
from query_assistant.models.fetching import fetch
from query_assistant.models.merging import merge
from query_assistant.params import Params, load_params
from query_assistant.queries.request import to_text
from query_assistant.records import BenchmarkItem, Pair, Response, read_jsonl, write_json, write_jsonl
from query_assistant.replica import Replica
from query_assistant.reporting.calibration import right_of
from query_assistant.scoring import Judge
from query_assistant.seeds import derive_seed, generator
from query_assistant.systems.answering import answers_of
from query_assistant.systems.assistant import Assistant
from query_assistant.systems.confidence import CALIBRATION
from query_assistant.systems.evaluation_sets import load_development
from query_assistant.systems.learned import (
    LEARNED,
    LOCK,
    MANIFEST,
    Manifest,
    adapter_digest,
    in_use,
    manifests,
    open_in_use,
    open_learned,
    promote,
)
from query_assistant.systems.published import PARAMS, install

TRIED = "finetuned-few_shot-rag-grammar"  # one answer a question: what is compared is weights
CHECKPOINT_EVERY = 10  # steps: a training of some minutes should lose few of them when it is killed
_Right = Mapping[str, bool]


@dataclass(frozen=True)
class _Course:
    """One training with everything it depends on."""

    root: Path
    published: Path
    params: Params
    apis: Mapping[str, Api]
    knobs: LearnParams
    parts: HeldApart
    held_out: list[BenchmarkItem]
    development: list[BenchmarkItem]
    in_use: int | None

    @property
    def asked(self) -> list[BenchmarkItem]:
        return [*self.held_out, *self.development]

    @property
    def examples(self) -> list[Pair]:
        """What `qa ask` shows of the corrections that are taught."""
        return as_examples(self.parts.taught, self.apis)


def learn(root: Path, knobs: LearnParams) -> Manifest:
    """Teaches, tests and perhaps promotes a new model, and returns what is known of it.

    Raises:
        InputError: too few corrections, or another call is learning.
        ConfigurationError: the published assistant was not trained here, but is served.
    """
    with held(root / LEARNED / LOCK):
        course = _course(root, knobs)
        work = _work_folder(course)
        before, unaided, samples, earlier = _before(course, work)
        training = _trained(course, work, samples) | {"lessons": float(len(samples)), "replayed": float(earlier)}
        after = _after(course, work)
        manifest = _manifest(course, before, unaided, after, training, work)
        _keep(course, manifest, work)
        shutil.rmtree(work)
    return manifest


def _course(root: Path, knobs: LearnParams) -> _Course:
    published = install(root)
    params = load_params(published / PARAMS)
    if params.model.lora is None or params.model.source.kind == "none":
        raise ConfigurationError(
            f"model {params.model.name} is served, not trained here; nothing can be learnt into it"
        )
    apis = {name: load_api(name) for name in params.apis}
    parts = divided(learnable(root, params.apis), apis, knobs)
    development = load_development(root / "data/apis", params.apis)
    limited = [item for name in apis for item in _drawn([one for one in development if one.api == name], knobs)]
    held_out = [_item(one) for one in parts.held_out]
    return _Course(root, published, params, apis, knobs, parts, held_out, limited, in_use(root, published))


def _drawn(items: Sequence[BenchmarkItem], knobs: LearnParams) -> list[BenchmarkItem]:
    most = knobs.development_limit
    if not most or most >= len(items):
        return list(items)
    return sorted(generator(knobs.seed, "development items").sample(items, most), key=lambda item: item.id)


def _item(one: Correction) -> BenchmarkItem:
    """A held-out correction as a question that tests."""
    return BenchmarkItem(
        id=f"correction-{one.id}",
        api=one.api,
        instruction=one.instruction,
        query=one.query,
        body=one.body,
        tags=("correction",),
    )


def _work_folder(course: _Course) -> Path:
    """The state of this very training; states of others that were given up are removed."""
    known = [adapter_digest(course.published), course.knobs.model_dump(), course.in_use]
    rows = [one.model_dump(exclude={"made"}) for one in (*course.parts.taught, *course.parts.held_out)]
    text = json.dumps([known, rows, [item.model_dump() for item in course.development]], sort_keys=True)
    work = course.root / LEARNED / f".learning-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    for other in work.parent.glob(".learning-*"):
        if other != work:
            shutil.rmtree(other)
    work.mkdir(parents=True, exist_ok=True)
    return work


def _before(course: _Course, work: Path) -> tuple[_Right, _Right, list[Sample], int]:
    """What the weights in use have right, with and without the corrections as examples; and the lessons' prompts."""
    assistant = open_in_use(course.root, course.apis, TRIED)
    unaided = _answers(assistant, course.held_out, work / "unaided.jsonl")
    assistant.show_examples(course.examples)
    aided = _answers(assistant, course.asked, work / "before.jsonl")
    pairs, earlier = lessons(course.parts.taught, course.apis, course.published / "index" / "few_shot", course.knobs)
    return _right(course, aided), _right(course, unaided), _samples(course, assistant, pairs), earlier


def _answers(assistant: Assistant, items: Sequence[BenchmarkItem], file: Path) -> list[Response]:
    """The answers, kept in a file for a call that goes on after a kill."""
    if not file.is_file():
        with answers_of(assistant, items, file.with_suffix(".partial")) as answers:
            write_jsonl(file, answers)
    return read_jsonl(file, Response)


def _right(course: _Course, answers: Sequence[Response]) -> _Right:
    asked = {answer.id for answer in answers}
    items = {item.id: item for item in course.asked if item.id in asked}
    files = {name: records_file(name) for name in {item.api for item in items.values()}}
    replicas = {name: Replica.load(course.apis[name], file) for name, file in files.items() if file.is_file()}
    right = right_of(answers, items, Judge(course.apis, replicas))
    return {answer.id: was for answer, was in zip(answers, right, strict=True)}


def _samples(course: _Course, assistant: Assistant, pairs: Sequence[Pair]) -> list[Sample]:
    """The lessons as they will be asked."""
    assistant.builder.prepare([pair.instruction for pair in pairs])
    build = assistant.builder.build
    return [
        Sample(tuple(build(pair.instruction, pair.api, hidden=_giveaway(course, pair))), to_text(pair))
        for pair in pairs
    ]


def _giveaway(course: _Course, pair: Pair) -> Callable[[Pair], bool]:
    """Which examples would tell too much: those with the pair's own query, and for a share of pairs its shape."""
    drawn = random.Random(f"{course.knobs.seed}/own skeleton/{pair.id}").random()
    if drawn < course.params.finetune.prompt.own_skeleton:
        return lambda other: (other.query, other.body) == (pair.query, pair.body)
    return lambda other: other.skeleton == pair.skeleton


def _trained(course: _Course, work: Path, samples: Sequence[Sample]) -> dict[str, float]:
    """Trains and merges, as far as that is not done; returns what training came to."""
    knobs, lora, report = course.knobs, course.params.model.lora, work / "training.json"
    assert lora is not None  # `_course` has looked
    base = fetch(course.params.model.source, work / "base")
    if not report.is_file():
        turned = {"engine": "torchtune", "max_steps": 0, "validation_samples": 0, "learning_rate": knobs.learning_rate}
        turned |= {"warmup_steps": knobs.warmup_steps, "epochs": knobs.epochs, "max_minutes": knobs.max_minutes}
        turned |= {"checkpoint_every": CHECKPOINT_EVERY}
        settings = course.params.finetune.model_copy(update=turned)
        seed, start = derive_seed(knobs.seed, "learn"), course.published / "adapter"
        write_json(report, finetune(samples, [], base, work / "adapter", settings, lora, seed, start))
    if not (work / "finetuned").is_dir():
        merge(base, work / "adapter", work / "finetuned")
    made: dict[str, float] = json.loads(report.read_text(encoding="utf-8"))
    return made


def _after(course: _Course, work: Path) -> _Right:
    """What the new weights have right. Their confidence stays that of the published ones."""
    assistant = open_learned(work, course.published, course.apis, TRIED, course.examples)
    answers = _answers(assistant, course.asked, work / "after.jsonl")
    if (course.published / CALIBRATION).is_file():
        shutil.copyfile(course.published / CALIBRATION, work / CALIBRATION)
    return _right(course, answers)


def _manifest(
    course: _Course, before: _Right, unaided: _Right, after: _Right, training: dict[str, float], work: Path
) -> Manifest:
    parts = {"held_out": course.held_out, "development": course.development}
    trials = {
        name: trial({one.id: before[one.id] for one in items}, after, course.knobs.seed, f"learn/{name}")
        for name, items in parts.items()
    }
    return Manifest(
        number=max((one.number for one in manifests(course.root)), default=0) + 1,
        made=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        corrections=tuple(one.id for one in course.parts.taught),
        held_out=tuple(one.id for one in course.parts.held_out),
        base_adapter=adapter_digest(course.published),
        adapter=sha256_of(work / "adapter" / WEIGHTS),
        in_use="published" if course.in_use is None else str(course.in_use),
        unaided=round(sum(unaided.values()) / len(unaided), 4),
        on_held_out=trials["held_out"],
        on_development=trials["development"],
        refused=objection(trials["held_out"], trials["development"], course.knobs),
        training=training,
        knobs=course.knobs.model_dump(),
    )


def _keep(course: _Course, manifest: Manifest, work: Path) -> None:
    """Puts the model in its place and, where nothing speaks against it, into use."""
    with atomic_folder(course.root / LEARNED / str(manifest.number)) as folder:
        for name in ("adapter", *(() if manifest.refused else ("finetuned",))):
            shutil.copytree(work / name, folder / name)
        if (work / CALIBRATION).is_file():
            shutil.copyfile(work / CALIBRATION, folder / CALIBRATION)
        write_json(folder / MANIFEST, manifest.model_dump())
    if not manifest.refused:
        promote(course.root, manifest.number)
