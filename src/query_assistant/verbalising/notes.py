"""Plans as people type them into a search box: "human insulin in gene name, top 5"."""

from __future__ import annotations

import random

from query_assistant.verbalising import extras, wording
from query_assistant.verbalising.fragments import Phraser
from query_assistant.verbalising.lexicon import Lexicon, words
from query_assistant.verbalising.plan import Condition, Group, Leaf, Not, Plan


class Notes:
    """Says one search in keywords."""

    def __init__(self, plan: Plan, lexicon: Lexicon, rng: random.Random) -> None:
        self.plan = plan
        self.lexicon = lexicon
        self.rng = rng
        self.phraser = Phraser(lexicon, rng)
        self.said: set[str] = set()

    def say(self) -> str:
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
