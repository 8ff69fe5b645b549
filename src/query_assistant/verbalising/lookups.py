"""Instructions for records asked by identifier, one or many, and for batches of terms ("map these symbols to ...")."""

from __future__ import annotations

import random
import re

from query_assistant.records import Form
from query_assistant.verbalising import extras, wording
from query_assistant.verbalising.extras import Remark
from query_assistant.verbalising.lexicon import Lexicon, words
from query_assistant.verbalising.numbers import say_count
from query_assistant.verbalising.plan import Plan

STYLE = {"imperative": "imperative", "question": "question", "keywords": "terse"}


def say(plan: Plan, form: Form, lexicon: Lexicon, rng: random.Random) -> str:
    """The instruction for a lookup or a batch."""
    frames = words("sentences")[_frames(plan)][STYLE.get(form, "imperative")]
    frame = wording.choose(rng.choice(frames), rng)
    several = len(plan.identifiers) > 1
    slots = _nouns(lexicon, rng) | _subjects(plan, rng)
    if plan.kind == "batch" and plan.scopes:
        slots |= _scopes(plan, lexicon, rng)
    if _has_fields(plan):
        plural = several and (rng.random() < 0.6 or "which {F}" in frame or "what {F} do" in frame)
        named = extras.said_fields(plan.fields or (), lexicon, rng, plural=plural)
        slots |= {"F": named, "is": "is" if len(plan.fields or ()) == 1 and not wording.is_plural(named) else "are"}
    if plan.kind == "lookup" and slots["id"] != plan.identifiers[0]:
        frame = frame.replace("{E} {id}", "{id}")  # "Entrez gene 1017", not "gene Entrez gene 1017"
    tails = _of_species(plan, frame, slots, rng)
    lead = wording.fill(frame, slots)
    tails += _tails(plan, frame, lexicon, rng, terse=form == "keywords")
    return _finished(lead, tails, form, rng)


def _finished(lead: str, tails: list[Remark], form: Form, rng: random.Random) -> str:
    rng.shuffle(tails)
    if form == "keywords":
        return wording.tidy(", ".join([lead, *(said.tail for said in tails)]))
    bare = lead.removesuffix("?") if form == "question" else lead
    asked = lead.endswith("?") or form == "question"
    if ": " in bare or asked:
        sentences = [said.sentence or wording.sentence(said.tail) for said in tails]
        return wording.tidy(" ".join([wording.sentence(bare, "?" if asked else rng.choice([".", ""])), *sentences]))
    joined = ", ".join([bare, *(said.tail for said in tails)])
    return wording.tidy(wording.sentence(joined))


def _frames(plan: Plan) -> str:
    if plan.kind == "batch" and not plan.scopes:
        return "batch_any"
    base = {"lookup": "lookup", "batch_lookup": "batch_lookup", "batch": "batch"}[plan.kind]
    return f"{base}_fields" if _has_fields(plan) else base


def _has_fields(plan: Plan) -> bool:
    return bool(plan.fields) and plan.fields != ("all",) and (plan.kind != "batch" or bool(plan.scopes))


def _nouns(lexicon: Lexicon, rng: random.Random) -> dict[str, str]:
    noun = lexicon.noun(rng)
    plain = "records~record" if " record" in noun or " entr" in noun else noun
    return {"E": wording.agree(plain, plural=False), "Es": wording.agree(plain)}


def _of_species(plan: Plan, frame: str, slots: dict[str, str], rng: random.Random) -> list[Remark]:
    """The species before the first noun of the frame that can carry it, else behind everything."""
    tails: list[Remark] = []
    for group in extras.species(plan, rng):
        carrier = next((key for key in ("Ss", "Es", "E") if f"{{{key}}}" in frame), None)
        if group.adjective and carrier is not None and rng.random() < 0.7:
            slots[carrier] = f"{group.adjective} {slots[carrier]}"
        else:
            place = group.place or f"{group.adjective} only"
            tails.append(Remark(place, ""))
    return tails


def _subjects(plan: Plan, rng: random.Random) -> dict[str, str]:
    if plan.kind == "lookup":
        return {"id": _introduced(plan.api, plan.identifiers[0], rng)}
    glue = rng.choice([", ", ", ", "and", "and", " ", "; "])
    spaced = any(re.search(r"[\s;]", each) for each in plan.identifiers)
    comma = any("," in each for each in plan.identifiers)
    quoted = [f'"{each}"' if comma or (spaced and glue == " ") else each for each in plan.identifiers]
    text = wording.listed(quoted) if glue == "and" else glue.join(quoted)
    return {"ids": text, "id": text}


def _introduced(api: str, identifier: str, rng: random.Random) -> str:
    """The identifier, with its kind before it now and then: "Entrez ID 1017"."""
    for rule in words("identifiers").get(api, []):
        if re.fullmatch(rule["pattern"], identifier):
            return f"{rng.choice(rule['kinds'])}{identifier}"
    return identifier


def _scopes(plan: Plan, lexicon: Lexicon, rng: random.Random) -> dict[str, str]:
    singular = [lexicon.name(path, rng) for path in plan.scopes]
    plural = [lexicon.plural(path, rng) for path in plan.scopes]
    return {"S": wording.listed(singular, "or"), "Ss": wording.listed(plural, "or")}


def _tails(plan: Plan, frame: str, lexicon: Lexicon, rng: random.Random, *, terse: bool) -> list[Remark]:
    """What the frame has not said: species, assembly, size per term, returned fields where the frame has none."""
    tails: list[Remark] = []
    if plan.fields and "{F}" not in frame:
        said = extras.returned_remark(plan, lexicon, rng)
        tails.append(
            Remark(f"fields {extras.said_fields(plan.fields, lexicon, rng, plural=False)}", "")
            if terse and plan.fields != ("all",)
            else said
        )
    if plan.excluded:
        tails.append(
            extras.drawn("excluded_fields", rng, F=extras.said_fields(plan.excluded, lexicon, rng, plural=False))
        )
    if plan.size is not None:
        tails.append(_per_term(plan.size, rng, terse=terse))
    if plan.assembly is not None:
        place = extras.assembly(plan.assembly, rng).strip("()")
        tails.append(Remark(place, ""))
    if plan.dotted:
        tails.append(Remark(rng.choice(words("sentences")["dotted"]), ""))
    return tails


def _per_term(number: int, rng: random.Random, *, terse: bool) -> Remark:
    frames = words("sentences")["size_each"]
    slots = {"n": say_count(number, rng)}
    draw = [wording.fill(wording.choose(rng.choice(frames[key]), rng), slots) for key in ("tail", "sentence", "terse")]
    return Remark(draw[2] if terse else draw[0], draw[1])
