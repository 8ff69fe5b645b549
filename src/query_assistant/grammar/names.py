"""Which names of an API may stand where: in a clause, behind `_exists_:`, in `fields`, `sort`, `facets`, `scopes`.

Names are spelled as they have to be there: `fda_chemical\\/ingredient:` in a query text, `"DRUG BANK"` in a list, and
`pantherdb.FlyBas\\e:` where the server would otherwise replace the end of the name (MyGene's shorthands).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from query_assistant.apis import Api
from query_assistant.apis.fields import Field
from query_assistant.grammar.rules import Node, Ref, choice, trie
from query_assistant.queries.rules.shorthands import rewrite, rewrite_scope

KINDS = {"double": "float"}
WHOLE = "string_lowercase"  # an analyzer that keeps the value in one piece, as keyword fields do
SIGNS_OF_TEXT = re.compile(r"[!():^\[\]\"{}~*?\\/ ]")
SIGNS_OF_PATH = re.compile(r"[%&#+]")
PLAIN = re.compile(r"[\w.-]+")
SIGNS_OF_LISTS = re.compile(r"[,|+\s'\"\\]")


def shared_names(api: Api) -> dict[str, tuple[str, ...]]:
    """Searchable fields by kind of value, as far as they are spelled alike wherever a field may stand.

    They are the bulk of the names, and one rule for each kind serves all places.
    """
    return {kind: tuple(name for name in names if _alike(name, api)) for kind, names in _by_kind(api).items()}


def escaped_names(api: Api) -> dict[str, tuple[str, ...]]:
    """The other searchable fields by kind, as a clause in a readable path begins with them, colon included."""
    return {
        kind: tuple(_before_colon(name, api) for name in names if not _alike(name, api))
        for kind, names in _by_kind(api).items()
    }


def name_rule(names: Iterable[str], shared: Mapping[str, tuple[str, ...]]) -> Node:
    """Exactly these names: the rules `<kind>-name` of kinds that are among them as a whole, and what is left."""
    wanted = set(names)
    kinds = {kind: set(members) for kind, members in shared.items() if members and wanted.issuperset(members)}
    rest = wanted.difference(*kinds.values())
    options: list[Node] = [Ref(f"{kind}-name") for kind in kinds]
    weights = [float(len(members)) for members in kinds.values()]
    if rest:
        options, weights = [*options, trie(rest)], [*weights, float(len(rest))]
    return choice(*options, weights=weights)


def existing_names(api: Api) -> tuple[str, ...]:
    """Leaves that are searchable, and objects above one."""
    leaves = [field.name for field in _searchable(api) if field.name != "_id"]
    above = {name.rsplit(".", depth)[0] for name in leaves for depth in range(1, name.count(".") + 1)}
    return (*leaves, *(field.name for field in api.schema if not field.leaf and field.name in above))


def identifier_names(api: Api) -> tuple[str, ...]:
    """Fields that may stand before the colon of an identifier in a path."""
    listed = (field.name for field in _searchable(api) if field.name not in api.hidden)
    return tuple(name for name in listed if is_plain(name))


def returned_names(api: Api) -> tuple[str, ...]:
    """What `fields` may list: everything that a record shows, and `all`."""
    return (*(field.name for field in api.schema if field.name not in api.hidden), "_id", "all")


def ordered_names(api: Api) -> tuple[str, ...]:
    """Fields that sorting and facets can use: values kept whole, so no text."""
    return tuple(field.name for field in _searchable(api) if field.type != "text" and field.name != "_id")


def scope_names(api: Api) -> tuple[str, ...]:
    """Fields in which the terms of a batch may be looked up, the API's short names among them."""
    short = (rule.written for rule in api.definition.shorthands if rewrite_scope(rule.written, api) == rule.becomes)
    return (*(field.name for field in _searchable(api) if rewrite_scope(field.name, api) == field.name), *short)


def shorthand_names(api: Api) -> dict[str, str]:
    """The short names a person writes for hidden or wildcard fields, with their colon, and the rule of their values."""
    kept = (rule for rule in api.definition.shorthands if rule.short)
    return {f"{rule.written}:": "bare-number" if rule.value_prefix else "keyword-value" for rule in kept}


def in_text(name: str) -> str:
    """A name in a query text: its signs escaped."""
    return SIGNS_OF_TEXT.sub(r"\\\g<0>", name)


def is_plain(name: str) -> bool:
    """Whether a name is spelled as it is, wherever it stands."""
    return PLAIN.fullmatch(name) is not None


def listed_name(name: str) -> str:
    """A name in a list within a readable path: quoted where it holds what separates a list's items."""
    return path_encoded(f'"{name}"' if SIGNS_OF_LISTS.search(name) else name)


def path_encoded(text: str) -> str:
    """A text in a readable path: the four signs that would be misread are encoded."""
    return SIGNS_OF_PATH.sub(lambda sign: f"%{ord(sign.group()):02X}", text)


def _searchable(api: Api) -> Iterator[Field]:
    """Fields in which a clause finds something. Hidden ones count, save those that have a short name."""
    for field in api.schema.searchable:
        if field.name not in _unseen(api) and not _nested(field.name, api):
            yield field


def _unseen(api: Api) -> frozenset[str]:
    """Hidden fields that nobody names: the default search's, another index's, and those behind short names."""
    other_index = {name for name, hidden in api.hidden.items() if hidden.index is not None}
    return frozenset({"all", *other_index, *(rule.becomes for rule in api.definition.shorthands if rule.short)})


def _nested(name: str, api: Api) -> bool:
    return any(name == path or name.startswith(f"{path}.") for path in api.nested)


def _by_kind(api: Api) -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {}
    for field in _searchable(api):
        kinds.setdefault(_kind(field), []).append(field.name)
    return kinds


def _kind(field: Field) -> str:
    if field.name == "_id":
        return "exact"
    if field.type == "text" and field.analyzer == WHOLE:
        return "whole"
    return KINDS.get(field.type, field.type)


def _alike(name: str, api: Api) -> bool:
    known = is_plain(name) and name not in api.hidden
    return known and _before_colon(name, api) == f"{name}:" and rewrite_scope(name, api) == name


def _before_colon(name: str, api: Api) -> str:
    """The name and its colon; a backslash before its last letter where the server would replace it."""
    plain = in_text(name) + ":"
    if rewrite(plain, api) != plain:
        plain = f"{in_text(name[:-1])}\\{name[-1]}:"
    return path_encoded(plain)
