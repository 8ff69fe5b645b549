"""Many samples in few tokens: samples that begin alike share one copy of that beginning.

All prompts of one API start with the same system message. A *row* holds that prefix once and then the rest of
several samples, each of which sees the prefix and itself, at the positions it would have alone:

    tokens     [ prefix        | rest of sample 1 | rest of sample 2 | padding ]
    positions  [ 0 1 ... p-1   | p p+1 ...        | p p+1 ...        | 0 ...   ]

The loss and its gradient are those of the samples taken one by one (a test holds them together); the work is not:
with prompts of 100 tokens of which 60 are shared, a row does the same lesson with half the tokens.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from query_assistant.files import atomic_writer
from query_assistant.finetuning.run import IGNORED
from query_assistant.finetuning.samples import TokenSample


@dataclass(frozen=True)
class Row:
    """A shared prefix and what follows it in each sample: (ids, how many of them are prompt)."""

    prefix: tuple[int, ...]
    parts: tuple[tuple[tuple[int, ...], int], ...]

    def __len__(self) -> int:
        return len(self.prefix) + sum(len(ids) for ids, _ in self.parts)


Batch = tuple[Row, ...]


def pack_samples(
    samples: Sequence[TokenSample], row_tokens: int, tokens_per_batch: int, rng: random.Random
) -> list[Batch]:
    """One epoch: every sample once, in batches of rows of similar length, the batches in random order.

    Args:
        row_tokens: where a row is full. Longer: the prefix costs less, attention (quadratic) more. A longer sample
            has a row of its own.
        tokens_per_batch: padded tokens that one optimiser step may hold; a single longer row is a batch of its own.
    """
    shuffled = list(samples)
    rng.shuffle(shuffled)
    rows = [row for group in _by_beginning(shuffled) for row in _rows(group, row_tokens)]
    rng.shuffle(rows)
    rows.sort(key=lambda row: -(-len(row) // 32))
    batches = list(_batches(rows, tokens_per_batch))
    rng.shuffle(batches)
    return batches


def collate(batch: Batch) -> dict[str, torch.Tensor]:
    """Tensors for torchtune: tokens and labels of shape [b, s].

    Where any row holds several samples also input_pos, [b, s], and mask, [b, s, s].
    """
    width = max(map(len, batch))
    columns = [_layout(row, width) for row in batch]
    tensors = {
        "tokens": torch.tensor([tokens for tokens, _, _, _ in columns]),
        "labels": torch.tensor([labels for _, labels, _, _ in columns]),
    }
    if any(len(row.parts) > 1 for row in batch):
        tensors["input_pos"] = torch.tensor([positions for _, _, positions, _ in columns])
        tensors["mask"] = _mask(torch.tensor([owners for _, _, _, owners in columns]))
    return tensors


def save(batches: Sequence[Batch], file: Path) -> None:
    """The batches, one a line: what a training run reads, so that a resumed one sees the very same."""
    with atomic_writer(file) as out:
        for batch in batches:
            out.write(json.dumps([[row.prefix, row.parts] for row in batch], separators=(",", ":")) + "\n")


def load(file: Path) -> list[Batch]:
    with file.open(encoding="utf-8") as lines:
        return [tuple(_row(values) for values in json.loads(line)) for line in lines]


def _row(values: list[Any]) -> Row:
    prefix, parts = values
    return Row(tuple(prefix), tuple((tuple(ids), count) for ids, count in parts))


def _by_beginning(samples: Sequence[TokenSample]) -> Iterator[list[TokenSample]]:
    """Groups with the same system message: one API's prompts."""
    groups: dict[tuple[int, ...], list[TokenSample]] = {}
    for sample in samples:
        groups.setdefault(sample.prompt[: sample.opening], []).append(sample)
    return iter(groups.values())


def _rows(samples: list[TokenSample], row_tokens: int) -> Iterator[Row]:
    """First fit: each sample joins the first open row with room for it."""
    shared = _shared(samples)
    open_rows: list[tuple[int, list[TokenSample]]] = []
    for sample in samples:
        size = len(sample) - shared
        place = next((at for at, (used, _) in enumerate(open_rows) if used + size <= row_tokens), None)
        if place is None:
            open_rows.append((shared + size, [sample]))
        else:
            used, members = open_rows[place]
            open_rows[place] = (used + size, [*members, sample])
    return (_make_row(members) for _, members in open_rows)


def _shared(samples: Sequence[TokenSample]) -> int:
    """How many tokens all prompts begin with; never a whole prompt: its last token must stand before its answer."""
    first, last = min(sample.prompt[:-1] for sample in samples), max(sample.prompt[:-1] for sample in samples)
    return next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))


def _make_row(samples: list[TokenSample]) -> Row:
    shared = _shared(samples) if len(samples) > 1 else 0
    parts = ((sample.prompt[shared:] + sample.answer, len(sample.prompt) - shared) for sample in samples)
    return Row(samples[0].prompt[:shared], tuple(parts))


def _batches(rows: Sequence[Row], tokens: int) -> Iterator[Batch]:
    batch: list[Row] = []
    for row in rows:
        width = max([len(row), *map(len, batch)])
        if batch and width * (len(batch) + 1) > tokens:
            yield tuple(batch)
            batch = []
        batch.append(row)
    if batch:
        yield tuple(batch)


def _layout(row: Row, width: int) -> tuple[list[int], list[int], list[int], list[int]]:
    """Tokens, labels, positions and owners (0: prefix, 1, 2 ...: samples, -1: padding) of one row."""
    tokens, labels = list(row.prefix), [IGNORED] * len(row.prefix)
    positions, owners = list(range(len(row.prefix))), [0] * len(row.prefix)
    for number, (ids, prompt) in enumerate(row.parts, start=1):
        tokens += ids
        labels += [IGNORED] * prompt + list(ids[prompt:])
        positions += range(len(row.prefix), len(row.prefix) + len(ids))
        owners += [number] * len(ids)
    rest = width - len(tokens)
    return tokens + [0] * rest, labels + [IGNORED] * rest, positions + [0] * rest, owners + [-1] * rest


def _mask(owners: torch.Tensor) -> torch.Tensor:
    """True where a token (row) may look at another (column): earlier, and of the prefix or of its own sample."""
    width = owners.shape[1]
    causal = torch.ones(width, width, dtype=torch.bool).tril()
    looked_at = owners[:, None, :]
    return causal & ((looked_at == owners[:, :, None]) | (looked_at == 0))
