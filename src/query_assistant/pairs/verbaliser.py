"""Plans into instructions: what a person would type who wants exactly this, in one of three forms.

    Plan(search, name contains insulin, species human, size 5)
      imperative   Find up to five human genes with insulin in their name.
      question     Which human genes mention insulin in the gene name? 5 at most.
      keywords     human insulin in gene name, top 5

The words are data (`words/`); this module decides what stands where. Nothing is left out and nothing is added:
every part of the plan becomes one part of the sentence. The same plan, form and seed give the same instruction.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from query_assistant.pairs import extras, lookups, wording
from query_assistant.pairs.conditions import Describer, Piece, join
from query_assistant.pairs.extras import Said
from query_assistant.pairs.fragments import Phraser
from query_assistant.pairs.lexicon import Lexicon, words
from query_assistant.pairs.plan import Condition, Group, Leaf, Not, Plan
from query_assistant.records import Form

SECOND_SENTENCE = 0.3
FRONTED = 0.1
CARELESS = 0.25


@dataclass
class Draft:
    """One instruction in the making: the lead says what is wanted, the rest follows in commas or sentences."""

    lead: str
    end: str = "."
    rest: list[Said] = field(default_factory=list)

    def text(self, rng: random.Random) -> str:
        tails: list[str] = []
        sentences: list[str] = []
        for said in self.rest:
            tail = said.tail and (len(tails) < 2) and (not said.sentence or rng.random() > SECOND_SENTENCE)
            (tails if tail else sentences).append(said.tail if tail else said.sentence or wording.sentence(said.tail))
        lead = self.lead.rstrip(",")
        if (
            tails
            and self.end == "?"
            and not any(tail.startswith(("I ", "and give", "return", "show")) for tail in tails)
        ):
            lead = (
                f"{lead}, {', '.join(tails)}?"
                if rng.random() < 0.6
                else f"{lead}? {wording.sentence(', '.join(tails))}"
            )
        elif tails:
            ended = f"{lead}{self.end} " if self.end == "?" else f"{lead}, "
            following = ", ".join(tails)
            lead = ended + (wording.sentence(following) if self.end == "?" else following)
        return wording.tidy(" ".join([wording.sentence(lead, self.end if "?" not in lead else ""), *sentences]))


class Verbaliser:
    """Says plans of one API."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon

    def say(self, plan: Plan, form: Form, seed: str) -> str:
        """The instruction for a plan, in a form.

        Raises:
            UnsayableError: the plan holds something there are no words for.
        """
        rng = random.Random(f"{seed}|{form}|{plan}")
        if plan.kind != "search":
            return lookups.say(plan, form, self.lexicon, rng)
        return Speaker(plan, self.lexicon, rng).say(form)


class Speaker:
    """Says one search."""

    def __init__(self, plan: Plan, lexicon: Lexicon, rng: random.Random) -> None:
        self.plan = plan
        self.lexicon = lexicon
        self.rng = rng
        self.phraser = Phraser(lexicon, rng)
        self.rest: list[Said] = []
        self.said: set[str] = set()

    def say(self, form: Form) -> str:
        if form == "keywords":
            return self._keywords()
        front = self._front()
        if self.plan.counts_only:
            said = self._counts(form)
        else:
            said = self._question() if form == "question" else self._imperative()
        return self._finished(said, front)

    def _front(self) -> str:
        """ "In mouse", where the species leads the sentence."""
        if not self.plan.species or self.rng.random() > FRONTED:
            return ""
        place = extras.species(self.plan, self.rng, adjectives=0.0)[0].place
        self.said.add("species")
        return place[:1].upper() + place[1:]

    def _finished(self, said: str, front: str) -> str:
        """What leads before it, and careless typing now and then: no full stop, no capital."""
        whole = f"{front}, {wording.lowered(said)}" if front else said
        draw = self.rng.random()
        if draw > CARELESS or ". " in whole or "? " in whole:
            return whole
        bare = whole.removesuffix(".") if draw > CARELESS / 4 else whole.removesuffix("?").removesuffix(".")
        return wording.lowered(bare) if draw < CARELESS / 2 else bare

    # What stands where

    def _imperative(self) -> str:
        quantifier, plural = self._quantifier()
        phrase = self._noun_phrase(quantifier, plural=plural)
        opener = self.rng.choice(words("sentences")["openers"])
        wanted = self._fields_object(phrase, plural=plural)
        if opener.endswith(" up") and wanted.startswith("up "):
            opener = "find"
        lead = f"{opener} {wanted}"
        end = "?" if opener.startswith(("can ", "could ")) else "."
        return Draft(self._fronted(lead), end, self._rest()).text(self.rng)

    def _question(self) -> str:
        quantifier, plural = self._quantifier(0.25)
        if self.plan.fields not in (None, ("all",)) and "fields" not in self.said and self.rng.random() < 0.5:
            lead = self._fields_question(quantifier, plural=plural)
        else:
            lead = self._plain_question(quantifier, plural=plural)
        return Draft(self._fronted(lead.removesuffix("?")), "?", self._rest()).text(self.rng)

    def _plain_question(self, quantifier: str, *, plural: bool) -> str:
        adjectives, pieces = self._described(plural=plural)
        able = [index for index, piece in enumerate(pieces) if piece.predicate]
        able = [] if any(piece.marker == "but" for piece in pieces) else able
        sentences = words("sentences")
        if quantifier or not able or self.rng.random() < 0.25:
            phrase = self._assembled(quantifier, adjectives, pieces, plural=plural)
            frame = self.rng.choice(sentences["questions_numbered" if quantifier else "questions_whole"])
            return wording.choose(wording.fill(frame, {"NP": phrase}), self.rng)
        main = pieces.pop(self.rng.choice(able))
        phrase = self._assembled(quantifier, adjectives, pieces, plural=plural)
        frame = self.rng.choice(sentences["questions"])
        if pieces and " that {P}" in frame:
            frame = frame.replace(" that {P}", " and that {P}") if join(pieces) else frame
        return wording.fill(wording.choose(frame, self.rng), {"NP": phrase, "P": main.predicate or ""})

    def _fields_question(self, quantifier: str, *, plural: bool) -> str:
        self.said.add("fields")
        phrase = self._noun_phrase(quantifier, plural=plural)
        frame = wording.choose(self.rng.choice(words("sentences")["fields_question"]), self.rng)
        named = extras.field_names(self.plan.fields or (), self.lexicon, self.rng, plural=plural)
        verb = "is" if len(self.plan.fields or ()) == 1 and not wording.is_plural(named) else "are"
        return wording.fill(wording.agree(frame, plural=plural), {"NP": phrase, "F": named, "is": verb})

    def _fields_object(self, phrase: str, *, plural: bool) -> str:
        usual = self.plan.fields and self.plan.fields != ("all",)
        if not usual or "fields" in self.said or self.rng.random() < 0.5:
            return phrase
        self.said.add("fields")
        frame = wording.choose(self.rng.choice(words("sentences")["fields_object"]), self.rng)
        named = extras.field_names(self.plan.fields or (), self.lexicon, self.rng, plural=plural)
        return wording.fill(wording.agree(frame, plural=plural), {"NP": phrase, "F": named})

    def _counts(self, form: Form) -> str:
        kind = "facets" if self.plan.facets else "count"
        phrase = self._noun_phrase("", plural=True)
        frame = wording.choose(self.rng.choice(words("sentences")[kind][form]), self.rng)
        slots = {"NP": phrase, "X": extras.facet_names(self.plan.facets, self.lexicon, self.rng)}
        lead = wording.fill(frame, slots)
        end = "?" if form == "question" else "."
        self.said |= {"size", "facets"}
        return Draft(lead.removesuffix("?"), end, self._rest()).text(self.rng)

    # The noun phrase

    def _noun_phrase(self, quantifier: str, *, plural: bool) -> str:
        adjectives, pieces = self._described(plural=plural)
        return self._assembled(quantifier, adjectives, pieces, plural=plural)

    def _described(self, *, plural: bool) -> tuple[list[str], list[Piece]]:
        describer = Describer(self.phraser, plural=plural)
        condition = self._set_apart(self.plan.condition)
        adjectives, pieces = describer.describe(condition)
        for group in [] if "species" in self.said else extras.species(self.plan, self.rng):
            if group.adjective:
                adjectives.insert(0, group.adjective)
            else:
                pieces.insert(self.rng.randint(0, 1) if pieces else 0, Piece("", group.place, f"are {group.place}"))
        return adjectives, pieces

    def _set_apart(self, condition: Condition | None) -> Condition | None:
        """Now and then the last of several conditions gets a sentence of its own."""
        if not isinstance(condition, Group) or condition.joint != "and" or self.rng.random() > 0.12:
            return condition
        *kept, last = condition.parts
        several = Describer(self.phraser, plural=True)
        piece = None if isinstance(last, Not) else several.piece(last, alone=True)
        if piece is None or piece.marker == "but":
            return condition
        frame = wording.choose(self.rng.choice(words("conditions")["only_sentence"]), self.rng)
        self.rest.insert(0, Said("", wording.fill(frame, {"A": piece.marked})))
        return kept[0] if len(kept) == 1 else Group("and", tuple(kept))

    def _assembled(self, quantifier: str, adjectives: list[str], pieces: list[Piece], *, plural: bool) -> str:
        noun = wording.agree(self.lexicon.noun(self.rng), plural=plural)
        before = " ".join([*adjectives, noun])
        superlative = self._superlative(quantifier)
        behind = join(pieces)
        text = f"{quantifier}{before} {behind} {superlative}" if superlative else f"{quantifier}{before} {behind}"
        return wording.tidy(text)

    def _quantifier(self, share: float = 0.5) -> tuple[str, bool]:
        """What stands before the noun, and whether the noun is plural."""
        chosen = self.plan.size is not None and "size" not in self.said and self.rng.random() < share
        if not chosen or self.plan.skip:
            return "", True
        self.said.add("size")
        return extras.quantifier(self.plan.size or 0, self.rng), self.plan.size != 1

    def _superlative(self, quantifier: str) -> str:
        """ "the 5 variants with the highest CADD score", where a number and one sort key allow it."""
        numbered = quantifier.startswith(("the top", "the first", "the 1"))
        if not numbered or len(self.plan.sort) != 1 or "sort" in self.said or self.plan.condition is None:
            return ""
        found = self.lexicon.schema.fields.get(self.plan.sort[0].lstrip("-"))
        if found is None or not found.numeric or self.rng.random() < 0.4:
            return ""
        self.said.add("sort")
        return extras.superlative(self.plan.sort[0], self.lexicon, self.rng)

    # Everything beside the noun phrase

    def _rest(self) -> list[Said]:
        parts = extras.presentation(self.plan, self.said, self.lexicon, self.rng)
        self.rng.shuffle(parts)
        return self.rest + parts

    def _fronted(self, lead: str) -> str:
        """ "On hg38, find ...": the assembly likes to stand first."""
        if self.plan.assembly is None or "assembly" in self.said or self.rng.random() < 0.5:
            return lead
        self.said.add("assembly")
        place = extras.assembly(self.plan.assembly, self.rng)
        return f"{place}, {lead}" if not place.startswith("(") else f"{lead} {place}"

    # Keywords

    def _keywords(self) -> str:
        pieces = self._terse(self.plan.condition)
        front = [group.adjective or group.place for group in extras.species(self.plan, self.rng, adjectives=1.0)]
        noun = wording.agree(self.lexicon.noun(self.rng))
        core = " ".join([*front, noun]) if self.rng.random() < 0.6 or not pieces else " ".join(front)
        parts = [*pieces, core] if self.rng.random() < 0.25 else [core, *pieces]
        parts = [part for part in parts if part]
        glue = self.rng.choice([", ", ", ", " ", "; "]) if len(parts) < 3 else self.rng.choice([", ", "; "])
        phrase = glue.join(parts)
        if self.plan.counts_only:
            phrase = self._terse_counts(phrase)
        tails = extras.terse(self.plan, self.said, self.lexicon, self.rng)
        self.rng.shuffle(tails)
        return wording.tidy(self.rng.choice([", ", ", ", "; "]).join([phrase, *tails]))

    def _terse_counts(self, phrase: str) -> str:
        self.said |= {"size", "facets"}
        kind = "facets" if self.plan.facets else "count"
        frame = wording.choose(self.rng.choice(words("sentences")[kind]["terse"]), self.rng)
        named = extras.facet_names(self.plan.facets, self.lexicon, self.rng)
        return wording.fill(frame, {"NP": phrase, "X": named})

    def _terse(self, condition: Condition | None) -> list[str]:
        if condition is None:
            return []
        if isinstance(condition, Group) and condition.joint == "and":
            return [self._terse_one(part) for part in condition.parts]
        return [self._terse_one(condition)]

    def _terse_one(self, part: Condition) -> str:
        if isinstance(part, Leaf):
            fragment = self.phraser.fragment(part, ("terse",))
            assert fragment is not None
            return fragment.said()
        if isinstance(part, Not):
            if isinstance(part.part, Leaf) and part.part.operator == "exists":
                return self._terse_one(Leaf("lacks", part.part.field))
            inner = self._terse_one(part.part)
            bare = f"({inner})" if isinstance(part.part, Group) else inner
            frame = self.rng.choice(words("conditions")["except_terse"])
            return wording.fill(frame, {"B": bare})
        joint = f" {self.rng.choice(['or', 'OR', 'or'])} " if part.joint == "or" else " and "
        inner_parts = [self._terse_one(each) for each in part.parts]
        marked = [
            f"({text})" if isinstance(each, Group) else text for text, each in zip(inner_parts, part.parts, strict=True)
        ]
        text = joint.join(marked)
        return f"({text})" if isinstance(self.plan.condition, Group) and self.plan.condition.joint == "and" else text
