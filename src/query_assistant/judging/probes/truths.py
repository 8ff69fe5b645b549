"""Which clauses hold on a record in the making: the company in which one decides, and values that suit several.

A clause can only be seen to matter where the rest of the query leaves the decision to it: in `a AND (b OR c)`, b
decides when a holds and c does not. `deciding` finds such truths of the other clauses, so that every clause is shown to
count for itself. Test engineers know this as modified condition / decision coverage.

Where a record holds one value of a field only, one value has to suit all clauses on it. `cadd.phred:>=20 AND
cadd.phred:<=30` is met by 20, which meets both; the plainest values of each, 20 and 30, would make a record with two
CADD scores, and there is none. `agreed` finds it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from query_assistant.queries.tree import BestOf, Boolean, Boost, Exists, Match, Node, Phrase, Range, Strict, Words

MOST_MEETINGS = 50_000
Truth = dict[Node, bool]


def distinct_clauses(node: Node) -> tuple[Node, ...]:
    """The clauses of a tree that ask something of a record, each once, in reading order."""
    return tuple(dict.fromkeys(_walk(node)))


def _walk(node: Node) -> Iterator[Node]:
    children = inner(node)
    if not children and not isinstance(node, Boolean | BestOf):
        yield node
    for child in children:
        yield from _walk(child)


def inner(node: Node) -> tuple[Node, ...]:
    """The nodes right below; none for a leaf."""
    if isinstance(node, Boost | Strict):
        return (node.node,)
    if isinstance(node, BestOf):
        return tuple(choice for _, choice in node.choices)
    if isinstance(node, Boolean):
        return node.must + node.should + node.must_not
    return ()


def settle(node: Node, wanted: bool, truth: Truth, rivals: Collection[Node] = ()) -> None:
    """Adds to `truth` what makes the node hold, or fail; what is already there stays as it is.

    Of clauses any of which will do, one is chosen that is no rival, where there is one.
    """
    if isinstance(node, Boolean):
        _settle_boolean(node, wanted, truth, rivals)
    elif isinstance(node, BestOf):
        for number, (_, choice) in enumerate(node.choices):
            settle(choice, wanted and number == 0, truth, rivals)
    elif isinstance(node, Boost | Strict):
        settle(node.node, wanted, truth, rivals)
    else:
        truth.setdefault(node, wanted)


def _settle_boolean(node: Boolean, wanted: bool, truth: Truth, rivals: Collection[Node]) -> None:
    """Holds by one optional clause alone; fails by one required or prohibited clause alone, where it has any."""
    maker = _first([(child, True) for child in node.should], truth, rivals) if wanted and not node.must else None
    breaker = None
    if not wanted and (node.must or not node.should):
        breakers = [*((child, False) for child in node.must), *((child, True) for child in node.must_not)]
        breaker = _first(breakers, truth, rivals)
    for child in node.must:
        settle(child, child is not breaker, truth, rivals)
    for child in node.should:
        settle(child, child is maker, truth, rivals)
    for child in node.must_not:
        settle(child, child is breaker, truth, rivals)


def _first(choices: list[tuple[Node, bool]], truth: Truth, rivals: Collection[Node]) -> Node | None:
    """The first node that can still become what it should without a rival; else the first at all."""

    def free(node: Node, wanted: bool) -> bool:
        return not any(leaf in rivals or truth.get(leaf, wanted) is not wanted for leaf in distinct_clauses(node))

    return next((node for node, wanted in choices if free(node, wanted)), choices[0][0] if choices else None)


def deciding(node: Node, target: Node, rivals: Collection[Node] = ()) -> Iterator[Truth]:
    """For each place of the target: truths of the other clauses under which the target decides.

    Rivals are clauses that cannot be met beside the target, or only by chance.
    """
    if node == target:
        yield {}
        return
    for child in dict.fromkeys(inner(node)):
        for truth in deciding(child, target, rivals):
            _neutralise(node, child, truth, rivals)
            truth.pop(target, None)
            yield truth


def _neutralise(node: Node, child: Node, truth: Truth, rivals: Collection[Node]) -> None:
    """Sets the child's sisters so that the node does as the child does, or the opposite of it."""
    if isinstance(node, BestOf):
        for _, choice in node.choices:
            if choice != child:
                settle(choice, False, truth, rivals)
    if not isinstance(node, Boolean):
        return
    for sister in node.must:
        if sister != child:
            settle(sister, True, truth, rivals)
    negative = child in node.must_not and child not in node.should
    for sister in node.should:
        if sister != child:
            settle(sister, negative and not node.must and sister == node.should[0], truth, rivals)
    for sister in node.must_not:
        if sister != child:
            settle(sister, False, truth, rivals)


def agreed(asked: Mapping[Node, bool], contents: Sequence[Any]) -> Any:
    """The first of the contents that meets most clauses which are to hold and misses most of the others.

    Between any two real numbers lies a third that may do better than both, so those in the middle are tried as well.
    Of thousands of clauses only so many contents are tried as `MOST_MEETINGS` allows.
    """
    if len(asked) == 1:
        return contents[0]
    reals = sorted({content for content in contents if isinstance(content, float)})
    candidates = [*contents, *((low + high) / 2 for low, high in pairwise(reals))][: MOST_MEETINGS // len(asked)]
    best, most = contents[0], -1
    for content in candidates:
        suited = sum(meets(leaf, content) is holds for leaf, holds in asked.items())
        if suited > most:
            best, most = content, suited
        if suited == len(asked):
            break
    return best


def meets(leaf: Node, content: Any) -> bool:
    """Whether a single value meets a clause, as far as that can be told without an index: no patterns, no analysis."""
    if isinstance(leaf, Exists):
        return True
    if isinstance(leaf, Words | Phrase | Match):
        return bool(_like(leaf.text, content) == content)
    if isinstance(leaf, Range):
        return _above(leaf, content) and _below(leaf, content)
    return False


def _above(leaf: Range, content: Any) -> bool:
    low = _like(leaf.low, content)
    return low is None or bool(content > low) or (leaf.include_low and content == low)


def _below(leaf: Range, content: Any) -> bool:
    high = _like(leaf.high, content)
    return high is None or bool(content < high) or (leaf.include_high and content == high)


def _like(text: str | None, content: Any) -> Any:
    """The text as a value of the content's kind: a number beside a number; the text itself where it is none."""
    if text is None or isinstance(content, str):
        return text
    try:
        return float(text)
    except ValueError:
        return None
