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
import re
from dataclasses import dataclass, field

from query_assistant.records import Form
from query_assistant.verbalising import extras, lookups, wording
from query_assistant.verbalising.conditions import Describer, Piece, join
from query_assistant.verbalising.extras import Remark
from query_assistant.verbalising.fragments import Phraser
from query_assistant.verbalising.lexicon import Lexicon, words
from query_assistant.verbalising.notes import Notes
from query_assistant.verbalising.plan import Condition, Group, Leaf, Not, Plan

SECOND_SENTENCE = 0.3
FRONTED = 0.1
CARELESS = 0.25
TELEGRAPHIC = 0.12  # requests that are nothing but what is wanted: "Human genes with ..."
WHOLE = 0.4  # plain words said in a sentence of their own: "anything about insulin?"
POLITE = 0.03
LONG = 7  # words in a phrase that no verb should follow
ORDERING = ("I ", "and give", "return", "show")  # no part of a question
ASKING = ("can ", "could ", "would ")
PLACES = ("on ", "in ", "at ", "within ", "overlapping ", "inside ")


@dataclass
class Sentence:
    """One instruction in the making: the lead says what is wanted, the rest follows in commas or sentences."""

    lead: str
    end: str = "."
    rest: list[Remark] = field(default_factory=list)

    def text(self, rng: random.Random) -> str:
        tails: list[str] = []
        sentences: list[str] = []
        for said in self.rest:
            tail = said.tail and (len(tails) < 2) and (not said.sentence or rng.random() > SECOND_SENTENCE)
            (tails if tail else sentences).append(said.tail if tail else said.sentence or wording.sentence(said.tail))
        lead = self.lead.rstrip(",")
        if tails and self.end == "?" and not any(tail.startswith(ORDERING) for tail in tails):
            joined = ", ".join(tails)
            lead = f"{lead}, {joined}?" if rng.random() < 0.6 else f"{lead}? {wording.sentence(joined)}"
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
        return SearchVerbaliser(plan, self.lexicon, rng).say(form)


class SearchVerbaliser:
    """Says one search."""

    def __init__(self, plan: Plan, lexicon: Lexicon, rng: random.Random) -> None:
        self.plan = plan
        self.lexicon = lexicon
        self.rng = rng
        self.phraser = Phraser(lexicon, rng)
        self.rest: list[Remark] = []
        self.said: set[str] = set()
        self.ahead = ""

    def say(self, form: Form) -> str:
        if form == "keywords":
            return Notes(self.plan, self.lexicon, self.rng).say()
        front = self._front()
        plain = self._plain_words()
        if plain is not None and self.rng.random() < WHOLE:
            said = self._whole(plain, form)
        elif self.plan.counts_only:
            said = self._counts(form)
        else:
            said = self._question() if form == "question" else self._imperative()
        if self.ahead and not front:
            return self._finished(said, self.ahead, ": " if form == "imperative" else ", ")
        return self._finished(said, front)

    def _plain_words(self) -> Leaf | None:
        """The words of a plain search for them; not what a lookup could be meant by."""
        leaf = self.plan.condition
        if not isinstance(leaf, Leaf) or leaf.operator != "keyword" or leaf.field is not None or len(leaf.values) > 1:
            return None
        named = any(re.fullmatch(rule["pattern"], leaf.values[0]) for rule in words("identifiers")[self.plan.api])
        return None if named or self.plan.counts_only else leaf

    def _whole(self, leaf: Leaf, form: Form) -> str:
        """ "Anything about insulin in mice?" """
        frame = wording.choose(self.rng.choice(words("sentences")["keyword_whole"][form]), self.rng)
        noun = wording.agree(self.lexicon.noun(self.rng))
        lead = wording.fill(frame, {"V": self.phraser.values(leaf), "Es": noun}).removesuffix("?")
        for group in [] if "species" in self.said else extras.species(self.plan, self.rng, adjectives=0.0):
            lead = f"{lead} {group.place}"
        return Sentence(lead, "?" if form == "question" else ".", self._rest()).text(self.rng)

    def _front(self) -> str:
        """ "In mouse", where the species leads the sentence."""
        if not self.plan.species or self.rng.random() > FRONTED:
            return ""
        place = extras.species(self.plan, self.rng, adjectives=0.0)[0].place
        self.said.add("species")
        return place[:1].upper() + place[1:]

    def _finished(self, said: str, front: str, joint: str = ", ") -> str:
        """What leads before it, and careless typing now and then: no full stop, no capital."""
        whole = f"{front}{joint}{wording.lowered(said)}" if front else said
        if self.rng.random() < POLITE and whole.endswith(".") and ". " not in whole and "lease" not in whole:
            whole = f"{whole[:-1]}, please."
        draw = self.rng.random()
        if draw > CARELESS or ". " in whole or "? " in whole:
            return whole
        bare = whole.removesuffix(".") if draw > CARELESS / 4 else whole.removesuffix("?").removesuffix(".")
        return wording.lowered(bare) if draw < CARELESS / 2 else bare

    # What stands where

    def _imperative(self) -> str:
        quantifier, plural = self._quantifier()
        phrase = self._noun_phrase(quantifier, plural=plural)
        telegraphic = self.rng.random() < TELEGRAPHIC
        opener = "" if telegraphic else self.rng.choice(words("sentences")["openers"])
        wanted = self._fields_object(phrase, plural=plural)
        if opener.endswith(" up") and wanted.startswith("up "):
            opener = "find"
        lead = f"{opener} {wanted}".strip()
        end = "?" if opener.startswith(ASKING) else "."
        return Sentence(self._fronted(lead), end, self._rest()).text(self.rng)

    def _question(self) -> str:
        quantifier, plural = self._quantifier(0.25)
        if self.plan.fields not in (None, ("all",)) and "fields" not in self.said and self.rng.random() < 0.5:
            lead = self._fields_question(quantifier, plural=plural)
        else:
            lead = self._plain_question(quantifier, plural=plural)
        return Sentence(self._fronted(lead.removesuffix("?")), "?", self._rest()).text(self.rng)

    def _plain_question(self, quantifier: str, *, plural: bool) -> str:
        adjectives, pieces = self._described(plural=plural)
        able = [index for index, piece in enumerate(pieces) if piece.predicate]
        able = [] if any(piece.marker == "but" for piece in pieces) else able
        sentences = words("sentences")
        if quantifier or not able or self.rng.random() < 0.25:
            phrase = self._assembled(quantifier, adjectives, pieces, plural=plural)
            frames = sentences["questions_numbered" if quantifier else "questions_whole"]
            if len(phrase.split()) > LONG:
                frames = [each for each in frames if each.endswith("{NP}?")]
            frame = self.rng.choice(frames)
            return wording.choose(wording.fill(frame, {"NP": phrase}), self.rng)
        main = pieces.pop(self.rng.choice(able))
        phrase = self._assembled(quantifier, adjectives, pieces, plural=plural)
        bare = plural and (main.predicate or "").startswith(("have ", "mention ", "contain ", "lack "))
        frames = sentences["questions_do" if bare and self.rng.random() < 0.15 else "questions"]
        if pieces:  # the clause follows the others, no verb between: "genes with A and that have B"
            frames = [
                each.replace(" that {P}", " and that {P}")
                for each in frames
                if re.search(r"\{NP\}( that)? \{P\}", each)
            ]
        frame = self.rng.choice(frames)
        return wording.fill(wording.choose(frame, self.rng), {"NP": phrase, "P": main.predicate or ""})

    def _fields_question(self, quantifier: str, *, plural: bool) -> str:
        self.said.add("fields")
        phrase = self._noun_phrase(quantifier, plural=plural)
        frame = wording.choose(self.rng.choice(words("sentences")["fields_question"]), self.rng)
        named = extras.said_fields(self.plan.fields or (), self.lexicon, self.rng, plural=plural)
        verb = "is" if len(self.plan.fields or ()) == 1 and not wording.is_plural(named) else "are"
        return wording.fill(wording.agree(frame, plural=plural), {"NP": phrase, "F": named, "is": verb})

    def _fields_object(self, phrase: str, *, plural: bool) -> str:
        usual = self.plan.fields and self.plan.fields != ("all",)
        if not usual or "fields" in self.said or self.rng.random() < 0.5:
            return phrase
        self.said.add("fields")
        frame = wording.choose(self.rng.choice(words("sentences")["fields_object"]), self.rng)
        named = extras.said_fields(self.plan.fields or (), self.lexicon, self.rng, plural=plural)
        return wording.fill(wording.agree(frame, plural=plural), {"NP": phrase, "F": named})

    def _counts(self, form: Form) -> str:
        kind = "facets" if self.plan.facets else "count"
        phrase = self._noun_phrase("", plural=True)
        frame = wording.choose(self.rng.choice(words("sentences")[kind][form]), self.rng)
        slots = {"NP": phrase, "X": extras.facet_names(self.plan.facets, self.lexicon, self.rng)}
        lead = wording.fill(frame, slots)
        end = "?" if form == "question" else "."
        self.said |= {"size", "facets"}
        return Sentence(lead.removesuffix("?"), end, self._rest()).text(self.rng)

    # The noun phrase

    def _noun_phrase(self, quantifier: str, *, plural: bool) -> str:
        adjectives, pieces = self._described(plural=plural)
        if "species" not in self.said and self.rng.random() < FRONTED:
            self._lead_with_place(pieces)
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

    def _lead_with_place(self, pieces: list[Piece]) -> None:
        """ "On chromosome 17: protein-coding genes": a place goes ahead, where there is one."""
        places = [piece for piece in pieces if piece.marker == "" and piece.text.startswith(PLACES)]
        if places:
            pieces.remove(places[0])
            text = places[0].text.rstrip(",")
            self.ahead = text[:1].upper() + text[1:]

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
        self.rest.insert(0, Remark("", wording.fill(frame, {"A": piece.marked})))
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

    def _rest(self) -> list[Remark]:
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
