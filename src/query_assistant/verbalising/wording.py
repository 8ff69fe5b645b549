"""The small mechanics of English that the verbaliser needs: alternatives, agreement, negation, articles, plurals.

Markup of the files in `words/`: `<a|b>` is one of the alternatives, `have~has` plural and singular,
`contains!contain` a verb with the form that follows "does not" (`is!` becomes "is not").
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

CHOICE = re.compile(r"<([^<>]*\|[^<>]*)>")
AGREEMENT = re.compile(r"([\w'.-]+)~([\w'.-]+)")
VERB = re.compile(r"(\w+)!(\w*)")
SPOKEN_ACRONYMS = frozenset({"SIFT", "SNOMED", "SMILES", "MONDO", "LINCS", "LOINC", "MESH", "RNA", "FATHMM", "SIDER"})
LETTERS_WITH_AN = frozenset("AEFHILMNORSX")
HEAD_ENDS = re.compile(r" (?:of|in|for|from|by|on|at|behind|linked|given) | \(")
COUNTED = re.compile(r"\b(first|top) a (hundred|thousand|dozen)\b")
CODE = re.compile(r"(?:ID|number|accession|code|rsID)$")
NO_PLURAL = frozenset({"smiles", "hgvs", "data", "umls", "icd", "gerp", "strand"})


def choose(text: str, rng: random.Random) -> str:
    """The text with every `<a|b>` decided, the innermost first."""
    while (match := CHOICE.search(text)) is not None:
        text = text[: match.start()] + rng.choice(match[1].split("|")) + text[match.end() :]
    return tidy(text)


def agree(text: str, *, plural: bool = True) -> str:
    """The text with every `plural~singular` decided."""
    return AGREEMENT.sub(r"\1" if plural else r"\2", text)


def affirm(text: str) -> str:
    """A clause with its verb as it stands: "is! 5" becomes "is 5"."""
    return VERB.sub(r"\1", text)


def negate(text: str) -> str:
    """A clause with its verb denied: "is! 5" becomes "is not 5", "contains!contain x" "does not contain x"."""
    return VERB.sub(lambda verb: f"does not {verb[2]}" if verb[2] else f"{verb[1]} not", text, count=1)


def deny(text: str) -> str | None:
    """A predicate denied: "have~has x" becomes "do~does not have x"; None where it has no marked verb first."""
    match = AGREEMENT.match(text)
    if match is None:
        return None
    if match[1] in {"are", "were", "do"}:
        return f"{match[0]} not{text[match.end() :]}"
    return f"do~does not {match[1]}{text[match.end() :]}"


def fill(text: str, slots: Mapping[str, str]) -> str:
    """The text with each `{slot}` replaced; values are taken as they are, braces included."""
    return re.sub(r"\{(\w+)\}", lambda match: slots.get(match[1], match[0]), text)


def tidy(text: str) -> str:
    """Single spaces, none before a comma or full stop, and no "first a thousand"."""
    text = COUNTED.sub(r"\1 \2", text)
    return re.sub(r"\s+([,;.?!](?:\s|$))", r"\1", re.sub(r" {2,}", " ", text)).strip()


def article(name: str) -> str:
    """`a` or `an`, by how the first word is said: an HGNC ID, a SIFT score, an rsID, a UniProt accession."""
    first = re.split(r"[\s/-]", name, maxsplit=1)[0]
    if first in {"rsID", "rs", "mRNA", "SnpEff", "NCIt", "NM", "NP", "MeSH"}:
        return "a" if first == "MeSH" else "an"
    if len(first) > 1 and first[:2].isupper() and first.upper() not in SPOKEN_ACRONYMS and first[:4] != "CADD":
        return "an" if first[0] in LETTERS_WITH_AN else "a"
    lowered = first.lower()
    if lowered.startswith(("uni", "use", "eur", "one", "u")) and not lowered.startswith(("un-", "und", "uns", "upp")):
        return "a"
    return "an" if lowered[:1] in "aeiou" else "a"


def head(name: str) -> tuple[str, str]:
    """A name cut behind its main noun: ("number", " of heavy atoms")."""
    match = None if CODE.search(name) else HEAD_ENDS.search(name)
    return (name[: match.start()], name[match.start() :]) if match else (name, "")


def is_plural(name: str) -> bool:
    """Whether a name stands for several things, and so takes no article."""
    last = head(name)[0].split()[-1].lower()
    if last in {"data", "genes", "chemistry"} or name.endswith(("Is", "IDs")):  # InChIs, CUIs
        return True
    return last.endswith("s") and not last.endswith(("ss", "us", "is", "as", "series")) and last not in NO_PLURAL


def pluralise(name: str) -> str:
    """The plural of a field's name, made on its main noun."""
    noun, rest = head(name)
    if is_plural(name) or noun.split()[-1].lower() in NO_PLURAL:
        return name
    if noun.endswith("child"):
        return f"{noun}ren{rest}"
    if re.search(r"[^aeiou]y$", noun):
        return f"{noun[:-1]}ies{rest}"
    return f"{noun}{'es' if re.search(r'(s|x|ch|sh)$', noun) else 's'}{rest}"


def with_article(name: str) -> str:
    return name if is_plural(name) else f"{article(name)} {name}"


def listed(items: Sequence[str], joint: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {joint} {items[-1]}"


def lowered(text: str) -> str:
    """Without the capital that only the start of a sentence gave it: not in names, codes and "I"."""
    first = text.split(" ", 1)[0]
    return text[:1].lower() + text[1:] if re.fullmatch(r"[A-Z][a-z]+", first) else text


def sentence(text: str, end: str = ".") -> str:
    """With a capital where that spoils no name (rsID, miRNA), and a full stop where none is."""
    first = text.split(" ", 1)[0]
    capital = text[:1].upper() + text[1:] if first.islower() or not first.isalpha() else text
    return capital if capital.endswith((".", "?", "!")) or not end else capital + end
