"""The models of the package registry themselves: the default one and its larger sister."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
import yaml
from transformers import AutoModelForCausalLM

from finetuning.tiny import small_knobs, small_lora
from query_assistant.engines import Draw, EngineCall, MixingEngine, complete_calls, open_engine
from query_assistant.engines.chat import ChatTokenizer
from query_assistant.errors import MissingResourceError
from query_assistant.finetuning.samples import Sample
from query_assistant.finetuning.training import finetune
from query_assistant.models.fetching import fetch, is_fetched
from query_assistant.models.merging import merge
from query_assistant.params import EngineParams, SourceParams
from query_assistant.project import project_root
from query_assistant.prompts import Message

pytestmark = [pytest.mark.slow, pytest.mark.network]


@pytest.fixture(scope="module", params=["smollm2-135m", "qwen25-coder-0.5b"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """models/base of this checkout where it is current, else a fetch, from the machine's cache if it has the model."""
    definition = yaml.safe_load((project_root() / f"conf/model/{request.param}.yaml").read_text())
    source = SourceParams(**definition["source"])
    mine = project_root() / "models/base"
    return mine if is_fetched(source, mine) else fetch(source, tmp_path_factory.mktemp("models") / "base")


def asking(text: str) -> list[Message]:
    return [Message("system", "You are terse."), Message("user", text)]


CAPITALS = [asking(f"Name the capital of {country}.") for country in ("France", "Germany", "Italy", "Spain")]


def test_answers_are_the_same_bytes_from_run_to_run(base: Path) -> None:
    runs = [
        [
            one.text
            for one in open_engine(EngineParams(kind="openvino", batch_size=2), base).generate(
                CAPITALS, max_new_tokens=12
            )
        ]
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert all(city in text for city, text in zip(("Paris", "Berlin", "Rome"), runs[0], strict=False))


def test_answers_are_as_probable_as_by_the_weights_themselves(base: Path) -> None:
    """0.2 a token apart where OpenVINO rounds what it reads (Q4_1), under 0.04 by its products in bf16 alone."""
    chat = ChatTokenizer(base)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    for prompt, given in zip(
        CAPITALS, open_engine(EngineParams(kind="openvino"), base).generate(CAPITALS, max_new_tokens=24), strict=True
    ):
        ended = [chat.answer_end] if given.answer_tokens < 24 else []
        asked, answer = chat.prompt_ids(prompt), [*chat.encode(given.text), *ended]
        with torch.no_grad():
            chances = model(torch.tensor([[*asked, *answer]])).logits[0].log_softmax(-1)
        own = sum(float(chances[len(asked) - 1 + place, token]) for place, token in enumerate(answer))
        assert given.logprob is not None and given.answer_tokens + len(ended) == len(answer)
        assert abs(own - given.logprob) < 0.08 * len(answer)


@pytest.mark.parametrize("kind", ["openvino", "transformers"])
def test_a_grammar_admits_no_other_answer(base: Path, kind: str) -> None:
    grammar = 'root ::= "/v3/" ("gene" | "query") "/" [0-9] [0-9]'
    engine = open_engine(EngineParams(kind=kind), base)  # type: ignore[arg-type]
    for answer in engine.generate(CAPITALS, max_new_tokens=20, grammar=grammar):
        assert answer.text[:-2] in ("/v3/gene/", "/v3/query/") and answer.text[-2:].isdigit()


def test_a_batch_holds_grammars_and_draws_of_its_own_for_each_prompt(base: Path) -> None:
    """Digits for one, words for another, free text drawn for a third; the fixed part of each is as it is alone."""
    engine = open_engine(EngineParams(kind="openvino"), base)
    numbers, words = 'root ::= "/v3/gene/" [0-9] [0-9]', 'root ::= "city " [A-Z] [a-z] [a-z]'
    calls = [
        EngineCall(CAPITALS[0], numbers),
        EngineCall(CAPITALS[1], words),
        EngineCall(CAPITALS[2], None, Draw(0.7, 11)),
        EngineCall(CAPITALS[3], numbers, Draw(0.7, 12)),
    ]
    first, second, _, fourth = (one.text for one in complete_calls(engine, calls, max_new_tokens=20))
    assert re.fullmatch(r"/v3/gene/\d\d", first)
    assert re.fullmatch(r"city [A-Z][a-z]{2}", second)
    assert re.fullmatch(r"/v3/gene/\d\d", fourth)
    assert isinstance(engine, MixingEngine)


def test_a_prompt_larger_than_the_cache_is_one_clear_error(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import openvino_genai

    small = openvino_genai.SchedulerConfig()
    small.num_kv_blocks = 8
    monkeypatch.setattr("query_assistant.engines.openvino._scheduler", lambda settings: small)
    engine = open_engine(EngineParams(kind="openvino", batch_size=1), base)
    with pytest.raises(MissingResourceError, match="raise cache_gb"):
        list(engine.generate([asking("word " * 1000)], max_new_tokens=5))


def test_the_merged_model_answers_as_the_adapter_on_its_base_does(base: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    from query_assistant.engines.chat import ChatTokenizer
    from query_assistant.engines.transformers import load_model

    pairs = [(f"Find gene {number}", f"/v3/gene/{number}?fields=symbol") for number in range(1000, 1160)]
    lessons = [Sample(tuple(asking(text)), answer) for text, answer in pairs]
    changes = {"epochs": 6, "tokens_per_batch": 320, "max_steps": 24, "learning_rate": 2e-3, "warmup_steps": 10}
    knobs = small_knobs(**changes, row_tokens=320, max_seq_len=1024, checkpoint_every=50)
    finetune(lessons[8:], [], base, tmp_path / "adapter", knobs, small_lora(rank=32, alpha=64, matmul="auto"), 0)
    merge(base, tmp_path / "adapter", tmp_path / "merged")
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", gguf_file="model.gguf", dtype=torch.float32)
    adapted, chat = load_model(base, "cpu", adapter=tmp_path / "adapter"), ChatTokenizer(base)
    same = total = 0
    for lesson in lessons[:8]:
        prompt = chat.prompt_ids(lesson.messages)
        ids = torch.tensor([prompt + chat.encode(lesson.answer)])
        with torch.no_grad():
            choices = [model(ids).logits[0, len(prompt) - 1 :].argmax(-1) for model in (merged, adapted)]
        same, total = same + int((choices[0] == choices[1]).sum()), total + len(choices[0])
    assert same / total >= 0.97
    engine = open_engine(EngineParams(kind="openvino"), tmp_path / "merged")
    answers = engine.generate([list(lesson.messages) for lesson in lessons[:8]], max_new_tokens=30)
    assert sum(one.text == lesson.answer for one, lesson in zip(answers, lessons, strict=False)) >= 6
