"""In which company a clause decides.

A clause can only be seen to matter where the rest of the query leaves the decision to it: in `a AND (b OR c)`, b
decides when a holds and c does not. `deciding` finds such truths of the other clauses, so that every clause is shown to
count for itself. Test engineers know this as modified condition / decision coverage.
"""

from __future__ import annotations

from collections.abc import Iterator

from query_assistant.queries.tree import BestOf, Boolean, Boost, Node, Strict

Truth = dict[Node, bool]


def leaves(node: Node) -> tuple[Node, ...]:
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


def settle(node: Node, wanted: bool, truth: Truth) -> None:
    """Adds to `truth` what makes the node hold, or fail; what is already there stays as it is."""
    if isinstance(node, Boolean):
        _settle_boolean(node, wanted, truth)
    elif isinstance(node, BestOf):
        for number, (_, choice) in enumerate(node.choices):
            settle(choice, wanted and number == 0, truth)
    elif isinstance(node, Boost | Strict):
        settle(node.node, wanted, truth)
    else:
        truth.setdefault(node, wanted)


def _settle_boolean(node: Boolean, wanted: bool, truth: Truth) -> None:
    """Holds by its first optional clause alone; fails by its first required clause alone, where it has any."""
    optional = not node.must
    for number, child in enumerate(node.must):
        settle(child, wanted or number > 0, truth)
    for number, child in enumerate(node.should):
        settle(child, wanted and optional and number == 0, truth)
    only_negative = optional and not node.should
    for number, child in enumerate(node.must_not):
        settle(child, not wanted and only_negative and number == 0, truth)


def deciding(node: Node, target: Node) -> Iterator[Truth]:
    """For each place of the target: truths of the other clauses under which the target decides."""
    if node == target:
        yield {}
        return
    for child in dict.fromkeys(inner(node)):
        for truth in deciding(child, target):
            _neutralise(node, child, truth)
            truth.pop(target, None)
            yield truth


def _neutralise(node: Node, child: Node, truth: Truth) -> None:
    """Sets the child's sisters so that the node does as the child does, or the opposite of it."""
    if isinstance(node, BestOf):
        for _, choice in node.choices:
            if choice != child:
                settle(choice, False, truth)
    if not isinstance(node, Boolean):
        return
    for sister in node.must:
        if sister != child:
            settle(sister, True, truth)
    negative = child in node.must_not and child not in node.should
    for sister in node.should:
        if sister != child:
            settle(sister, negative and not node.must and sister == node.should[0], truth)
    for sister in node.must_not:
        if sister != child:
            settle(sister, False, truth)
