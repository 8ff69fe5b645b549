"""Answers of one system to many instructions, in batches that survive a kill.

Batches have fixed boundaries, for greedy answers depend a little on their company. Each finished batch is appended
to a partial file and flushed to disk, each answer in a line of its own that names the work it belongs to. A later run
of the same work takes up every sound line, whatever lies between them, and asks the batches of the others again. The
partial file is held by one run at a time, and is removed when the result is written. In a store it stays, under the
work's fingerprint: the same system asked the same again, in whichever checkout, answers from there.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Literal, Protocol, cast, get_args

from pydantic import ValidationError
from tqdm import tqdm

from query_assistant.engines import Completion, Draw, Engine
from query_assistant.errors import ConfigurationError, InputError
from query_assistant.files import held
from query_assistant.prompts import Message, PromptBuilder, prompt_sha256, read_answer
from query_assistant.records import Record, Response, as_utf8, dump, write_jsonl

Weights = Literal["base", "finetuned"]
Examples = Literal["zero_shot", "few_shot"]
Context = Literal["closed", "rag"]
Decoding = Literal["free", "grammar", "chosen"]  # chosen: several answers within the grammar, see `choosing`


class Item(Protocol):
    """Whatever asks: a pair, a benchmark item, a line of a user's file."""

    @property
    def id(self) -> str: ...
    @property
    def api(self) -> str: ...
    @property
    def instruction(self) -> str: ...


@dataclass(frozen=True)
class System:
    """One way to answer; its name is the same everywhere: `finetuned-few_shot-rag-free`."""

    weights: Weights
    examples: Examples
    context: Context
    decoding: Decoding

    def __str__(self) -> str:
        return f"{self.weights}-{self.examples}-{self.context}-{self.decoding}"

    @classmethod
    def parse(cls, name: str) -> System:
        """The system of that name.

        Raises:
            ConfigurationError: a word is missing or unknown.
        """
        words = name.split("-")
        choices = [get_args(kind) for kind in (Weights, Examples, Context, Decoding)]
        if len(words) != len(choices) or any(word not in known for word, known in zip(words, choices, strict=True)):
            expected = " ".join("{" + ", ".join(known) + "}" for known in choices)
            raise ConfigurationError(f"system {name!r}; expected one word of each, joined by '-': {expected}")
        return cls(*cast(tuple[Weights, Examples, Context, Decoding], tuple(words)))


ALL_SYSTEMS = tuple(
    System(*words)
    for words in itertools.product(get_args(Weights), get_args(Examples), get_args(Context), get_args(Decoding))
)


@dataclass(frozen=True)
class _Question:
    item: Item
    prompt: tuple[Message, ...]


class _Saved(Record):
    """One line of the partial file."""

    work: str
    response: Response


def generate(
    items: Sequence[Item],
    system: System,
    engine: Engine,
    builder: PromptBuilder,
    out: Path,
    *,
    max_new_tokens: int = 96,
    batch_size: int = 16,
    grammars: Mapping[str, str] | None = None,
    fingerprint: str = "",
    store: Path | None = None,
) -> int:
    """Writes one `Response` per item to `out` and returns how many; the rest as `answered`."""
    partial = out.with_name(f"{out.name}.partial")
    with answered(
        items,
        system,
        engine,
        builder,
        partial,
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        grammars=grammars,
        fingerprint=fingerprint,
        store=store,
    ) as responses:
        return write_jsonl(out, responses)


@contextmanager
def answered(
    items: Sequence[Item],
    system: System,
    engine: Engine,
    builder: PromptBuilder,
    partial: Path,
    *,
    max_new_tokens: int,
    batch_size: int,
    grammars: Mapping[str, str] | None,
    fingerprint: str,
    store: Path | None = None,
    draw: Draw | None = None,
) -> Iterator[list[Response]]:
    """One `Response` per item, in their order; `partial` keeps the answers until the block ends well.

    Args:
        draw: answers drawn, not the most probable ones.
        grammars: EBNF by API; needed by systems that decode with a grammar, and used by no other.
        fingerprint: identifies weights and engine. Answers of other weights, prompts or knobs are not taken up.
        store: folder that keeps the answers for whoever asks the same again, in place of `partial`.

    Raises:
        InputError: two items have the same id, or another run is writing `partial`.
        ConfigurationError: the system decodes with a grammar that is not given.
    """
    questions = _questions(items, builder)
    used = _needed_grammars(system, items, grammars)
    knobs = [str(system), max_new_tokens, batch_size, sorted(used.items()), fingerprint]
    work = _fingerprint([*knobs, str(draw)] if draw else knobs, questions)
    place = store / f"{work}.jsonl" if store else partial
    with held(place, wait=store is not None) as file:
        done = _resume(file, work)
        left = [batch for batch in _batches(questions, batch_size) if any(one.item.id not in done for one in batch)]
        with tqdm(
            total=len(questions), initial=len(questions) - sum(map(len, left)), desc=str(system), unit="answer"
        ) as bar:
            for batch in left:
                grammar = used.get(batch[0].item.api)
                completions = engine.generate(
                    [one.prompt for one in batch], max_new_tokens=max_new_tokens, grammar=grammar, draw=draw
                )
                answers = [_response(one, system, written) for one, written in zip(batch, completions, strict=True)]
                _append(file, work, answers)
                done.update((response.id, response) for response in answers)
                bar.update(len(batch))
        yield [done[item.id] for item in items]
        if store is None:
            place.unlink(missing_ok=True)


def _questions(items: Sequence[Item], builder: PromptBuilder) -> list[_Question]:
    counts = Counter(item.id for item in items)
    if len(counts) != len(items):
        twice = next(name for name, count in counts.items() if count > 1)
        raise InputError(f"two items have the id {twice!r}; ids must be distinct, for answers are joined on them")
    builder.prepare([item.instruction for item in items])
    return [_Question(item, tuple(builder.build(item.instruction, item.api))) for item in items]


def _needed_grammars(system: System, items: Sequence[Item], grammars: Mapping[str, str] | None) -> dict[str, str]:
    if system.decoding == "free":
        return {}
    apis = sorted({item.api for item in items})
    missing = [api for api in apis if api not in (grammars or {})]
    if missing:
        raise ConfigurationError(f"system {system} needs a grammar for {', '.join(missing)}; pass `grammars`")
    return {api: (grammars or {})[api] for api in apis}


def _fingerprint(knobs: Sequence[object], questions: Sequence[_Question]) -> str:
    asked = [[one.item.id, prompt_sha256(one.prompt)] for one in questions]
    return hashlib.sha256(json.dumps([knobs, asked], ensure_ascii=False).encode()).hexdigest()


def _batches(questions: Sequence[_Question], size: int) -> Iterator[list[_Question]]:
    """Batches of one API each: they share the beginning of their prompts, and a grammar."""
    for _, group in itertools.groupby(sorted(questions, key=lambda one: one.item.api), key=lambda one: one.item.api):
        same_api = list(group)
        for start in range(0, len(same_api), size):
            yield same_api[start : start + size]


def _response(question: _Question, system: System, completion: Completion) -> Response:
    text = as_utf8(completion.text)
    read = read_answer(text)
    return Response(
        id=question.item.id,
        api=question.item.api,
        system=str(system),
        instruction=question.item.instruction,
        text=text,
        query=read.query if read else None,
        body=read.body if read else None,
        prompt_sha256=prompt_sha256(question.prompt),
        **{name: value for name, value in asdict(completion).items() if name != "text"},
    )


def _resume(file: IO[bytes], work: str) -> dict[str, Response]:
    """The sound answers of interrupted runs of the very same work; a file without any is begun anew."""
    file.seek(0)
    content = file.read()
    sound = [saved.response for line in content.split(b"\n") if (saved := _saved(line)) and saved.work == work]
    done = {response.id: response for response in sound}
    if not done:
        file.truncate(0)
    elif not content.endswith(b"\n"):  # torn: what comes next must not become part of that line
        file.write(b"\n")
    return done


def _saved(line: bytes) -> _Saved | None:
    """What a line holds, None where a kill or a power cut left something else."""
    try:
        return _Saved.model_validate_json(line)
    except ValidationError:
        return None


def _append(file: IO[bytes], work: str, responses: Sequence[Response]) -> None:
    """One write and one fsync per batch: after a kill the file holds whole batches and at most one torn line."""
    file.write("".join(dump(_Saved(work=work, response=response)) + "\n" for response in responses).encode())
    file.flush()
    os.fsync(file.fileno())
