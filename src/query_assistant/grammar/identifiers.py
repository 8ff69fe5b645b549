"""Identifiers of the lookup endpoints: the API's own patterns, FIELD:VALUE, and bare ones such as `ENSG00000123374`.

The patterns are regular expressions in the API's file (`rs[0-9]+`); their parse tree becomes rules. Letters stand in
either case, as the server matches them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from query_assistant.apis import Api
from query_assistant.errors import ConfigurationError
from query_assistant.grammar.names import identifier_names, name_rule, shared_names
from query_assistant.grammar.rules import Chars, Node, Ref, choice, repeat, run, seq

try:
    from re import _parser as parser  # type: ignore[attr-defined]
except ImportError:  # Python 3.10
    import sre_parse as parser

LONGEST_REPEAT = 64
ANY = Chars.of("A-Za-z0-9_.:>=,()@*~-")
CATEGORIES = {"CATEGORY_DIGIT": Chars.of("0-9"), "CATEGORY_WORD": Chars.of("A-Za-z0-9_")}  # \\d \\w


def identifier_rules(api: Api) -> dict[str, Node]:
    """The rule `identifier`. All its characters are plain in a path and in a JSON string."""
    forms = [of_pattern(part.pattern) for part in api.definition.identifiers]
    bare = seq(run(Chars.of("A-Za-z")), Chars.of("0-9-"), run(Chars.of("A-Za-z0-9_.-")))
    rules: dict[str, Node] = {"bare-identifier": bare}
    if api.definition.identifier_names_field:
        rules["field-identifier"] = seq(
            name_rule(identifier_names(api), shared_names(api)), ":", ANY - Chars.of(":"), run(ANY)
        )
        forms.append(Ref("field-identifier"))
    rules["identifier"] = choice(Ref("bare-identifier"), *forms, weights=[float(len(forms) + 1), *([1.0] * len(forms))])
    return rules


def of_pattern(pattern: str) -> Node:
    """The rule for a regular expression of letters, sets, groups, branches and repetitions.

    Raises:
        ConfigurationError: it uses anything else.
    """
    return _sequence(parser.parse(pattern), pattern)


def _sequence(items: Iterable[Any], pattern: str) -> Node:
    return seq(*(_item(str(operator), argument, pattern) for operator, argument in items))


def _item(operator: str, argument: Any, pattern: str) -> Node:
    if operator == "LITERAL":
        return _either_case(argument, argument)
    if operator == "ANY":
        return ANY
    if operator == "IN":
        return _set(argument, pattern)
    if operator == "SUBPATTERN":
        return _sequence(argument[-1], pattern)
    if operator == "BRANCH":
        return choice(*(_sequence(branch, pattern) for branch in argument[1]))
    if operator == "MAX_REPEAT":
        low, high, body = argument
        return repeat(_sequence(body, pattern), low, int(high) if int(high) <= LONGEST_REPEAT else None)
    raise ConfigurationError(f"identifier pattern {pattern!r}: {operator} has no rule; use sets, groups, | and repeats")


def _set(members: Iterable[Any], pattern: str) -> Chars:
    chars = Chars(())
    for operator, argument in members:
        if str(operator) == "CATEGORY" and str(argument) in CATEGORIES:
            chars |= CATEGORIES[str(argument)]
        elif str(operator) in ("RANGE", "LITERAL"):
            low, high = argument if str(operator) == "RANGE" else (argument, argument)
            chars |= _either_case(low, high)
        else:
            raise ConfigurationError(f"identifier pattern {pattern!r}: {argument} has no rule; write the set out")
    return chars


def _either_case(low: int, high: int) -> Chars:
    """A range of characters; of letters in both cases."""
    folded = [(ord(fold(chr(low))), ord(fold(chr(high)))) for fold in (str.lower, str.upper)]
    same_kind = chr(low).isalpha() and chr(high).isalpha()
    return Chars((folded[1],)) | Chars((folded[0],)) if same_kind else Chars(((low, high),))
