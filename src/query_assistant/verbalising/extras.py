"""What an instruction says beside the records meant: how many, which page, what order, fields, counts, species.

Each part can be said as a tail behind a comma, as a sentence of its own, or tersely; the verbaliser chooses.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from query_assistant.verbalising import wording
from query_assistant.verbalising.lexicon import Lexicon, words
from query_assistant.verbalising.numbers import ordinal, say_count
from query_assistant.verbalising.plan import Plan, UnsayableError

DEFAULT_SIZE = 10
IDIOMATIC_ORDER = 0.4
NUMBERED = re.compile(r"\b(ID|CID|number|accession|rsID|code|Key)\b")
ASSEMBLIES = {
    "hg19": ["hg19", "hg19", "GRCh37", "build 37 (hg19)"],
    "hg38": ["hg38", "hg38", "GRCh38", "build 38 (hg38)"],
}


@dataclass(frozen=True, slots=True)
class Remark:
    """One part as a tail and as a sentence; an empty one is not possible."""

    tail: str
    sentence: str


@dataclass(frozen=True, slots=True)
class SpeciesGroup:
    """The species of a query as an adjective ("human and mouse") or a place ("in zebrafish"); one of them is empty."""

    adjective: str
    place: str


def presentation(plan: Plan, said: set[str], lexicon: Lexicon, rng: random.Random) -> list[Remark]:
    """Every part of the presentation that has not been said yet."""
    parts: list[Remark] = []
    paged = plan.skip and "page" not in said
    if paged:
        parts += paging(plan, said, rng)
    if plan.size is not None and not plan.counts_only and "size" not in said:
        parts.append(size(plan.size, rng, paged=bool(plan.skip)))
    if plan.sort and "sort" not in said:
        parts.append(sorting(plan.sort, lexicon, rng))
    if plan.fields and "fields" not in said:
        parts.append(returned_remark(plan, lexicon, rng))
    if plan.excluded:
        parts.append(drawn("excluded_fields", rng, F=said_fields(plan.excluded, lexicon, rng, plural=False)))
    if plan.facets and "facets" not in said:
        parts.append(counted(plan.facets, lexicon, rng))
    parts += _formalities(plan, said, rng)
    return parts


def _formalities(plan: Plan, said: set[str], rng: random.Random) -> list[Remark]:
    parts = []
    if plan.facet_size is not None:
        frame = wording.choose(rng.choice(words("sentences")["facets"]["buckets"]), rng)
        tail = wording.fill(frame, {"n": say_count(plan.facet_size, rng)})
        parts.append(Remark(tail, wording.sentence(tail)))
    if plan.assembly is not None and "assembly" not in said:
        parts.append(Remark(assembly(plan.assembly, rng).strip("()"), ""))
    if plan.everything:
        parts.append(Remark(rng.choice(words("sentences")["fetch_all"]), ""))
    if plan.with_obsolete:
        parts.append(drawn("obsolete", rng))
    if plan.dotted:
        parts.append(Remark(rng.choice(words("sentences")["dotted"]), ""))
    if plan.format is not None:
        parts.append(Remark(wording.fill(rng.choice(words("sentences")["format"]), {"V": plan.format.upper()}), ""))
    return parts


def terse(plan: Plan, said: set[str], lexicon: Lexicon, rng: random.Random) -> list[str]:
    """The presentation as keywords."""
    sentences = words("sentences")
    parts: list[str] = []
    if plan.skip:
        parts += [each.tail for each in paging(plan, said, rng, style="terse")]
    if plan.size is not None and not plan.counts_only and "size" not in said:
        key = "terse" if plan.size > 1 else "terse_one"
        parts.append(_terse(sentences["size"][key], rng, n=say_count(plan.size, rng)))
    if plan.sort:
        parts.append(", then ".join(_terse_sort(key, lexicon, rng) for key in plan.sort))
    if plan.fields == ("all",):
        parts.append(rng.choice(sentences["everything"]["terse"]))
    elif plan.fields:
        parts.append(_terse(sentences["fields_terse"], rng, F=said_fields(plan.fields, lexicon, rng, plural=False)))
    if plan.excluded:
        parts.append(
            _terse(sentences["excluded_fields"]["terse"], rng, F=said_fields(plan.excluded, lexicon, rng, plural=False))
        )
    if plan.facets and "facets" not in said:
        parts.append(_terse(sentences["facets"]["added_terse"], rng, X=facet_names(plan.facets, lexicon, rng)))
    return parts + [each.tail for each in _formalities(plan, said, rng)]


def _terse(frames: list[str], rng: random.Random, **slots: str) -> str:
    return wording.fill(wording.choose(rng.choice(frames), rng), slots)


def drawn(key: str, rng: random.Random, **slots: str) -> Remark:
    frames = words("sentences")[key]
    tail, sentence = (
        wording.fill(wording.choose(rng.choice(frames[kind]), rng), slots) for kind in ("tail", "sentence")
    )
    return Remark(tail, wording.sentence(sentence))


def size(number: int, rng: random.Random, *, paged: bool = False) -> Remark:
    """How many at most; behind skipped hits not as "the first five"."""
    frames: dict[str, Any] = words("sentences")["size"]
    suffix = "_paged" if paged else "_one" if number == 1 else ""
    slots = {"n": say_count(number, rng)}
    tail = wording.fill(wording.choose(rng.choice(frames[f"tail{suffix}"]), rng), slots)
    sentence = wording.fill(wording.choose(rng.choice(frames[f"sentence{suffix}"]), rng), slots)
    return Remark(tail, wording.sentence(sentence))


def quantifier(number: int, rng: random.Random) -> str:
    frames: dict[str, Any] = words("sentences")["size"]
    if number == 1:
        return f"{rng.choice(frames['one'])} "
    return wording.fill(rng.choice(frames["quantifier"]), {"n": say_count(number, rng)}) + " "


def paging(plan: Plan, said: set[str], rng: random.Random, style: str = "tail") -> list[Remark]:
    """Skipped hits, as a page where they make whole pages; a page may say the size as well."""
    per_page = plan.size or DEFAULT_SIZE
    sentences = words("sentences")
    slots = {"n": say_count(plan.skip, rng), "next": str(plan.skip + 1), "nth": ordinal(plan.skip + 1, rng)}
    key = "skip"
    if plan.skip % per_page == 0 and per_page > 1 and rng.random() < 0.6:
        page = plan.skip // per_page + 1
        slots = {"p": say_count(page, rng), "pth": ordinal(page, rng), "n": say_count(per_page, rng)}
        key = "page" if plan.size is None else "page_sized"
        said |= {"size"}
    tail = wording.fill(wording.choose(rng.choice(sentences[key][style]), rng), slots)
    if style == "terse":
        return [Remark(tail, "")]
    return [
        Remark(tail, wording.sentence(wording.fill(wording.choose(rng.choice(sentences[key]["sentence"]), rng), slots)))
    ]


def sorting(keys: Sequence[str], lexicon: Lexicon, rng: random.Random) -> Remark:
    first, *others = keys
    tail = _sort_phrase(first, lexicon, rng)
    for key in others:
        direction = ", descending" if key.startswith("-") else ""
        tail += f", then by {lexicon.name(key.lstrip('-'), rng)}{direction}"
    return Remark(tail, wording.sentence(tail))


def _sort_phrase(key: str, lexicon: Lexicon, rng: random.Random) -> str:
    path = key.lstrip("-")
    frames = words("sentences")["sort"]
    if path == "_score":
        return "best matches first"
    direction = "descending" if key.startswith("-") else "ascending"
    idioms = lexicon.orders(key)
    if idioms and rng.random() < IDIOMATIC_ORDER:
        return rng.choice(idioms)
    return wording.fill(
        wording.choose(rng.choice(frames[f"{direction}_{_sort_kind(path, lexicon)}"]), rng),
        {"X": lexicon.name(path, rng)},
    )


def _sort_kind(path: str, lexicon: Lexicon) -> str:
    found = lexicon.schema.fields.get(path)
    if found is not None and (found.type == "date" or lexicon.wording(path).year):
        return "date"
    if found is not None and found.numeric:
        return "number"
    return "plain" if NUMBERED.search(lexicon.wording(path).names[0]) else "text"


def _terse_sort(key: str, lexicon: Lexicon, rng: random.Random) -> str:
    if rng.random() < 0.45:
        return _sort_phrase(key, lexicon, rng)
    direction = "descending" if key.startswith("-") else "ascending"
    frames = words("sentences")["sort"][f"terse_{direction}"]
    return wording.fill(rng.choice(frames), {"X": lexicon.name(key.lstrip("-"), rng)})


def superlative(key: str, lexicon: Lexicon, rng: random.Random) -> str:
    frames = words("sentences")["sort"]["superlative_high" if key.startswith("-") else "superlative_low"]
    return _terse(frames, rng, X=lexicon.name(key.lstrip("-"), rng))


def returned_remark(plan: Plan, lexicon: Lexicon, rng: random.Random) -> Remark:
    if plan.fields == ("all",):
        return drawn("everything", rng)
    named = said_fields(plan.fields or (), lexicon, rng, plural=rng.random() < 0.3)
    sentences = words("sentences")
    tail = wording.fill(wording.choose(rng.choice(sentences["fields_tail"]), rng), {"F": named})
    sentence = wording.fill(wording.choose(rng.choice(sentences["fields_sentence"]), rng), {"F": named})
    return Remark(tail, wording.sentence(sentence))


def counted(facets: Sequence[str], lexicon: Lexicon, rng: random.Random) -> Remark:
    """Facets beside the hits."""
    frames = words("sentences")["facets"]
    slots = {"X": facet_names(facets, lexicon, rng)}
    tail = wording.fill(wording.choose(rng.choice(frames["added"]), rng), slots)
    return Remark(tail, wording.fill(wording.choose(rng.choice(frames["added_sentence"]), rng), slots))


def facet_names(paths: Sequence[str], lexicon: Lexicon, rng: random.Random) -> str:
    if not paths:
        return ""
    return wording.listed(
        [lexicon.name(path, rng) for path in paths], rng.choice(["and", "and by"]) if len(paths) > 1 else "and"
    )


def said_fields(paths: Sequence[str], lexicon: Lexicon, rng: random.Random, *, plural: bool) -> str:
    """Returned fields, in any order, since order never shows in an answer."""
    if any("*" in path for path in paths):
        raise UnsayableError("wildcard field", ",".join(paths))
    order = rng.sample(list(paths), k=len(paths))
    named = [lexicon.plural(path, rng) if plural else lexicon.name(path, rng) for path in order]
    return wording.listed(named)


def species(plan: Plan, rng: random.Random, *, adjectives: float = 0.6) -> list[SpeciesGroup]:
    """The query's species, as one adjective or one place; none where the query names none."""
    if not plan.species:
        return []
    table = words("species")
    unnamed = any(taxid not in table for taxid in plan.species)
    if unnamed or (len(plan.species) == 1 and rng.random() < 0.06):
        label = "taxid" if len(plan.species) == 1 else "taxids"
        return [SpeciesGroup("", f"{rng.choice(['from', 'of', 'in'])} {label} {wording.listed(plan.species, 'or')}")]
    order = rng.sample(list(plan.species), k=len(plan.species))
    if rng.random() < adjectives:
        return [
            SpeciesGroup(
                wording.listed([rng.choice(table[taxid]["adjective"]) for taxid in order], rng.choice(["and", "or"])),
                "",
            )
        ]
    places = wording.listed([rng.choice(table[taxid]["place"]) for taxid in order], rng.choice(["or", "and"]))
    return [SpeciesGroup("", f"{rng.choice(['in', 'in', 'from'])} {places}")]


def assembly(name: str, rng: random.Random) -> str:
    frame = wording.choose(rng.choice(words("sentences")["in_assembly"]), rng)
    return wording.fill(frame, {"V": rng.choice(ASSEMBLIES.get(name, [name]))})
