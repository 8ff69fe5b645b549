"""From one condition to a piece of a noun phrase: "with a CADD score above 20", "on chromosome 7", "not in dbSNP".

A `Fragment` knows what may precede it. `pre` stands before the noun, `pp` right behind it; `with`, `whose` and `that`
follow the word of that name; `terse` stands alone in a keyword request.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from query_assistant.verbalising import wording
from query_assistant.verbalising.lexicon import Lexicon, words
from query_assistant.verbalising.numbers import say_stretch, say_value
from query_assistant.verbalising.plan import Leaf

FragmentKind = Literal["pre", "pp", "with", "whose", "that", "terse"]
ANY_KIND: tuple[FragmentKind, ...] = ("pp", "with", "whose", "that")
QUOTED = frozenset({"phrase", "keyword_phrase", "near", "keyword_near"})
SPELLED_LIKE = {
    "prefix": "prefix_word",
    "suffix": "suffix_word",
}
IDIOM_WEIGHT = 0.6


@dataclass(frozen=True, slots=True)
class Fragment:
    """`text` still carries the marks of agreement and negation of `words/`."""

    kind: FragmentKind
    text: str
    slots: Mapping[str, str] = field(default_factory=dict)

    def said(self, *, plural: bool = True) -> str:
        return wording.tidy(wording.fill(wording.agree(wording.affirm(self.text), plural=plural), self.slots))

    def denied(self, *, plural: bool = True) -> str | None:
        """The same denied, where that can be done by its verb or by "not"."""
        text = self._denied_text()
        return None if text is None else wording.tidy(wording.fill(wording.agree(text, plural=plural), self.slots))

    def _denied_text(self) -> str | None:
        if self.kind == "whose":
            return wording.negate(self.text)
        if self.kind == "that":
            return wording.deny(self.text)
        if self.kind == "pp" and self.text.startswith("where the "):
            return wording.negate(self.text)
        if self.kind == "pp" and self.text.split(" ", 1)[0] in {"in", "on", "of", "at", "about", "named", "called"}:
            return f"not {self.text}"
        return None

    def predicate(self) -> str | None:
        """As a verb phrase `plural~singular` with a subject before it; None where there is no natural one."""
        if self.kind == "that":
            return self.text
        if self.kind == "with":
            return f"have~has {self.text}"
        if self.kind == "pp" and self.text.split(" ", 1)[0] in {
            "in",
            "on",
            "about",
            "at",
            "related",
            "linked",
            "named",
        }:
            return f"are~is {self.text}"
        return None


class Phraser:
    """Draws fragments for conditions; one generator, one instruction."""

    def __init__(self, lexicon: Lexicon, rng: random.Random) -> None:
        self.lexicon = lexicon
        self.rng = rng

    def fragment(self, leaf: Leaf, kinds: tuple[FragmentKind, ...] = ANY_KIND) -> Fragment | None:
        """One way to say the condition, of one of the kinds; None where there is none."""
        operator = self.operator(leaf)
        generic = {kind: frames for kind, frames in words("frames")[operator].items() if kind in kinds}
        idioms = {kind: frames for kind, frames in self._idioms(leaf, operator).items() if kind in kinds and frames}
        source = idioms if idioms and (not generic or self.rng.random() < IDIOM_WEIGHT) else generic
        if not source:
            return None
        kind = self.rng.choice(sorted(source))
        return self._filled(leaf, kind, self.rng.choice(source[kind]))

    def adjective(self, leaf: Leaf) -> Fragment | None:
        """The condition as a word before the noun ("missense variants"), for the few fields that allow it."""
        frames = self._idioms(leaf, self.operator(leaf)).get("pre", [])
        return self._filled(leaf, "pre", self.rng.choice(frames)) if frames and len(leaf.values) == 1 else None

    def operator(self, leaf: Leaf) -> str:
        """The key of the frames: prefixes of text fields are about single words."""
        if leaf.operator in SPELLED_LIKE and leaf.field is not None and self._is_text(leaf.field):
            return SPELLED_LIKE[leaf.operator]
        return leaf.operator

    def _is_text(self, path: str) -> bool:
        found = self.lexicon.schema.fields.get(path)
        return found is not None and found.type == "text" and found.analyzer != "string_lowercase"

    def _idioms(self, leaf: Leaf, operator: str) -> Mapping[str, list[str]]:
        return self.lexicon.wording(leaf.field).idioms.get(operator, {}) if leaf.field else {}

    def _filled(self, leaf: Leaf, kind: str, frame: str) -> Fragment:
        slots = self._slots(leaf, quoted=kind != "pre")
        return Fragment(kind, wording.choose(frame, self.rng), slots)  # type: ignore[arg-type]

    def _slots(self, leaf: Leaf, *, quoted: bool) -> dict[str, str]:
        slots = {"K": str(leaf.slop)}
        if leaf.field is not None and leaf.operator not in {"interval", "position"}:
            name = self._singular_name(leaf.field)
            owner = self.rng.choice(["the", "the", "their"])
            slots |= {"N": name, "aN": wording.with_article(name), "theN": f"{owner} {name}"}
        if leaf.values:
            slots["V"] = self.values(leaf, quoted=quoted)
        slots |= self._bounds(leaf)
        return slots

    def _singular_name(self, path: str) -> str:
        """A name that goes with "is" and "a", where the field has one."""
        drawn = [self.lexicon.name(path, self.rng) for _ in range(3)]
        return next((name for name in drawn if not wording.is_plural(name)), drawn[0])

    def values(self, leaf: Leaf, *, quoted: bool = True) -> str:
        """The values of a condition: `CDK2`, `CDK2 or CDK4`, `"cell cycle"`."""
        said = [self._value(leaf, value, quoted=quoted) for value in leaf.values]
        said = [text.removesuffix(" variant").removesuffix("_variant") for text in said] if not quoted else said
        if leaf.operator == "contains_all":
            return wording.listed(said, "and")
        if len(said) > 2 and self.rng.random() < 0.08:
            return f"{self.rng.choice(['any of', 'one of'])} {wording.listed(said, 'or')}"
        return wording.listed(said, "or")

    def _value(self, leaf: Leaf, value: str, *, quoted: bool) -> str:
        if leaf.operator == "equals_number":
            return value + self._unit(leaf)
        said = self.lexicon.value(leaf.field, value, self.rng)
        if leaf.operator in QUOTED or (leaf.operator == "keyword" and " " in value and leaf.field is not None):
            return self._quote(said)
        loose = " " in said or "," in said
        if quoted and said == value and loose and self.rng.random() < (0.5 if leaf.field else 0.0):
            return self._quote(said)
        return said

    def _quote(self, text: str) -> str:
        mark = "'" if '"' in text or ("'" not in text and self.rng.random() < 0.25) else '"'
        return f"{mark}{text}{mark}"

    def _bounds(self, leaf: Leaf) -> dict[str, str]:
        if leaf.operator in {"interval", "position"}:
            start, end = say_stretch(int(leaf.low or 0), int(leaf.high or 0), self.rng)
            digits = "{:,}" if self.rng.random() < 0.4 else "{}"
            exact = {"s": digits.format(int(leaf.low or 0)), "e": digits.format(int(leaf.high or 0))}
            return {"C": leaf.values[0], "S": start, "E": end, **exact}
        unit = self._unit(leaf)
        year = self._year(leaf)
        bounds = {}
        if leaf.low is not None:
            bounds["L"] = say_value(leaf.low, self.rng, year=year) + unit
        if leaf.high is not None:
            bounds["H"] = say_value(leaf.high, self.rng, year=year) + unit
        return bounds

    def _unit(self, leaf: Leaf) -> str:
        units = self.lexicon.wording(leaf.field).units if leaf.field else ()
        return self.rng.choice(units) if units else ""

    def _year(self, leaf: Leaf) -> bool:
        return leaf.field is not None and self.lexicon.wording(leaf.field).year
