"""The model as annotator: faults of every kind, resuming, and the estimate before it starts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from query_assistant.apis.fields import Field
from query_assistant.completions import Estimate, KeptCompletions
from query_assistant.descriptions.annotation import Subject
from query_assistant.descriptions.llm import LlmAnnotator, usable
from query_assistant.errors import InputError
from query_assistant.messages import Message

Answer = Callable[[list[str], int], str]
SUBJECTS = [Subject(Field(f"f{n}", "keyword", True, False), f"value {n}") for n in range(5)]


class Model:
    """A fake model: answers by a plain function of the asked fields and the number of the call."""

    def __init__(self, answer: Answer) -> None:
        self.answer, self.asked = answer, list[list[str]]()

    def __call__(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> str:
        fields = schema["properties"]["descriptions"]["items"]["properties"]["field"]["enum"]
        assert [message.role for message in messages] == ["system", "user"]
        assert all(json.dumps(f"{field}") in messages[1].content for field in fields)
        self.asked.append(fields)
        return self.answer(fields, len(self.asked))


def said(fields: Sequence[str]) -> str:
    return json.dumps({"descriptions": [{"field": name, "description": f"Value of {name} (Toy)"} for name in fields]})


def annotator(model: Model, cache: Path, **settings: Any) -> LlmAnnotator:
    return LlmAnnotator(KeptCompletions(model, "toy-model", cache), "Toy.info", "toys", **{"batch": 2, **settings})


WHOLE = {f"f{n}": f"Value of f{n} (Toy)" for n in range(5)}


def test_every_field_is_asked_for_once_in_batches(tmp_path: Path) -> None:
    model = Model(lambda fields, call: said(fields))
    assert annotator(model, tmp_path)(SUBJECTS) == WHOLE
    assert model.asked == [["f0", "f1"], ["f2", "f3"], ["f4"]]


@pytest.mark.parametrize(
    "fault",
    [
        "",
        "no JSON at all",
        "[]",
        '{"descriptions": 3}',
        '{"descriptions": [{"field": "f0"}]}',
        '{"descriptions": [{"field": "f0", "description": null}]}',
        '{"descriptions": [{"field": "elsewhere", "description": "Not asked for (Toy)"}]}',
        '{"descriptions": [{"field": "f0", "description": "short"}]}',
    ],
)
def test_an_unusable_answer_is_asked_for_again(tmp_path: Path, fault: str) -> None:
    model = Model(lambda fields, call: fault if call == 1 else said(fields))
    assert annotator(model, tmp_path)(SUBJECTS) == WHOLE
    assert model.asked[:2] == [["f0", "f1"], ["f0", "f1"]]


def test_only_what_was_left_out_is_asked_for_again(tmp_path: Path) -> None:
    model = Model(lambda fields, call: said(fields[:1] if call == 1 else fields))
    assert annotator(model, tmp_path)(SUBJECTS) == WHOLE
    assert model.asked == [["f0", "f1"], ["f1"], ["f2", "f3"], ["f4"]]


def test_fields_never_described_are_named(tmp_path: Path) -> None:
    model = Model(lambda fields, call: said([name for name in fields if name != "f3"]))
    with pytest.raises(InputError, match=r"1 of 5 fields after 3 attempts: f3;"):
        annotator(model, tmp_path)(SUBJECTS)


def test_a_run_that_broke_off_resumes_without_asking_again(tmp_path: Path) -> None:
    def breaks(fields: list[str], call: int) -> str:
        if call == 2:
            raise ConnectionError("cut off")
        return said(fields)

    broken = Model(breaks)
    with pytest.raises(ConnectionError):
        annotator(broken, tmp_path)(SUBJECTS)
    model = Model(lambda fields, call: said(fields))
    assert annotator(model, tmp_path)(SUBJECTS) == WHOLE
    assert model.asked == [["f2", "f3"], ["f4"]]


def test_a_damaged_cache_file_is_asked_for_again_and_mended(tmp_path: Path) -> None:
    annotator(Model(lambda fields, call: said(fields)), tmp_path)(SUBJECTS)
    kept = sorted(tmp_path.iterdir())
    kept[0].write_text("{half a", encoding="utf-8")
    model = Model(lambda fields, call: said(fields))
    assert annotator(model, tmp_path)(SUBJECTS) == WHOLE
    assert len(model.asked) == 1
    silent = Model(lambda fields, call: "never")
    assert annotator(silent, tmp_path)(SUBJECTS) == WHOLE
    assert silent.asked == []


def test_another_model_or_example_is_another_request(tmp_path: Path) -> None:
    annotator(Model(lambda fields, call: said(fields)), tmp_path)(SUBJECTS)
    other = Model(lambda fields, call: said(fields))
    LlmAnnotator(KeptCompletions(other, "other-model", tmp_path), "Toy.info", "toys", batch=2)(SUBJECTS)
    assert len(other.asked) == 3


def test_the_estimate_comes_first_and_leaves_out_what_is_kept(tmp_path: Path) -> None:
    told: list[Estimate] = []
    model = Model(lambda fields, call: said(fields))

    def announce(estimate: Estimate) -> None:
        assert model.asked == []
        told.append(estimate)

    settings = {"announce": announce, "usd_per_million": (1.0, 2.0)}
    annotator(model, tmp_path, **settings)(SUBJECTS)
    first = told[0]
    assert (first.requests, first.cached) == (3, 0)
    assert first.usd == pytest.approx((first.prompt_tokens + 2 * first.answer_tokens) / 1e6)
    again = annotator(model, tmp_path, **settings).estimate(SUBJECTS)
    assert again == Estimate(requests=0, cached=3, prompt_tokens=0, answer_tokens=0, usd=0.0)
    assert "3 requests (0 more are answered already)" in str(first)


def test_white_space_is_tidied_and_strangers_are_dropped() -> None:
    answer = (
        '{"descriptions": [{"field": "f0", "description": " Two\\n words  here "}, {"field": "x", "description": "y"}]}'
    )
    assert usable(answer, SUBJECTS) == {"f0": "Two words here"}
