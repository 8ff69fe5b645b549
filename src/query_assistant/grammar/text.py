"""The text of `q` and `filter`: clauses, operators, groups, in the spelling whose meaning is what it seems.

The servers know no precedence between AND and OR, and `a OR NOT b` is "a and not b" to them. So one chain has one
operator, a group in parentheses where they mix, and a negation within OR its own parentheses:

    symbol:CDK2 AND taxid:9606 AND NOT type_of_gene:pseudo
    (name:insulin OR summary:insulin) AND _exists_:pdb
    symbol:CDK2 OR (NOT _exists_:pdb)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from query_assistant.apis import Api, IntervalRule
from query_assistant.grammar.names import (
    escaped_names,
    existing_names,
    in_text,
    is_plain,
    path_encoded,
    shared_names,
    shorthand_names,
)
from query_assistant.grammar.rules import Chars, Node, Ref, choice, optional, repeat, seq, trie

DEPTH = 2  # groups within groups

POSITION = seq(Chars.of("1-9"), repeat(Chars.of("0-9"), 0, 8))
CHROMOSOMES = {
    "alone": choice(
        seq(Chars.of("1-9"), repeat(Chars.of("0-9"), 0, 1)), repeat(Chars.of("A-Za-z"), 1, 4), weights=(3, 1)
    ),
    "joined": choice(Chars.of("1-9"), seq("1", Chars.of("0-9")), seq("2", Chars.of("0-2")), "X", "Y", "MT"),
}


def text_rules(api: Api) -> dict[str, Node]:
    """The rules `q-parameter` (all that q may be) and `filter-parameter`, with all they need beside the values."""
    shared, escaped = shared_names(api), escaped_names(api)
    routed = api.definition.plain_words is not None
    named, free = _named(shorthand_names(api)), _free(routed)
    rules = {f"{kind}-field": _field(kind, shared[kind], escaped[kind]) for kind in shared}
    odd = [path_encoded(in_text(name)) for name in existing_names(api) if not is_plain(name)]
    rules["existing-field"] = choice(Ref("existing-name"), *([trie(odd)] if odd else []))
    rules["fielded"] = _fielded({kind: len(shared[kind]) + len(escaped[kind]) for kind in shared})
    rules["clause"] = choice(*named, *free, weights=[12.0, *([1.0] * (len(named) + len(free) - 1))])
    rules |= _chains()
    lone = [*named, Ref("phrase"), Ref("near")] if routed else [Ref("clause"), Ref("words")]
    rules["text"] = choice(
        *lone, seq("NOT ", Ref("clause")), Ref(f"chain-{DEPTH}"), weights=[8.0, *([1.0] * len(lone)), 12.0]
    )
    rules["joined-fields"] = _joined_fields()
    rules["filter-parameter"] = choice(Ref("fielded"), Ref("joined-fields"))
    rules["post-filter-parameter"] = Ref("filter-parameter")
    rules["q-parameter"] = choice(*_readings(api, routed))
    return rules


def _field(kind: str, names: Sequence[str], escaped: Sequence[str]) -> Node:
    """A field's name and its colon; the rule `<kind>-name` is one that lists of names use too."""
    options = ([seq(Ref(f"{kind}-name"), ":")] if names else []) + ([trie(escaped)] if escaped else [])
    return choice(*options, weights=[float(len(group)) for group in (names, escaped) if group])


def _fielded(kinds: Mapping[str, int]) -> Node:
    """One field and its value, or a field that has to exist. `kinds` counts the fields."""
    clauses = [seq(Ref(f"{kind}-field"), Ref(f"{kind}-value")) for kind in kinds]
    weights = [3.0 + count**0.5 for count in kinds.values()]
    return choice(*clauses, seq("_exists_:", Ref("existing-field")), weights=[*weights, 4.0])


def _named(shorthands: Mapping[str, str]) -> list[Node]:
    """Clauses that name their field, in full or short, or weigh one that does."""
    short = [
        seq(trie(name for name, follows in shorthands.items() if follows == value), Ref(value))
        for value in sorted(set(shorthands.values()))
    ]
    return [Ref("fielded"), *short, seq(Ref("fielded"), "^", Chars.of("1-9"), optional(seq(".", Chars.of("0-9"))))]


def _free(routed: bool) -> list[Node]:
    """Clauses on the default fields. A strict text may refuse a wildcard there, since `_id` takes none."""
    anywhere = [Ref("word"), Ref("phrase"), Ref("near"), seq("(", Ref("words"), ")")]
    return anywhere if routed else [*anywhere, Ref("pattern")]


def _chains() -> dict[str, Node]:
    """`chain-0` joins clauses; each further one may also join groups of the one before."""
    rules: dict[str, Node] = {}
    operand: Node = Ref("clause")
    for depth in range(DEPTH + 1):
        if depth:
            rules[f"operand-{depth}"] = choice(Ref("clause"), seq("(", Ref(f"chain-{depth - 1}"), ")"), weights=(4, 1))
            operand = Ref(f"operand-{depth}")
        rules |= _chain(depth, operand)
    return rules


def _chain(depth: int, operand: Node) -> dict[str, Node]:
    """One operator throughout, the first operand as it is or negated. Engines like NOT together with its blanks."""
    both, either = Ref(f"and-{depth}"), Ref(f"or-{depth}")
    plain = seq(operand, choice(repeat(both, 1), repeat(either, 1), weights=(2, 1)))
    negated = [seq("NOT ", operand, repeat(both, 1)), seq("(NOT ", operand, ")", repeat(either, 1))]
    return {
        f"chain-{depth}": choice(plain, *negated, weights=(14, 1, 1)),
        both.name: choice(seq(" AND ", operand), seq(" AND NOT ", operand), weights=(2, 1)),
        either.name: choice(seq(" OR ", operand), seq(" OR (NOT ", operand, ")"), weights=(9, 1)),
    }


def _joined_fields() -> Node:
    """Fielded clauses that mean the same whichever operator is the default one."""
    every = repeat(choice(seq(" AND ", Ref("fielded")), seq(" AND NOT ", Ref("fielded"))), 1)
    either = repeat(seq(" OR ", Ref("fielded")), 1)
    return seq(Ref("fielded"), choice(every, either))


def _readings(api: Api, routed: bool) -> list[Node]:
    """The ways in which a server takes q: query text, plain words where they are routed, an interval."""
    plain: list[Node] = [Ref("plain-word"), Ref("plain-words"), Ref("plain-pattern")] if routed else []
    rule = api.definition.interval
    everything = choice("*:*", "*")
    return [Ref("text"), *plain, everything, *([_interval(rule)] if rule else [])]


def _interval(rule: IntervalRule) -> Node:
    stretch = seq("chr", CHROMOSOMES[rule.rule], ":", POSITION, "-", POSITION)
    if rule.rule == "alone":
        return seq(optional(choice(*(f"{prefix}." for prefix in rule.prefixed))), stretch)
    side = choice(Ref("fielded"), seq("(", Ref("joined-fields"), ")"), weights=(4, 1))
    single = seq("chr", CHROMOSOMES[rule.rule], ":", POSITION)
    return choice(seq(stretch, optional(seq(" AND ", side))), seq(side, " AND ", stretch), single, weights=(3, 1, 1))
