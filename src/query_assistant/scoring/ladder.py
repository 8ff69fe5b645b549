"""The score ladder: how far each answer climbs.

    parsed      the answer is a call that the API can read
    valid       the validator finds no error in it: the API would accept it, and the fields it names exist
    exact       the reference's very text (the original's metric)
    canonical   exactly equivalent to a right query
    selection   means the same records
    execution   means the same records and shows them the same way

exact ⊂ canonical ⊂ execution ⊂ selection ⊂ parsed. `valid` stands beside them: an answer may be valid and wrong, and
right in spite of a returned field that does not exist. docs/metrics.md argues each.

Every answer is judged on its own: what one of them breaks costs that one alone, and at most a bounded amount of work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from query_assistant.apis import Api
from query_assistant.errors import InputError, RequestError
from query_assistant.judging.comparison import LADDER, Comparison, compare_readings
from query_assistant.judging.readings import Reading, reading_of
from query_assistant.queries.request import to_text
from query_assistant.queries.validation import is_valid, validate
from query_assistant.records import Query, dump
from query_assistant.scoring.diagnosis import classify, components
from query_assistant.scoring.files import Prediction, Reference, by_id, check_distinct
from query_assistant.scoring.results import Results, ScoredAnswer

if TYPE_CHECKING:
    from query_assistant.replica import Replica

TOO_DEEP = "nested too deep"
LONGEST_ANSWER = 8_192  # characters; or twice the longest right query, where that is longer


def score(
    predictions: Sequence[Prediction],
    references: Sequence[Reference],
    apis: Mapping[str, Api],
    replicas: Mapping[str, Replica],
) -> Results:
    """Every reference's prediction scored, in the order of the references; as `Judge.score`."""
    return Judge(apis, replicas).score(predictions, references)


class Judge:
    """Scores any number of systems: references are read once, and an answer that several systems give is judged once.

    An API without replica is judged on probes alone.
    """

    def __init__(self, apis: Mapping[str, Api], replicas: Mapping[str, Replica]) -> None:
        self.apis, self.replicas = apis, replicas
        self._right: dict[str, tuple[Reading, ...]] = {}
        self._judged: dict[tuple[str, str], ScoredAnswer] = {}

    def score(self, predictions: Sequence[Prediction], references: Sequence[Reference]) -> Results:
        """Every reference's prediction scored, in the order of the references.

        A reference without prediction counts as wrong and is named in `missing`; predictions for other ids are named in
        `unmatched` and otherwise left alone.

        Raises:
            InputError: an id stands twice, there are no references, or one cannot be read as a query of its API.
        """
        if not references:
            raise InputError("no references to score against; expected at least one with id, api and query")
        check_distinct((line.id for line in predictions), "predictions")
        check_distinct((line.id for line in references), "references")
        answers, known = by_id(predictions), {line.id for line in references}
        return Results(
            answers=tuple(self._scored(line, answers.get(line.id)) for line in references),
            missing=tuple(line.id for line in references if line.id not in answers),
            unmatched=tuple(line.id for line in predictions if line.id not in known),
        )

    def _scored(self, reference: Reference, prediction: Prediction | None) -> ScoredAnswer:
        api = self._api(reference, prediction)
        asked = dump(reference.model_copy(update={"id": ""}))
        if asked not in self._right:
            self._right[asked] = tuple(_readable(query, reference.id, api) for query in reference.right)
        answer = prediction.answer if prediction is not None else None
        key = asked, "" if answer is None else _written(answer)
        if key not in self._judged:
            self._judged[key] = _judged(self._right[asked], answer, api, self.replicas.get(api.name))
        return replace(self._judged[key], id=reference.id)

    def _api(self, reference: Reference, prediction: Prediction | None) -> Api:
        api = self.apis.get(reference.api)
        if api is None:
            raise InputError(
                f"reference {reference.id!r} is for {reference.api!r}; known APIs are {', '.join(sorted(self.apis))}"
            )
        if prediction is not None and prediction.api not in (None, reference.api):
            raise InputError(
                f"id {reference.id!r} is a question to {reference.api}, but its prediction says {prediction.api}; "
                "join predictions and references of the same set"
            )
        return api


def _readable(query: Query, identifier: str, api: Api) -> Reading:
    shown = to_text(query)[:120]
    try:
        return reading_of(query, api)
    except RequestError as error:
        reason = f"reference {identifier!r}: {api.name} would refuse {shown!r}: {error}; correct it"
    except Exception as failure:  # whatever it is, a person has to see which line it comes from
        reason = f"reference {identifier!r}: {shown!r} cannot be read: {_told(failure)}; correct it"
    raise InputError(reason)


def _written(answer: Query) -> str:
    """The answer in one line; of a body too deep to be written, the path."""
    try:
        return dump(answer)
    except (ValueError, RecursionError):
        return f"{answer.query} {TOO_DEEP}"


def _told(failure: Exception) -> str:
    return f"{type(failure).__name__}: {failure}"


def _judged(right: Sequence[Reading], answer: Query | None, api: Api, replica: Replica | None) -> ScoredAnswer:
    """One answer; what fails in judging it is that answer's error, for the others have to be scored."""
    wrong = ScoredAnswer("", api.name, "different", "empty_answer", group=to_text(right[0].form.to_query()))
    if answer is None:
        return wrong
    allowed = max(LONGEST_ANSWER, 2 * max(len(_written(one.query)) for one in right))
    written = _written(answer)
    if written.endswith(TOO_DEEP):
        return replace(wrong, error="unparsable", differences=(f"its body is {TOO_DEEP}",))
    if len(written) > allowed:
        return replace(wrong, error="unparsable", differences=(f"{len(written):,} characters; {allowed:,} are read",))
    try:
        return _compared(right, answer, wrong, api, replica)
    except RequestError as reason:
        return replace(wrong, error="unparsable", differences=(str(reason),))
    except Exception as failure:
        return replace(wrong, error="not_judged", differences=(_told(failure),))


def _compared(
    right: Sequence[Reading], answer: Query, wrong: ScoredAnswer, api: Api, replica: Replica | None
) -> ScoredAnswer:
    reading = reading_of(answer, api)
    valid = is_valid(validate(answer, api))
    closest, comparison = _closest(right, reading, api, replica)
    return replace(
        wrong,
        relation=comparison.relation,
        error=classify(comparison, reading, valid, api),
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
