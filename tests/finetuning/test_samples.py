"""A lesson never holds its own answer; whether it may show the answer's shape is a knob."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from finetuning.tiny import small_knobs
from query_assistant.apis import load_api
from query_assistant.errors import ConfigurationError
from query_assistant.finetuning.samples import Sample, chosen_pairs, training_samples, wishes
from query_assistant.prompts import PromptSettings
from query_assistant.records import Pair
from query_assistant.retrieval.linking import mark
from query_assistant.retrieval.search import Retriever, build_index

GENES = ["CDK2", "TP53", "BRCA1", "EGFR", "KRAS", "MYC", "INS", "HBB"]


def pair(number: int, gene: str, wording: str) -> Pair:
    return Pair(
        id=f"{gene}-{number}",
        api="mygene",
        instruction=f"{wording} {gene}",
        query=f"/v3/query?q=symbol:{gene}",
        form="imperative",
        origin="log",
        skeleton="symbol",
    )


NAME = Pair(
    id="name",
    api="mygene",
    instruction="named kinase",
    query="/v3/query?q=name:kinase",
    form="imperative",
    origin="log",
    skeleton="name",
)
PAIRS = [pair(number, gene, wording) for gene in GENES for number, wording in enumerate(("find", "which gene is"))]


@dataclass
class Lessons:
    retriever: Retriever

    def __call__(self, own_skeleton: float) -> list[Sample]:
        settings, apis = PromptSettings(examples_k=3), {"mygene": load_api("mygene")}
        kinds = {"few_shot-closed": 1.0}
        return training_samples(
            PAIRS, apis, settings, kinds, len, 5, own_skeleton=own_skeleton, few_shot=self.retriever
        )


@pytest.fixture
def lessons(tmp_path: Path) -> Callable[[float], list[Sample]]:
    def embed(texts):  # type: ignore[no-untyped-def]
        return np.eye(384, dtype=np.float32)[[len(text) for text in texts]]

    build_index({}, {}, [*PAIRS, NAME], tmp_path / "index", embed=embed)
    return Lessons(Retriever.load(tmp_path / "index", lexical_weight=0.5, embed=embed))


def shown(sample: Sample) -> list[str]:
    return [message.content for message in sample.messages if message.role == "assistant"]


def test_no_lesson_shows_its_own_answer(lessons: Callable[[float], list[Sample]]) -> None:
    for share in (0.0, 0.5, 1.0):
        assert not [sample for sample in lessons(share) if sample.answer in shown(sample)]


def test_the_answers_shape_is_shown_to_the_share_that_may_see_it(lessons: Callable[[float], list[Sample]]) -> None:
    def share(samples: list[Sample]) -> float:
        return sum(any("symbol:" in text for text in shown(sample)) for sample in samples) / len(samples)

    assert [share(lessons(0.0)), share(lessons(1.0))] == [0.0, 1.0]
    assert 0.2 < share(lessons(0.5)) < 0.8


def test_a_kind_without_its_retriever_is_refused() -> None:
    apis = {"mygene": load_api("mygene")}
    with pytest.raises(ConfigurationError, match="few_shot-rag"):
        training_samples(PAIRS, apis, PromptSettings(), {"few_shot-rag": 1.0}, len, 5)


def asking(skeleton: str, origin: str) -> Pair:
    return NAME.model_copy(
        update={"skeleton": skeleton, "origin": origin, "query": skeleton, "id": f"{skeleton}{origin}"}
    )


@pytest.mark.parametrize(
    ("skeleton", "expected"),
    [
        ("q=<words>", 1),
        ("*", 1),
        ("/v1/query?q=a.b:<word> AND a.c:<phrase>&size=<size>", 3),
        ("/v1/query?q=a.b:<word> AND NOT _exists_:c&fields=d,e,f", 6),
    ],
)
def test_wishes_are_values_columns_and_conditions(skeleton: str, expected: int) -> None:
    assert wishes(asking(skeleton, "log")) == expected


def test_rich_pairs_are_drawn_rather_and_people_have_their_share() -> None:
    poor = [asking(f"q={number}:<word>", origin) for number in range(100) for origin in ("log", "written")]
    rich = [asking(f"q={number}:<word>&fields=a,b,c", "written") for number in range(100)]

    def drawn(richness: float, seed: int = 3) -> list[Pair]:
        return chosen_pairs([*poor, *rich], small_knobs(max_pairs=60, written_share=0.5, richness=richness), seed)

    plain, eager = drawn(0), drawn(2)
    assert [sum(pair.origin == "written" for pair in one) for one in (plain, eager)] == [30, 30]
    assert sum(wishes(pair) > 1 for pair in plain) < 22 < 26 <= sum(wishes(pair) > 1 for pair in eager)
    assert len({pair.id for pair in eager}) == 60
    assert drawn(2) == eager != drawn(2, seed=4)


def test_a_further_round_draws_what_it_has_not_seen() -> None:
    pairs = [asking(f"q={number}:<word>", "written") for number in range(100)]
    knobs = small_knobs(max_pairs=60, written_share=1.0)
    first = chosen_pairs(pairs, knobs, 3)
    second = chosen_pairs(pairs, knobs, 3, seen={mark(pair) for pair in first})
    assert len({pair.id for pair in first + second}) == 100  # the 40 that are new, and 20 again
