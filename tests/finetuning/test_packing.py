from __future__ import annotations

import random
from pathlib import Path

import torch
from hypothesis import given
from hypothesis import strategies as st

from query_assistant.finetuning.packing import Batch, Row, collate, load, pack_samples, save
from query_assistant.finetuning.run import IGNORED
from query_assistant.finetuning.samples import TokenSample

SAMPLES = [TokenSample((1, 2, 3, 4, 10 + number), (50 + number, 9)) for number in range(7)]


def unpacked(batches: list[Batch]) -> list[TokenSample]:
    return [
        TokenSample(row.prefix + ids[:prompt], ids[prompt:])
        for batch in batches
        for row in batch
        for ids, prompt in row.parts
    ]


def test_a_row_shows_each_sample_the_prefix_and_itself_at_its_own_positions() -> None:
    row = Row((1, 2), (((3, 60, 9), 1), ((4, 61), 1)))
    tensors = collate((row,))
    assert tensors["tokens"].tolist() == [[1, 2, 3, 60, 9, 4, 61]]
    assert tensors["labels"].tolist() == [[IGNORED, IGNORED, IGNORED, 60, 9, IGNORED, 61]]
    assert tensors["input_pos"].tolist() == [[0, 1, 2, 3, 4, 2, 3]]
    assert tensors["mask"].int().tolist() == [
        [
            [1, 0, 0, 0, 0, 0, 0],
            [1, 1, 0, 0, 0, 0, 0],
            [1, 1, 1, 0, 0, 0, 0],
            [1, 1, 1, 1, 0, 0, 0],
            [1, 1, 1, 1, 1, 0, 0],
            [1, 1, 0, 0, 0, 1, 0],
            [1, 1, 0, 0, 0, 1, 1],
        ]
    ]


def test_padding_looks_at_something_and_is_never_learnt() -> None:
    tensors = collate((Row((1,), (((2, 50), 1), ((3, 51), 1))), Row((), (((1, 2, 50), 2),))))
    assert tensors["labels"].tolist()[1] == [IGNORED, IGNORED, 50, IGNORED, IGNORED]
    assert tensors["mask"].any(dim=2).all(), "a row of the mask without any True would give NaN"


def test_single_samples_need_no_mask() -> None:
    assert set(collate((Row((), (((1, 2, 50), 2),)),))) == {"tokens", "labels"}


def test_shared_beginnings_are_stored_once() -> None:
    (batch,) = pack_samples(SAMPLES, 40, 100, random.Random(0))
    assert [(row.prefix, len(row.parts)) for row in batch] == [((1, 2, 3, 4), 7)]


tokens = st.lists(st.integers(1, 5), min_size=1, max_size=12).map(tuple)
samples = st.lists(st.builds(TokenSample, tokens, tokens), min_size=1, max_size=30)


@given(samples, st.integers(1, 40), st.integers(1, 120), st.integers(0, 3))
def test_an_epoch_holds_every_sample_once_within_the_batch_budget(
    samples: list[TokenSample], row_tokens: int, tokens_per_batch: int, seed: int
) -> None:
    batches = pack_samples(samples, row_tokens, tokens_per_batch, random.Random(seed))
    assert sorted(map(repr, unpacked(batches))) == sorted(map(repr, samples))
    assert all(len(batch) == 1 or max(map(len, batch)) * len(batch) <= tokens_per_batch for batch in batches)
    assert all(row.prefix == () or len(row.parts) > 1 for batch in batches for row in batch)


def test_the_order_depends_on_the_seed_alone() -> None:
    one, same, other = (pack_samples(SAMPLES, 12, 30, random.Random(seed)) for seed in (0, 0, 1))
    assert one == same != other


def test_batches_read_back_as_saved(tmp_path: Path) -> None:
    batches = pack_samples(SAMPLES, 12, 30, random.Random(0))
    save(batches, tmp_path / "b.jsonl")
    assert load(tmp_path / "b.jsonl") == batches


def test_labels_are_shifted_onto_the_token_before(tmp_path: Path) -> None:
    from query_assistant.finetuning.torchtune_recipe import answer_places

    labels = torch.tensor([[IGNORED, IGNORED, 60, 9, IGNORED, 61]])
    assert answer_places(labels).int().tolist() == [[0, 1, 1, 0, 1, 0]]
