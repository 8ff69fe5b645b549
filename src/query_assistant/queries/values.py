"""Parameter values as the servers type them: what a text in a URL or form, or a value in a JSON body, stands for.

Every refusal is the 400 that the server would answer, naming the value, what was expected and what to write instead.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

import jmespath

from query_assistant.apis import Api, Parameter
from query_assistant.errors import RequestError

Value = str | int | bool | tuple[Any, ...]
Origin = Literal["url", "form", "json"]

_TRUE = frozenset({"1", "true", "yes", "y", "t"})
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f]")
_SEPARATORS = re.compile(r"[,|+ \t\n\r\x0b\x0c]+")
_ITEM = re.compile(r"""[^,|+ \t\n\r\x0b\x0c'"\\]+|'[^']*'|"[^"\\]*(?:\\.[^"\\]*)*"|\\.""", re.DOTALL)
_INNER_ESCAPE = re.compile(r'\\(["\\])')
_LARGEST_TAXID = 2**31 - 1  # beyond it the search engine refuses the request


def convert(parameter: Parameter, raw: Any, source: Origin, api: Api) -> Value:
    """The typed value of one parameter.

    Raises:
        RequestError: 400, the server does not accept the value.
    """
    if source != "json" and not isinstance(raw, str):
        raise refused(parameter, raw, "text", "send it as text")
    if isinstance(raw, str):
        raw = strip(check_unicode(raw, parameter.name))
    if parameter.is_list:
        items = _json_terms(raw, parameter, source, api) or _items(parameter, raw, source)
        _check_length(parameter, items)
        return _species(items, parameter, api) if parameter.type == "species" else items
    return _SINGLE[parameter.type](parameter, raw, source)


def strip(text: str) -> str:
    """A value as the servers take it: control characters become blanks, and blanks around it go."""
    return _CONTROL.sub(" ", text).strip()


def check_unicode(text: str, parameter: str | None = None) -> str:
    """The text itself.

    Raises:
        RequestError: 400, it holds half of a character (a lone surrogate), which no server can read.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        where = f"{parameter}: " if parameter else ""
        raise RequestError(
            f"{where}{text[:80]!a} is not valid Unicode; send it as UTF-8", parameter=parameter
        ) from None
    return text


def refused(parameter: Parameter, value: Any, expected: str, remedy: str) -> RequestError:
    return RequestError(f"{parameter.name}={shown(value)}: expected {expected}; {remedy}", parameter=parameter.name)


def shown(value: Any) -> str:
    """A value for an error: as Python writes it, cut where it is long."""
    try:
        text = repr(value[:80] if isinstance(value, str) else value)
    except (RecursionError, ValueError):  # nested by the thousand, or a number of thousands of digits
        return f"a {type(value).__name__} too large to show"
    return text if len(text) <= 80 else text[:77] + "..."


def _text(parameter: Parameter, raw: Any, source: Origin) -> str:
    if not isinstance(raw, str):
        raise refused(parameter, raw, "a string", "put it in quotes")
    if parameter.pattern and raw and not re.fullmatch(parameter.pattern, raw, re.DOTALL):
        raise refused(parameter, raw, parameter.about, f"write for example {parameter.example}")
    if parameter.language == "jmespath" and raw:
        _compile_jmespath(parameter, raw)
    return raw


def _compile_jmespath(parameter: Parameter, raw: str) -> None:
    """TARGET|EXPRESSION as the servers read it: split at the first bar, the expression compiled, any target taken."""
    _, bar, expression = raw.partition("|")
    if not bar:
        raise refused(parameter, raw, parameter.about, f"write for example {parameter.example}")
    try:
        jmespath.compile(expression)
    except (jmespath.exceptions.JMESPathError, RecursionError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise refused(parameter, raw, f"a JMESPath expression ({reason[:120]})", "correct it behind the |") from None


def _word(parameter: Parameter, raw: Any, source: Origin) -> str:
    if raw not in parameter.choices:
        raise refused(parameter, raw, "one of " + ", ".join(parameter.choices), "choose one, in lower case")
    return str(raw)


def _integer(parameter: Parameter, raw: Any, source: Origin) -> int:
    if source == "json":
        if not isinstance(raw, int) or isinstance(raw, bool):
            raise refused(parameter, raw, "a number", "write it without quotes or fraction in a JSON body")
        number = raw
    else:
        try:
            number = int(raw)  # as the servers do: +5 and 1_000 are numbers too
        except ValueError:
            raise refused(parameter, raw, "an integer", "write digits only") from None
    if number < 0:
        raise refused(parameter, raw, "0 or more", "write a number that is not negative")
    if parameter.maximum is not None and number > parameter.maximum:
        raise refused(parameter, raw, f"at most {parameter.maximum}", "ask for less, or page with from")
    return number


def _boolean(parameter: Parameter, raw: Any, source: Origin) -> bool:
    if source == "json":
        if not isinstance(raw, bool):
            raise refused(parameter, raw, "true or false", "write it without quotes in a JSON body")
        return raw
    if not raw:
        return source == "url"
    return raw.lower() in _TRUE or _above_zero(raw)


def _above_zero(raw: str) -> bool:
    try:
        return float(raw) > 0
    except ValueError:
        return False


_SINGLE: dict[str, Callable[[Parameter, Any, Origin], Value]] = {
    "text": _text,
    "word": _word,
    "integer": _integer,
    "boolean": _boolean,
}


def _json_terms(raw: Any, parameter: Parameter, source: Origin, api: Api) -> tuple[Any, ...]:
    """Some servers also take a JSON array as the text of a form's q."""
    if not (api.definition.form_json_terms and source == "form" and parameter.name in ("q", "ids")):
        return ()
    if not raw.startswith("["):
        return ()
    try:
        return _array(json.loads(raw), parameter)
    except (ValueError, RecursionError):
        return ()


def _items(parameter: Parameter, raw: Any, source: Origin) -> tuple[Any, ...]:
    if isinstance(raw, str):
        if source == "json" and parameter.json_ in ("array", "typed"):
            raise refused(parameter, raw, "an array", f'write ["{raw}"] in a JSON body')
        return _split(raw, parameter)
    if not isinstance(raw, list) and parameter.json_ == "any" and not isinstance(raw, (bool, dict, type(None))):
        raw = [raw]
    if not isinstance(raw, list):
        raise refused(parameter, raw, "a string or an array", "write an array in a JSON body")
    if parameter.json_ == "strings" and not all(isinstance(item, str) for item in raw):
        raise refused(parameter, raw, "an array of strings", "put each item in quotes")
    return _array(raw, parameter)


def _array(items: Any, parameter: Parameter) -> tuple[Any, ...]:
    """Items of a JSON array as text; an array within it (terms paired with scopes) stays one item."""
    if not isinstance(items, list):
        return ()
    converted: list[Any] = []
    for item in items:
        if isinstance(item, list) and parameter.paired:
            converted.append(tuple(_scalar(part, parameter) for part in item))
        else:
            converted.append(_scalar(item, parameter))
    return tuple(converted)


def _scalar(item: Any, parameter: Parameter) -> str:
    if isinstance(item, str):
        return check_unicode(item, parameter.name)
    if isinstance(item, (int, float)) and not isinstance(item, bool):
        try:
            return str(item)
        except ValueError:  # more digits than Python writes
            raise refused(parameter, item, "a number of fewer digits", "write it as text") from None
    raise refused(parameter, item, "a string or a number", "flatten the array")


def _split(raw: str, parameter: Parameter) -> tuple[str, ...]:
    """The items of a list in one text: split at comma, pipe, plus and white space; quotes and backslashes protect.

    Raises:
        RequestError: 400, a quotation mark (often an apostrophe) is never closed.
    """
    if "'" not in raw and '"' not in raw and "\\" not in raw:
        return tuple(item for item in _SEPARATORS.split(raw) if item)
    items: list[str] = []
    position, open_at = 0, -1
    while position < len(raw):
        if gap := _SEPARATORS.match(raw, position):
            position = open_at = gap.end()
            continue
        piece = _ITEM.match(raw, position)
        if piece is None:
            raise refused(
                parameter,
                raw,
                "closed quotes (No closing quotation)",
                "escape ' with a backslash or put the term in double quotes",
            )
        if items and position != open_at and position > 0:
            items[-1] += _piece(piece.group())
        else:
            items.append(_piece(piece.group()))
        position = piece.end()
    return tuple(items)


def _piece(text: str) -> str:
    if text[0] == "'":
        return text[1:-1]
    if text[0] == '"':
        return _INNER_ESCAPE.sub(r"\1", text[1:-1])
    return text[1:] if text[0] == "\\" else text


def _check_length(parameter: Parameter, items: tuple[Any, ...]) -> None:
    if parameter.maximum is not None and len(items) > parameter.maximum:
        raise refused(parameter, f"{len(items)} items", f"at most {parameter.maximum}", "split the request")


def _species(items: tuple[Any, ...], parameter: Parameter, api: Api) -> tuple[str, ...]:
    """Each species by its name where it has one, else by its taxid; ("all",) where nothing is restricted.

    The server puts taxids in the place of names wherever they occur in an item, then wants digits.
    """
    if not items or "all" in items:
        return ("all",)
    return tuple(_one_species(str(item), parameter, api) for item in items)


def _one_species(item: str, parameter: Parameter, api: Api) -> str:
    taxid = _names(api).sub(lambda found: str(api.species[found.group().lower()]), item) if api.species else item
    if not (taxid.isascii() and taxid.isdigit()):
        known = ", ".join(api.species)
        raise refused(parameter, item, f"a taxonomy id or one of {known}", "write the taxid in digits")
    digits = taxid.lstrip("0") or "0"
    if len(digits) > len(str(_LARGEST_TAXID)) or int(digits) > _LARGEST_TAXID:
        raise refused(parameter, item, f"a taxonomy id of at most {_LARGEST_TAXID}", "write an existing one")
    return api.species_names.get(int(taxid), taxid) if taxid[0] != "0" else taxid


@lru_cache(maxsize=16)
def _names(api: Api) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(name) for name in api.species), re.IGNORECASE)
