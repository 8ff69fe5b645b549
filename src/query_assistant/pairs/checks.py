"""Whether an instruction is honest: everything the query holds can be read out of it, and it reads like a request.

    recoverable(plan, "Which human genes have insulin in their name?", lexicon)   ->  [] (nothing is missing)

A literal counts as recoverable under any of its usual names: numbers in words or with a unit, species by name, values
by the words of `words/`. Case and the difference between `_`, `-` and a blank never matter.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from query_assistant.verbalising.extras import ASSEMBLIES, DEFAULT_SIZE
from query_assistant.verbalising.lexicon import Lexicon, species_names
from query_assistant.verbalising.numbers import numbers_in
from query_assistant.verbalising.plan import Leaf, Plan, plan_leaves
from query_assistant.verbalising.wording import pluralise

SHORTEST, LONGEST = 3, 420
RAW_PATH = re.compile(r"\b[a-z_]\w*(?:\.\w+){1,}\b")
MARKUP = re.compile(r"\{[A-Za-z]+\}|\w+~\w+|\w+!\w+")


class Reader:
    """One instruction, ready to be searched for literals."""

    def __init__(self, instruction: str, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.text = folded_text(instruction)
        self.numbers = numbers_in(instruction)

    def holds(self, literal: str) -> bool:
        """Whether the literal stands in the text, not inside a longer word (save after "chr": chr7 holds 7)."""
        wanted = re.escape(folded_text(literal).strip())
        return re.search(rf"(?:(?<!\w)|(?<=\bchr)){wanted}(?!\w)", self.text) is not None

    def holds_number(self, literal: str) -> bool:
        try:
            return Decimal(literal) in self.numbers or self.holds(literal)
        except InvalidOperation:
            return self.holds(literal)

    def holds_value(self, path: str | None, value: str) -> bool:
        """The value, or one of its names; of a pattern, its letters."""
        if any(
            self.holds(alias) or self.holds(alias.removesuffix(" variant").removesuffix("_variant"))
            for alias in self.lexicon.aliases(path, value)
        ):
            return True
        return self.holds_number(value)


def folded_text(text: str) -> str:
    """Lower case, with `_`, `-` and blanks alike, and no thousands separators."""
    joined = re.sub(r"(?<=\d),(?=\d{3})", "", text.casefold())
    return re.sub(r"[\s_\-]+", " ", joined)


def missing_literals(plan: Plan, instruction: str, lexicon: Lexicon, *, names: bool = True) -> list[str]:
    """What the query holds and the instruction does not say; empty for an honest pair.

    With `names` the fields of the presentation have to be called by a known name as well.
    """
    reader = Reader(instruction, lexicon)
    missing = [literal for leaf in plan_leaves(plan.condition) for literal in _missing_of_leaf(leaf, reader)]
    missing += [each for each in plan.identifiers if not reader.holds(each)]
    missing += [taxid for taxid in plan.species if not any(reader.holds(name) for name in species_names(taxid))]
    if plan.assembly is not None and not any(
        reader.holds(name) for name in ASSEMBLIES.get(plan.assembly, [plan.assembly])
    ):
        missing.append(plan.assembly)
    if plan.with_obsolete and not reader.holds("obsolete"):
        missing.append("obsolete")
    missing += [path for path in (_named_fields(plan) if names else ()) if not _names_field(path, reader)]
    missing += [key for key in (_sort_keys(plan) if names else ()) if not _says_order(key, reader)]
    return missing + _missing_numbers(plan, reader)


def _missing_of_leaf(leaf: Leaf, reader: Reader) -> list[str]:
    missing = [value for value in leaf.values if not reader.holds_value(leaf.field, value)]
    missing += [bound for bound in (leaf.low, leaf.high) if bound is not None and not reader.holds_number(bound)]
    if leaf.field is not None and not (leaf.values or _names_field(leaf.field, reader)):
        missing += [] if _idiomatic(leaf, reader.lexicon) else [leaf.field]
    return missing


def _idiomatic(leaf: Leaf, lexicon: Lexicon) -> bool:
    """Whether the field has idioms for the operator, which may not name it: "approved after 2000", "not in dbSNP"."""
    assert leaf.field is not None
    return bool(lexicon.wording(leaf.field).idioms)


def _named_fields(plan: Plan) -> tuple[str, ...]:
    returned = () if plan.fields in (None, ("all",)) else plan.fields or ()
    return (*returned, *plan.excluded, *plan.facets)


def _sort_keys(plan: Plan) -> tuple[str, ...]:
    return tuple(key for key in plan.sort if key.lstrip("-") != "_score")


def _says_order(key: str, reader: Reader) -> bool:
    idiomatic = any(reader.holds(idiom) for idiom in reader.lexicon.orders(key))
    return idiomatic or _names_field(key.lstrip("-"), reader)


def _names_field(path: str, reader: Reader) -> bool:
    wording = reader.lexicon.wording(path)
    names = [*wording.names, *(pluralise(name) for name in wording.names), path, wording.plural or path]
    return any(reader.holds(name) for name in names)


def _missing_numbers(plan: Plan, reader: Reader) -> list[str]:
    """Sizes and pages; a page says the number of skipped hits through its size."""
    missing = []
    size = None if plan.counts_only else plan.size
    if (
        size is not None
        and Decimal(size) not in reader.numbers
        and not (size == 1 and reader.holds("just the top hit"))
    ):
        missing.append(f"size {size}" if not _one(size, reader) else "")
    if plan.skip:
        per_page = plan.size or DEFAULT_SIZE
        ways = {Decimal(plan.skip), Decimal(plan.skip + 1)}
        ways |= {Decimal(plan.skip // per_page + 1)} if plan.skip % per_page == 0 else set()
        missing += [] if ways & reader.numbers else [f"from {plan.skip}"]
    if plan.facet_size is not None and Decimal(plan.facet_size) not in reader.numbers:
        missing.append(f"facet_size {plan.facet_size}")
    return [each for each in missing if each]


def _one(size: int, reader: Reader) -> bool:
    """One hit may be asked for without a number."""
    return size == 1 and any(
        reader.holds(word) for word in ("single", "the top", "only the", "just the", "the first", "best", "top hit")
    )


def unreadable(instruction: str) -> str | None:
    """Why nobody would type this; None where somebody would."""
    if not SHORTEST <= len(instruction) <= LONGEST:
        return "length"
    if MARKUP.search(instruction):
        return "markup"
    if re.search(r"\b([A-Za-z]{2,}) \1\b(?![:=])", instruction) or "  " in instruction:
        return "repeated word"
    if not instruction.strip() or instruction != instruction.strip():
        return "blank"
    return None
