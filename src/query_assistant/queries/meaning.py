"""What a request asks for: which records, as trees, and how they are to be shown.

    understand(parse(Query(query="/v3/query?q=symbol:CDK2&species=human&fields=name"), api), api)
    ->  Meaning(index="default", queries=(Strict(Words("symbol", ("CDK2",))),), filters=(Words("taxid", ("9606",)),),
                presentation=Presentation(fields=("name",), size=10, ...), ...)

A POST has one query per term. `queries` give the score; `filters` only restrict.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from query_assistant.apis import Api, Parameter
from query_assistant.errors import RequestError
from query_assistant.queries.request import Request
from query_assistant.queries.rules.identifiers import look_up
from query_assistant.queries.rules.shorthands import rewrite_scope
from query_assistant.queries.syntax import parse_text
from query_assistant.queries.tree import Boolean, Exists, Match, MatchAll, Node, Words

LOOKUP_LIMIT = 1000  # an identifier with more matches is a 500


@dataclass(frozen=True, slots=True)
class Presentation:
    """How the hits are to be shown.

    `fields` None is everything; `sort` empty is by score; `other` are the remaining formatting parameters that were
    given, sorted by name.
    """

    fields: tuple[str, ...] | None = None
    size: int = 10
    from_: int = 0
    sort: tuple[str, ...] = ()
    facets: tuple[str, ...] = ()
    facet_size: int = 10
    dotfield: bool = False
    fetch_all: bool = False
    other: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Meaning:
    """One understood request.

    `terms` are what the POST asked for, in order, one per query. `factors`: the first clause that a hit matches
    multiplies its score. `lookup` says that the queries are identifier lookups: more than `LOOKUP_LIMIT` matches are
    an error, and no match of a GET is a 404.
    """

    index: str
    queries: tuple[Node, ...]
    filters: tuple[Node, ...]
    post_filter: Node | None
    presentation: Presentation
    terms: tuple[Any, ...] = ()
    factors: tuple[tuple[Node, float], ...] = ()
    lookup: bool = False

    @cached_property
    def selections(self) -> tuple[Node, ...]:
        """Each query with the filters folded in: the records that are meant."""
        if not self.filters:
            return self.queries
        return tuple(_restricted(query, self.filters) for query in self.queries)


def _restricted(query: Node, filters: tuple[Node, ...]) -> Node:
    if isinstance(query, MatchAll):
        return filters[0] if len(filters) == 1 else Boolean(must=filters)
    return Boolean(must=(query, *filters))


def understand(request: Request, api: Api) -> Meaning:
    """The meaning of a call for records.

    Raises:
        QuerySyntaxError: q, filter or post_filter cannot be parsed.
        RequestError: the endpoint returns no records, or the interval is one the search engine refuses.
    """
    if request.endpoint == "annotation":
        return _annotation(request, api)
    if request.endpoint != "query":
        raise RequestError(f"{request.path} returns no records; ask /{api.version}/query", status=404)
    return Meaning(
        index=searched_index(request, api),
        queries=_queries(request, api),
        filters=_filters(request, api),
        post_filter=_post_filter(request, api),
        presentation=_presentation(request, api),
        terms=request.terms,
        factors=_factors(api),
    )


def _annotation(request: Request, api: Api) -> Meaning:
    return Meaning(
        index=searched_index(request, api),
        queries=tuple(look_up(identifier, api) for identifier in request.identifiers),
        filters=_filters(request, api),
        post_filter=None,
        presentation=_presentation(request, api),
        terms=request.identifiers,
        lookup=True,
    )


def searched_index(request: Request, api: Api) -> str:
    """The index that is searched: the parameter's where it differs from its default, else the path's."""
    name = api.definition.index_parameter
    asked = request.get(name) if name else None
    if name and asked is not None and asked != api.default(request.key, name):
        return str(asked)
    return api.entities[request.entity] if request.entity else api.default_index


def _queries(request: Request, api: Api) -> tuple[Node, ...]:
    """The tree of q, or one for each term of a batch: a literal lookup, query text where scopes are given but empty."""
    scopes = request.value("scopes", api) if request.method == "POST" else ()
    if scopes:
        return tuple(_term(term, scopes, api) for term in request.terms)
    return tuple(text.tree for text in request.texts(api) if text.parameter == "q")


def _term(term: Any, scopes: tuple[Any, ...], api: Api) -> Node:
    if not isinstance(term, tuple):
        fields = [name for scope in scopes for name in (scope if isinstance(scope, tuple) else (scope,))]
        return Match(tuple(rewrite_scope(name, api) for name in fields), term)
    if len(term) != len(scopes):
        raise RequestError(
            f"the term {list(term)} has {len(term)} parts for {len(scopes)} scopes; pair them one by one", parameter="q"
        )
    pairs = zip(term, scopes, strict=True)
    parts = tuple(Match(_scope_fields(scope, api), part) for part, scope in pairs)
    return parts[0] if len(parts) == 1 else Boolean(must=parts)


def _scope_fields(scope: Any, api: Api) -> tuple[str, ...]:
    return tuple(rewrite_scope(name, api) for name in (scope if isinstance(scope, tuple) else (scope,)))


def _filters(request: Request, api: Api) -> tuple[Node, ...]:
    nodes = [
        node
        for parameter in _selecting(api, request.key)
        if not parameter.after_facets and (node := _clause(parameter, request, api)) is not None
    ]
    return tuple(nodes)


@lru_cache(maxsize=64)
def _selecting(api: Api, key: str) -> tuple[Parameter, ...]:
    """The parameters that leave records out, those whose value is query text last."""
    found = (part for part in api.parameters_on(key) if part.role == "selects" and part.restricts)
    return tuple(sorted(found, key=lambda part: part.query_text))


def _clause(parameter: Parameter, request: Request, api: Api) -> Node | None:
    value = request.value(parameter.name, api)
    if parameter.query_text:
        text = request.text(parameter.name, api)
        return None if text is None else text.tree
    if parameter.clause:
        return parse_text(parameter.clause) if value else None
    if parameter.any_of:
        return species_clause(value, parameter.any_of, api)
    if not value:
        return None
    fields = tuple(Exists(name) for name in value)
    if parameter.has == "none":
        return Boolean(must_not=fields)
    return fields[0] if len(fields) == 1 else Boolean(must=fields)


def species_clause(value: Any, field: str, api: Api) -> Node | None:
    """The field holds one of the species; None where all are meant."""
    if not value or "all" in value:
        return None
    taxids = tuple(dict.fromkeys(str(api.species.get(name, name)) for name in value))
    words = tuple(Words(field, (taxid,)) for taxid in taxids)
    return words[0] if len(words) == 1 else Boolean(should=words)


def _post_filter(request: Request, api: Api) -> Node | None:
    """What restricts the hits but not the facets."""
    nodes = [
        node
        for parameter in sorted(_selecting(api, request.key), key=lambda part: not part.query_text)
        if parameter.after_facets
        and not parameter.silent(request.parameters)
        and (node := _clause(parameter, request, api)) is not None
    ]
    if not nodes:
        return None
    return nodes[0] if len(nodes) == 1 else Boolean(must=tuple(nodes))


_OF_PRESENTATION = frozenset({"fields", "size", "from", "sort", "facets", "facet_size", "dotfield", "fetch_all"})


def _presentation(request: Request, api: Api) -> Presentation:
    given = request.parameters
    facets = tuple(given.get("facets", ()))  # type: ignore[arg-type]
    fetch_all = bool(given.get("fetch_all", False))
    hidden_hits = bool(facets) and "size" not in given and request.q in (None, "__all__")
    return Presentation(
        fields=returned_fields(request, api),
        size=_size(request, api, hidden_hits),
        from_=int(request.value("from", api) or 0),
        sort=() if fetch_all else tuple(given.get("sort", ())),  # type: ignore[arg-type]
        facets=facets,
        facet_size=int(given.get("facet_size", 10)) or 10,  # type: ignore[arg-type]
        dotfield=bool(given.get("dotfield", False)),
        fetch_all=fetch_all,
        other=tuple(pair for pair in request.values if _shown_otherwise(pair[0], request, api)),
    )


def _shown_otherwise(name: str, request: Request, api: Api) -> bool:
    """Whether a parameter may change how hits are shown in a way that has no place of its own in `Presentation`."""
    parameter = api.parameter(request.key, name)
    known = name in _OF_PRESENTATION or parameter is None or parameter.role in ("asks", "selects", "none")
    return not known


def _size(request: Request, api: Api, hidden_hits: bool) -> int:
    if request.endpoint == "annotation":
        return LOOKUP_LIMIT
    if request.get("fetch_all"):
        return 1000
    return 0 if hidden_hits else int(request.value("size", api))


def returned_fields(request: Request, api: Api) -> tuple[str, ...] | None:
    """The names that were asked for, or the API's default; None is everything."""
    asked = request.value("fields", api)
    return None if not asked or "all" in asked else tuple(asked)


@lru_cache(maxsize=64)
def _factors(api: Api) -> tuple[tuple[Node, float], ...]:
    return tuple((parse_text(part.clause), part.factor) for part in api.definition.score_factors)


def shown_fields(fields: tuple[str, ...] | None, api: Api) -> frozenset[str]:
    """The leaves that `fields` shows; None shows all. Names that do not exist show nothing.

    `go` and `go.*` show the same leaves, `-go.CC` takes away what is below it, and a parent covers its children.
    An object whose content is not listed counts as a leaf.
    """
    return _shown_by(None if fields is None else frozenset(fields), api)


@lru_cache(maxsize=4096)
def _shown_by(fields: frozenset[str] | None, api: Api) -> frozenset[str]:
    everything = _all_shown(api)
    if fields is None or "all" in fields:
        return frozenset(everything)
    included = frozenset(name for name in fields if not name.startswith("-"))
    excluded = frozenset(name[1:] for name in fields if name.startswith("-"))
    kept = _covered(included, everything) if included else frozenset(everything)
    return kept - _covered(excluded, everything)


def _covered(names: frozenset[str], everything: dict[str, frozenset[str]]) -> frozenset[str]:
    plain = frozenset(name for name in names if "*" not in name)
    patterns = [re.escape(name).replace(r"\*", ".*") for name in names if "*" in name]
    pattern = re.compile("|".join(patterns)) if patterns else None
    return frozenset(
        leaf
        for leaf, above in everything.items()
        if not plain.isdisjoint(above) or (pattern and any(pattern.fullmatch(name) for name in above))
    )


@lru_cache(maxsize=64)
def _all_shown(api: Api) -> dict[str, frozenset[str]]:
    """Every leaf that records can show, with its own name and the names of the objects above it."""
    listed = [field.name for field in api.schema if field.name not in api.hidden or api.hidden[field.name].index]
    parents = {name.rpartition(".")[0] for name in listed}
    return {name: _above(name) for name in listed if name not in parents}


def _above(name: str) -> frozenset[str]:
    parts = name.split(".")
    return frozenset(".".join(parts[:count]) for count in range(1, len(parts) + 1))
