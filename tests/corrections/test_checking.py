"""Nothing is learnt from what is wrong, said twice, contradicted, or would give a test set away."""

from __future__ import annotations

import pytest

from query_assistant.apis import Api, load_api
from query_assistant.corrections.checking import as_examples, faults, unsound
from query_assistant.corrections.store import Correction
from query_assistant.records import BenchmarkItem


@pytest.fixture(scope="module")
def api() -> Api:
    return load_api("mygene")


def correction(instruction: str, query: str, number: int = 0) -> Correction:
    return Correction(api="mygene", instruction=instruction, query=query, id=number)


FIRST = correction("cdk2 in mice", "/v3/query?q=cdk2&species=mouse", 1)
MEASURED = BenchmarkItem(
    id="mygene-b99", api="mygene", instruction="cdk4 of rats", query="/v3/query?q=cdk4&species=rat", tags=("plain",)
)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (correction("tp53 in pigs", "/v3/query?q=tp53&species=pig"), ""),
        (correction("tp53", "/v3/query?q=symbol:("), "ends at position 8"),
        (correction("CDK2  in mice", "/v3/query?q=cdk2&species=10090"), "the same as 1"),
        (correction("cdk2 in mice", "/v3/query?q=symbol:cdk2&species=mouse"), "contradicts 1"),
        (correction("cdk4 of rats", "/v3/query?q=symbol:cdk4"), "near to mygene-b99"),
        (correction("rat gene cdk4", "/v3/query?q=cdk4&species=10116"), "near to mygene-b99"),
    ],
)
def test_what_speaks_against_a_correction(api: Api, made: Correction, said: str) -> None:
    found = list(faults(made, api, [FIRST], [MEASURED]))
    assert len(found) == bool(said)
    assert said in "".join(found)


def test_only_sound_ones_are_shown_and_of_one_question_the_latest(api: Api) -> None:
    later = correction("Cdk2 in mice", "/v3/query?q=symbol:cdk2&species=mouse", 2)
    broken = correction("tp53", "/v3/query?q=symbol:(", 3)
    foreign = Correction(api="elsewhere", instruction="x", query="/v1/query?q=x")
    shown = as_examples([FIRST, later, broken, foreign], {"mygene": api})
    assert [(pair.query, pair.origin) for pair in shown] == [(later.query, "correction")]
    assert unsound(broken, api)
