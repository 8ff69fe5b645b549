"""The parts of a query beside its conditions: page, columns, order, counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from query_assistant.verbalising.lexicon import Lexicon
from query_assistant.verbalising.lexicon import words as words_file
from query_assistant.verbalising.plan import Plan
from query_assistant.verbalising.said import QueryPart, SaidPart
from query_assistant.verbalising.vocabulary import named_list, names_of, stems_of, what_it_holds


def presented(plan: Plan, lexicon: Lexicon) -> Iterator[SaidPart]:
    """What is shown of the records found, and how."""
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


def _paged(plan: Plan) -> Iterator[SaidPart]:
    sentences = words_file("sentences")
    if plan.counts_only:
        part = QueryPart(kind="presentation", operator="count", meaning="count them, show none")
        yield SaidPart(part, stems_of([sentences["count"], "many number count total"]))
    elif plan.size is not None:
        part = QueryPart(
            kind="presentation", field="size", operator="at most", value=str(plan.size), meaning=f"at most {plan.size}"
        )
        stems = stems_of([sentences["size"], sentences["size_each"]])
        yield SaidPart(part, stems, numbers=frozenset({Decimal(plan.size)}))
    if plan.skip:
        text = f"after the first {plan.skip}"
        part = QueryPart(kind="presentation", field="from", operator="skip", value=str(plan.skip), meaning=text)
        stems = stems_of([sentences[key] for key in ("skip", "page", "page_sized")])
        page = 1 + plan.skip // (plan.size or 10)
        yield SaidPart(part, stems, numbers=frozenset({Decimal(plan.skip), Decimal(plan.skip + 1), Decimal(page)}))


def _columns(paths: Sequence[str], meaning: str, frames: Sequence[str], lexicon: Lexicon) -> SaidPart:
    named = "everything" if tuple(paths) == ("all",) else named_list([lexicon.wording(path).names[0] for path in paths])
    stems = stems_of([words_file("sentences")[name] for name in frames]).union(*(names_of(p, lexicon) for p in paths))
    if named == "everything":
        stems |= stems_of(words_file("sentences")["everything"])
    part = QueryPart(
        kind="presentation",
        field=", ".join(paths),
        operator=meaning.replace(" {}", ""),
        value=named,
        meaning=meaning.format(named),
        holds=what_it_holds(paths[0], lexicon.api) if len(paths) == 1 and paths[0] != "all" else "",
    )
    return SaidPart(part, stems)


def _sorted(key: str, lexicon: Lexicon) -> SaidPart:
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
    return SaidPart(part, names_of(path, lexicon) | stems_of([words_file("sentences")["sort"], lexicon.orders(key)]))


def _flags(plan: Plan) -> Iterator[SaidPart]:
    sentences = words_file("sentences")
    flags = (
        (plan.everything, "all of them, page after page", sentences["fetch_all"]),
        (plan.dotted, "flat, dotted field names", sentences["dotted"]),
        (plan.with_obsolete, "obsolete ones too", sentences["obsolete"]),
        (plan.format, f"as {plan.format}", [sentences["format"], plan.format or ""]),
    )
    for given, meaning, frames in flags:
        if given:
            yield SaidPart(QueryPart(kind="presentation", meaning=meaning), stems_of(frames))
