"""The engines on this machine, with tiny models of each architecture."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from query_assistant.engines import open_engine, require_gpu
from query_assistant.engines.chat import ChatTokenizer
from query_assistant.errors import MissingResourceError
from query_assistant.params import EngineParams
from query_assistant.prompts import Message

ASKED = [[Message("user", f"Find {number}")] for number in (1, 22, 333)]
GRAMMAR = 'root ::= "/v3/" ("gene" | "query") "/" [0-9] [0-9]'


def answers(kind: str, model: Path, grammar: str | None = None, **settings: int) -> list[str]:
    engine = open_engine(EngineParams(kind=kind, **settings), model)  # type: ignore[arg-type]
    return [one.text for one in engine.generate(ASKED, max_new_tokens=12, grammar=grammar)]


def test_openvino_runs_the_model_that_transformers_runs(any_tiny_gguf: Path) -> None:
    both = [answers(kind, any_tiny_gguf, batch_size=1) for kind in ("openvino", "transformers")]
    assert both[0] == both[1]


@pytest.mark.parametrize("kind", ["openvino", "transformers"])
def test_a_grammar_admits_no_other_answer(any_tiny_gguf: Path, kind: str) -> None:
    for text in answers(kind, any_tiny_gguf, GRAMMAR):
        assert text[:-2] in ("/v3/gene/", "/v3/query/") and text[-2:].isdigit()


def test_answers_come_in_batches(any_tiny_gguf: Path) -> None:
    engine = open_engine(EngineParams(kind="transformers", batch_size=2), any_tiny_gguf)
    done = list(engine.generate(ASKED, max_new_tokens=3))
    assert [one.prompt_tokens for one in done] == [
        engine.count_tokens(ChatTokenizer(any_tiny_gguf).render(p)) for p in ASKED
    ]
    assert len({one.latency_ms for one in done}) == 2


def test_a_missing_gpu_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    require_gpu("cpu", "to fine-tune")
    with pytest.raises(MissingResourceError, match=r"NVIDIA GPU .* to fine-tune llama31-8b"):
        require_gpu("cuda", "to fine-tune llama31-8b")


def test_an_answer_says_how_probable_it_is(any_tiny_gguf: Path) -> None:
    engine = open_engine(EngineParams(kind="openvino"), any_tiny_gguf)
    short, long = (next(iter(engine.generate(ASKED[:1], max_new_tokens=count))) for count in (1, 6))
    assert short.logprob is not None and long.logprob is not None
    assert long.logprob < short.logprob < 0
