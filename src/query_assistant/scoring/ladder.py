"""The score ladder: how far each answer climbs, and the shares over all items and per API.

    parsed      the answer is a call that the API can read
    valid       the validator finds no error in it: the API would accept it, and the fields it names exist
    exact       the reference's very text (the original's metric)
    canonical   exactly equivalent to a right query
    selection   means the same records
    execution   means the same records and shows them the same way

exact ⊂ canonical ⊂ execution ⊂ selection ⊂ parsed. `valid` stands beside them: an answer may be valid and wrong, and
right in spite of a returned field that does not exist. docs/metrics.md argues each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from query_assistant.apis import Api
from query_assistant.errors import InputError, RequestError
from query_assistant.judging.comparison import LADDER, Comparison, compare_readings
from query_assistant.judging.readings import Reading, read
from query_assistant.queries.request import to_text
from query_assistant.queries.validation import is_valid, validate
from query_assistant.records import Query
from query_assistant.scoring.components import components
from query_assistant.scoring.errors import classify
from query_assistant.scoring.files import Prediction, Reference, check_distinct
from query_assistant.scoring.results import Item, Results

if TYPE_CHECKING:
    from query_assistant.replica import Replica


def score(
    predictions: Sequence[Prediction],
    references: Sequence[Reference],
    apis: Mapping[str, Api],
    replicas: Mapping[str, Replica],
) -> Results:
    """Every reference's prediction scored, in the order of the references.

    A reference without prediction counts as wrong and is named in `missing`; predictions for other ids are named in
    `unmatched` and otherwise left alone. An API without replica is judged on probes alone.

    Raises:
        InputError: an id stands twice, there are no references, or one of them cannot be read as a query of its API.
    """
    if not references:
        raise InputError("no references to score against; expected at least one with id, api and query")
    check_distinct((line.id for line in predictions), "predictions")
    check_distinct((line.id for line in references), "references")
    answers = {line.id: line for line in predictions}
    known = {line.id for line in references}
    return Results(
        items=tuple(_score_one(line, answers.get(line.id), apis, replicas) for line in references),
        missing=tuple(line.id for line in references if line.id not in answers),
        unmatched=tuple(line.id for line in predictions if line.id not in known),
    )


def _score_one(
    reference: Reference, prediction: Prediction | None, apis: Mapping[str, Api], replicas: Mapping[str, Replica]
) -> Item:
    api = apis.get(reference.api)
    if api is None:
        raise InputError(
            f"reference {reference.id!r} is for {reference.api!r}; known APIs are {', '.join(sorted(apis))}"
        )
    if prediction is not None and prediction.api not in (None, reference.api):
        raise InputError(
            f"id {reference.id!r} is a question to {reference.api}, but its prediction says {prediction.api}; "
            "join predictions and references of the same set"
        )
    right = [_readable(query, reference.id, api) for query in reference.right]
    answer = prediction.answer if prediction is not None else None
    return _judged(reference.id, right, answer, api, replicas.get(reference.api))


def _readable(query: Query, identifier: str, api: Api) -> Reading:
    try:
        return read(query, api)
    except RequestError as error:
        reason = f"reference {identifier!r}: {api.name} would refuse {to_text(query)[:120]!r}: {error}; correct it"
        raise InputError(reason) from None


def _judged(identifier: str, right: Sequence[Reading], answer: Query | None, api: Api, replica: Replica | None) -> Item:
    group = to_text(right[0].form.to_query())
    if answer is None:
        return Item(identifier, api.name, "different", "empty_answer", group=group)
    try:
        reading = read(answer, api)
    except RequestError as reason:
        return Item(identifier, api.name, "different", "unparsable", group=group, differences=(str(reason),))
    valid = is_valid(validate(answer, api))
    closest, comparison = _closest(right, reading, api, replica)
    return Item(
        identifier,
        api.name,
        comparison.relation,
        classify(comparison, reading, valid, api),
        group=group,
        parsed=True,
        valid=valid,
        components=components(closest, reading, api),
        differences=tuple(difference.message for difference in comparison.differences),
    )


def _closest(
    right: Sequence[Reading], answer: Reading, api: Api, replica: Replica | None
) -> tuple[Reading, Comparison]:
    """The right query that the answer comes closest to, the earlier one of equals; done at the first exact one."""
    best: tuple[Reading, Comparison] | None = None
    for reading in right:
        comparison = compare_readings(reading, answer, api, replica)
        if best is None or LADDER.index(comparison.relation) < LADDER.index(best[1].relation):
            best = (reading, comparison)
        if comparison.relation == "exact":
            break
    assert best is not None
    return best
