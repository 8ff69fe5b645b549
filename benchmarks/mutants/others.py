"""Neighbours of a good query that mean other records, or show the same records otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

from mutants.good import Clause, Good, Mutant
from mutants.making import PLAIN, Spare
from query_assistant.queries.rendering import escape

WORDS = ("alpha", "kinase", "syndrome", "acid", "receptor", "benign")


def others(good: Good, spare: Spare, random: Random) -> Iterator[Mutant]:
    """Every neighbour that some mutation makes of the query."""
    for name, make in OTHER_RECORDS.items():
        for changed in make(good, spare, random):
            yield Mutant(name, changed.query(), "other records")
    for name, changed in _other_presentation(good, spare, random):
        yield Mutant(name, changed.query(), "other presentation")


Change = Callable[[Clause, Spare, Random], Iterator[Clause]]
Make = Callable[[Good, Spare, Random], Iterator[Good]]


def _each(change: Change) -> Make:
    """Applies a change of one clause to every clause of the query in turn."""

    def apply(good: Good, spare: Spare, random: Random) -> Iterator[Good]:
        for number, clause in enumerate(good.clauses):
            for changed in change(clause, spare, random):
                yield good.with_clause(number, changed)

    return apply


def _other_field(clause: Clause, spare: Spare, random: Random) -> Iterator[Clause]:
    if clause.form not in ("plain", "interval"):
        yield replace(clause, field=spare.field(random, clause.type, clause.field))


def _made_up_field(clause: Clause, spare: Spare, random: Random) -> Iterator[Clause]:
    if clause.form not in ("plain", "interval"):
        yield replace(clause, field=f"{clause.field}_name")


def _other_value(clause: Clause, spare: Spare, random: Random) -> Iterator[Clause]:
    if clause.form == "plain":
        yield replace(clause, value=random.choice([word for word in WORDS if word not in clause.value]))
    if clause.form not in ("word", "words", "phrase", "prefix"):
        return
    value = spare.value(clause, random)
    if value and clause.form in ("words", "phrase"):
        value = " ".join(PLAIN.findall(value)[:2])
    if value and clause.form == "prefix":
        value = value.split()[0][:4]
    if value and (clause.form != "word" or " " not in value) and (clause.form != "words" or " " in value):
        yield replace(clause, value=value)


def _near_value(clause: Clause, spare: Spare, random: Random) -> Iterator[Clause]:
    """One character more, or the next number."""
    if clause.form == "word" and clause.type in ("text", "keyword"):
        yield replace(clause, value=clause.value + "7")
    if clause.form == "word" and clause.type in ("integer", "long"):
        yield replace(clause, value=str(int(clause.value) + 1))


def _negated(clause: Clause, spare: Spare, random: Random) -> Iterator[Clause]:
    if clause.form not in ("plain", "interval"):
        yield replace(clause, negative=not clause.negative)


def _wildcard(clause: Clause, spare: Spare, random: Random) -> Iterator[Clause]:
    if clause.form == "word" and clause.type in ("text", "keyword") and clause.value.isalnum():
        yield replace(clause, form="prefix")
    if clause.form == "prefix":
        yield replace(clause, form="word")


def _quotes(clause: Clause, spare: Spare, random: Random) -> Iterator[Clause]:
    """A phrase against the same words in any order; on fields of words, where there are two different ones."""
    if clause.type == "text" and len(set(clause.value.lower().split())) > 1:
        if clause.form == "phrase":
            yield replace(clause, form="words")
        if clause.form == "words":
            yield replace(clause, form="phrase")


def _fewer_words(clause: Clause, spare: Spare, random: Random) -> Iterator[Clause]:
    words = clause.value.split()
    if clause.form in ("words", "phrase", "plain") and len({word.lower() for word in words}) > 1:
        yield replace(clause, form="plain" if clause.form == "plain" else "phrase", value=words[0])


def _to_exists(clause: Clause, spare: Spare, random: Random) -> Iterator[Clause]:
    if clause.form in ("word", "phrase", "words", "prefix", "range"):
        yield replace(clause, form="exists")


def _bounds(clause: Clause, spare: Spare, random: Random) -> Iterator[Clause]:
    """Ends opened, moved and taken away; ranges are at least 20 wide, so none becomes empty."""
    if clause.form == "interval":
        yield replace(clause, value=str(int(clause.value) - 1))
        yield replace(clause, high=str(int(clause.high) + 1))
        yield replace(clause, field="22" if clause.field != "22" else "21")
    if clause.form != "range":
        return
    yield replace(clause, brackets=("{" if clause.brackets[0] == "[" else "[") + clause.brackets[1])
    yield replace(clause, brackets=clause.brackets[0] + ("}" if clause.brackets[1] == "]" else "]"))
    whole = clause.type in ("integer", "long", "byte")
    yield replace(clause, value=str(int(clause.value) + 1) if whole else str(float(clause.value) + 0.5))
    yield replace(clause, high=str(int(clause.high) + 2) if whole else str(float(clause.high) + 0.5))
    yield replace(clause, value="*")
    yield replace(clause, high="*")


def _without_field(clause: Clause, spare: Spare, random: Random) -> Iterator[Clause]:
    if clause.form == "word" and clause.type in ("text", "keyword") and not clause.negative:
        yield replace(clause, form="plain", value=escape(clause.value))


def _operator(good: Good, spare: Spare, random: Random) -> Iterator[Good]:
    """AND for OR and back; with a NOT among them the servers read `a OR NOT b` as `a AND NOT b`, so not then."""
    if len(good.clauses) > 1 and not good.negative:
        yield replace(good, joined=" OR " if good.joined == " AND " else " AND ")


def _dropped(good: Good, spare: Spare, random: Random) -> Iterator[Good]:
    if len(good.clauses) > 1:
        for number in range(len(good.clauses)):
            yield replace(good, clauses=(*good.clauses[:number], *good.clauses[number + 1 :]))


def _added(good: Good, spare: Spare, random: Random) -> Iterator[Good]:
    """One clause more, on a field that the query does not use and joined as the others are."""
    if not good.clauses or good.plain or good.negative:
        return
    name = spare.field(random, "keyword", *(clause.field for clause in good.clauses))
    yield replace(good, clauses=(*good.clauses, Clause(name, "keyword", "word", "zx9")))


def _species(good: Good, spare: Spare, random: Random) -> Iterator[Good]:
    if good.api != "mygene" or good.lookup or any(clause.field == "taxid" for clause in good.clauses):
        return
    for species in ("rat", "human,mouse", None):
        if species != good.get("species"):
            yield good.having(species=species)


def _filters(good: Good, spare: Spare, random: Random) -> Iterator[Good]:
    if good.lookup or good.terms:
        return
    used = {clause.field for clause in good.clauses}
    if good.api == "mygene" and not used & {"entrezgene", "HGNC"}:
        yield from (good.having(entrezonly="true"), good.having(exists="HGNC"), good.having(missing="HGNC"))
    if good.api == "mydisease" and "mondo.is_obsolete" not in used:
        yield good.having(ignore_obsolete="false")
    if good.api == "myvariant":
        yield good.having(assembly="hg38")
    yield good.having(filter=f"{escape(spare.field(random, 'keyword', *used))}:zx9")


def _target(good: Good, spare: Spare, random: Random) -> Iterator[Good]:
    """Another identifier, another term, another scope."""
    digits = list(re.finditer(r"[0-8]", good.lookup))
    if digits:
        at = digits[-1].start()
        yield replace(good, lookup=good.lookup[:at] + str(int(good.lookup[at]) + 1) + good.lookup[at + 1 :])
    if good.terms:
        yield replace(good, terms=good.terms[1:] or ("x7y",))
        yield replace(good, terms=(*good.terms, "x7y"))
        yield replace(good, scopes=(spare.field(random, "keyword", *good.scopes),))


OTHER_RECORDS: dict[str, Make] = {
    "other field": _each(_other_field),
    "made-up field": _each(_made_up_field),
    "other value": _each(_other_value),
    "nearly the same value": _each(_near_value),
    "NOT added or taken away": _each(_negated),
    "wildcard added or taken away": _each(_wildcard),
    "quotes added or taken away": _each(_quotes),
    "fewer words": _each(_fewer_words),
    "only existence": _each(_to_exists),
    "bound opened or moved": _each(_bounds),
    "field name taken away": _each(_without_field),
    "AND for OR": _operator,
    "clause missing": _dropped,
    "clause too many": _added,
    "species": _species,
    "filter": _filters,
    "identifier, term or scope": _target,
}


def _other_presentation(good: Good, spare: Spare, random: Random) -> Iterator[tuple[str, Good]]:
    given = good.get("fields").split(",") if good.get("fields") else []  # type: ignore[union-attr]
    extra = random.choice([name for name in spare.fields["keyword"] if not any(_covers(one, name) for one in given)])
    yield "returned field added", good.having(fields=",".join([*given, extra]))
    if len(given) > 1 and not any(_covers(one, given[0]) for one in given[1:]):
        yield "returned field missing", good.having(fields=",".join(given[1:]))
    if given:
        yield "returned fields left to the default", good.having(fields=None)
    if good.lookup:
        return
    yield "size", good.having(size="7")
    yield "size", good.having(size="11")
    yield "from", good.having(from_="10" if good.get("from") is None else None)
    yield "sort", good.having(sort=_other_sort(good.get("sort"), extra))
    if not good.terms:
        yield "facets", good.having(facets=None if good.get("facets") else extra)
    if good.get("facets"):
        yield "facet size", good.having(facet_size="20")


def _other_sort(sort: str | None, extra: str) -> str | None:
    if sort is None:
        return extra
    return None if sort.startswith("-") else f"-{sort}"


def _covers(given: str, name: str) -> bool:
    return name == given or name.startswith(given + ".")
