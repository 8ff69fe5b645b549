"""The encoder: the vectors of the library that its weights were made with, without that library."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from query_assistant.errors import MissingResourceError
from query_assistant.retrieval.encoder import Encoder, shipped, shipped_folder
from query_assistant.retrieval.search import embedder

TEXTS = [
    "genes about insulin",
    "Which human variants have a CADD phred score above 20 and are not in dbSNP?",
    "",
    "β-catenin ; 日本語 \u2028 rs58991260",
    "word " * 400,
]


def test_vectors_are_of_unit_length_and_the_same_alone_and_in_company() -> None:
    together = shipped().encode(TEXTS)
    assert together.shape == (5, 384) and together.dtype == np.float32
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    alone = np.vstack([shipped().encode([text]) for text in TEXTS])
    assert np.abs(together - alone).max() < 1e-5


def test_what_is_alike_in_meaning_is_near() -> None:
    asked, near, far = shipped().encode(["genes on chromosome 7", "genomic location of the gene", "price of a banana"])
    assert asked @ near > asked @ far + 0.2


def test_no_text_has_no_vector() -> None:
    assert shipped().encode([]).shape == (0, 384)
    assert [vectors.shape for vectors in shipped().encode_words(["", "gene"])] == [(0, 384), (1, 384)]


def test_a_folder_without_a_bert_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingResourceError, match="no encoder in"):
        Encoder.load(tmp_path)
    other = tmp_path / "other"
    shutil.copytree(shipped_folder(), other)
    config = (other / "config.json").read_text(encoding="utf-8").replace('"model_type": "bert"', '"model_type": "t5"')
    (other / "config.json").write_text(config, encoding="utf-8")
    with pytest.raises(MissingResourceError, match="holds a t5"):
        Encoder.load(other)


def test_an_embedder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingResourceError, match=r"nowhere.*expected minilm, a folder, or a hub's name"):
        embedder(str(tmp_path / "nowhere"))(["gene"])


@pytest.mark.slow
def test_vectors_are_those_of_sentence_transformers() -> None:
    theirs = embedder(str(shipped_folder()))(TEXTS)
    assert np.abs(embedder()(TEXTS) - theirs).max() < 1e-5
