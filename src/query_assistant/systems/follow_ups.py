"""What a follow-up changes of the query before it, where its words say so plainly: "only mouse", "also the symbol".

    edited(Query(query="/v3/query?q=kinase&species=human"), "only mouse, first 20", api, lexicon)
    ->  Query(query="/v3/query?q=kinase&species=mouse&size=20")

Species, columns, number, place, order and counts are changed so; each part of the follow-up must be understood, and a
column is one that the API's words name. Whatever else is said is for the model (`conversation`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from query_assistant.apis import Api
from query_assistant.errors import QueryAssistantError
from query_assistant.queries.request import Request, parse
from query_assistant.records import Query
from query_assistant.verbalising.lexicon import Lexicon
from query_assistant.verbalising.numbers import numbers_in

LONGEST, LONGEST_NUMBER = 300, 20  # characters of a follow-up, and of a number in digits or words
MOST_WORDS = 4  # a line of so few, without the word for a record in it, goes on with what was asked before
# How a line begins that goes on; the likely ones only where no records are named ("in mice", not "in mice, genes of").
_SURE = (
    "also|and|plus|but|only|just|now|then|instead|same|sort|sorted|order|ordered|first|top|next|skip|more|how many"
    "|count|what about|how about|of those|of them|of these|those|them|these|add|drop|the first"
)
_LIKELY = "with|without|in|on|at|from|for|whose|having|above|below|over|under|between|not|show"
_FILLERS = re.compile(
    r"^(?:(?:please|now|then|ok|okay|but|and|so)\b[ ,]*)+|[ ,]*\b(?:please|instead|now)[.!?]*$|[.!?]+$", re.I
)
_PLURALS = {"mice": "mouse", "flies": "fruitfly", "fly": "fruitfly", "worm": "nematode", "worms": "nematode"}
_ALL_SPECIES = re.compile(r"(?:in |for )?(?:all|any|every) species", re.I)
_NUMBER = r"(?P<number>\d+|[a-z]+)"
_THINGS = r"(?: (?:of them|of those|results?|hits?|records?|rows?|ones?|{record}s?))?"
_DOWN = r"(?:descending|desc|(?:largest|highest|heaviest|newest|latest|longest|biggest|best|most) (?:first|on top))"
_UP = r"(?:ascending|asc|(?:smallest|lowest|lightest|oldest|earliest|shortest) (?:first|on top))"
Values = dict[str, Any]
_Edit = Callable[[Values, "re.Match[str]", "_Reader"], bool]


def is_follow_up(text: str, api: Api) -> bool:
    """Whether a line goes on with what was asked before it, to all appearance."""
    words = re.findall(r"\w+", text.casefold())
    if re.match(rf"(?:{_SURE})\b", text.strip(), re.I):
        return True
    if {api.record, f"{api.record}s"} & set(words):
        return False
    return len(words) <= MOST_WORDS or bool(re.match(rf"(?:{_LIKELY})\b", text.strip(), re.I))


def edited(previous: Query, follow_up: str, api: Api, lexicon: Lexicon) -> Query | None:
    """The query with the follow-up's changes; None where some of its words say something else."""
    if previous.body is not None or len(follow_up) > LONGEST:
        return None
    try:
        request = parse(previous, api)
    except QueryAssistantError:
        return None
    if request.endpoint != "query":
        return None
    reader, values = _Reader(api, lexicon, request), dict(request.parameters)
    parts = [_FILLERS.sub("", part.strip()).strip() for part in re.split(r"[,;]| and (?=\d)", follow_up)]
    if not any(parts) or not all(reader.apply(values, part) for part in parts if part):
        return None
    return request.with_values(values, request.entity).to_query()


class _Reader:
    """Reads the parts of a follow-up with the words of one API."""

    def __init__(self, api: Api, lexicon: Lexicon, request: Request) -> None:
        self.api, self.request = api, request
        self._named = _names(lexicon)
        things = _THINGS.format(record=re.escape(api.record))
        patterns: list[tuple[str, _Edit]] = [
            (r"(?P<also>also |add |plus )?(?:only |just |in |for |what about |how about )*(?:the )?(?P<species>[\w-]+)"
             r"(?: only| ones?| genes?| too| as well)?", _species),
            (rf"(?:show |give me |only |just |the |at most |up to )*(?:first |top )?{_NUMBER}{things}"
             r"(?: only| at most)?", _size),
            (rf"skip (?:the )?(?:first )?{_NUMBER}{things}", _skip),
            (rf"(?:show |give me )?(?:the )?(?:next (?:{_NUMBER}|page)|more){things}", _next),
            (r"(?:how many|count)(?: are there| are those| is that| them)?", _count),
            (r"(?:how many|count|counts|number)s? (?:of|by|per|in|for)(?: each)? (?P<field>.+)", _facets),
            (r"(?:group(?:ed)?|broken down) by (?P<field>.+)", _facets),
            (rf"(?:sort(?:ed)?|order(?:ed)?) by (?P<field>.+?)(?: ?(?:(?P<down>{_DOWN})|{_UP}))?", _sort),
            (r"(?:also|add|plus|with)(?: show)? (?:the |their |its )?(?P<field>.+?)(?: too| as well)?", _column),
            (r"(?:only|just|show|return|give me|show me)(?: only| just)? (?:the |their |its )?(?P<only>.+)", _columns),
            (r"(?:without|drop|no|not)(?: the)? (?P<field>.+)", _less),
        ]  # fmt: skip
        self._patterns = [(re.compile(pattern, re.I), edit) for pattern, edit in patterns]

    def apply(self, values: Values, part: str) -> bool:
        """Changes the values as one part says; False where it says nothing that is known here."""
        if _ALL_SPECIES.fullmatch(part) and self.api.species:
            values.pop("species", None)
            return True
        return any(edit(values, found, self) for pattern, edit in self._patterns if (found := pattern.fullmatch(part)))

    def fields(self, text: str) -> list[str] | None:
        """The fields that a list of names means; None where one of them means none, or several."""
        found = [self._field(name) for name in re.split(r" and |\+|&", text)]
        return None if None in found else [name for name in found if name is not None]

    def _field(self, name: str) -> str | None:
        plain = re.sub(r"^(?:the|their|its|all) ", "", name.strip().casefold())
        for spelling in (plain, plain.removesuffix("s"), plain.removesuffix("es")):
            if spelling in self.api.schema.fields:
                return spelling
            if spelling in self._named:
                return self._named[spelling]
        return None

    def taxon(self, word: str) -> Any:
        """A species as the query has it; None for a word that names none."""
        plain = word.casefold()
        for spelling in (_PLURALS.get(plain, plain), plain.removesuffix("s")):
            if spelling in self.api.species:
                return spelling
        return None


def _names(lexicon: Lexicon) -> dict[str, str]:
    """The field of each name that one field alone has."""
    owners: dict[str, set[str]] = {}
    for path, wording in lexicon.wordings.items():
        for name in (*wording.names, *((wording.plural,) if wording.plural else ())):
            owners.setdefault(name.casefold(), set()).add(path)
    return {name: next(iter(paths)) for name, paths in owners.items() if len(paths) == 1}


def _whole(text: str | None) -> int | None:
    found = list(numbers_in(text or "")) if len(text or "") < LONGEST_NUMBER else []
    return int(found[0]) if len(found) == 1 and found[0] == int(found[0]) and found[0] >= 0 else None


def _species(values: Values, found: re.Match[str], reader: _Reader) -> bool:
    taxon = reader.taxon(found["species"])
    if taxon is None:
        return False
    kept = tuple(values.get("species", ())) if found["also"] else ()
    values["species"] = tuple(dict.fromkeys((*kept, *_typed(taxon, reader))))
    return True


def _typed(taxon: str, reader: _Reader) -> tuple[Any, ...]:
    """The species as a request holds it."""
    path = f"/{reader.request.version}/query?q=a&species={taxon}"
    value = parse(Query(query=path), reader.api).get("species")
    return value if isinstance(value, tuple) else (taxon,)


def _size(values: Values, found: re.Match[str], reader: _Reader) -> bool:
    return _put_number(values, "size", found["number"])


def _skip(values: Values, found: re.Match[str], reader: _Reader) -> bool:
    return _put_number(values, "from", found["number"])


def _put_number(values: Values, name: str, text: str) -> bool:
    number = _whole(text)
    if number is not None:
        values[name] = number
    return number is not None


def _next(values: Values, found: re.Match[str], reader: _Reader) -> bool:
    size = values.get("size", reader.request.value("size", reader.api))
    values["from"] = values.get("from", 0) + size
    return found["number"] is None or _put_number(values, "size", found["number"])


def _count(values: Values, found: re.Match[str], reader: _Reader) -> bool:
    for name in ("from", "sort", "fields"):
        values.pop(name, None)
    values["size"] = 0
    return True


def _facets(values: Values, found: re.Match[str], reader: _Reader) -> bool:
    fields = reader.fields(found["field"])
    if not fields:
        return False
    _count(values, found, reader)
    values["facets"] = tuple(fields)
    return True


def _sort(values: Values, found: re.Match[str], reader: _Reader) -> bool:
    fields = reader.fields(found["field"])
    if not fields:
        return False
    values["sort"] = tuple(f"-{name}" if found["down"] else name for name in fields)
    return True


def _column(values: Values, found: re.Match[str], reader: _Reader) -> bool:
    """More columns: beside those asked for, or those the API shows unasked; where that is all, these alone."""
    fields = reader.fields(found["field"])
    if not fields:
        return False
    shown = values.get("fields", reader.api.default_fields)
    values["fields"] = tuple(dict.fromkeys((*shown, *fields)))
    return True


def _columns(values: Values, found: re.Match[str], reader: _Reader) -> bool:
    fields = reader.fields(found["only"])
    if not fields:
        return False
    values["fields"] = tuple(fields)
    return True


def _less(values: Values, found: re.Match[str], reader: _Reader) -> bool:
    """Fewer columns, where those named are shown; "without pseudogenes" is none of them."""
    fields, shown = reader.fields(found["field"]), tuple(values.get("fields", ()))
    if not fields or not set(fields) <= set(shown) or set(fields) == set(shown):
        return False
    values["fields"] = tuple(name for name in shown if name not in fields)
    return True
