"""What may follow `name=` in a path and `"name":` in a JSON body, by the type of the parameter.

Parameters whose values are languages of their own (`jmespath`, `list_filter`) or keys into the server's memory
(`scroll_id`, `userquery`) have no rule: a grammar could not keep its promise there.
"""

from __future__ import annotations

from query_assistant.apis import Api, Parameter
from query_assistant.grammar.names import (
    existing_names,
    is_plain,
    listed_name,
    name_rule,
    ordered_names,
    returned_names,
    scope_names,
    shared_names,
)
from query_assistant.grammar.rules import Chars, Node, Ref, choice, optional, repeat, run, separated, seq, trie

SORT_KEYS = 4  # the servers refuse more than 10
LAST_START = 9000  # with any size, from + size stays within the servers' 10,000

DIGIT = Chars.of("0-9")
TAXID = seq(Chars.of("1-9"), repeat(DIGIT, 0, 6))
PLAIN_IN_JSON = Chars.of(" -~¡-῿‐-‧‰-⋿一-鿿") - Chars.of('"\\')

PLACES = {  # what a list names: the rules of the names that may stand there
    "returned": "returned",
    "searched": "scope",
    "sorted": "ordered",
    "counted": "ordered",
    "existing": "existing",
}


def name_rules(api: Api) -> dict[str, Node]:
    """The rules `<kind>-name` and `<place>-name`, and `<place>-name-quoted` for names that fall apart in a list."""
    places = {
        "returned": returned_names(api),
        "scope": scope_names(api),
        "ordered": ordered_names(api),
        "existing": existing_names(api),
    }
    shared = shared_names(api)
    rules: dict[str, Node] = {f"{kind}-name": trie(names) for kind, names in shared.items() if names}
    for place, members in places.items():
        odd = [name for name in members if not is_plain(name)]
        rules[f"{place}-name"] = name_rule(filter(is_plain, members), shared)
        if odd:
            rules[f"{place}-name-quoted"] = trie(map(listed_name, odd))
        if odd and place == "ordered":
            rules["ordered-name-descending"] = trie(listed_name(f"-{name}") for name in odd)
    return rules


def in_address(parameter: Parameter, rules: dict[str, Node], api: Api) -> Node | None:
    """The values of a parameter of a GET, None where it has no rule."""
    if parameter.is_list:
        item = _item(parameter, rules, api)
        return item and separated(item, ",", _length(parameter))
    return _single(parameter, quote="")


def in_body(parameter: Parameter, rules: dict[str, Node], api: Api) -> Node | None:
    """The JSON values of a parameter of a POST, None where it has no rule."""
    if parameter.role == "asks" and parameter.lists is None:
        term = Ref("json-text") if parameter.name == "q" else seq('"', Ref("identifier"), '"')
        return seq("[", separated(term, ","), "]")
    if parameter.is_list:
        item = _item(parameter, {}, api)
        return item and seq("[", separated(seq('"', item, '"'), ",", _length(parameter)), "]")
    return _single(parameter, quote='"')


def json_text() -> Node:
    """A JSON string that does not begin with a blank."""
    escape = choice('\\"', "\\\\")
    return seq('"', choice(PLAIN_IN_JSON - Chars.of(" "), escape, weights=(30, 1)), run(PLAIN_IN_JSON, escape), '"')


def _item(parameter: Parameter, rules: dict[str, Node], api: Api) -> Node | None:
    """One item of a list; names that need quotes only where `rules` has them."""
    if parameter.type == "species":
        return choice(trie(api.species), TAXID, weights=(4, 1))
    if parameter.lists is None:
        return None
    kind = PLACES[parameter.lists]
    quoted = [Ref(name) for name in (f"{kind}-name-quoted", f"{kind}-name-descending") if name in rules]
    if parameter.lists != "sorted":
        return choice(Ref(f"{kind}-name"), *quoted[:1], weights=(20, 1)[: 1 + len(quoted[:1])])
    options = [seq(optional("-"), Ref(f"{kind}-name")), "_score", *quoted]
    return choice(*options, weights=(20, 2, 1, 1)[: len(options)])


def _length(parameter: Parameter) -> int | None:
    """Other lists are open: what the servers refuse, 1,001 names, is beyond any answer's length."""
    return SORT_KEYS if parameter.lists == "sorted" else None


def _single(parameter: Parameter, quote: str) -> Node | None:
    if parameter.type == "boolean":
        return choice("true", "false")
    if parameter.type == "word":
        return choice(*(f"{quote}{word}{quote}" for word in parameter.choices))
    if parameter.type == "integer":
        limit = parameter.maximum if parameter.maximum is not None else LAST_START
        return number_up_to(min(limit, LAST_START))
    return None


def number_up_to(limit: int) -> Node:
    """The integers from 0 to `limit` (at least 10), without leading zeros."""
    digits = str(limit)
    shorter = seq(Chars.of("1-9"), repeat(DIGIT, 0, len(digits) - 2))
    return choice(shorter, "0", *_as_long_as(digits), weights=[20.0, *([1.0] * (1 + len(_as_long_as(digits))))])


def _as_long_as(digits: str) -> list[Node]:
    """The numbers of as many digits up to the limit, by the first digit that is smaller than the limit's."""
    smaller: list[Node] = []
    for place, digit in enumerate(digits):
        low, rest = "1" if place == 0 else "0", len(digits) - place - 1
        if digit > low:
            below = Chars(((ord(low), ord(digit) - 1),))
            smaller.append(
                seq(digits[:place], below, repeat(DIGIT, rest, rest)) if rest else seq(digits[:place], below)
            )
    return [*smaller, seq(digits)]
