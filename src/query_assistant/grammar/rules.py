"""A small algebra of grammars: literals, sets of characters, sequences, choices, bounded repetition, named rules.

    digits = repeat(Chars.of("0-9"), 1, 9)
    size = choice("0", seq(Chars.of("1-9"), repeat(Chars.of("0-9"), 0, 2)), "1000")

It says nothing about any engine: `rendering` writes it as EBNF, GBNF or Lark, `sampling` draws sentences from it.
Rules never refer to themselves: each grammar is a finite tree with shared branches and repetitions, a regular language.
Small bounds only: some engines unroll `{0,49}` into as many rules and need half a minute where `*` needs a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from query_assistant.errors import ConfigurationError

LAST_CODE_POINT = 0x10FFFF


@dataclass(frozen=True, slots=True)
class Terminal:
    text: str


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of a set, kept as sorted, disjoint ranges of code points (both ends inclusive)."""

    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, spelling: str) -> Chars:
        """The set spelled like the inside of a regular expression's brackets, without escapes: `A-Za-z_`, `-` first."""
        ranges, rest = [], spelling
        while rest:
            low, last = rest[0], rest[2] if len(rest) > 2 and rest[1] == "-" else rest[0]
            ranges.append((ord(low), ord(last)))
            rest = rest[3:] if last != low else rest[1:]
        return cls(_merged(ranges))

    def __or__(self, other: Chars) -> Chars:
        return Chars(_merged([*self.ranges, *other.ranges]))

    def __sub__(self, other: Chars) -> Chars:
        kept = list(self.ranges)
        for low, high in other.ranges:
            kept = [part for start, end in kept for part in ((start, min(end, low - 1)), (max(start, high + 1), end))]
            kept = [(start, end) for start, end in kept if start <= end]
        return Chars(tuple(kept))

    def __contains__(self, character: str) -> bool:
        return any(low <= ord(character) <= high for low, high in self.ranges)


@dataclass(frozen=True, slots=True)
class Sequence:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the options. `weights` steer the sampler only; the language does not know them."""

    options: tuple[Node, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """Between `low` and `high` times; None is no upper bound."""

    node: Node
    low: int
    high: int | None


@dataclass(frozen=True, slots=True)
class Ref:
    """The rule of that name."""

    name: str


Node: TypeAlias = Terminal | Chars | Sequence | Choice | Repeat | Ref
Part: TypeAlias = Node | str


@dataclass(frozen=True)
class Rules:
    """Named rules; `start` is the one of whole sentences. No rule leads back to itself."""

    nodes: Mapping[str, Node]
    start: str


def reachable(rules: Rules) -> Rules:
    """The same language without the rules that no sentence uses."""
    kept: dict[str, Node] = {}
    waiting = [rules.start]
    while waiting:
        name = waiting.pop()
        if name not in kept:
            kept[name] = rules.nodes[name]
            waiting.extend(_references(kept[name]))
    return Rules({name: kept[name] for name in rules.nodes if name in kept}, rules.start)


def _references(node: Node) -> list[str]:
    if isinstance(node, Ref):
        return [node.name]
    if isinstance(node, Repeat):
        return _references(node.node)
    parts = node.parts if isinstance(node, Sequence) else node.options if isinstance(node, Choice) else ()
    return [name for part in parts for name in _references(part)]


def node(part: Part) -> Node:
    return Terminal(part) if isinstance(part, str) else part


def seq(*parts: Part) -> Node:
    """The parts one after the other; neighbouring literals become one."""
    flat: list[Node] = []
    for part in map(node, parts):
        for piece in part.parts if isinstance(part, Sequence) else (part,):
            last = flat[-1] if flat else None
            if isinstance(piece, Terminal) and isinstance(last, Terminal):
                flat[-1] = Terminal(last.text + piece.text)
            elif piece != Terminal(""):
                flat.append(piece)
    return flat[0] if len(flat) == 1 else Sequence(tuple(flat)) if flat else Terminal("")


def choice(*parts: Part, weights: Iterable[float] | None = None) -> Node:
    """One of the parts, all as likely to the sampler unless `weights` says otherwise."""
    options = tuple(map(node, parts))
    shares = tuple(weights) if weights is not None else (1.0,) * len(options)
    if not options or len(shares) != len(options):
        raise ConfigurationError(f"a choice needs options with one weight each, got {len(options)} and {len(shares)}")
    return options[0] if len(options) == 1 else Choice(options, shares)


def repeat(part: Part, low: int, high: int | None = None) -> Node:
    return Repeat(node(part), low, high)


def optional(part: Part) -> Node:
    return Repeat(node(part), 0, 1)


def separated(item: Part, separator: Part, high: int | None = None) -> Node:
    """Items with separators between them, at least one, at most `high`."""
    return seq(item, repeat(seq(separator, item), 0, None if high is None else high - 1))


def trie(words: Iterable[str]) -> Node:
    """Exactly these words, every shared beginning written once; the sampler finds each word equally likely."""
    tails: dict[str, list[str]] = {}
    for word in sorted(set(words)):
        tails.setdefault(word[:1], []).append(word[1:])
    options = [_branch(head, rest) for head, rest in tails.items()]
    return choice(*options, weights=[len(rest) for rest in tails.values()])


def _branch(head: str, tails: list[str]) -> Node:
    shared = 0
    first, last = tails[0], tails[-1]
    while shared < min(len(first), len(last)) and first[shared] == last[shared]:
        shared += 1
    rest = [tail[shared:] for tail in tails]
    return Terminal(head + first) if len(tails) == 1 else seq(head + first[:shared], trie(rest))


def run(plain: Chars, others: Node | None = None) -> Node:
    """Any number of characters, `others` being further ways to spell one.

    Written as plain stretches between the others: engines answer for a set repeated by itself from a table made
    before decoding, and for a repeated choice one by one, in the middle of it.
    """
    stretch = repeat(plain, 0)
    return stretch if others is None else seq(stretch, repeat(seq(others, stretch), 0))


def words_except(reserved: Iterable[str], first: Chars, others: Node | None, inner: Chars) -> Node:
    """Words that begin in `first`, go on in `inner`, and are none of the `reserved` ones.

    `others` are further ways to spell one character, anywhere, which no reserved word contains (escapes).

    Written as a beginning that no reserved word has, with one rest for all, and the beginnings that are words by
    themselves: engines make a table over the whole vocabulary for every place where anything may follow.
    """
    words = sorted(set(reserved))
    starts = sorted({word[:length] for word in words for length in range(1, len(word))} - set(words))
    whole = seq(_outgrown(words, first, others, inner), run(inner, others))
    return choice(whole, *starts, weights=[12.0, *([0.1] * len(starts))])


def _outgrown(reserved: list[str], first: Chars, others: Node | None, inner: Chars) -> Node:
    """What is no beginning of a reserved word: such a beginning left, or a reserved word outgrown."""
    starts = sorted({word[0] for word in reserved if word})
    options: list[Node] = [first - Chars.of("".join(starts))]
    weights = [12.0]
    if others is not None:
        options, weights = [*options, others], [*weights, 1.0]
    for start in starts:
        tails = [word[1:] for word in reserved if word.startswith(start)]
        options.append(seq(start, _outgrown(tails, inner, others, inner)))
        weights.append(0.5)
    return choice(*options, weights=weights)


def _merged(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if not 0 <= low <= high <= LAST_CODE_POINT:
            raise ConfigurationError(f"{low:#x}-{high:#x} is not a range of code points; write it from low to high")
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)
