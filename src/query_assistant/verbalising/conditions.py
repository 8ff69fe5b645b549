"""From a tree of conditions to what stands around the noun: adjectives before it, and pieces behind it.

    symbol:CDK2 AND NOT _exists_:ensembl.gene   ->   "with gene symbol CDK2 but without an Ensembl ID"

Groups that mean "or" stay together under one marker ("with either A or B"), so that nothing else slips into them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from query_assistant.verbalising import wording
from query_assistant.verbalising.fragments import Fragment, FragmentKind, Phraser
from query_assistant.verbalising.lexicon import words
from query_assistant.verbalising.plan import Condition, Group, Leaf, Not, UnsayableError

ORDER = ("", "with", "whose", "that", "where", "for which", "but")
CLAUSES: tuple[FragmentKind, ...] = ("whose", "that", "with")


@dataclass(frozen=True, slots=True)
class Piece:
    """`marker` is the word before it: with, whose, that, where, nothing, or "but" for an exception in full words."""

    marker: str
    text: str
    predicate: str | None = None

    @property
    def marked(self) -> str:
        return self.text if self.marker in {"", "but"} else f"{self.marker} {self.text}"


class Describer:
    """Turns conditions into adjectives and pieces, with one phraser's vocabulary and luck."""

    def __init__(self, phraser: Phraser, *, plural: bool = True) -> None:
        self.phraser = phraser
        self.rng = phraser.rng
        self.plural = plural

    def describe(self, condition: Condition | None) -> tuple[list[str], list[Piece]]:
        """Adjectives and pieces; together they say the whole condition.

        Raises:
            UnsayableError: it is nested too deep to be said in one sentence.
        """
        if condition is None:
            return [], []
        parts = list(condition.parts) if isinstance(condition, Group) and condition.joint == "and" else [condition]
        adjectives: list[str] = []
        pieces: list[Piece] = []
        for part in parts:
            adjective = self._adjective(part) if len(adjectives) < 2 else None
            if adjective is None:
                pieces.append(self.piece(part, alone=len(parts) == 1))
            else:
                adjectives.append(adjective)
        return adjectives, pieces

    def _adjective(self, part: Condition) -> str | None:
        if not isinstance(part, Leaf) or self.rng.random() < 0.5:
            return None
        fragment = self.phraser.adjective(part)
        return None if fragment is None else fragment.said()

    def piece(self, part: Condition, *, alone: bool = True) -> Piece:
        if isinstance(part, Leaf):
            return self._positive(part)
        if isinstance(part, Not):
            return self._negative(part.part)
        if part.joint == "or":
            return self._either(part, alone=alone)
        raise UnsayableError("nesting", "an AND group stands where no sentence can hold it")

    def _positive(self, leaf: Leaf) -> Piece:
        fragment = self.phraser.fragment(leaf)
        assert fragment is not None, leaf
        return self._as_piece(fragment)

    def _as_piece(self, fragment: Fragment) -> Piece:
        predicate = fragment.predicate()
        said = None if predicate is None else replace(fragment, kind="that", text=predicate).said(plural=self.plural)
        return _marked(fragment.kind, fragment.said(plural=self.plural), said)

    def _negative(self, part: Condition) -> Piece:
        if isinstance(part, Leaf):
            if part.operator == "exists":
                return self._positive(replace(part, operator="lacks"))
            if part.operator == "lacks":
                return self._positive(replace(part, operator="exists"))
            denied = self._denied(part)
            if denied is not None:
                return denied
        inner = self.piece(part)
        frame = wording.choose(self.rng.choice(words("conditions")["except"]), self.rng)
        return Piece("but", wording.fill(frame, {"A": inner.marked}))

    def _denied(self, leaf: Leaf) -> Piece | None:
        """A leaf denied within its own words, where luck and grammar allow."""
        draw = self.rng.random()
        if leaf.operator == "keyword" and leaf.field is None and draw < 0.7:
            frame = wording.choose(self.rng.choice(words("conditions")["except_words"]), self.rng)
            return Piece("but", wording.fill(frame, {"V": self.phraser.values(leaf)}))
        if draw > 0.75:
            return None
        if leaf.operator == "equals" and leaf.field is not None and draw < 0.25:
            return self._other_than(leaf)
        fragment = self.phraser.fragment(leaf, ("whose", "that", "pp"))
        text = fragment.denied(plural=self.plural) if fragment is not None else None
        if fragment is None or text is None:
            return None
        if len(leaf.values) > 1:
            text = _neither(text)
        return _marked(fragment.kind, text)

    def _other_than(self, leaf: Leaf) -> Piece:
        assert leaf.field is not None
        name = self.phraser.lexicon.name(leaf.field, self.rng)
        frame = wording.choose(self.rng.choice(words("conditions")["except_whose"]), self.rng)
        values = self.phraser.values(leaf).removeprefix("either ")
        slots = {"N": name, "aN": wording.with_article(name), "V": values}
        return Piece("but" if frame.startswith(("except", "but")) else "", wording.fill(frame, slots))

    def _either(self, group: Group, *, alone: bool) -> Piece:
        """All parts under one marker; "either" keeps the group apart from its neighbours."""
        for kind in self.rng.sample(CLAUSES, k=len(CLAUSES)):
            texts = [self._under(kind, part) for part in group.parts]
            said = [text for text in texts if text is not None]
            if len(said) == len(texts):
                return self._joined_by_or(kind, said, alone=alone)
        raise UnsayableError("nesting", "no one marker holds every part of an OR group")

    def _joined_by_or(self, kind: FragmentKind, said: list[str], *, alone: bool) -> Piece:
        if kind == "whose" and not alone:
            return Piece("for which", "either " + wording.listed([f"the {text}" for text in said], "or"))
        if kind == "whose":
            return Piece("whose", wording.listed([said[0], *(f"whose {text}" for text in said[1:])], "or"))
        either = "either " if not alone or self.rng.random() < 0.5 else ""
        text = either + wording.listed(said, "or")
        return Piece(kind, text, text if kind == "that" else f"{'have' if self.plural else 'has'} {text}")

    def _under(self, kind: FragmentKind, part: Condition) -> str | None:
        """A part of an OR group as text that may follow the group's marker."""
        if isinstance(part, Leaf):
            fragment = self.phraser.fragment(part, (kind,))
            return None if fragment is None else fragment.said(plural=self.plural)
        if isinstance(part, Not) and isinstance(part.part, Leaf) and kind != "with":
            return self._under_denied(kind, part.part)
        if isinstance(part, Group) and part.joint == "and" and kind != "with":
            texts = [self._under(kind, inner) for inner in part.parts]
            said = [text for text in texts if text is not None]
            joint = " and whose " if kind == "whose" else " and "
            both = "both " if kind == "that" and len(said) == 2 else ""
            return both + joint.join(said) if len(said) == len(texts) else None
        return None

    def _under_denied(self, kind: FragmentKind, leaf: Leaf) -> str | None:
        if leaf.operator in {"exists", "lacks"}:
            return self._under(kind, replace(leaf, operator="lacks" if leaf.operator == "exists" else "exists"))
        fragment = self.phraser.fragment(leaf, (kind,))
        return None if fragment is None else fragment.denied(plural=self.plural)


def _marked(kind: FragmentKind, text: str, predicate: str | None = None) -> Piece:
    """A piece of a fragment; a clause with "where" is joined like other clauses, whatever kind it was written under."""
    if kind == "pp" and text.startswith("where "):
        return Piece("where", text.removeprefix("where "), predicate)
    return Piece("" if kind == "pp" else kind, text, predicate)


def _neither(text: str) -> str:
    """ "is not A or B" says it badly; "is neither A nor B" says it well."""
    for verb in ("is not", "are not"):
        if verb in text and " or " in text:
            before, after = text.split(verb, 1)
            *most, last = after.replace("either ", "").replace("any of ", "").replace("one of ", "").split(" or ")
            return f"{before}{verb.removesuffix(' not')} neither{' or '.join(most)} nor {last}"
    return text


def join(pieces: list[Piece]) -> str:
    """The pieces behind a noun, those without a marker first, exceptions last."""
    text = ""
    previous = ""
    for piece in sorted(pieces, key=lambda each: ORDER.index(each.marker)):
        text += _joint(piece, previous, text) + piece.marked
        previous = piece.marker or "pp"
    return text


def _joint(piece: Piece, previous: str, so_far: str) -> str:
    if not so_far:
        return ""
    if piece.marker == "but":
        return (
            ", "
            if piece.text.startswith(("excl", "exce", "leav", "minus", "apart", "other", "ignor", "not counting"))
            else " "
        )
    if piece.marker == "":
        return " but " if piece.text.startswith("not ") else " and " if "," in so_far else " "
    return " " if previous == "pp" else " and "
