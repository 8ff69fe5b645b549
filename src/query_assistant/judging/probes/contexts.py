"""In which company a clause decides.

A clause can only be seen to matter where the rest of the query leaves the decision to it: in `a AND (b OR c)`, b
decides when a holds and c does not. `deciding` finds such truths of the other clauses, so that every clause is shown to
count for itself. Test engineers know this as modified condition / decision coverage.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

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
        return not any(leaf in rivals or truth.get(leaf, wanted) is not wanted for leaf in leaves(node))

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
