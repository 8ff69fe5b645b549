"""What a query uses, in a small closed set of words: for balance, for reports, for the tags of a pair."""

from __future__ import annotations

from query_assistant.verbalising.plan import Group, Leaf, Not, Plan, plan_leaves

OF_OPERATOR = {
    "equals": "fielded", "equals_number": "fielded", "contains": "fielded", "contains_all": "fielded",
    "phrase": "phrase", "keyword_phrase": "phrase", "near": "near", "keyword_near": "near", "fuzzy": "fuzzy",
    "keyword_fuzzy": "fuzzy", "prefix": "wildcard", "suffix": "wildcard", "infix": "wildcard", "pattern": "wildcard",
    "keyword_prefix": "wildcard", "keyword_pattern": "wildcard", "regex": "regex", "exists": "exists",
    "lacks": "missing", "keyword": "keyword", "interval": "interval", "position": "interval",
}  # fmt: skip
RANGES = frozenset({"at_least", "above", "at_most", "below", "between", "strictly_between", "from_below", "above_to"})


def constructs(plan: Plan) -> tuple[str, ...]:
    """The features of a query, sorted: ("fields", "negation", "range", "size")."""
    found: set[str] = set() if plan.kind == "search" else {plan.kind}
    for leaf in plan_leaves(plan.condition):
        found.add("range" if leaf.operator in RANGES else OF_OPERATOR[leaf.operator])
    found |= (
        _structure(plan.condition)
        if plan.condition is not None
        else ({"everything"} if plan.kind == "search" else set())
    )
    said = {
        "fields": plan.fields or plan.excluded, "size": plan.size is not None and not plan.counts_only,
        "paging": plan.skip, "sort": plan.sort, "facets": plan.facets, "count": plan.counts_only and not plan.facets,
        "species": plan.species, "assembly": plan.assembly, "scopes": plan.scopes, "dotfield": plan.dotted,
        "fetch_all": plan.everything, "obsolete": plan.with_obsolete,
    }  # fmt: skip
    return tuple(sorted(found | {name for name, given in said.items() if given}))


def _structure(condition: Leaf | Group | Not) -> set[str]:
    if isinstance(condition, Leaf):
        return {"or"} if len(condition.values) > 1 and condition.operator != "contains_all" else set()
    if isinstance(condition, Not):
        return {"negation"} | _structure(condition.part)
    return {condition.joint}.union(*(_structure(part) for part in condition.parts))
