"""Queries into plans: what the query says, as things to be said.

Works on the query as a person wrote it, before the server's own rewriting: `q=insulin` is a plain word to its author,
whatever seven searches MyGene makes of it.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from query_assistant.apis import Api, Parameter
from query_assistant.apis.fields import Field
from query_assistant.queries.reading import QueryText
from query_assistant.queries.request import Request, parse
from query_assistant.queries.syntax import parse_text
from query_assistant.queries.tree import (
    Boolean,
    Exists,
    Fuzzy,
    Match,
    MatchAll,
    Node,
    Phrase,
    Range,
    Regex,
    Strict,
    Wildcard,
    Words,
)
from query_assistant.records import Query
from query_assistant.verbalising.lexicon import words
from query_assistant.verbalising.plan import Condition, Leaf, Not, Plan, UnsayableError, conjunction, disjunction


def plan_query(query: Query, api: Api) -> Plan:
    """The plan of a query.

    Raises:
        UnsayableError: a part of it has no words.
        RequestError: it is not a request that the API accepts.
    """
    request = parse(query, api)
    unsaid = [name for name in request.parameters if not _has_words(api.parameter(request.key, name))]
    if unsaid:
        raise UnsayableError("parameter", f"no words for {', '.join(unsaid)}")
    if request.endpoint == "annotation":
        return _lookup(request, api)
    if request.endpoint != "query":
        raise UnsayableError("endpoint", f"{request.endpoint} asks for no records")
    return _batch(request, api) if request.method == "POST" else _search(request, api)


def _has_words(parameter: Parameter | None) -> bool:
    if parameter is None:
        return False
    said = parameter.in_words or parameter.role == "asks"
    return said or bool(parameter.has) or existing_field(parameter) is not None


def existing_field(parameter: Parameter) -> str | None:
    """The field that records must have where the parameter is set, None where it asks something else."""
    tree = parse_text(parameter.clause) if parameter.clause else None
    return tree.field if isinstance(tree, Exists) else None


def _conditions(request: Request, api: Api) -> Iterator[Leaf]:
    """The conditions that stand beside q as parameters of their own."""
    for parameter in api.parameters_on(request.key):
        if parameter.has:
            operator = "exists" if parameter.has == "all" else "lacks"
            yield from (Leaf(operator, path) for path in _texts(request, parameter.name))
        elif request.get(parameter.name) and (path := existing_field(parameter)):
            yield Leaf("exists", path)


def _lookup(request: Request, api: Api) -> Plan:
    kind = "lookup" if request.method == "GET" else "batch_lookup"
    base = Plan(api.name, kind, identifiers=request.identifiers)  # type: ignore[arg-type]
    return replace(_presented(base, request, api), size=None)


def _batch(request: Request, api: Api) -> Plan:
    if not all(isinstance(term, str) for term in request.terms):
        raise UnsayableError("paired terms", "terms that pair with scopes")
    if request.get("from"):
        raise UnsayableError("paged batch", "skipping hits of every term")
    scopes = _texts(request, "scopes")
    prose = bool(scopes) and all(TextReader(api).is_prose(path) for path in scopes)
    if prose and not any(" " in str(term) for term in request.terms):  # as forms tear "SET nuclear proto-oncogene"
        raise UnsayableError("torn names", f"single words where names of several are looked for: {request.terms}")
    base = Plan(api.name, "batch", identifiers=request.terms, scopes=scopes)
    return _presented(base, request, api)


def _search(request: Request, api: Api) -> Plan:
    parts = [*(TextReader(api).condition(text) for text in request.texts(api)), *_conditions(request, api)]
    condition = conjunction([part for part in parts if part is not None])
    plan = _presented(Plan(api.name, "search", condition=condition), request, api)
    plan = replace(plan, assembly=plan.assembly or _genome(request, api))
    if plan.size == 0 and (plan.fields or plan.excluded or plan.sort or plan.skip):
        raise UnsayableError("presentation of nothing", "fields, order or page of no hits")
    return plan


def _genome(request: Request, api: Api) -> str | None:
    """The genome that q itself names before an interval: `hg19.chr1:1-100`."""
    q, rule = request.text("q", api), api.definition.interval
    if q is None or q.located is None or rule is None or rule.by_parameter is not None:
        return None
    return q.located.prefix or None


def _presented(plan: Plan, request: Request, api: Api) -> Plan:
    """The plan with everything that stands beside the query text."""
    fields = _texts(request, "fields")
    kept = tuple(path for path in fields if not path.startswith("-"))
    facets = _texts(request, "facets")
    size = request.get("size")
    unasked = request.q in (None, "__all__") and bool(facets) and size is None
    excluded = tuple(path[1:] for path in fields if path.startswith("-"))
    assembly = request.get("assembly") or ("hg38" if request.entity == "hg38" else None)
    file_format = request.get("format")
    return replace(
        plan,
        species=_taxids(request, api),
        assembly=str(assembly) if assembly else None,
        fields=kept or None,
        excluded=excluded,
        size=int(str(size)) if size is not None else None,
        skip=int(str(request.get("from") or 0)),
        sort=_texts(request, "sort"),
        facets=facets,
        facet_size=int(str(request.get("facet_size"))) if request.get("facet_size") else None,
        counts_only=size == 0 or unasked,
        dotted=bool(request.get("dotfield")),
        everything=bool(request.get("fetch_all")),
        with_obsolete=request.get("ignore_obsolete") is False,
        format=str(file_format) if file_format else None,
    )


def _texts(request: Request, name: str) -> tuple[str, ...]:
    value = request.get(name)
    return tuple(str(item) for item in value) if isinstance(value, tuple) else ()


def _taxids(request: Request, api: Api) -> tuple[str, ...]:
    named = _texts(request, "species")
    return tuple(str(api.definition.species.get(name, name)) for name in named if name != "all")


@dataclass(frozen=True)
class TextReader:
    """Reads query texts of one API."""

    api: Api

    def condition(self, text: QueryText) -> Condition | None:
        """The condition that a text makes; None where it makes none."""
        if text.mode == "all" or text.text in ("*", None):
            return None
        if text.mode == "none":
            raise UnsayableError("construct", "no record at all")
        if text.mode == "interval":
            return self._interval(text)
        return self._plain(text) if text.written is None else self._read(text.written)

    def _interval(self, text: QueryText) -> Condition | None:
        located = text.located
        assert located is not None
        if located.dropped:
            raise UnsayableError("interval", f"an interval that swallows other text: {text.text}")
        start, end = located.interval.start, located.interval.end
        operator = "position" if start == end else "interval"
        stretch = Leaf(operator, None, (located.interval.chromosome.upper(),), low=str(start), high=str(end))
        beside = self._read(text.query) if text.query is not None else None
        return conjunction([stretch, *([beside] if beside else [])])

    def _plain(self, text: QueryText) -> Leaf:
        """Words that the API reads its own way."""
        match text.tree, str(text.text):
            case Match(fields, digits), _:
                return Leaf("equals", fields[0], (digits,))
            case _, prefix if text.mode == "wildcard" and re.fullmatch(r"[^*? ]+\*", prefix):
                return Leaf("keyword_prefix", None, (prefix[:-1],))
            case _, words:
                return Leaf("keyword_pattern" if text.mode == "wildcard" else "keyword", None, (words,))

    def _read(self, node: Node) -> Condition | None:
        match node:
            case Strict():
                return self._read(node.node)
            case Boolean():
                return self._boolean(node)
            case MatchAll():
                return None
            case Exists():
                return Leaf("exists", self._known(node.field))
            case Range():
                return self._range(node)
            case Words() | Phrase() | Wildcard() | Fuzzy() | Regex():
                return self._leaf(node)
        raise UnsayableError("construct", f"no words for {type(node).__name__}")

    def _boolean(self, node: Boolean) -> Condition | None:
        if node.should and node.must:
            raise UnsayableError("optional clause", "a clause that only changes the ranking")
        parts = [self._required(part) for part in node.must]
        if node.should:
            chosen = disjunction([self._required(part) for part in node.should])
            parts += [chosen] if chosen is not None else []
        parts += [Not(self._required(part)) for part in node.must_not]
        return conjunction(parts)

    def _required(self, node: Node) -> Condition:
        condition = self._read(node)
        if condition is None:
            raise UnsayableError("construct", "everything, inside a group")
        return condition

    def _leaf(self, node: Words | Phrase | Wildcard | Fuzzy | Regex) -> Leaf:
        if node.field is not None:
            self._known(node.field)
        match node:
            case Words():
                return self._words(node)
            case Phrase():
                return self._phrase(node)
            case Wildcard():
                return self._wildcard(node)
            case Fuzzy():
                return Leaf("fuzzy" if node.field else "keyword_fuzzy", node.field, (node.text,))
            case Regex():
                if node.field is None:
                    raise UnsayableError("construct", "a regular expression without a field")
                return Leaf("regex", node.field, (f"/{node.pattern}/",))

    def _words(self, node: Words) -> Leaf:
        if node.field is None:
            return Leaf("keyword", None, (node.text,))
        value = f"GO:{node.text}" if node.field == "go" and node.text.isdigit() else node.text
        if not self.is_prose(node.field):
            return Leaf(self._equality(node.field), node.field, (value,))
        if len(node.words) == 1:
            return Leaf("contains", node.field, (value,))
        if node.operator == "or":
            return Leaf("contains", node.field, node.words)
        return Leaf("contains_all", node.field, node.words)

    def _phrase(self, node: Phrase) -> Leaf:
        if node.slop:
            return Leaf("near" if node.field else "keyword_near", node.field, (node.text,), slop=node.slop)
        if node.field is None:
            return Leaf("keyword_phrase", None, (node.text,))
        if not self.is_prose(node.field):
            return Leaf(self._equality(node.field), node.field, (node.text,))
        return Leaf("phrase" if " " in node.text else "contains", node.field, (node.text,))

    def _wildcard(self, node: Wildcard) -> Leaf:
        pattern = node.pattern
        core = pattern.strip("*")
        if node.field is None:
            prefix = pattern == f"{core}*" and not re.search(r"[*?\\]", core)
            return Leaf("keyword_prefix", None, (core,)) if prefix else Leaf("keyword_pattern", None, (pattern,))
        if re.search(r"[*?\\]", core) or not core:
            return Leaf("pattern", node.field, (pattern,))
        ends = pattern.startswith("*"), pattern.endswith("*")  # several stars are one
        operator = {(False, True): "prefix", (True, False): "suffix", (True, True): "infix"}[ends]
        return Leaf(operator, node.field, (core,))

    def _range(self, node: Range) -> Leaf:
        if node.field is None:
            raise UnsayableError("construct", "a range without a field")
        self._known(node.field)
        return Leaf(_range_operator(node), node.field, low=node.low, high=node.high)

    def _known(self, path: str) -> str:
        if "*" in path or not (
            self._field(path) or any(short.written == path for short in self.api.definition.shorthands)
        ):
            raise UnsayableError("unknown field", path)
        return path

    def _field(self, path: str) -> Field | None:
        return self.api.schema.fields.get(path)

    def _equality(self, path: str) -> str:
        found = self._field(path)
        return "equals_number" if found is not None and found.numeric else "equals"

    def is_prose(self, path: str) -> bool:
        """Whether the field is text that people search in, rather than a name or code they match."""
        found = self._field(path)
        if found is None or found.type != "text" or found.analyzer in {"string_lowercase", "refseq_analyzer"}:
            return False
        return not any(fnmatch.fnmatchcase(path, pattern) for pattern in words("tokens").get(self.api.name, []))


def _range_operator(node: Range) -> str:
    if node.low is not None and node.high is not None:
        ends = (node.include_low, node.include_high)
        return {(True, True): "between", (False, False): "strictly_between", (True, False): "from_below"}.get(
            ends, "above_to"
        )
    if node.low is not None:
        return "at_least" if node.include_low else "above"
    if node.high is not None:
        return "at_most" if node.include_high else "below"
    return "exists"
