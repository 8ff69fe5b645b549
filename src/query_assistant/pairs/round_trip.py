"""Whether an instruction leads back to its query: asked of any engine, answered by comparison on the replica.

Off by default, because it keeps only what the asked engine can already do; with a strong engine it finds pairs that
say something else than they mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from query_assistant.records import Pair, Query

Ask = Callable[[Sequence[str]], Sequence[Query | None]]
SameMeaning = Callable[[Query, Query], bool]


def round_trip(pairs: Sequence[Pair], ask: Ask, same: SameMeaning, batch: int = 64) -> Iterator[tuple[Pair, bool]]:
    """Each pair with whether the engine's answer means what the pair's query means; no answer means no.

    `ask` gets instructions of one API at a time and answers in their order.
    """
    for api in dict.fromkeys(pair.api for pair in pairs):
        mine = [pair for pair in pairs if pair.api == api]
        for start in range(0, len(mine), batch):
            asked = mine[start : start + batch]
            answers = ask([pair.instruction for pair in asked])
            for pair, answer in zip(asked, answers, strict=True):
                yield pair, answer is not None and same(pair, answer)
