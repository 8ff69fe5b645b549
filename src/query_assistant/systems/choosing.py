"""Several answers to one question, and which of them is given.

A model that is unsure writes another query when asked again. So where the greedy answer is less likely right than
`SURE`, it is asked `DRAWS` times more; answers that mean the same are one *reading*; and the reading that the
calibration (`confidence`) holds for the likeliest right is given, the others are kept as alternatives. What tells
readings apart: how probable each is, how many answers mean it, whether it holds what the question names, which words of
the question nothing in it says, and whether it finds anything in the replica.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from query_assistant.apis import Api, records_file
from query_assistant.engines import Draw
from query_assistant.errors import QueryAssistantError
from query_assistant.prompts import read_answer
from query_assistant.queries.normal_request import canonicalize
from query_assistant.queries.request import parse
from query_assistant.records import Query
from query_assistant.systems.confidence import Answered, Confidence, features
from query_assistant.verbalising.coverage import covered

if TYPE_CHECKING:
    from query_assistant.replica import Replica

DRAWS = 4
SURE = 0.8  # higher: more questions are asked again, slower and a little more often right
DRAW = Draw(temperature=0.7, seed=11)

CountHits = Callable[[Query, Api], int | None]
"""How many records a query finds; None where nobody can tell."""


@dataclass(frozen=True)
class Interpretation:
    """Answers that mean the same: the first of them, and what is known of it.

    Where there is a calibration, `likelihood` ranks it among the question's readings, and `confidence` is the chance
    that it is right if it is the one that is given.
    """

    answer: Answered
    query: Query | None
    known: Mapping[str, float]
    likelihood: float = 0.0
    confidence: float | None = None


def readings(
    instruction: str, answers: Sequence[Answered], api: Api, calibration: Confidence | None, hits: CountHits
) -> list[Interpretation]:
    """What the answers to one question mean, the likeliest right first; without a calibration as they were given."""
    groups: dict[str, list[Answered]] = {}
    for answer in answers:
        groups.setdefault(_meaning(answer, api), []).append(answer)
    found = [_reading(instruction, same, len(same) / len(answers), api, calibration, hits) for same in groups.values()]
    return sorted(found, key=lambda one: -one.likelihood)


def is_sure(reading: Interpretation) -> bool:
    """Whether asking again would be a waste."""
    return reading.likelihood >= SURE


def _meaning(answer: Answered, api: Api) -> str:
    """The same for answers that say the same call in other words."""
    query = read_answer(answer.text)
    try:
        return canonicalize(parse(query, api), api).to_query().model_dump_json() if query else answer.text
    except QueryAssistantError:
        return answer.text


def _reading(
    instruction: str,
    same: Sequence[Answered],
    share: float,
    api: Api,
    calibration: Confidence | None,
    hits: CountHits,
) -> Interpretation:
    best = max(same, key=lambda answer: answer.logprob or 0)  # the first of equals
    query = read_answer(best.text)
    if best.logprob is None:  # of an engine that says no probabilities nothing was ever learnt
        return Interpretation(best, query, {})
    known = features(
        instruction,
        best,
        is_call=query is not None,
        share=share,
        hits=hits(query, api) if query else 0,
        uncovered=_uncovered(instruction, query, api),
    )
    if calibration is None:
        return Interpretation(best, query, known)
    return Interpretation(best, query, known, calibration.of(known), round(calibration.of_given(known), 3))


def _uncovered(instruction: str, query: Query | None, api: Api) -> list[str]:
    """The words of the question that nothing in the query says; all of them where there is no query to speak of."""
    try:
        words = covered(query, api, instruction)[1] if query else None
    except QueryAssistantError:
        words = None
    return instruction.split() if words is None else [word.text for word in words if not word.covered]


def replica_hits(query: Query, api: Api) -> int | None:
    """Records of the replica that a query finds; None where no records lie here or the call selects none."""
    replica = _replica(api.name)
    if replica is None:
        return None
    try:
        return replica.total(parse(query, api))
    except QueryAssistantError:
        return 0


@cache
def _replica(name: str) -> Replica | None:
    from query_assistant.apis import load_api
    from query_assistant.replica import Replica

    return Replica.load(load_api(name), records_file(name)) if records_file(name).is_file() else None
