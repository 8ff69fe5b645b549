"""Whether an answer can be trusted as far as its form goes: why not, in words, or nothing.

    answer_fault(written, query, api, "genes in the glycolysis pathway", most_tokens=96)
    ->  "the query repeats one condition again and again: pathway.kegg.id:hsa00010"

A small model that is at a loss is cut off, loops, or writes the path of a field where a word to search should stand,
and the API takes such a query all the same. What is looked at is the answer, the API's fields and the question; no
list of bad answers. A query of another form than these may still be wrong: `confidence` says how sure it is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from query_assistant.apis import Api
from query_assistant.errors import InputError, RequestError
from query_assistant.queries.issues import Issue
from query_assistant.queries.reading import QueryText
from query_assistant.queries.rendering import render_leaf
from query_assistant.queries.request import Request, parse
from query_assistant.queries.tree import Fuzzy, Match, Phrase, Wildcard, Words, leaves
from query_assistant.queries.validation import validate_request
from query_assistant.records import Query
from query_assistant.systems.confidence import Answered

MOST_SAME = 2  # times that one condition may stand in a text: a person repeats it by mistake, a loop goes on
MOST_ALIKE = 5  # conditions that differ in their digits alone, none of which the question names
MOST_PERIODS = 3  # repeats of one stretch of the answer, one right after the other
_PERIOD = re.compile(rf"(?=[^a-z]*[a-z])(.{{5,60}}?)\1{{{MOST_PERIODS},}}", re.IGNORECASE | re.DOTALL)
_GLUED = re.compile(r"(?<=[a-z0-9])(?:AND|OR|NOT)(?=[a-z])|[:\s]")
_PATH = re.compile(r"[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)+")
_NAME = re.compile(r"[a-z][a-z0-9]+(?:_[a-z0-9]+)*")
_LISTED = ("id", "ids")


def answer_fault(answer: Answered, query: Query | None, api: Api, instruction: str, *, most_tokens: int) -> str:
    """Why an answer is not to be given; nothing where it may be.

    Args:
        query: what was read from the answer; None where that is no query.
        most_tokens: after so many the model is cut off.
    """
    if answer.answer_tokens >= most_tokens:
        return f"the query is cut off after {most_tokens} tokens"
    if query is None:
        return "the answer is no query"
    if repeated := _PERIOD.search(answer.text):
        return f"the query repeats itself: {_short(repeated[1])}"
    return query_fault(query, api, instruction)


def query_fault(query: Query, api: Api, instruction: str) -> str:
    """As `answer_fault`, for a query of whichever origin."""
    try:
        request = parse(query, api)
        texts = request.texts(api)
    except RequestError as error:
        return f"{api.title} would refuse it: {error}"
    refused = next((issue for issue in validate_request(request, api) if issue.severity == "error"), None)
    return (
        _of_values(request, texts, api, instruction)
        or _of_loops(request, texts, instruction)
        or (_told(refused, api) if refused else "")
    )


def check_question(text: str) -> None:
    """Refuses what is no question.

    Raises:
        InputError: it holds no word, or nothing but one word or sign over and over.
    """
    words = re.findall(r"\w+", text.casefold())
    if not any(sign.isalnum() for sign in text):
        raise InputError("the question is empty; write what you want to find")
    if any(re.fullmatch(r"([^\W\d])\1{4,}", word) for word in words) and len(set(words)) == 1:
        raise InputError(f"{_short(text)!r} is one sign over and over; write what you want to find")
    if len(words) > MOST_SAME and len(set(words)) == 1:
        raise InputError(f"{_short(text)!r} is one word over and over; write what you want to find")


def _told(issue: Issue, api: Api) -> str:
    return f"{api.title} would not take it: {issue.message}"


def _of_values(request: Request, texts: Iterable[QueryText], api: Api, instruction: str) -> str:
    """A field's path where a value should stand."""
    said = instruction.casefold()
    for value in (*_values(texts), *_terms(request)):
        for piece in _GLUED.split(value):
            for path in _PATH.findall(piece):
                if _is_path(path, api) or (_may_be_path(path, api) and path.casefold() not in said):
                    return f"the query looks for the name of a field, {_short(path)}, as if that were a word"
    return ""


def _values(texts: Iterable[QueryText]) -> Iterator[str]:
    for text in texts:
        if text.written is None:
            yield text.text or ""
            continue
        for leaf in leaves(text.written):
            match leaf:
                case Words() | Phrase() | Fuzzy() | Match():
                    yield leaf.text
                case Wildcard():
                    yield leaf.pattern


def _terms(request: Request) -> Iterator[str]:
    """What a batch or a call for records names."""
    terms = request.terms or (request.identifiers if request.endpoint == "annotation" else ())
    for term in terms:
        yield from map(str, term if isinstance(term, tuple) else (term,))


def _is_path(path: str, api: Api) -> bool:
    """Whether it is a field, or begins as the fields below an object do: `pathway.kegg.pathway_id_100555`."""
    return path in api.schema or ".".join(path.split(".")[:2]) in api.schema


def _may_be_path(path: str, api: Api) -> bool:
    """Whether it begins with a field, or is made of names of several words as fields are: `human_taxonomy.id`."""
    parts = path.split(".")
    return parts[0] in api.schema or (all(map(_NAME.fullmatch, parts)) and any("_" in part for part in parts))


def _of_loops(request: Request, texts: Iterable[QueryText], instruction: str) -> str:
    """One condition, or one with other digits, again and again."""
    said = instruction.casefold()
    for text in texts:
        tree = text.written
        if tree is not None and (looping := _looping([render_leaf(leaf) for leaf in leaves(tree)], said)):
            return looping
    return _looping(list(_terms(request)), said)


def _looping(conditions: list[str], said: str) -> str:
    shown, times = next(iter(Counter(conditions).most_common(1)), ("", 0))
    if times > max(MOST_SAME, said.count(shown.casefold())):
        return f"the query repeats one condition again and again: {_short(shown)}"
    invented = [one for one in dict.fromkeys(conditions) if not _is_said(one, said)]
    alike = Counter(re.sub(r"\d+", "0", one) for one in invented if re.search(r"\d", one))
    shown, times = next(iter(alike.most_common(1)), ("", 0))
    if times > MOST_ALIKE:
        return f"the query goes on with conditions that the question does not name: {_short(shown)}, {times} of them"
    return ""


def _is_said(condition: str, said: str) -> bool:
    return all(number in said for number in re.findall(r"\d+", condition.rpartition(":")[2].casefold()))


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"
