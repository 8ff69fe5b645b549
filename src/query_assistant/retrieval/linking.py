"""The field linker: the encoder taught, by our own pairs, which fields of an API an instruction means.

    train_linker(pairs, fields, gold, Path("models/linker"), LinkParams(...), seed)
    Encoder.load(shipped_folder(), adapter=Path("models/linker"))

LoRA (Hu et al. 2021) on every linear layer of the encoder, the rest of it frozen: a file of three megabytes. A batch is
of one API; what an instruction's fields must beat is every other field named in the batch and some drawn at random, by
the softmax over cosine similarities of InfoNCE (van den Oord et al. 2018), several right fields at a time.

A training that was killed goes on from its last checkpoint and ends with the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from query_assistant.errors import ConfigurationError, InputError, MissingResourceError
from query_assistant.files import atomic_folder
from query_assistant.params import LinkParams
from query_assistant.records import FieldDescription, Pair, write_json
from query_assistant.retrieval.encoder import ADAPTER, ADAPTER_CONFIG, shipped_folder
from query_assistant.retrieval.search import field_text, named_fields

if TYPE_CHECKING:
    import torch

TRAINED_ON, REPORT = "trained_on.txt", "link.json"
BATCH = 64  # instructions of one API at a time
NEGATIVES = 48  # fields drawn beside those that the batch names; more: finer distinctions, slower
TEMPERATURE = 0.05
CHECKPOINT_SECONDS = 60
LONGEST_INSTRUCTION, LONGEST_FIELD = 48, 32  # tokens that training reads
_STATE = "state.pt"
_LAYERS = ("query", "key", "value", "dense")


@dataclass(frozen=True, slots=True)
class Lesson:
    """An instruction and the numbers of the fields that its query names, within the fields of its API."""

    api: str
    instruction: str
    gold: frozenset[int]


def train_linker(
    pairs: Sequence[Pair],
    fields: Mapping[str, Sequence[FieldDescription]],
    destination: Path,
    knobs: LinkParams,
    seed: int,
    start: Path | None = None,
) -> dict[str, float]:
    """Writes the adapter to `destination` and returns what its training came to: lessons, steps, loss (last twenty).

    Args:
        start: the folder of a linker of the same rank that training goes on from.

    Raises:
        InputError: no pair names a field.
        ConfigurationError: `start` has another rank.
        MissingResourceError: `start` holds no linker.
    """
    lessons = _lessons(pairs, fields)
    if not lessons:
        raise InputError("no training pair names a field; a linker cannot be trained on them (link=none goes without)")
    batches = list(_batches(lessons, fields, knobs, seed))
    if start:
        _check_rank(start, knobs)
    work = destination.absolute().with_name(f".{destination.name}.training-{_fingerprint(batches, knobs, start)}")
    for other in work.parent.glob(f".{destination.name}.training-*"):
        if other != work:
            shutil.rmtree(other)
    work.mkdir(parents=True, exist_ok=True)
    losses = _Training(fields, knobs, work, start).run(batches, destination)
    taught = {mark(pair) for pair in pairs} | (taught_queries(start) if start else set())
    with atomic_folder(destination) as folder:
        shutil.copyfile(work / ADAPTER, folder / ADAPTER)
        write_json(folder / ADAPTER_CONFIG, {"r": knobs.rank, "lora_alpha": 2 * knobs.rank, "peft_type": "LORA"})
        write_marks(folder, taught)
    shutil.rmtree(work)
    last = losses[-20:]
    return {"lessons": len(lessons), "steps": len(losses), "loss": round(sum(last) / len(last), 4)}


def adopt_linker(published: Path, held_out: Sequence[Pair], destination: Path) -> dict[str, float]:
    """Puts the published linker in `destination`, and returns what its training came to.

    Raises:
        MissingResourceError: there is none in `published`.
        ConfigurationError: it was trained on a query of `held_out`.
    """
    try:
        seen = set((published / TRAINED_ON).read_text(encoding="utf-8").split())
        report: dict[str, float] = json.loads((published / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MissingResourceError(
            f"no published linker in {published} ({error}); run `dvc pull` and `dvc repro unpack`"
        ) from None
    leaked = [pair for pair in held_out if mark(pair) in seen]
    if leaked:
        raise ConfigurationError(
            f"the published linker was trained on {len(leaked)} queries that this run holds out, such as "
            f"{leaked[0].query!r}: other data or another seed than its own; train one with -S link=train"
        )
    with atomic_folder(destination) as folder:
        for name in (ADAPTER, ADAPTER_CONFIG, TRAINED_ON):
            shutil.copyfile(published / name, folder / name)
    return report


def no_linker(destination: Path) -> dict[str, float]:
    """An empty place: fields are retrieved by the general encoder."""
    with atomic_folder(destination) as folder:
        (folder / TRAINED_ON).touch()
    return {}


def has_linker(folder: Path) -> bool:
    return (folder / ADAPTER).is_file()


def taught_queries(published: Path) -> frozenset[str]:
    """The marks of the queries that a shared linker or adapter was trained on, see `mark`; none where none lie."""
    file = published / TRAINED_ON
    return frozenset(file.read_text(encoding="utf-8").split()) if file.is_file() else frozenset()


def write_marks(folder: Path, marks: Iterable[str]) -> None:
    """Notes in `folder` what was taught, for `taught_queries`."""
    (folder / TRAINED_ON).write_text("".join(f"{line}\n" for line in sorted(marks)), encoding="utf-8")


def mark(pair: Pair) -> str:
    """Eight hexadecimal digits of a pair's query: enough to know it again, and nothing to learn from."""
    return hashlib.sha256(f"{pair.api}|{pair.query}|{pair.body}".encode()).hexdigest()[:8]


def _check_rank(start: Path, knobs: LinkParams) -> None:
    try:
        rank = json.loads((start / ADAPTER_CONFIG).read_text(encoding="utf-8")).get("r")
    except (OSError, ValueError) as error:
        raise MissingResourceError(
            f"no linker to go on from in {start} ({error}); run `dvc pull` and `dvc repro unpack`"
        ) from None
    if rank != knobs.rank:
        raise ConfigurationError(
            f"the linker in {start} has rank {rank}, link.rank is {knobs.rank}; set it so, or use link.start_from=none"
        )


def _lessons(pairs: Sequence[Pair], fields: Mapping[str, Sequence[FieldDescription]]) -> list[Lesson]:
    numbers = {api: {entry.field: number for number, entry in enumerate(entries)} for api, entries in fields.items()}
    return [
        Lesson(pair.api, pair.instruction, frozenset(numbers[pair.api][name] for name in named))
        for pair in pairs
        if (named := named_fields(pair, numbers[pair.api]))
    ]


@dataclass(frozen=True, slots=True)
class _Batch:
    """Lessons of one API, and the numbers of the fields that they choose from."""

    api: str
    lessons: tuple[Lesson, ...]
    candidates: tuple[int, ...]


def _batches(
    lessons: Sequence[Lesson], fields: Mapping[str, Sequence[FieldDescription]], knobs: LinkParams, seed: int
) -> Iterator[_Batch]:
    """The same batches for the same lessons and seed: each epoch every lesson once, the APIs mixed."""
    for epoch in range(knobs.epochs):
        rng = random.Random(f"{seed}/linker/{epoch}")
        made = []
        for api, entries in fields.items():
            own = [lesson for lesson in lessons if lesson.api == api]
            rng.shuffle(own)
            for start in range(0, len(own), BATCH):
                part = tuple(own[start : start + BATCH])
                drawn = rng.sample(range(len(entries)), min(NEGATIVES, len(entries)))
                candidates = set(drawn).union(*(lesson.gold for lesson in part))
                made.append(_Batch(api, part, tuple(sorted(candidates))))
        rng.shuffle(made)
        yield from made


def _fingerprint(batches: Sequence[_Batch], knobs: LinkParams, start: Path | None) -> str:
    begun = hashlib.sha256((start / ADAPTER).read_bytes()).hexdigest() if start else None
    read = [
        [batch.api, batch.candidates, [[lesson.instruction, sorted(lesson.gold)] for lesson in batch.lessons]]
        for batch in batches
    ]
    text = json.dumps([knobs.model_dump(), read, begun], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class _Training:
    """The encoder with its adapter, and the optimiser's state."""

    def __init__(
        self, fields: Mapping[str, Sequence[FieldDescription]], knobs: LinkParams, work: Path, start: Path | None
    ) -> None:
        import torch
        from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
        from safetensors.torch import load_file
        from transformers import AutoModel, AutoTokenizer

        torch.manual_seed(0)
        self.knobs, self.work = knobs, work
        self.texts = {api: [field_text(entry) for entry in entries] for api, entries in fields.items()}
        self.tokenizer = AutoTokenizer.from_pretrained(shipped_folder(), local_files_only=True)
        base = AutoModel.from_pretrained(
            shipped_folder(), local_files_only=True, use_safetensors=True, add_pooling_layer=False
        )
        config = LoraConfig(r=knobs.rank, lora_alpha=2 * knobs.rank, target_modules=list(_LAYERS))
        self.model = get_peft_model(base, config).eval()  # without dropout: the same steps on every machine
        if start:
            set_peft_model_state_dict(self.model, load_file(start / ADAPTER))
        self.trained = [weight for weight in self.model.parameters() if weight.requires_grad]
        self.optimiser = torch.optim.AdamW(self.trained, lr=knobs.learning_rate, weight_decay=0.01)

    def run(self, batches: Sequence[_Batch], destination: Path) -> list[float]:
        """The loss of every step; the adapter lies in the work folder afterwards."""
        import torch
        from peft import get_peft_model_state_dict
        from safetensors.torch import save_file

        losses = self._resume()
        shown = tqdm(batches, f"{destination.name}: steps", initial=len(losses), unit="step", disable=None)
        saved = time.monotonic()
        for number, batch in enumerate(batches):
            if number < len(losses):
                continue
            for group in self.optimiser.param_groups:
                group["lr"] = self.knobs.learning_rate * _share_of_rate(number, len(batches))
            loss = self._loss(batch)
            self.optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
            self.optimiser.step()
            losses.append(loss.item())
            shown.set_postfix(loss=f"{losses[-1]:.3f}", refresh=False)
            shown.update()
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                self._save(losses)
                saved = time.monotonic()
        state = get_peft_model_state_dict(self.model)
        save_file(
            {name: tensor.to(torch.float16).contiguous() for name, tensor in sorted(state.items())}, self.work / ADAPTER
        )
        return losses

    def _loss(self, batch: _Batch) -> torch.Tensor:
        """Mean over (lesson, right field) of -log of its share among itself and all fields that are wrong."""
        import torch

        texts = self.texts[batch.api]
        asked = self._embed([lesson.instruction for lesson in batch.lessons], LONGEST_INSTRUCTION)
        offered = self._embed([texts[number] for number in batch.candidates], LONGEST_FIELD)
        scores = asked @ offered.T / TEMPERATURE
        right = torch.tensor([[number in lesson.gold for number in batch.candidates] for lesson in batch.lessons])
        wrong = scores.masked_fill(right, -torch.inf).logsumexp(dim=1, keepdim=True)
        return torch.logaddexp(scores, wrong).sub(scores)[right].mean()

    def _embed(self, texts: Sequence[str], longest: int) -> torch.Tensor:
        import torch

        read = self.tokenizer(list(texts), padding=True, truncation=True, max_length=longest, return_tensors="pt")
        hidden = self.model(**read).last_hidden_state
        kept = read["attention_mask"].unsqueeze(-1).float()
        return torch.nn.functional.normalize((hidden * kept).sum(1) / kept.sum(1), dim=1)

    def _save(self, losses: Sequence[float]) -> None:
        import torch

        temporary = self.work / f"{_STATE}.part"
        state: dict[str, Any] = {"weights": self.trained, "optimiser": self.optimiser.state_dict(), "losses": losses}
        torch.save(state, temporary)
        os.replace(temporary, self.work / _STATE)

    def _resume(self) -> list[float]:
        import torch

        if not (self.work / _STATE).is_file():
            return []
        state = torch.load(self.work / _STATE, weights_only=True)
        with torch.no_grad():
            for weight, saved in zip(self.trained, state["weights"], strict=True):
                weight.copy_(saved)
        self.optimiser.load_state_dict(state["optimiser"])
        return list(state["losses"])


def _share_of_rate(step: int, steps: int) -> float:
    """A tenth of the steps up, then down along a cosine."""
    warm = max(steps // 10, 1)
    return (step + 1) / warm if step < warm else (1 + math.cos(math.pi * (step - warm) / max(steps - warm, 1))) / 2
