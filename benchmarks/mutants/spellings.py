"""The same query written otherwise: the exact equivalences of the query language, then those that keep the records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from urllib.parse import quote

from mutants.good import Good, Mutant
from query_assistant.apis import Api
from query_assistant.records import Query

ALIASES = (("fields", "_source"), ("fields", "field"), ("size", "limit"), ("from", "skip"), ("facets", "aggs"))


def spellings(good: Good, api: Api, random: Random) -> Iterator[Mutant]:
    """Every other spelling that some equivalence makes of the query."""
    call = good.query()
    for name, path in _paths(call.query):
        yield Mutant(name, Query(query=path, body=call.body), "same")
    for source in (_spelled_parameters(good, api, random), _spelled_text(good), _spelled_values(good, api)):
        for name, changed in source:
            yield Mutant(name, changed.query(), "same")
    for name, changed in _same_records(good):
        yield Mutant(name, changed.query(), "same records")


def _paths(path: str) -> Iterator[tuple[str, str]]:
    before, sign, after = path.partition("?")
    yield "trailing slash", f"{before}/{sign}{after}"
    yield "unknown parameters", f"{path}{'&' if sign else '?'}callback=jQuery12&email=a@example.org"
    if not sign:
        return
    pairs = [pair.partition("=") for pair in after.split("&")]
    yield "percent-encoded", f"{before}?" + "&".join(f"{name}={quote(value, safe='%')}" for name, _, value in pairs)
    yield "plus for blank", f"{before}?{after.replace(' ', '+')}"
    yield "order of parameters", f"{before}?" + "&".join("".join(pair) for pair in reversed(pairs))
    yield "last of repeats", f"{before}?{pairs[0][0]}=other&{after}"
    yield "blanks around values", f"{before}?" + "&".join(f"{name}=  {value} " for name, _, value in pairs)


def _spelled_parameters(good: Good, api: Api, random: Random) -> Iterator[tuple[str, Good]]:
    fields, species = good.get("fields"), good.get("species") or ""
    if fields:
        listed = random.sample(fields.split(","), len(fields.split(",")))
        yield "order and repeats of fields", good.having(fields=",".join([*listed, listed[0]]))
        yield "child of a returned parent", good.having(fields=f"{fields},{listed[0]}.below")
    yield "defaults written out", good.having(**_defaults(good))
    if good.scopes:
        yield "order of scopes", replace(good, scopes=good.scopes[::-1])
        return
    for name, alias in ALIASES:
        if good.get(name):
            yield f"alias of {name}", good.having(**{name: None, alias: good.get(name)})
    if fields:
        yield "separator of fields", good.having(fields=fields.replace(",", " "))
    if species in api.species:
        yield "species by number", good.having(species=str(api.species[species]))
        yield "species in capitals and twice", good.having(species=f"{species.upper()},{api.species[species]}")


def _defaults(good: Good) -> dict[str, str | None]:
    """Every parameter that has no value yet at its default, as try-it pages send them."""
    written = {"size": "10", "from": "0"}
    if not good.terms:
        written |= {"dotfield": "false", "raw": "no", "format": "json", "_sorted": "yes"}
        written |= {"fields": "name,symbol,taxid,entrezgene" if good.api == "mygene" and not good.lookup else "all"}
        written |= {"assembly": "hg19"} if good.api == "myvariant" else {}
    if good.clauses:
        written |= {"fetch_all": "off", "facet_size": "10"}
        written |= {"entrezonly": "f", "species": "all"} if good.api == "mygene" else {}
        written |= {"ignore_obsolete": "1"} if good.api == "mydisease" else {}
    return {name: value for name, value in written.items() if good.get(name) is None}


def _spelled_text(good: Good) -> Iterator[tuple[str, Good]]:
    """Query text alone: where no field is named, MyGene would route it otherwise."""
    if not good.clauses or good.plain:
        return
    texts = [clause.text() for clause in good.clauses]
    if good.joined == " AND ":
        yield "&& for AND", good.as_text(" && ".join(texts))
        yield "AND left out", good.as_text(" ".join(texts))
        for sign in "-!":
            signed = [(sign if clause.negative else "") + clause.positive() for clause in good.clauses]
            yield f"{sign} for NOT", good.as_text(" AND ".join(signed))
    yield "blanks in the text", good.as_text(f"  {good.joined.replace(' ', '   ').join(texts)} ")
    doubled = [("NOT " if clause.negative else "") + f"(({clause.positive()}))" for clause in good.clauses]
    yield "doubled parentheses", good.as_text(good.joined.join(doubled))


def _spelled_values(good: Good, api: Api) -> Iterator[tuple[str, Good]]:
    for number, clause in enumerate(good.clauses):
        folded = clause.type in ("text", "keyword") and clause.field not in api.case_sensitive
        if folded and clause.form in ("word", "words", "phrase", "prefix"):
            yield "case of the value", good.with_clause(number, replace(clause, value=clause.value.swapcase()))


def _same_records(good: Good) -> Iterator[tuple[str, Good]]:
    """Order of operands, groups, a clause moved into the filter: the hits stay, their scores may change."""
    if not good.clauses or good.plain:
        return
    if len(good.clauses) > 1:
        yield "order of operands", replace(good, clauses=good.clauses[::-1])
    last = good.clauses[-1]
    movable = last.form in ("word", "phrase", "exists") and not last.negative
    if len(good.clauses) > 1 and good.joined == " AND " and movable:
        yield "clause as filter", replace(good, clauses=good.clauses[:-1]).having(filter=last.text())
    numbers = {"human": "9606", "mouse": "10090", "rat": "10116"}
    if good.get("species") in numbers:
        text = f"({good.q}) AND taxid:{numbers[str(good.get('species'))]}"
        yield "species as a clause", good.having(species=None).as_text(text)
    for number, clause in enumerate(good.clauses):
        if clause.form == "word" and clause.type in ("integer", "long"):
            yield "range of one value", good.with_clause(number, replace(clause, form="range", high=clause.value))
        if clause.form == "word" and clause.type in ("text", "keyword") and clause.value.isalnum():
            yield "quotes around one word", good.with_clause(number, replace(clause, form="phrase"))
