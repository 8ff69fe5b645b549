"""Which API a question is for, where nobody said: the one whose examples are most like it.

    guess_api("CADD above 20 in BRCA2", Path("models/published/index"), ["mygene", "myvariant"])    # "myvariant"

Of the 176 development questions 98% are put to the right one of four (LOG.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from query_assistant.retrieval.search import Retriever

NEAREST = 10  # examples whose likeness is averaged; one alone is right for 93%


def guess_api(instruction: str, index: Path, apis: Sequence[str]) -> str:
    """The name of an API; the first of those that are equally like.

    Args:
        index: the folder that holds few_shot/.
    """
    retriever = _opened(index / "few_shot")
    return max(apis, key=lambda api: retriever.likeness(instruction, api, NEAREST))


@lru_cache(maxsize=2)
def _opened(folder: Path) -> Retriever:
    """Opened once: a server guesses for every question."""
    return Retriever.load(folder)
