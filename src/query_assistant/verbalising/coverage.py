"""Which parts of a query each word of a question is about, and which words nothing in the query says.

    parts, words = covered(query, api, "mouse genes about insulin")
    parts[1].meaning        # "gene name mentions insulin"
    words[0]                # QuestionWord(text="mouse", covered=True, parts=[2])

A word is covered where some part could have been said with it: by a value, the name of a field or what its idioms are
made of, or the operator's own words. Words without content, and what one asks with ("show me"), never count. The
words are those of the verbaliser, so nothing here is about any one API.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache

from query_assistant.apis import Api
from query_assistant.queries.request import to_text
from query_assistant.records import Query
from query_assistant.verbalising.lexicon import words as words_file
from query_assistant.verbalising.numbers import SCALES, SUFFIXES, numbers_in
from query_assistant.verbalising.said import QueryPart, QuestionWord, SaidPart
from query_assistant.verbalising.said_parts import said_parts
from query_assistant.verbalising.vocabulary import EMPTY, PIECE, TOKEN, empty_stems, stem, stems_of

_DENYING = frozenset(["not", "no", "non", "without", "never", "nor", "neither", "except", "excluding", "lacking"])
# "No more than five" denies nothing.
_LIMITING = frozenset(["more", "over", "beyond", "above", "greater", "exceeding", "later", "longer"])


def covered(query: Query, api: Api, question: str) -> tuple[list[QueryPart], list[QuestionWord]]:
    """The parts of a query that the API takes, and the question cut into words and what stands between them.

    Raises:
        RequestError: the API would refuse the query.
    """
    said = list(said_parts(query, api))
    words, taken = _aligned(question, said)
    parts = [_placed(one.part, to_text(query)) for one in said]
    named = [part.model_copy(update={"words": _once(heard)}) for part, heard in zip(parts, taken, strict=True)]
    return named, words


def _once(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))


def _aligned(question: str, said: Sequence[SaidPart]) -> tuple[list[QuestionWord], list[list[str]]]:
    tokens = list(TOKEN.finditer(question))
    words: list[QuestionWord] = []
    taken: list[list[str]] = [[] for _ in said]
    end, before = 0, list[int]()
    for number, token in enumerate(tokens):
        following = _following([other[0] for other in tokens[number + 1 : number + 4]])
        found = _sayers(token[0], following, said)
        if not found and before and token[0].casefold() in SUFFIXES | SCALES:  # "5 Mb": the number took it along
            found = before
        for part in found:
            taken[part].append(token[0])
        if token.start() > end:
            words.append(QuestionWord(text=question[end : token.start()], covered=True))
        words.append(QuestionWord(text=token[0], covered=bool(found) or _is_empty(token[0]), parts=found))
        end, before = token.end(), found
    if end < len(question):
        words.append(QuestionWord(text=question[end:], covered=True))
    return words, taken


def _following(words: Sequence[str]) -> str:
    """What may be the unit of a number: the next word, or in "5 and 6 Mb" the third."""
    shared = len(words) == 3 and words[0] in ("and", "to")
    return " ".join(words) if shared else next(iter(words), "")


def _sayers(token: str, following: str, said: Sequence[SaidPart]) -> list[int]:
    """The parts that a word belongs to: those that name it as a value, else those whose other words it is among."""
    whole = token.casefold().strip("*")
    numbers = numbers_in(token) | (numbers_in(f"{token} {following}") if token[0].isdigit() else set())
    by_value = [n for n, one in enumerate(said) if whole in one.whole or not one.numbers.isdisjoint(numbers)]
    if by_value or whole in EMPTY:
        return by_value
    if stem(token) in said[0].stems:  # what a record is called says nothing else
        return [0]
    pieces = {stem(piece) for piece in PIECE.findall(token)} - empty_stems()
    if not pieces:
        return []
    found = [n for n, one in enumerate(said) if stem(token) in one.stems or pieces <= one.stems]
    limits = following.split(" ", maxsplit=1)[0].casefold() in _LIMITING
    return [n for n in found if said[n].denies] if whole in _DENYING and not limits else found


def _is_empty(token: str) -> bool:
    return token.casefold() in EMPTY or stem(token) in _asking()


@cache
def _asking() -> frozenset[str]:
    """The words one asks with: find, show, list, give."""
    frames = words_file("sentences")
    return stems_of(frames[name] for name in ("openers", "questions", "questions_whole", "questions_numbered"))


def _placed(part: QueryPart, text: str) -> QueryPart:
    """The part with its place in the query's text: from its field's name to the end of the clause."""
    name = part.field or part.value
    if not name or part.kind == "records" or " {" in text:
        return part
    found = re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", text) or re.search(re.escape(name), text)
    if found is None:
        return part
    end = re.compile(r"(?= (?:AND|OR|NOT) |&|\)+(?:[ &]|$)|$)").search(text, found.end())
    return part.model_copy(update={"start": found.start(), "end": end.start() if end else found.end()})
