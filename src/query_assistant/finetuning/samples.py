"""What is taught: a prompt as it will be asked, and the answer to it.

Learning prompts of several kinds (with and without retrieved fields, with and without examples) is what lets one
adapter serve all systems. The loss counts the answer alone.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass

from query_assistant.engines.chat import ChatTokenizer
from query_assistant.errors import ConfigurationError
from query_assistant.params import FinetuneParams
from query_assistant.prompts import Message, PromptApi, PromptBuilder, PromptSettings
from query_assistant.queries.request import to_text
from query_assistant.records import Pair
from query_assistant.retrieval.linking import mark
from query_assistant.retrieval.search import Retriever
from query_assistant.seeds import generator

_WISH = re.compile(r"<|,|\b(?:fields|sort|facets)=|_exists_|\bNOT ")  # in a skeleton
KINDS = ("zero_shot-closed", "zero_shot-rag", "few_shot-closed", "few_shot-rag")


@dataclass(frozen=True)
class Sample:
    """One lesson: the conversation up to the question, and the text that answers it."""

    messages: tuple[Message, ...]
    answer: str


@dataclass(frozen=True)
class TokenSample:
    """A sample as the model reads it: the prompt's ids, and those it must learn to write, the end of turn included.

    The first `opening` ids of the prompt are its system message, which other samples begin with too.
    """

    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    opening: int = 0

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


def chosen_pairs(
    pairs: Sequence[Pair], knobs: FinetuneParams, seed: int, seen: Container[str] = frozenset()
) -> list[Pair]:
    """At most `max_pairs` pairs, drawn with the seed; `written_share` of them by people, if there are so many.

    A pair's chance to be drawn grows with its `wishes`, to the power of `richness`; those whose `mark` was `seen` by an
    earlier round come after all others.
    """
    most = knobs.max_pairs
    if not most or most >= len(pairs):
        return list(pairs)
    written = [pair for pair in pairs if pair.origin == "written"]
    made = [pair for pair in pairs if pair.origin != "written"]
    drawn = min(round(most * knobs.written_share), len(written))
    rng = generator(seed, "training pairs")
    chosen = [
        pair
        for kind, share in ((written, drawn), (made, most - drawn))
        for pair in _drawn(kind, share, knobs.richness, rng, seen)
    ]
    rng.shuffle(chosen)
    return chosen


def _drawn(pairs: Sequence[Pair], most: int, richness: float, rng: random.Random, seen: Container[str]) -> list[Pair]:
    """At most `most` pairs without repetition, by weight (Efraimidis and Spirakis, 2006: the largest u^(1/w))."""
    keys = [rng.random() ** (1 / wishes(pair) ** richness) for pair in pairs]
    best = sorted(range(len(pairs)), key=lambda at: (mark(pairs[at]) in seen, -keys[at]))[:most]
    return [pairs[at] for at in sorted(best)]


def wishes(pair: Pair) -> int:
    """How much a pair asks for: values, columns, what must be there or not, orders; 1 at least."""
    return max(len(_WISH.findall(pair.skeleton)), 1)


def tokenise(samples: Sequence[Sample], chat: ChatTokenizer, max_seq_len: int) -> list[TokenSample]:
    """Token samples in order; those longer than `max_seq_len` are left out, for half an answer teaches a wrong one."""
    openings: dict[Message, int] = {}
    rows = []
    for sample in samples:
        first = sample.messages[0]
        if first not in openings:
            openings[first] = chat.count(chat.render([first], open_answer=False))
        prompt, answer = chat.prompt_ids(sample.messages), chat.encode(sample.answer)
        rows.append(TokenSample(tuple(prompt), (*answer, chat.answer_end), openings[first]))
    return [row for row in rows if len(row) <= max_seq_len]


def training_samples(
    pairs: Sequence[Pair],
    apis: Mapping[str, PromptApi],
    settings: PromptSettings,
    mix: Mapping[str, float],
    count_tokens: Callable[[str], int],
    seed: int,
    *,
    own_skeleton: float = 0.0,
    rag: Retriever | None = None,
    few_shot: Retriever | None = None,
) -> list[Sample]:
    """One sample per pair, its kind of prompt drawn with the weights of `mix`; the draws depend on the pair and seed
    alone.

    Examples of the pair's own query are never shown: the answer would stand in the prompt.

    Args:
        own_skeleton: the share of pairs whose examples may have their own skeleton, with other values. What they teach
            is to copy a shape that fits; the others teach to go beyond the examples. Both happen to a real question.

    Raises:
        ConfigurationError: an unknown kind, or one that needs a retriever which is not given.
    """
    builders = _builders(apis, settings, mix, count_tokens, rag, few_shot)
    kinds = [_draw(mix, f"{seed}/prompt kind/{pair.id}") for pair in pairs]
    for kind, builder in builders.items():
        builder.prepare([pair.instruction for pair, drawn in zip(pairs, kinds, strict=True) if drawn == kind])
    return [
        Sample(
            tuple(builders[kind].build(pair.instruction, pair.api, hidden=_giveaway(pair, own_skeleton, seed))),
            to_text(pair),
        )
        for pair, kind in zip(pairs, kinds, strict=True)
    ]


def _builders(
    apis: Mapping[str, PromptApi],
    settings: PromptSettings,
    mix: Mapping[str, float],
    count_tokens: Callable[[str], int],
    rag: Retriever | None,
    few_shot: Retriever | None,
) -> dict[str, PromptBuilder]:
    builders = {}
    for kind in (kind for kind, weight in mix.items() if weight > 0):
        if kind not in KINDS:
            raise ConfigurationError(f"mix names {kind!r}; expected {', '.join(KINDS)}")
        wants_few_shot, wants_rag = kind.startswith("few_shot"), kind.endswith("rag")
        if (wants_rag and rag is None) or (wants_few_shot and few_shot is None):
            raise ConfigurationError(f"mix gives {kind} a weight, but its retriever is missing; run `dvc repro index`")
        builders[kind] = PromptBuilder(
            apis,
            settings,
            count_tokens,
            rag=rag if wants_rag else None,
            few_shot=few_shot if wants_few_shot else None,
        )
    if not builders:
        raise ConfigurationError("mix gives no kind of prompt a weight; give at least one")
    return builders


def _giveaway(pair: Pair, own_skeleton: float, seed: int) -> Callable[[Pair], bool]:
    """Which examples would tell the pair too much."""
    if random.Random(f"{seed}/own skeleton/{pair.id}").random() < own_skeleton:
        return lambda other: (other.query, other.body) == (pair.query, pair.body)
    return lambda other: other.skeleton == pair.skeleton


def _draw(mix: Mapping[str, float], purpose: str) -> str:
    kinds = sorted(mix)
    return random.Random(purpose).choices(kinds, [mix[kind] for kind in kinds])[0]
