"""llama.cpp itself reads the grammars and answers within them: GBNF by its own reader, Lark by its llguidance."""

from __future__ import annotations

from typing import Any

import pytest

from query_assistant.apis import load_api
from query_assistant.grammar import grammar
from query_assistant.project import project_root
from query_assistant.queries.request import from_text
from query_assistant.queries.validation import is_valid, validate

WEIGHTS = project_root() / "models/published/finetuned/model.gguf"
END = "<|im_end|>"
PROMPT = f"<|im_start|>user\n{{}}{END}\n<|im_start|>assistant\n"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not WEIGHTS.is_file(), reason="no published assistant here: make quick"),
]


@pytest.fixture(scope="module")
def server() -> Any:
    xllamacpp = pytest.importorskip("xllamacpp", reason="pip install '.[llamacpp]'")
    knobs = xllamacpp.CommonParams()
    knobs.model.path, knobs.n_ctx, knobs.n_parallel, knobs.verbosity = str(WEIGHTS), 1024, 1, -1
    return xllamacpp.Server(knobs)


@pytest.mark.parametrize("name", ["mygene", "myvariant", "mychem", "mydisease"])
@pytest.mark.parametrize("form", ["gbnf", "lark"])
def test_an_answer_within_the_grammar_is_a_valid_query(server: Any, form: str, name: str) -> None:
    api = load_api(name)
    text = grammar(api, "gbnf") if form == "gbnf" else grammar(api, "lark", end=END)
    asked = {"prompt": PROMPT.format("how are you today?"), "temperature": 0, "max_tokens": 64, "stop": [END]}
    free = server.handle_completions(asked)["choices"][0]
    within = server.handle_completions({**asked, "grammar": text})["choices"][0]
    assert within["text"].startswith(("/v", "POST /v")) and within["text"] != free["text"]
    if within["finish_reason"] == "stop":
        assert is_valid(validate(from_text(within["text"].removesuffix(END)), api))
