"""Whether a correction may be learnt from: sound, new, and nothing that a test set holds.

for fault in faults(correction, api, others, measured):
    print(fault)            # "near to a question of the benchmark: it would give the answer away"
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from query_assistant.apis import Api, api_folder
from query_assistant.corrections.store import Correction
from query_assistant.errors import QueryAssistantError
from query_assistant.pairs.written import pair_of
from query_assistant.queries.validation import is_valid, validate
from query_assistant.records import BenchmarkItem, Pair, WrittenPair
from query_assistant.splits import find_leaks
from query_assistant.splits.leaks import Leak
from query_assistant.splits.similarity import EmbedTexts, canonical_key
from query_assistant.systems.evaluation_sets import load_benchmark, load_development

NEAR = 0.95  # cosine similarity from which two questions are the same, as in `split`


def unsound(correction: Correction, api: Api) -> list[str]:
    """Why the API would not take the query, or could never find what it asks for; nothing where it would."""
    issues = validate(correction, api)
    return [] if is_valid(issues) else [issue.message for issue in issues]


def faults(
    correction: Correction,
    api: Api,
    others: Sequence[Correction],
    measured: Sequence[BenchmarkItem],
    embed: EmbedTexts | None = None,
) -> Iterator[str]:
    """Everything that speaks against learning from a correction.

    Args:
        others: corrections made before it.
        measured: items of the benchmark and the development set.
        embed: finds near questions, not equal ones alone.
    """
    wrong = unsound(correction, api)
    yield from wrong
    yield from _doubles(correction, api, others)
    if not wrong:
        leaks = find_leaks([as_pair(correction, api)], [], measured, {api.name: api}, NEAR, embed)
        if leaks:
            yield near_to(leaks[0])


def near_to(leak: Leak) -> str:
    """Why a correction that gives something away is not learnt from."""
    return f"near to {leak.held_out.id}, which measures: it would give the answer away"


def measured_items(api_name: str) -> list[BenchmarkItem]:
    """What measures: the items of the benchmark and the development set of an API."""
    folder = api_folder(api_name).parent
    benchmark = load_benchmark(folder, [api_name]) if (folder / api_name / "benchmark.jsonl").is_file() else []
    return [*benchmark, *load_development(folder, [api_name])]


def _doubles(correction: Correction, api: Api, others: Sequence[Correction]) -> Iterator[str]:
    asked = _words(correction)
    same = [other for other in others if _words(other) == asked and other.id != correction.id]
    for other in same:
        alike = _key(other, api) == _key(correction, api)
        yield f"the same as {other.id}" if alike else f"contradicts {other.id}: the same question, another query"


def _words(correction: Correction) -> tuple[str, str]:
    return correction.api, " ".join(correction.instruction.casefold().split())


def _key(correction: Correction, api: Api) -> str:
    try:
        return canonical_key(correction, api)
    except QueryAssistantError:
        return correction.query


def as_pair(correction: Correction, api: Api) -> Pair:
    """A correction as a training pair and near example.

    Raises:
        InputError: its query is not valid.
    """
    line = WrittenPair(instruction=correction.instruction, query=correction.query, body=correction.body)
    return pair_of(line, api, f"correction {correction.id}", origin="correction")


def as_examples(corrections: Sequence[Correction], apis: Mapping[str, Api]) -> list[Pair]:
    """The sound ones of some corrections as near examples, the latest of each question alone."""
    latest = {_words(correction): correction for correction in corrections}
    return [
        as_pair(correction, apis[correction.api])
        for correction in latest.values()
        if correction.api in apis and not unsound(correction, apis[correction.api])
    ]
