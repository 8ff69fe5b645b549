"""Where the words of a phrase stand together: exactly in order, or within a number of moves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from query_assistant.replica.postings import Docs, Ints, Terms

_SHIFT = 1 << 32  # one key holds record and position; positions stay far below this


def phrase_counts(terms: Terms, words: Sequence[str], slop: int) -> tuple[Docs, Docs]:
    """The records that hold the phrase, and how often each does."""
    ordinals = [terms.ordinal(word) for word in words]
    if -1 in ordinals:
        return _none()
    if slop <= 0:
        return _exact(terms, ordinals)
    return _sloppy(terms, ordinals, slop)


def _none() -> tuple[Docs, Docs]:
    return np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int32)


def _places(terms: Terms, ordinal: int) -> tuple[Docs, Docs]:
    """Record and position of every occurrence of a term."""
    assert terms.frequencies is not None and terms.starts is not None and terms.places is not None
    low, high = int(terms.offsets[ordinal]), int(terms.offsets[ordinal + 1])
    docs = np.repeat(terms.docs[low:high], terms.frequencies[low:high])
    return docs, terms.places[terms.starts[low] : terms.starts[high]]


def _exact(terms: Terms, ordinals: Sequence[int]) -> tuple[Docs, Docs]:
    """Occurrences whose position, less the word's own place in the phrase, is the same for all words."""
    common: Ints | None = None
    for place, ordinal in sorted(enumerate(ordinals), key=lambda item: len(terms.list_of(item[1]))):
        docs, places = _places(terms, ordinal)
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


def _sloppy(terms: Terms, ordinals: Sequence[int], slop: int) -> tuple[Docs, Docs]:
    by_word = [_by_record(terms, ordinal) for ordinal in ordinals]
    docs, counts = [], []
    for doc in sorted(set(by_word[0]).intersection(*by_word[1:])):
        count = _windows([words[doc] for words in by_word], ordinals, slop)
        if count:
            docs.append(doc)
            counts.append(count)
    return np.array(docs, dtype=np.int32), np.array(counts, dtype=np.int32)


def _by_record(terms: Terms, ordinal: int) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    docs, places = _places(terms, ordinal)
    for doc, place in zip(docs.tolist(), places.tolist(), strict=True):
        found[doc].append(place)
    return found


def _windows(places: list[list[int]], ordinals: Sequence[int], slop: int) -> int:
    """In how many windows of moved positions all words fit: position less place in the phrase spans at most `slop`."""
    starts = sorted({place - offset for offset, word in enumerate(places) for place in word})
    return sum(_fits(places, ordinals, start, slop) for start in starts)


def _fits(places: list[list[int]], ordinals: Sequence[int], start: int, slop: int) -> bool:
    """Whether every word finds a position in its window, two equal words never the same one."""
    used: set[tuple[int, int]] = set()
    for offset, (word, ordinal) in enumerate(zip(places, ordinals, strict=True)):
        window = (place for place in word if start + offset <= place <= start + offset + slop)
        free = next((place for place in window if (ordinal, place) not in used), None)
        if free is None:
            return False
        used.add((ordinal, free))
    return True
