from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from query_assistant.errors import ConfigurationError, InputError, MissingResourceError
from query_assistant.params import LinkParams
from query_assistant.records import FieldDescription, Pair, write_json, write_jsonl
from query_assistant.retrieval import linking
from query_assistant.retrieval.encoder import ADAPTER, ADAPTER_CONFIG, Encoder, shipped, shipped_folder
from query_assistant.retrieval.linking import TRAINED_ON, adopt_linker, has_linker, mark, no_linker, train_linker
from query_assistant.retrieval.search import Retriever, build_index

KNOBS = LinkParams(engine="train", learning_rate=1e-2, epochs=12, rank=4, start_from="none")
NAMES = {"gadget": "the thing", "widget": "the other thing", "taxid": "the species", "entrezgene": "the number"}
FIELDS = {
    "mygene": [
        FieldDescription(field=name, type="keyword", description=text, source="here", indexed=True)
        for name, text in NAMES.items()
    ]
}


def pair(instruction: str, query: str) -> Pair:
    return Pair(
        id=instruction, api="mygene", instruction=instruction, query=query, form="written", origin="written",
        skeleton=query,
    )  # fmt: skip


PAIRS = [pair(f"blue stuff number {number}", f"/v3/query?q=gadget:{number}") for number in range(6)]
PAIRS += [pair(f"red stuff number {number}", f"/v3/query?q=widget:{number}&fields=taxid") for number in range(6)]
PAIRS += [pair("anything", "/v3/query?q=insulin")]


@pytest.mark.slow
def test_what_pairs_teach_is_found_first(tmp_path: Path) -> None:
    report = train_linker(PAIRS, FIELDS, tmp_path / "models" / "linker", KNOBS, 1)
    assert report["lessons"] == 12
    assert has_linker(tmp_path / "models" / "linker")
    build_index(FIELDS, {}, [], tmp_path / "models" / "index" / "rag", linker=tmp_path / "models" / "linker")
    moved = (tmp_path / "models").rename(tmp_path / "elsewhere")
    retriever = Retriever.load(moved / "index" / "rag", lexical_weight=0)
    assert [entry.field for entry in retriever.fields("some blue stuff", "mygene", 1)] == ["gadget"]
    assert {entry.field for entry in retriever.fields("some red stuff", "mygene", 2)} == {"widget", "taxid"}


@pytest.mark.slow
def test_the_encoder_adds_the_adapter_as_peft_does(tmp_path: Path) -> None:
    import torch
    from peft import LoraConfig, PeftModel
    from transformers import AutoModel, AutoTokenizer

    train_linker(PAIRS, FIELDS, tmp_path / "linker", KNOBS, 1)
    saved = tmp_path / "peft"
    saved.mkdir()
    (saved / ADAPTER).write_bytes((tmp_path / "linker" / ADAPTER).read_bytes())
    LoraConfig(r=4, lora_alpha=8, target_modules=["query", "key", "value", "dense"]).save_pretrained(str(saved))
    base = AutoModel.from_pretrained(shipped_folder(), local_files_only=True, add_pooling_layer=False)
    model = PeftModel.from_pretrained(base, saved).eval()
    read = AutoTokenizer.from_pretrained(shipped_folder())(["blue stuff"], return_tensors="pt")
    with torch.no_grad():
        mean = model(**read).last_hidden_state.mean(1)
    theirs = torch.nn.functional.normalize(mean, dim=1).numpy()
    ours = Encoder.load(shipped_folder(), tmp_path / "linker").encode(["blue stuff"])
    assert np.abs(ours - theirs).max() < 1e-5
    assert np.abs(ours - shipped().encode(["blue stuff"])).max() > 0.01


@pytest.mark.slow
def test_a_killed_training_ends_with_the_bytes_of_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_linker(PAIRS, FIELDS, tmp_path / "whole" / "linker", KNOBS, 1)
    script = f"""
import os, signal
from query_assistant.retrieval import linking
from query_assistant.records import FieldDescription, Pair, read_jsonl
from pathlib import Path
from query_assistant.params import LinkParams
linking.CHECKPOINT_SECONDS = 0
save = linking._Training._save
def dying(self, losses):
    save(self, losses)
    if len(losses) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
linking._Training._save = dying
place = Path({str(tmp_path)!r})
fields = {{"mygene": read_jsonl(place / "fields.jsonl", FieldDescription)}}
knobs = LinkParams.model_validate_json({KNOBS.model_dump_json()!r})
linking.train_linker(read_jsonl(place / "pairs.jsonl", Pair), fields, place / "killed" / "linker", knobs, 1)
"""
    write_jsonl(tmp_path / "fields.jsonl", FIELDS["mygene"])
    write_jsonl(tmp_path / "pairs.jsonl", PAIRS)
    dead = subprocess.run([sys.executable, "-c", script], env=os.environ, capture_output=True, check=False)
    assert dead.returncode == -signal.SIGKILL, dead.stderr.decode()
    assert not (tmp_path / "killed" / "linker").exists()
    monkeypatch.setattr(linking, "CHECKPOINT_SECONDS", 0)
    train_linker(PAIRS, FIELDS, tmp_path / "killed" / "linker", KNOBS, 1)
    for name in (ADAPTER, ADAPTER_CONFIG, TRAINED_ON):
        assert (tmp_path / "killed" / "linker" / name).read_bytes() == (
            tmp_path / "whole" / "linker" / name
        ).read_bytes()
    assert [path.name for path in (tmp_path / "killed").iterdir()] == ["linker"]


def test_a_training_is_known_again_by_another_process() -> None:
    # Sets of the same numbers print in the order in which they were filled, and names are hashed anew by each process.
    left, right = ([linking.Lesson("mygene", "x", frozenset(gold))] for gold in ((0, 8), (8, 0)))
    batches = [[linking._Batch("mygene", tuple(lessons), (0, 8))] for lessons in (left, right)]
    assert str(batches[0]) != str(batches[1])
    assert linking._fingerprint(batches[0], KNOBS, None) == linking._fingerprint(batches[1], KNOBS, None)


@pytest.mark.slow
def test_a_linker_goes_on_from_another_and_remembers_what_that_was_taught(tmp_path: Path) -> None:
    first = train_linker(PAIRS[:6], FIELDS, tmp_path / "first", KNOBS, 1)
    brief = KNOBS.model_copy(update={"learning_rate": 1e-9, "epochs": 1})
    again = train_linker(PAIRS[:6], FIELDS, tmp_path / "again", brief, 1, tmp_path / "first")
    assert again["loss"] == pytest.approx(first["loss"], abs=0.1)
    assert train_linker(PAIRS[:6], FIELDS, tmp_path / "fresh", brief, 1)["loss"] > again["loss"] + 0.3
    train_linker(PAIRS[6:], FIELDS, tmp_path / "other", brief, 1, tmp_path / "first")
    assert (tmp_path / "other" / TRAINED_ON).read_text().split() == sorted({mark(pair) for pair in PAIRS})
    with pytest.raises(ConfigurationError, match=r"rank 4, link\.rank is 8"):
        train_linker(PAIRS, FIELDS, tmp_path / "b", KNOBS.model_copy(update={"rank": 8}), 1, tmp_path / "first")


def test_pairs_without_fields_teach_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no training pair names a field"):
        train_linker([PAIRS[-1]], FIELDS, tmp_path / "linker", KNOBS, 1)


def published(folder: Path, seen: list[Pair]) -> Path:
    folder.mkdir()
    (folder / ADAPTER).write_bytes(b"weights")
    write_json(folder / ADAPTER_CONFIG, {"r": 4, "lora_alpha": 8})
    write_json(folder / linking.REPORT, {"steps": 3})
    (folder / TRAINED_ON).write_text("\n".join(sorted({mark(pair) for pair in seen})), encoding="utf-8")
    return folder


def test_a_published_linker_takes_the_place_of_training(tmp_path: Path) -> None:
    report = adopt_linker(published(tmp_path / "published", PAIRS[:3]), PAIRS[3:], tmp_path / "linker")
    assert report == {"steps": 3}
    assert (tmp_path / "linker" / ADAPTER).read_bytes() == b"weights"


def test_a_linker_that_has_seen_what_is_held_out_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"trained on 1 queries that this run holds out.*-S link=train"):
        adopt_linker(published(tmp_path / "published", PAIRS[:3]), PAIRS[2:5], tmp_path / "linker")


def test_a_missing_linker_is_named_and_none_is_an_empty_place(tmp_path: Path) -> None:
    with pytest.raises(MissingResourceError, match=r"no published linker.*dvc pull"):
        adopt_linker(tmp_path / "published", [], tmp_path / "linker")
    assert no_linker(tmp_path / "linker") == {}
    assert not has_linker(tmp_path / "linker")
