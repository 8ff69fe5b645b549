"""Where the annotation endpoints look an identifier up.

The first pattern that fits the whole identifier wins, in any case; last of all comes FIELD:VALUE. Then the server
checks the rule: if one of its fields is not in the API's field list, the rule is discarded and the whole identifier is
looked up in the default fields. `_id` is in no field list, so rules that aim at it end there too.
"""

from __future__ import annotations

import re
from functools import lru_cache

from query_assistant.apis import Api
from query_assistant.queries.tree import Match

_FIELD_VALUE = re.compile(r"(?P<field>[^:\s]+):(?P<term>.+)", re.DOTALL)


def look_up(identifier: str, api: Api) -> Match:
    """The lookup that an identifier stands for."""
    for pattern, fields in _patterns(api):
        if found := pattern.fullmatch(identifier):
            return _checked(fields, found["term"], identifier, api)
    named = _FIELD_VALUE.fullmatch(identifier) if api.definition.identifier_names_field else None
    if named:
        return _checked((named["field"],), named["term"], identifier, api)
    return Match(api.lookup_fields, identifier)


def as_clause(identifier: str, api: Api) -> str | None:
    """The query text that finds an identifier of a known shape: `_id:"chr1:g.1A>G"`, `chebi.id:"CHEBI:15365"`."""
    if not any(pattern.fullmatch(identifier) for pattern, _ in _patterns(api)):
        return None
    lookup = look_up(identifier, api)
    field = "_id" if lookup.fields == api.lookup_fields else lookup.fields[0]
    return f'{field}:"{lookup.text}"'


def unknown_prefix(identifier: str, api: Api) -> str | None:
    """What stands before the colon of an identifier, where it is neither a field nor part of a known pattern."""
    if any(pattern.fullmatch(identifier) for pattern, _ in _patterns(api)):
        return None
    named = _FIELD_VALUE.fullmatch(identifier) if api.definition.identifier_names_field else None
    return None if named is None or _listed(named["field"], api) else named["field"]


def _checked(fields: tuple[str, ...], term: str, identifier: str, api: Api) -> Match:
    if all(_listed(field, api) for field in fields):
        return Match(fields, term)
    return Match(api.lookup_fields, identifier)


def _listed(name: str, api: Api) -> bool:
    """Whether a field is in one of the API's field lists and indexed; what only the search engine knows is not."""
    hidden = api.hidden.get(name)
    return name in api.schema and api.schema[name].indexed and (hidden is None or hidden.index is not None)


@lru_cache(maxsize=64)
def _patterns(api: Api) -> tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]:
    return tuple((re.compile(rule.pattern, re.IGNORECASE), rule.fields) for rule in api.definition.identifiers)
