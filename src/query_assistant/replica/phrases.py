"""Where the words of a phrase stand together: exactly in order, or within a number of moves."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from query_assistant.replica.limits import Work
from query_assistant.replica.postings import Docs, Ints, Terms

_SHIFT = 1 << 32  # one key holds record and position; positions stay far below this


def phrase_counts(terms: Terms, words: Sequence[str], slop: int, work: Work) -> tuple[Docs, Docs]:
    """The records that hold the phrase, and how often each does."""
    ordinals = [terms.ordinal(word) for word in words]
    work.spend(10 * len(words))
    if -1 in ordinals:
        return _none()
    if slop <= 0:
        return _exact(terms, ordinals, work)
    return _sloppy(terms, ordinals, slop, work)


def _none() -> tuple[Docs, Docs]:
    return np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int32)


def _places(terms: Terms, ordinal: int) -> tuple[Docs, Docs]:
    """Record and position of every occurrence of a term."""
    assert terms.frequencies is not None
    starts, places = terms.places
    low, high = int(terms.offsets[ordinal]), int(terms.offsets[ordinal + 1])
    docs = np.repeat(terms.docs[low:high], terms.frequencies[low:high])
    return docs, places[starts[low] : starts[high]]


def _exact(terms: Terms, ordinals: Sequence[int], work: Work) -> tuple[Docs, Docs]:
    """Occurrences whose position, less the word's own place in the phrase, is the same for all words."""
    common: Ints | None = None
    for place, ordinal in sorted(enumerate(ordinals), key=lambda item: len(terms.list_of(item[1]))):
        docs, places = _places(terms, ordinal)
        work.spend(100 + len(docs) // 2)
        keys = docs.astype(np.int64) * _SHIFT + places - place
        common = keys if common is None else _among(common, keys)
        if not len(common):
            return _none()
    assert common is not None
    docs, counts = np.unique((common + len(ordinals)) // _SHIFT, return_counts=True)
    return docs.astype(np.int32), counts.astype(np.int32)


def _among(few: Ints, many: Ints) -> Ints:
    """Those of `few` that are in `many`; both ascend, so nothing needs sorting."""
    places = np.searchsorted(many, few)
    places[places == len(many)] = 0
    found: Ints = few[many[places] == few]
    return found


def _sloppy(terms: Terms, ordinals: Sequence[int], slop: int, work: Work) -> tuple[Docs, Docs]:
    by_ordinal = {ordinal: _by_record(terms, ordinal, work) for ordinal in set(ordinals)}
    shared = set.intersection(*({*records} for records in by_ordinal.values()))
    docs, counts = [], []
    for doc in sorted(shared):
        places = {ordinal: records[doc] for ordinal, records in by_ordinal.items()}
        count = _windows(places, ordinals, slop, work)
        if count:
            docs.append(doc)
            counts.append(count)
    return np.array(docs, dtype=np.int32), np.array(counts, dtype=np.int32)


def _by_record(terms: Terms, ordinal: int, work: Work) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    docs, places = _places(terms, ordinal)
    work.spend(len(docs))
    for doc, place in zip(docs.tolist(), places.tolist(), strict=True):
        found[doc].append(place)
    return found


def _windows(places: dict[int, list[int]], ordinals: Sequence[int], slop: int, work: Work) -> int:
    """In how many windows of moved positions all words fit: position less place in the phrase spans at most `slop`."""
    work.spend(sum(len(places[ordinal]) for ordinal in ordinals))
    starts = sorted({place - offset for offset, ordinal in enumerate(ordinals) for place in places[ordinal]})
    work.spend(4 * len(starts) * len(ordinals))
    return sum(_fits(places, ordinals, start, slop) for start in starts)


def _fits(places: dict[int, list[int]], ordinals: Sequence[int], start: int, slop: int) -> bool:
    """Whether every word finds a position in its window, two equal words never the same one.

    Windows move to the right, so the first free position of a repeated word lies behind the one it took before.
    """
    taken: dict[int, int] = {}
    for offset, ordinal in enumerate(ordinals):
        word = places[ordinal]
        found = bisect_left(word, max(start + offset, taken.get(ordinal, -1) + 1))
        if found == len(word) or word[found] > start + offset + slop:
            return False
        taken[ordinal] = word[found]
    return True
