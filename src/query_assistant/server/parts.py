"""A query as the things it says, and which of them each word of a question is about.

    parts, words = covered(query, api, "mouse genes about insulin")
    parts[1].meaning        # "gene name mentions insulin"
    words[0]                # QuestionWord(text="mouse", covered=True, parts=[2])

A word is covered where some part could have been said with it: by a value, the name of a field or what its idioms are
made of, or the operator's own words. Words without content, and what one asks with ("show me"), never count. The
words are those of the verbaliser, so nothing here is about any one API.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from query_assistant.apis import Api
from query_assistant.descriptions import glossary
from query_assistant.errors import QueryAssistantError
from query_assistant.queries.rendering import describe
from query_assistant.queries.request import parse, to_text
from query_assistant.queries.tree import leaves as tree_leaves
from query_assistant.records import Query
from query_assistant.server.documents import QueryPart, QuestionWord
from query_assistant.verbalising.lexicon import Lexicon, species_names
from query_assistant.verbalising.lexicon import words as words_file
from query_assistant.verbalising.numbers import SCALES, SUFFIXES, numbers_in
from query_assistant.verbalising.plan import Condition, Group, Leaf, Not, Plan
from query_assistant.verbalising.planning import plan_query
from query_assistant.verbalising.wording import listed as _several

OPERATORS = {
    "equals": "is", "equals_number": "is", "contains": "mentions", "contains_all": "mentions",
    "phrase": "mentions the phrase", "near": "mentions, close together,", "fuzzy": "is spelled nearly like",
    "prefix": "starts with", "suffix": "ends with", "infix": "contains", "pattern": "is spelled like",
    "regex": "fits the pattern", "at_least": "is at least", "above": "is above", "at_most": "is at most",
    "below": "is below", "between": "is between", "strictly_between": "is strictly between",
    "from_below": "is from, and below,", "above_to": "is above, and up to,", "exists": "is known",
    "lacks": "is not known", "keyword": "anything about", "keyword_phrase": "the phrase",
    "keyword_prefix": "a word starting with", "keyword_pattern": "a word like", "keyword_fuzzy": "a word nearly like",
    "keyword_near": "close together", "interval": "overlaps", "position": "at position",
}  # fmt: skip
_NEGATION = ("except", "except_terse", "except_whose", "except_words")
# Words without content: articles, pronouns, prepositions, auxiliaries. No negation and no quantity is among them.
_EMPTY = frozenset(
    [
        "a",
        "an",
        "the",
        "this",
        "that",
        "these",
        "those",
        "it",
        "its",
        "they",
        "them",
        "their",
        "there",
        "here",
        "i",
        "me",
        "my",
        "we",
        "us",
        "our",
        "you",
        "your",
        "who",
        "whom",
        "whose",
        "which",
        "what",
        "where",
        "when",
        "of",
        "in",
        "on",
        "at",
        "by",
        "for",
        "from",
        "to",
        "into",
        "onto",
        "with",
        "within",
        "as",
        "and",
        "or",
        "if",
        "than",
        "then",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "being",
        "am",
        "do",
        "does",
        "did",
        "has",
        "have",
        "having",
        "had",
        "can",
        "could",
        "would",
        "should",
        "shall",
        "will",
        "may",
        "might",
        "must",
        "please",
        "also",
        "e.g",
        "i.e",
        "etc",
        "so",
        "any",
        "some",
        "ones",
        "one's",
        "such",
        "each",
        "per",
        "via",
        "using",
        "about",
    ]
)
_DENYING = frozenset(["not", "no", "non", "without", "never", "nor", "neither", "except", "excluding", "lacking"])
# "No more than five" denies nothing.
_LIMITING = frozenset(["more", "over", "beyond", "above", "greater", "exceeding", "later", "longer"])
_TOKEN = re.compile(r"\w+(?:[.:'’*/>+-]+\w+)*[*+]?")
_PIECE = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+")


@dataclass(frozen=True)
class _Said:
    """A part, and what it may be said with: stems, whole values, numbers."""

    part: QueryPart
    stems: frozenset[str]
    whole: frozenset[str] = frozenset()
    numbers: frozenset[Decimal] = field(default=frozenset())
    denies: bool = False


def covered(query: Query, api: Api, question: str) -> tuple[list[QueryPart], list[QuestionWord]]:
    """The parts of a query that the API takes, and the question cut into words and what stands between them.

    Raises:
        RequestError: the API would refuse the query.
    """
    said = list(_said(query, api))
    words, taken = _aligned(question, said)
    parts = [_placed(one.part, to_text(query)) for one in said]
    named = [part.model_copy(update={"words": _once(heard)}) for part, heard in zip(parts, taken, strict=True)]
    return named, words


def _once(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))


def _aligned(question: str, said: Sequence[_Said]) -> tuple[list[QuestionWord], list[list[str]]]:
    tokens = list(_TOKEN.finditer(question))
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


def _sayers(token: str, following: str, said: Sequence[_Said]) -> list[int]:
    """The parts that a word belongs to: those that name it as a value, else those whose other words it is among."""
    whole = token.casefold().strip("*")
    numbers = numbers_in(token) | (numbers_in(f"{token} {following}") if token[0].isdigit() else set())
    by_value = [n for n, one in enumerate(said) if whole in one.whole or not one.numbers.isdisjoint(numbers)]
    if by_value or whole in _EMPTY:
        return by_value
    if _stem(token) in said[0].stems:  # what a record is called says nothing else
        return [0]
    pieces = {_stem(piece) for piece in _PIECE.findall(token)} - _empty_stems()
    if not pieces:
        return []
    found = [n for n, one in enumerate(said) if _stem(token) in one.stems or pieces <= one.stems]
    limits = following.split(" ", maxsplit=1)[0].casefold() in _LIMITING
    return [n for n in found if said[n].denies] if whole in _DENYING and not limits else found


def _is_empty(token: str) -> bool:
    return token.casefold() in _EMPTY or _stem(token) in _asking()


@cache
def _empty_stems() -> frozenset[str]:
    return frozenset(_stem(word) for word in _EMPTY)


@cache
def _asking() -> frozenset[str]:
    """The words one asks with: find, show, list, give."""
    frames = words_file("sentences")
    return _stems(frames[name] for name in ("openers", "questions", "questions_whole", "questions_numbered"))


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    from nltk.stem import PorterStemmer

    return str(PorterStemmer().stem(word))


def _stems(frames: Any) -> frozenset[str]:
    """The words of frames, however they are nested, without their slots; and of names and paths."""
    return frozenset(
        _stem(piece) for text in _texts(frames) for piece in _PIECE.findall(re.sub(r"\{[^}]*\}", " ", text))
    )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts(list(value.values()))
    else:
        for one in value:
            yield from _texts(one)


# The parts


def _said(query: Query, api: Api) -> Iterator[_Said]:
    lexicon = lexicon_of(api)
    nouns = words_file("nouns").get(api.name, words_file("nouns")["any"])
    names = [*nouns, *words_file("nouns")["any"], api.record, *api.entities]
    yield _Said(QueryPart(kind="records", value=api.record, meaning=f"{api.record}s of {api.title}"), _stems(names))
    try:
        plan = plan_query(query, api)
    except QueryAssistantError:  # there are no words for it as a whole
        yield from _unplanned(query, api)
        return
    yield from (_condition(leaf, denied, lexicon) for leaf, denied in _walked(plan.condition))
    yield from _looked_up(plan, lexicon)
    yield from _presented(plan, lexicon)


def _walked(condition: Condition | None, denied: bool = False) -> Iterator[tuple[Leaf, bool]]:
    match condition:
        case Leaf():
            yield condition, denied
        case Not(Leaf("exists") as known):
            yield from _walked(known if denied else replace(known, operator="lacks"))
        case Not():
            yield from _walked(condition.part, not denied)
        case Group():
            for part in condition.parts:
                yield from _walked(part, denied)


@lru_cache(maxsize=32)
def lexicon_of(api: Api) -> Lexicon:
    """The words of an API, read once."""
    return Lexicon.load(api.name, api.schema)


def _condition(leaf: Leaf, denied: bool, lexicon: Lexicon) -> _Said:
    values = [alias for value in leaf.values for alias in lexicon.aliases(leaf.field, value)]
    bounds = [bound for bound in (leaf.low, leaf.high) if bound is not None]
    value = _value(leaf)
    operator = OPERATORS.get(leaf.operator, leaf.operator.replace("_", " "))
    name = lexicon.wording(leaf.field).names[0] if leaf.field else ""
    meaning = " ".join(filter(None, [name, operator, value]))
    part = QueryPart(
        kind="condition",
        field=leaf.field,
        operator=f"not: {operator}" if denied else operator,
        value=value,
        meaning=f"not: {meaning}" if denied else meaning,
        holds=what_it_holds(leaf.field, lexicon.api),
    )
    numbers = numbers_in(" ".join([*values, *bounds]))
    stems = _naming(leaf.field, lexicon) | _stems([values, words_file("frames").get(leaf.operator, ())])
    if leaf.field:
        stems |= _stems(lexicon.wording(leaf.field).idioms.get(leaf.operator, {}))
    if leaf.operator in ("interval", "position"):
        stems |= _stems(["chromosome chr between region position", leaf.values])
    if denied or leaf.operator == "lacks":
        stems |= _stems(
            [[words_file("conditions")[key] for key in _NEGATION], "not no non without lacking neither nor"]
        )
    return _Said(part, stems, _whole(values), frozenset(numbers), denied or leaf.operator == "lacks")


def _value(leaf: Leaf) -> str:
    if leaf.operator in ("interval", "position"):
        stretch = leaf.low if leaf.low == leaf.high else f"{leaf.low} to {leaf.high}"
        return f"chromosome {leaf.values[0]}, {stretch}"
    if leaf.low is not None and leaf.high is not None:
        return f"{leaf.low} and {leaf.high}"
    return leaf.low or leaf.high or _list(leaf.values, "and" if leaf.operator == "contains_all" else "or")


def _list(items: Sequence[str], joint: str = "and") -> str:
    return _several(items, joint) if items else ""


def _whole(values: Iterable[str]) -> frozenset[str]:
    """Values as one word each, and the words of those that have several."""
    return frozenset(word.casefold() for value in values for word in (value, *_TOKEN.findall(value))) - _EMPTY


def _naming(path: str | None, lexicon: Lexicon) -> frozenset[str]:
    """What a field may be called: its names, its path, its units."""
    if path is None:
        return frozenset()
    known = lexicon.wording(path)
    return _stems([path, known.names, known.plural or "", known.units])


def what_it_holds(path: str | None, api_name: str) -> str:
    """What a field holds, in one phrase; nothing where nobody has written it down."""
    if path is None:
        return ""
    try:
        return glossary.describe(api_name, path)
    except QueryAssistantError:
        return ""


def _looked_up(plan: Plan, lexicon: Lexicon) -> Iterator[_Said]:
    if plan.identifiers:
        where = _list([lexicon.wording(path).names[0] for path in plan.scopes], "or")
        shown = _list(plan.identifiers) if len(plan.identifiers) <= 5 else f"{len(plan.identifiers)} identifiers"
        meaning = f"look up {shown}" + (f" by {where}" if where else "")
        kinds = [rule["kinds"] for rule in words_file("identifiers").get(plan.api, ())]
        stems = _stems([kinds, "id identifier accession term", words_file("sentences")["batch"]])
        for path in plan.scopes:
            stems |= _naming(path, lexicon)
        part = QueryPart(kind="condition", operator="look up", value=shown, meaning=meaning)
        yield _Said(part, stems, _whole(plan.identifiers), frozenset(numbers_in(" ".join(plan.identifiers))))


def _presented(plan: Plan, lexicon: Lexicon) -> Iterator[_Said]:
    """Everything beside the conditions: species, page, columns, order, counts."""
    if plan.species:
        spoken = [name for taxid in plan.species for name in species_names(taxid)]
        shown = _list([_species_name(taxid) for taxid in plan.species], "or")
        part = QueryPart(kind="condition", field="species", operator="is", value=shown, meaning=f"species is {shown}")
        yield _Said(part, _stems([spoken, "species organism"]), _whole(spoken))
    if plan.assembly:
        text = f"positions on {plan.assembly}"
        part = QueryPart(kind="condition", field="assembly", operator="is", value=plan.assembly, meaning=text)
        yield _Said(part, _stems([words_file("sentences")["in_assembly"], "genome"]), _whole([plan.assembly]))
    yield from _paged(plan)
    for paths, meaning, frames in (
        (plan.fields or (), "show {}", ("fields_object", "fields_question", "fields_tail", "fields_sentence")),
        (plan.excluded, "leave out {}", ("excluded_fields",)),
        (plan.facets, "count by {}", ("facets",)),
    ):
        if paths:
            yield _columns(paths, meaning, frames, lexicon)
    for key in plan.sort:
        yield _sorted(key, lexicon)
    yield from _flags(plan)


def _species_name(taxid: str) -> str:
    entry = words_file("species").get(taxid, {})
    return str(entry.get("name") or next(iter(entry.get("adjective", [])), f"taxon {taxid}"))


def _paged(plan: Plan) -> Iterator[_Said]:
    sentences = words_file("sentences")
    if plan.counts_only:
        part = QueryPart(kind="presentation", operator="count", meaning="count them, show none")
        yield _Said(part, _stems([sentences["count"], "many number count total"]))
    elif plan.size is not None:
        part = QueryPart(
            kind="presentation", field="size", operator="at most", value=str(plan.size), meaning=f"at most {plan.size}"
        )
        stems = _stems([sentences["size"], sentences["size_each"]])
        yield _Said(part, stems, numbers=frozenset({Decimal(plan.size)}))
    if plan.skip:
        text = f"after the first {plan.skip}"
        part = QueryPart(kind="presentation", field="from", operator="skip", value=str(plan.skip), meaning=text)
        stems = _stems([sentences[key] for key in ("skip", "page", "page_sized")])
        page = 1 + plan.skip // (plan.size or 10)
        yield _Said(part, stems, numbers=frozenset({Decimal(plan.skip), Decimal(plan.skip + 1), Decimal(page)}))


def _columns(paths: Sequence[str], meaning: str, frames: Sequence[str], lexicon: Lexicon) -> _Said:
    named = "everything" if tuple(paths) == ("all",) else _list([lexicon.wording(path).names[0] for path in paths])
    stems = _stems([words_file("sentences")[name] for name in frames]).union(*(_naming(p, lexicon) for p in paths))
    if named == "everything":
        stems |= _stems(words_file("sentences")["everything"])
    part = QueryPart(
        kind="presentation",
        field=", ".join(paths),
        operator=meaning.replace(" {}", ""),
        value=named,
        meaning=meaning.format(named),
        holds=what_it_holds(paths[0], lexicon.api) if len(paths) == 1 and paths[0] != "all" else "",
    )
    return _Said(part, stems)


def _sorted(key: str, lexicon: Lexicon) -> _Said:
    path = key.lstrip("-")
    name = lexicon.wording(path).names[0]
    order = "highest first" if key.startswith("-") else "lowest first"
    part = QueryPart(
        kind="presentation",
        field=path,
        operator="sort",
        value=order,
        meaning=f"by {name}, {order}",
        holds=what_it_holds(path, lexicon.api),
    )
    return _Said(part, _naming(path, lexicon) | _stems([words_file("sentences")["sort"], lexicon.orders(key)]))


def _flags(plan: Plan) -> Iterator[_Said]:
    sentences = words_file("sentences")
    flags = (
        (plan.everything, "all of them, page after page", sentences["fetch_all"]),
        (plan.dotted, "flat, dotted field names", sentences["dotted"]),
        (plan.with_obsolete, "obsolete ones too", sentences["obsolete"]),
        (plan.format, f"as {plan.format}", [sentences["format"], plan.format or ""]),
    )
    for given, meaning, frames in flags:
        if given:
            yield _Said(QueryPart(kind="presentation", meaning=meaning), _stems(frames))


def _unplanned(query: Query, api: Api) -> Iterator[_Said]:
    """Parts of a query that nobody would say: clauses as they are written, parameters as the API describes them."""
    request, lexicon = parse(query, api), lexicon_of(api)
    texts = request.texts(api) if request.endpoint == "query" else ()
    for leaf in (leaf for text in texts for leaf in tree_leaves(text.written or text.tree)):
        path, shown = getattr(leaf, "field", None), describe(leaf)
        part = QueryPart(kind="condition", field=path, value=shown, meaning=shown, holds=what_it_holds(path, api.name))
        yield _Said(part, _naming(path, lexicon) | _stems(shown), _whole([shown]), frozenset(numbers_in(shown)))
    for name, value in request.reading():
        parameter = api.parameter(request.key, name)
        if parameter is not None and not parameter.query_text and name != "q":
            shown = _list([str(item) for item in value]) if isinstance(value, tuple) else str(value)
            meaning = f"{parameter.about or name}: {shown}"
            part = QueryPart(kind="presentation", field=name, operator="is", value=shown, meaning=meaning)
            yield _Said(part, _stems([name, parameter.about or ""]), _whole([shown]), frozenset(numbers_in(shown)))


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
