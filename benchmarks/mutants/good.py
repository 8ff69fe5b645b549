"""A good query by its parts, so that a mutation can exchange one of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from query_assistant.queries.rendering import escape
from query_assistant.queries.rendering import quote as in_quotes
from query_assistant.records import Query

Expected = Literal["other records", "other presentation", "same", "same records"]
Joined = Literal[" AND ", " OR "]
Form = Literal["word", "words", "phrase", "prefix", "range", "exists", "plain", "interval"]


@dataclass(frozen=True)
class Clause:
    """One clause of q. An interval has its chromosome in `field`, its ends in `value` and `high`."""

    field: str
    type: str
    form: Form
    value: str
    high: str = ""
    brackets: str = "[]"
    negative: bool = False

    def text(self) -> str:
        return ("NOT " if self.negative else "") + self.positive()

    def positive(self) -> str:
        if self.form == "plain":
            return self.value
        if self.form == "interval":
            return f"chr{self.field}:{self.value}-{self.high}"
        if self.form == "exists":
            return f"_exists_:{self.field}"
        if self.form == "range":
            return f"{escape(self.field)}:{self.brackets[0]}{self.value} TO {self.high}{self.brackets[1]}"
        return f"{escape(self.field)}:{self._value()}"

    def _value(self) -> str:
        if self.form == "phrase":
            return in_quotes(self.value)
        if self.form == "words":
            return f"({' '.join(escape(word) for word in self.value.split())})"
        return escape(self.value) + ("*" if self.form == "prefix" else "")


@dataclass(frozen=True)
class Good:
    """A search by its clauses, a lookup by its identifier, or a batch by its terms and scopes."""

    api: str
    version: str
    entity: str
    clauses: tuple[Clause, ...] = ()
    joined: Joined = " AND "
    parameters: tuple[tuple[str, str], ...] = ()
    lookup: str = ""
    terms: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()

    @property
    def q(self) -> str:
        return self.joined.join(clause.text() for clause in self.clauses)

    @property
    def negative(self) -> bool:
        return any(clause.negative for clause in self.clauses)

    @property
    def plain(self) -> bool:
        """Whether some text stands without a field: MyGene routes it, and an interval swallows what is beside it."""
        return any(clause.form in ("plain", "interval") for clause in self.clauses)

    def query(self) -> Query:
        given = [("q", self.q), *self.parameters] if self.clauses else list(self.parameters)
        text = "&".join(f"{name}={_readable(value, '%&#+')}" for name, value in given)
        if self.lookup:
            path = f"/{self.version}/{self.entity}/{_readable(self.lookup, '%/?#')}"
            return Query(query=f"{path}?{text}" if text else path)
        if self.terms:
            body = {"q": list(self.terms), "scopes": list(self.scopes), **_typed(self.parameters)}
            return Query(query=f"/{self.version}/query", body=body)
        return Query(query=f"/{self.version}/query?{text}")

    def get(self, name: str) -> str | None:
        return dict(self.parameters).get(name)

    def having(self, **values: str | None) -> Good:
        """The same query with parameters set, or taken away (None); `from_` is from."""
        merged = {**dict(self.parameters), **{name.rstrip("_"): value for name, value in values.items()}}
        kept = tuple((name, value) for name, value in merged.items() if value is not None)
        return replace(self, parameters=kept)

    def with_clause(self, number: int, clause: Clause) -> Good:
        return replace(self, clauses=(*self.clauses[:number], clause, *self.clauses[number + 1 :]))

    def as_text(self, text: str) -> Good:
        """The same search with its query text written out."""
        return replace(self, clauses=(Clause("", "text", "plain", text),))


@dataclass(frozen=True)
class Mutant:
    """A neighbour of a good query, how it was made, and what follows from that."""

    name: str
    query: Query
    expected: Expected


def _readable(text: str, signs: str) -> str:
    return re.sub(f"[{signs}]", lambda sign: f"%{ord(sign.group()):02X}", text)


def _typed(parameters: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Parameters as a JSON body holds them."""
    return {name: int(value) if name in ("size", "from") else value.split(",") for name, value in parameters}
