"""Whole requests: the four ways to ask for records, with each endpoint's own parameters.

    /v3/query?q=symbol:CDK2&species=human&fields=name,go.BP&size=5
    /v3/gene/1017?fields=symbol
    POST /v3/query {"q":["CDK2","BRCA1"],"scopes":["symbol"],"species":["human"]}
    POST /v3/gene {"ids":["1017","1018"],"fields":["symbol"]}

Each parameter stands at most once and in reading order (docs/architecture.md), so that a set of parameters has one
spelling. What follows `name=` is the rule `<name>-parameter`, what follows `"name":` the rule `<name>-member`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from query_assistant.apis import Api, EndpointKey, Parameter
from query_assistant.grammar.identifiers import identifier_rules
from query_assistant.grammar.parameters import in_address, in_body, json_text, name_rules
from query_assistant.grammar.rules import Node, Ref, choice, optional, seq
from query_assistant.grammar.text import text_rules
from query_assistant.queries.request import reading_order

SCROLL = "fetch_all"  # a scroll through all hits is another request than a page of them


def request_rules(api: Api) -> dict[str, Node]:
    """The rule `request`, and all below it save those of values."""
    rules = {**text_rules(api), **name_rules(api), **identifier_rules(api), "json-text": json_text()}
    rules |= _parameter_rules(rules, api)
    search, lookup = f"/{api.version}/query", f"/{api.version}/{api.entity}"
    paging = address(_spoken(rules, api, "GET query"))
    scrolling = address(_spoken(rules, api, "GET query", scrolling=True), must=SCROLL)
    rules["search"] = seq(search, choice(paging, scrolling, weights=(30, 1)))
    shown = address(_spoken(rules, api, "GET annotation"))
    rules["lookup"] = seq(f"{lookup}/", Ref("identifier"), optional(shown))
    rules["batch-search"] = seq(f"POST {search} ", body(_spoken(rules, api, "POST query")))
    rules["batch-lookup"] = seq(f"POST {lookup} ", body(_spoken(rules, api, "POST annotation")))
    kinds = ("search", "lookup", "batch-search", "batch-lookup")
    return {"request": choice(*map(Ref, kinds), weights=(12, 2, 2, 1)), **rules}


def address(parameters: Sequence[Parameter], must: str | None = None) -> Node:
    """`?`, then at least one of the parameters, and in any case the one that `must` stand there.

    A parameter that needs another stands right behind it and nowhere else.
    """
    names = [parameter.name for parameter in parameters]
    companions = {part.needs: part.name for part in parameters if part.needs and part.needs in names}
    alone = [name for name in names if name not in companions.values()]
    pairs = [_pair(name, companions) for name in alone]
    last = alone.index(must) if must else len(alone) - 1
    starts = [
        seq("?", pairs[first], *(_further(pairs[at], alone[at] == must) for at in range(first + 1, len(pairs))))
        for first in range(last + 1)
    ]
    return choice(*starts, weights=[10.0 * len(starts), *([1.0] * (len(starts) - 1))])


def _pair(name: str, companions: Mapping[str, str]) -> Node:
    """`name=value`, and the parameter that says something only beside it."""
    pair = seq(f"{name}=", Ref(rule_name(name, "parameter")))
    return seq(pair, optional(seq("&", _pair(companions[name], companions)))) if name in companions else pair


def _further(pair: Node, required: bool) -> Node:
    return seq("&", pair) if required else optional(seq("&", pair))


def body(members: Sequence[Parameter]) -> Node:
    """A compact JSON object: the first of the members, and any of the others."""
    first, *others = [seq(f'"{part.name}":', Ref(rule_name(part.name, "member"))) for part in members]
    return seq("{", first, *(optional(seq(",", member)) for member in others), "}")


def rule_name(parameter: str, end: str) -> str:
    """The name of a parameter's rule: `facet_size` and `_sorted` hold a sign that rule names may not."""
    return f"{parameter.strip('_').replace('_', '-')}-{end}"


def _parameter_rules(rules: dict[str, Node], api: Api) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for parameter in api.parameters:
        methods = {endpoint.partition(" ")[0] for endpoint in parameter.at}
        for method, end, spell in (("GET", "parameter", in_address), ("POST", "member", in_body)):
            value = spell(parameter, rules, api) if method in methods else None
            if value is not None:
                found[rule_name(parameter.name, end)] = value
    return found


def _spoken(rules: dict[str, Node], api: Api, endpoint: EndpointKey, *, scrolling: bool = False) -> list[Parameter]:
    """The endpoint's parameters that a person would ask for and that have a rule, in reading order."""
    end = "parameter" if endpoint.startswith("GET") else "member"
    known = (part for part in api.parameters_on(endpoint) if part.role != "none" and part.in_grammar)
    kept = (part for part in known if (_goes_with_scroll(part) if scrolling else part.name != SCROLL))
    written = (part for part in kept if rule_name(part.name, end) in rules)
    return sorted(written, key=lambda part: reading_order(part.name))


def _goes_with_scroll(parameter: Parameter) -> bool:
    return SCROLL not in (*parameter.silenced_by, *parameter.not_with)
