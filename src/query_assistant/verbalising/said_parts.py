"""A query as the things it says, one after the other, each with the words it may be said with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from query_assistant.apis import Api
from query_assistant.errors import QueryAssistantError
from query_assistant.queries.rendering import describe_clause
from query_assistant.queries.request import parse
from query_assistant.queries.tree import leaves as tree_leaves
from query_assistant.records import Query
from query_assistant.verbalising.lexicon import Lexicon, species_names
from query_assistant.verbalising.lexicon import words as words_file
from query_assistant.verbalising.numbers import numbers_in
from query_assistant.verbalising.plan import Condition, Group, Leaf, Not, Plan
from query_assistant.verbalising.planning import plan_query
from query_assistant.verbalising.said import QueryPart, SaidPart
from query_assistant.verbalising.said_presentation import presented
from query_assistant.verbalising.vocabulary import named_list, names_of, stems_of, what_it_holds, whole_words

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


def said_parts(query: Query, api: Api) -> Iterator[SaidPart]:
    """What a query says: first of which records it speaks, then its conditions, last what is shown and how.

    Raises:
        RequestError: the API would refuse the query.
    """
    lexicon = lexicon_of(api)
    nouns = words_file("nouns").get(api.name, words_file("nouns")["any"])
    names = [*nouns, *words_file("nouns")["any"], api.record, *api.entities]
    yield SaidPart(
        QueryPart(kind="records", value=api.record, meaning=f"{api.record}s of {api.title}"), stems_of(names)
    )
    try:
        plan = plan_query(query, api)
    except QueryAssistantError:  # there are no words for it as a whole
        yield from _unplanned(query, api)
        return
    yield from (_condition(leaf, denied, lexicon) for leaf, denied in _walked(plan.condition))
    yield from _looked_up(plan, lexicon)
    yield from _of_species(plan)
    yield from presented(plan, lexicon)


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


def _condition(leaf: Leaf, denied: bool, lexicon: Lexicon) -> SaidPart:
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
    stems = names_of(leaf.field, lexicon) | stems_of([values, words_file("frames").get(leaf.operator, ())])
    if leaf.field:
        stems |= stems_of(lexicon.wording(leaf.field).idioms.get(leaf.operator, {}))
    if leaf.operator in ("interval", "position"):
        stems |= stems_of(["chromosome chr between region position", leaf.values])
    if denied or leaf.operator == "lacks":
        stems |= stems_of(
            [[words_file("conditions")[key] for key in _NEGATION], "not no non without lacking neither nor"]
        )
    return SaidPart(part, stems, whole_words(values), frozenset(numbers), denied or leaf.operator == "lacks")


def _value(leaf: Leaf) -> str:
    if leaf.operator in ("interval", "position"):
        stretch = leaf.low if leaf.low == leaf.high else f"{leaf.low} to {leaf.high}"
        return f"chromosome {leaf.values[0]}, {stretch}"
    if leaf.low is not None and leaf.high is not None:
        return f"{leaf.low} and {leaf.high}"
    return leaf.low or leaf.high or named_list(leaf.values, "and" if leaf.operator == "contains_all" else "or")


def _looked_up(plan: Plan, lexicon: Lexicon) -> Iterator[SaidPart]:
    if plan.identifiers:
        where = named_list([lexicon.wording(path).names[0] for path in plan.scopes], "or")
        shown = named_list(plan.identifiers) if len(plan.identifiers) <= 5 else f"{len(plan.identifiers)} identifiers"
        meaning = f"look up {shown}" + (f" by {where}" if where else "")
        kinds = [rule["kinds"] for rule in words_file("identifiers").get(plan.api, ())]
        stems = stems_of([kinds, "id identifier accession term", words_file("sentences")["batch"]])
        for path in plan.scopes:
            stems |= names_of(path, lexicon)
        part = QueryPart(kind="condition", operator="look up", value=shown, meaning=meaning)
        yield SaidPart(part, stems, whole_words(plan.identifiers), frozenset(numbers_in(" ".join(plan.identifiers))))


def _of_species(plan: Plan) -> Iterator[SaidPart]:
    """Conditions that have a parameter of their own: species and assembly."""
    if plan.species:
        spoken = [name for taxid in plan.species for name in species_names(taxid)]
        shown = named_list([_species_name(taxid) for taxid in plan.species], "or")
        part = QueryPart(kind="condition", field="species", operator="is", value=shown, meaning=f"species is {shown}")
        yield SaidPart(part, stems_of([spoken, "species organism"]), whole_words(spoken))
    if plan.assembly:
        text = f"positions on {plan.assembly}"
        part = QueryPart(kind="condition", field="assembly", operator="is", value=plan.assembly, meaning=text)
        yield SaidPart(part, stems_of([words_file("sentences")["in_assembly"], "genome"]), whole_words([plan.assembly]))


def _species_name(taxid: str) -> str:
    entry = words_file("species").get(taxid, {})
    return str(entry.get("name") or next(iter(entry.get("adjective", [])), f"taxon {taxid}"))


def _unplanned(query: Query, api: Api) -> Iterator[SaidPart]:
    """Parts of a query that nobody would say: clauses as they are written, parameters as the API describes them."""
    request, lexicon = parse(query, api), lexicon_of(api)
    texts = request.texts(api) if request.endpoint == "query" else ()
    for leaf in (leaf for text in texts for leaf in tree_leaves(text.written or text.tree)):
        path, shown = getattr(leaf, "field", None), describe_clause(leaf)
        part = QueryPart(kind="condition", field=path, value=shown, meaning=shown, holds=what_it_holds(path, api.name))
        yield SaidPart(
            part, names_of(path, lexicon) | stems_of(shown), whole_words([shown]), frozenset(numbers_in(shown))
        )
    for name, value in request.reading():
        parameter = api.parameter(request.key, name)
        if parameter is not None and not parameter.query_text and name != "q":
            shown = named_list([str(item) for item in value]) if isinstance(value, tuple) else str(value)
            meaning = f"{parameter.about or name}: {shown}"
            part = QueryPart(kind="presentation", field=name, operator="is", value=shown, meaning=meaning)
            yield SaidPart(
                part, stems_of([name, parameter.about or ""]), whole_words([shown]), frozenset(numbers_in(shown))
            )
