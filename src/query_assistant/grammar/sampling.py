"""Random sentences of a grammar, the same ones for the same seed.

A choice is drawn by its weights (in a trie: so that every word is as likely), a repetition stops after each turn with
a chance of its own, a character comes from one of its set's ranges. So short and common forms are frequent and every
form is possible: a check over many sentences sees them all.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from query_assistant.grammar.rules import Chars, Choice, Node, Ref, Repeat, Rules, Sequence, Terminal

GO_ON = 0.6  # chance of one more turn of an open repetition: higher, longer words and lists
ASCII = 0.97  # share of characters below 128 where the set has some


def sentences(rules: Rules, generator: random.Random, count: int) -> Iterator[str]:
    """`count` sentences, duplicates possible."""
    for _ in range(count):
        pieces: list[str] = []
        _draw(Ref(rules.start), rules, generator, pieces)
        yield "".join(pieces)


def _draw(node: Node, rules: Rules, generator: random.Random, pieces: list[str]) -> None:
    while isinstance(node, (Ref, Choice)):
        node = rules.nodes[node.name] if isinstance(node, Ref) else _option(node, generator)
    if isinstance(node, Terminal):
        pieces.append(node.text)
    elif isinstance(node, Chars):
        pieces.append(_character(node, generator))
    elif isinstance(node, Sequence):
        for part in node.parts:
            _draw(part, rules, generator, pieces)
    else:
        for _ in range(_turns(node, generator)):
            _draw(node.node, rules, generator, pieces)


def _option(choice: Choice, generator: random.Random) -> Node:
    drawn: Node = generator.choices(choice.options, choice.weights)[0]
    return drawn


def _turns(repeat: Repeat, generator: random.Random) -> int:
    if repeat.high == 1:
        return generator.randint(repeat.low, 1)
    turns = repeat.low
    while (repeat.high is None or turns < repeat.high) and generator.random() < GO_ON:
        turns += 1
    return turns


def _character(chars: Chars, generator: random.Random) -> str:
    plain = [bounds for bounds in chars.ranges if bounds[1] < 0x80]
    ranges = plain if plain and generator.random() < ASCII else chars.ranges
    low, high = generator.choices(ranges, [min(high - low + 1, 26) for low, high in ranges])[0]
    return chr(generator.randint(low, high))
