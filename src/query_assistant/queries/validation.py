"""Would the API accept a query, and will it do what it seems to ask?

validate(Query(query="/v3/query?q=ensembl.ensembl_id:ENSG00000123374"), api)
->  (Issue("unknown_field", "field `ensembl.ensembl_id` does not exist in mygene; did you mean `ensembl.gene`?", ...),)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from query_assistant.apis import Api
from query_assistant.errors import QuerySyntaxError, RequestError
from query_assistant.queries import issues, tree_checks
from query_assistant.queries.issues import SEVERITIES, Code, Issue, Severity, spared
from query_assistant.queries.meaning import searched_index, understand
from query_assistant.queries.reading import QueryText
from query_assistant.queries.request import Request, parse
from query_assistant.queries.rules.identifiers import unknown_prefix
from query_assistant.queries.rules.shorthands import rewrite_scope
from query_assistant.records import Query

__all__ = ["SEVERITIES", "Code", "Issue", "Severity", "is_valid", "validate", "validate_request"]

MOST_HINTS = 20  # names for which one is looked up that may have been meant; each costs a walk through all fields
_PARAMETER_INSIDE = re.compile(r"&\w+=")
_BY_STATUS: dict[int, Code] = {404: "no_such_path", 405: "wrong_method"}


def validate(query: Query | str, api: Api) -> tuple[Issue, ...]:
    """Everything that is wrong with a query, errors first; empty where nothing is."""
    try:
        request = parse(query, api)
    except RequestError as error:
        return (_refusal(error),)
    return validate_request(request, api)


def validate_request(request: Request, api: Api) -> tuple[Issue, ...]:
    """As `validate`, for a request that could be parsed."""
    found = dict.fromkeys((*_understood(request, api), *_lists(request, api), *_ineffective(request, api)))
    heavier = [issue for issue in found if not (issue.partial and replace(issue, partial=False) in found)]
    told = [_finished(issue, place, api) for place, issue in enumerate(heavier)]
    rank = {"error": 0, "warning": 1, "no_effect": 2}
    return tuple(sorted(told, key=lambda issue: rank[issue.severity]))


def _finished(issue: Issue, place: int, api: Api) -> Issue:
    """The issue with a hint, and with a word on what a part that finds nothing does to the rest."""
    issue = issues.hinted(issue, api) if place < MOST_HINTS else issue
    if not issue.partial:
        return issue
    return replace(issue, message=f"{issue.message}; the rest of the query still finds records")


def is_valid(issues: Iterable[Issue]) -> bool:
    """Whether none of the issues is an error."""
    return all(issue.severity != "error" for issue in issues)


def _refusal(error: RequestError) -> Issue:
    if isinstance(error, QuerySyntaxError):
        return Issue("syntax", str(error), error.parameter, position=error.position)
    return Issue(_BY_STATUS.get(error.status, "refused"), str(error), error.parameter)


def _understood(request: Request, api: Api) -> Iterator[Issue]:
    if request.endpoint not in ("query", "annotation"):
        return
    try:
        understand(request, api)
    except RequestError as error:
        yield _refusal(error)
        return
    index = searched_index(request, api)
    for text in request.texts(api):
        yield from (_located(issue, request.get(text.parameter)) for issue in tree_checks.check(text, index, api))
        yield from _interval(text, index, api)
    yield from _identifiers(request, api)


def _located(issue: Issue, text: Any) -> Issue:
    """The issue with the place of its field in the text, where the text names it plainly."""
    if issue.field is None or issue.position is not None or not isinstance(text, str):
        return issue
    at = text.find(f"{issue.field}:")
    at = at if at >= 0 else text.find(issue.field)
    return replace(issue, position=at) if at >= 0 else issue


def _interval(text: QueryText, index: str, api: Api) -> Iterator[Issue]:
    located = text.located
    if located is None:
        return
    if located.dropped:
        message = "q holds an interval, so the server drops the rest of it; put the rest into filter"
        yield Issue("dropped_text", message, "q", suggestion="filter")
    rule = api.definition.interval
    if rule and rule.by_parameter and located.prefix != index:
        message = (
            f"the interval is searched on {located.prefix} but the path reads {index}; add {rule.by_parameter}={index}"
        )
        yield Issue("other_index", message, "q", suggestion=f"{rule.by_parameter}={index}")


def _identifiers(request: Request, api: Api) -> Iterator[Issue]:
    parameter = "id" if request.method == "GET" else "ids"
    for identifier in request.identifiers if request.endpoint == "annotation" else ():
        if prefix := unknown_prefix(identifier, api):
            message = f"{identifier!r} starts with neither a field nor a known prefix, so it is looked up as it is"
            yield Issue("unknown_prefix", message, parameter, prefix)
        if found := _PARAMETER_INSIDE.search(identifier):
            message = f"{found.group()[1:-1]} is read as part of the identifier; put ? before the first parameter"
            yield Issue("parameter_in_identifier", message, parameter, suggestion=f"?{found.group()[1:]}")


def _lists(request: Request, api: Api) -> Iterator[Issue]:
    """Issues of the parameters that list fields."""
    for parameter in api.parameters_on(request.key):
        if check := _CHECKS.get(parameter.lists or ""):
            found = filter(None, (check(item, parameter.name, api) for item in _names(request, parameter.name)))
            yield from map(spared, found) if parameter.has == "none" else found
    yield from _scopes(request, api)
    yield from _filter_as_fields(request, api)


_CHECKS: dict[str, Callable[[str, str, Api], Issue | None]] = {
    "returned": issues.returnable,
    "existing": issues.existing,
    "sorted": issues.sortable,
    "counted": issues.countable,
}


def _names(request: Request, parameter: str) -> Iterator[str]:
    value = request.get(parameter)
    for item in value if isinstance(value, tuple) else ():
        yield from item if isinstance(item, tuple) else (item,)


def _scopes(request: Request, api: Api) -> Iterator[Issue]:
    """Scopes in which no term is found: harmless beside one in which it can be."""
    given = request.get("scopes")
    positions = [part if isinstance(part, tuple) else (part,) for part in given] if isinstance(given, tuple) else []
    paired = any(isinstance(term, tuple) for term in request.terms)
    for group in positions if paired else [tuple(scope for part in positions for scope in part)]:
        found = [issue for scope in group if (issue := _scope(scope, api))]
        yield from map(spared, found) if len(found) < len(group) else found


def _scope(scope: str, api: Api) -> Issue | None:
    real = rewrite_scope(scope, api)
    issue = issues.searchable(real, "scopes", api)
    if issue is not None and real != scope and scope in api.schema:
        message = f"the server rewrites the scope `{scope}` to `{real}`, which does not exist; use GET for this field"
        return replace(issue, message=message, field=scope, suggestion=f"q={scope}:...")
    return issue


def _filter_as_fields(request: Request, api: Api) -> Iterator[Issue]:
    text = request.get("filter")
    if not isinstance(text, str) or not text:
        return
    words = text.replace(",", " ").split()
    if words and all(word in api.schema and ":" not in word for word in words):
        yield Issue(
            "filter_as_fields",
            f"filter={text} searches for these words; the returned fields are chosen by fields={','.join(words)}",
            "filter",
            suggestion=f"fields={','.join(words)}",
        )


def _ineffective(request: Request, api: Api) -> Iterator[Issue]:
    for ignored in request.ignored:
        known = api.known_anywhere(ignored.name)
        yield Issue("ignored_parameter" if known else "unknown_parameter", ignored.reason, ignored.name)
    given = request.parameters
    for name in given:
        parameter = api.parameter(request.key, name)
        if parameter is not None and parameter.silent(given):
            beside = next((other for other in parameter.silenced_by if given.get(other)), None)
            why = f"together with {beside}" if beside else f"without {parameter.needs}"
            yield Issue("ignored_parameter", f"{name} has no effect {why}", name)
