"""The field that a person meant who wrote a name which no field has.

    chebi.chebi_id -> chebi.id    gnomad.af -> gnomad_exome.af.af    go_id -> go    mondo.id -> mondo.mondo

A name keeps to the database it names: the fields under the same first part, or under one that begins with it. There an
identifier by any of its usual names is the database's own; else the likest name counts, and among names equally like
the one people use (the API's words list them by that).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from query_assistant.apis.api import Api

LIKE_ENOUGH = 0.6  # lower: a hint more often, and a wrong one more often
LONGEST_NAME = 200  # of a name that is compared; no field's name is half as long
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_IDENTIFIERS = frozenset({"id", "ids", "identifier", "accession"})
_NAMES = frozenset({"label", "title", "term"})  # databases use these words alike


@lru_cache(maxsize=4096)
def meant_field(name: str, api: Api) -> str | None:
    """The searchable field, or short name of one, that is most likely meant; None where nothing is like it."""
    if len(name) > LONGEST_NAME or not re.search("[A-Za-z]", name):
        return None
    names = _names(api)
    if same := next((known for known in names if known.lower() == name.lower()), None):
        return same
    database, *below = name.split(".")
    homes = _homes(database, names) if below else _home_of_single(name, names)
    if homes and (found := _identifier(database if below else homes[0], below, homes, names, api)):
        return found
    at_home = [known for known in names if known.partition(".")[0] in homes] if below else []
    return _likest_below(".".join(below), at_home, api) if at_home else _likest_anywhere(name, names, api)


@lru_cache(maxsize=64)
def _names(api: Api) -> tuple[str, ...]:
    """What a person may write: the best known first, then the fields in the order of their list."""
    searchable = {field.name for field in api.schema.searchable if not _unseen(field.name, api)}
    short = {rule.written for rule in api.definition.shorthands if rule.short}
    known = [name for name in api.well_known if name in searchable or name in short]
    return tuple(dict.fromkeys([*known, *(field.name for field in api.schema if field.name in searchable), *short]))


def _unseen(name: str, api: Api) -> bool:
    hidden = name in api.hidden and name != "_id"
    return hidden or name.partition(".")[0] in api.nested


def _homes(database: str, names: Iterable[str]) -> list[str]:
    """The first parts of names that a database's name stands for: itself, longer ones, else the likest."""
    firsts = list(dict.fromkeys(name.partition(".")[0] for name in names))
    folded = database.lower()
    same = [first for first in firsts if first.lower() == folded]
    longer = [first for first in firsts if re.split(r"[_-]", first.lower())[0] == folded]
    return same or longer or difflib.get_close_matches(database, firsts, n=1, cutoff=0.7)


def _home_of_single(name: str, names: Iterable[str]) -> list[str]:
    """The database of `go_id` or `chebiId`: what stands before its identifier's name."""
    *before, last = _words(name)
    firsts = {known.partition(".")[0].lower(): known.partition(".")[0] for known in names}
    found = firsts.get("_".join(before)) or firsts.get("".join(before))
    return [found] if last in _IDENTIFIERS and found else []


def _identifier(
    database: str, below: Sequence[str], homes: Sequence[str], names: Sequence[str], api: Api
) -> str | None:
    """The identifier of a database, where the name asks for it by one of the usual names."""
    asked = set(_words(below[0] if below else "id")) - set(_words(database))
    if len(below) > 1 or not asked <= _IDENTIFIERS:
        return None
    return next((found for home in homes for found in _identifying(home, api) if found in names), None)


def _identifying(home: str, api: Api) -> Iterator[str]:
    yield from (f"{home}.{last}" for last in ("id", home, f"{home}_id"))
    if any(rule.short and rule.written == home for rule in api.definition.shorthands):
        yield home
    for pattern in api.definition.identifiers:
        yield from (field for field in pattern.fields if field.startswith(f"{home}."))
    yield home


def _likest_below(asked: str, names: Sequence[str], api: Api) -> str:
    """The likest name of a database; its best known one where none is like it."""
    likeness = _Likeness(asked)
    rest = {name: name.partition(".")[2] for name in names}
    best = max(names, key=lambda name: likeness.rank(rest[name], name in api.well_known))
    return best if likeness.of(rest[best]) >= LIKE_ENOUGH else names[0]


def _likest_anywhere(asked: str, names: Sequence[str], api: Api) -> str | None:
    likeness = _Likeness(asked)
    best = max(names, key=lambda name: likeness.rank(name, name in api.well_known), default=None)
    return best if best is not None and likeness.of(best) >= LIKE_ENOUGH else None


class _Likeness:
    """How like a name others are: by letters, or by letters and the share of its words that they have."""

    def __init__(self, asked: str) -> None:
        self.words = _stems(asked)
        self.dotted = "." in asked
        self.length = len(asked)
        self.letters = difflib.SequenceMatcher(None, "", asked.lower(), autojunk=False)

    def rank(self, held: str, well_known: bool) -> tuple[float, bool, int]:
        """Likeness in tenths, so that near ties go to identifiers, then to short names, then to the better known."""
        identifies = not _IDENTIFIERS.isdisjoint(_words(held))
        return round(self.of(held) + well_known / 5, 1), identifies, -held.count(".")

    def of(self, held: str) -> float:
        """From 0 to about 1."""
        letters = self._ratio(held)
        if not self.dotted and "." in held:
            letters = max(letters, 0.9 * self._ratio(held.rpartition(".")[2]))
        if not self.words:
            return letters
        stems = _stems(held)
        shared = sum(word in stems for word in self.words) / len(self.words)
        begins = held.lower().startswith(self.words[0]) / 10
        return max(letters, 0.4 * letters + 0.6 * shared) + begins

    def _ratio(self, held: str) -> float:
        """The share of letters that are alike, 0 where it is surely less than a half."""
        if not self.length <= 3 * len(held) <= 9 * self.length:
            return 0.0
        self.letters.set_seq1(held.lower())
        return self.letters.ratio() if self.letters.quick_ratio() >= 0.5 else 0.0


@lru_cache(maxsize=65536)
def _words(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORD.findall(name))


@lru_cache(maxsize=65536)
def _stems(name: str) -> tuple[str, ...]:
    """The words of a name in the singular, one for those that databases use alike."""
    singular = (word[:-1] if len(word) > 3 and word.endswith("s") else word for word in _words(name))
    return tuple("name" if word in _NAMES else word for word in singular)
