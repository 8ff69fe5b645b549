"""Query text to tree: Lucene's `query_string` language with the clause rules the servers really apply.

    parse_text("a OR b c")  ->  Boolean(must=(Words(None, ("c",)),), should=(Words(None, ("a",)), Words(None, ("b",))))

There is no precedence. Every clause is marked must, should or must-not by its own modifier and by the conjunctions on
either side of it, left to right; only parentheses group. Bare words in a row form one chunk that goes whole to the
field's analyzer. Written by hand because no parser at hand has these rules: see docs/query-language.md.

The parser keeps its own stack, so depth costs no recursion; beyond `MAX_DEPTH` open parentheses it refuses, because
the servers' recursive parser and engine do too. Time and memory grow with the length of the text.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from query_assistant.errors import QuerySyntaxError
from query_assistant.queries.limits import MAX_BOOST, MAX_SLOP
from query_assistant.queries.tokens import (
    Token,
    automatic_edits,
    scan,
    tilde_number,
    unescape,
    unexpected,
    wildcard_pattern,
)
from query_assistant.queries.tree import (
    EXISTS,
    Boolean,
    Boost,
    Exists,
    Fuzzy,
    MatchAll,
    Node,
    Operator,
    Phrase,
    Regex,
    Wildcard,
    bare,
    ranged,
)

MAX_DEPTH = 100
MAX_LENGTH = 65_536  # what the servers read of a request before its body: no longer text reaches them in a URL
_ENDS_CHUNK = frozenset({"COLON", "STAR", "SLOP", "BOOST", "AND", "OR"})
_LEAVES = frozenset({"TERM", "STAR", "PATTERN", "QUOTED", "REGEX", "RANGE", "SIGN"})
_MODIFIERS = frozenset({"NOT", "PLUS", "MINUS"})
_CONJUNCTIONS = frozenset({"AND", "OR"})


def parse_text(text: str, operator: Operator = "and", parameter: str = "q") -> Node:
    """The tree of a query text.

    `operator` joins clauses that no word joins: "and" in q, "or" in filter and post_filter. Errors name `parameter`.

    Raises:
        QuerySyntaxError: the text is empty or over MAX_LENGTH, or the servers' parser would refuse it.
    """
    if len(text) > MAX_LENGTH:
        raise QuerySyntaxError(
            f"the query text has {len(text):,} characters; a server takes at most {MAX_LENGTH:,}: POST a list of terms",
            position=MAX_LENGTH,
            parameter=parameter,
        )
    tokens = scan(text, parameter)
    if len(tokens) == 1:
        raise QuerySyntaxError(
            "the query text is empty; write a term, or * for everything", position=0, parameter=parameter
        )
    return _Parser(tokens, operator, parameter).parse()


@dataclass(slots=True)
class _Clause:
    node: Node
    occur: str


@dataclass(slots=True)
class _Group:
    """What is known of one pair of parentheses while it is open."""

    field: str | None
    start: int
    conjunction: str = ""
    modifier: str = ""
    clauses: list[_Clause] = dataclasses.field(default_factory=list)


class _Parser:
    def __init__(self, tokens: list[Token], operator: Operator, parameter: str) -> None:
        self.tokens = tokens
        self.operator = operator
        self.parameter = parameter
        self.at = 0
        self.groups = [_Group(None, 0)]

    def parse(self) -> Node:
        while True:
            token = self.tokens[self.at]
            if token.kind == "END" or token.kind == "CLOSE":
                if not self.groups[-1].clauses:
                    raise self._unexpected(token)
                if token.kind == "END":
                    return self._end(token)
                self._close(token)
            elif token.kind == "TERM" and self._joins(self.at + 1):
                self._chunk()
            else:
                self._clause()

    def _end(self, token: Token) -> Node:
        if len(self.groups) > 1:
            start = self.groups[-1].start
            raise QuerySyntaxError(
                f"the parenthesis at position {start} is never closed; add )", position=start, parameter=self.parameter
            )
        return _fold(self.groups[0].clauses)

    def _joins(self, at: int) -> bool:
        """Whether a bare word stands there that nothing behind it claims: it goes on with the run before it."""
        return self.tokens[at].kind == "TERM" and self.tokens[at + 1].kind not in _ENDS_CHUNK

    def _chunk(self) -> None:
        first = self.at
        self.at += 1
        while self._joins(self.at):
            self.at += 1
        words = tuple(self._plain(token) for token in self.tokens[first : self.at])
        occur = "must" if self.operator == "and" else "should"
        group = self.groups[-1]
        group.clauses.append(_Clause(bare(group.field, words, self.operator), occur))

    def _clause(self) -> None:
        """One clause up to its end, or up to the parenthesis it opens."""
        group = self.groups[-1]
        conjunction = self._take(_CONJUNCTIONS) if group.clauses else ""
        modifier = self._take(_MODIFIERS)
        name = self._field(group.field)
        token = self.tokens[self.at]
        if token.kind == "OPEN":
            self._open(_Group(name, token.start, conjunction, modifier))
        elif token.kind in _LEAVES:
            self.at += 1
            self._add(conjunction, modifier, self._leaf(token, name))
        else:
            raise self._unexpected(token)

    def _take(self, kinds: frozenset[str]) -> str:
        kind = self.tokens[self.at].kind
        if kind not in kinds:
            return ""
        self.at += 1
        return kind

    def _field(self, inherited: str | None) -> str | None:
        name, colon = self.tokens[self.at], self.tokens[min(self.at + 1, len(self.tokens) - 1)]
        if colon.kind != "COLON" or name.kind not in ("TERM", "STAR"):
            return inherited
        self.at += 2
        return self._plain(name)

    def _open(self, group: _Group) -> None:
        if len(self.groups) > MAX_DEPTH:
            raise QuerySyntaxError(
                f"parentheses are nested deeper than {MAX_DEPTH} at position {group.start}; flatten the query",
                position=group.start,
                parameter=self.parameter,
            )
        self.groups.append(group)
        self.at += 1

    def _close(self, token: Token) -> None:
        if len(self.groups) == 1:
            raise self._unexpected(token)
        self.at += 1
        group = self.groups.pop()
        self._add(group.conjunction, group.modifier, self._boosted(_fold(group.clauses)))

    def _add(self, conjunction: str, modifier: str, node: Node) -> None:
        """Marks the clause and, as Lucene's addClause does, marks the one before it again."""
        clauses = self.groups[-1].clauses
        if clauses and clauses[-1].occur != "must_not":
            if conjunction == "AND":
                clauses[-1].occur = "must"
            elif conjunction == "OR" and self.operator == "and":
                clauses[-1].occur = "should"
        if modifier in ("NOT", "MINUS"):
            occur = "must_not"
        elif self.operator == "and":
            occur = "should" if conjunction == "OR" else "must"
        else:
            occur = "must" if modifier == "PLUS" or conjunction == "AND" else "should"
        clauses.append(_Clause(node, occur))

    def _leaf(self, token: Token, name: str | None) -> Node:
        if token.kind == "RANGE":
            return self._boosted(self._range(token, name))
        slop, boost = self._suffixes()
        if token.kind == "QUOTED":
            node = self._phrase(token, name, slop)
        else:
            node = self._fuzzy(token, name, slop) if slop is not None else self._bare(token, name)
        return self._weighed(node, boost)

    def _bare(self, token: Token, name: str | None) -> Node:
        if token.kind == "STAR":
            return MatchAll() if name in (None, "*") else Exists(str(name))
        if token.kind == "PATTERN":
            self._plain(token)  # refuses what no word may hold either
            return Wildcard(name, wildcard_pattern(token.text))
        if token.kind == "REGEX":
            unescape(f"/{token.text}/", token.start, self.parameter)
            return Regex(name, token.text)
        return bare(name, (self._plain(token),), self.operator)

    def _fuzzy(self, token: Token, name: str | None, slop: Token) -> Node:
        if token.kind not in ("TERM", "SIGN"):
            return self._bare(token, name)
        text = self._plain(token)
        edits = tilde_number(slop.text)
        if edits is None:
            return Fuzzy(name, text, edits=automatic_edits(text))
        if edits < 0 or edits > 2 or (edits >= 1 and edits != int(edits)):
            raise QuerySyntaxError(
                f"~{slop.text} at position {slop.start} is no edit distance; write ~, ~1 or ~2",
                position=slop.start,
                parameter=self.parameter,
            )
        return Fuzzy(name, text, edits=int(edits))

    def _phrase(self, token: Token, name: str | None, slop: Token | None) -> Node:
        text = self._plain(token)
        if name == EXISTS:
            return Exists(text)
        return Phrase(name, text, slop=int(min(tilde_number(slop.text) or 0, MAX_SLOP)) if slop else 0)

    def _range(self, token: Token, name: str | None) -> Node:
        assert token.bounds is not None
        low, high = token.bounds.low, token.bounds.high
        return ranged(
            name,
            None if low is None else unescape(low, token.start, self.parameter),
            None if high is None else unescape(high, token.start, self.parameter),
            token.bounds.include_low,
            token.bounds.include_high,
        )

    def _suffixes(self) -> tuple[Token | None, Token | None]:
        """`~` and `^` behind a word, in either order."""
        boost = self._take_token("BOOST")
        slop = self._take_token("SLOP")
        return slop, boost or self._take_token("BOOST")

    def _boosted(self, node: Node) -> Node:
        return self._weighed(node, self._take_token("BOOST"))

    def _weighed(self, node: Node, boost: Token | None) -> Node:
        if boost is None:
            return node
        factor = float(boost.text)
        if factor >= MAX_BOOST:
            raise QuerySyntaxError(
                f"the boost at position {boost.start} is larger than the servers' numbers; write a smaller one",
                position=boost.start,
                parameter=self.parameter,
            )
        return Boost(node, factor)

    def _take_token(self, kind: str) -> Token | None:
        token = self.tokens[self.at]
        if token.kind != kind:
            return None
        self.at += 1
        return token

    def _plain(self, token: Token) -> str:
        return unescape(token.text, token.start, self.parameter) if "\\" in token.text else token.text

    def _unexpected(self, token: Token) -> QuerySyntaxError:
        if token.kind != "END":
            return unexpected(token.text or token.kind, token.start, self.parameter)
        return QuerySyntaxError(
            f"the query text ends at position {token.start} where a value should follow; add one, or drop the operator",
            position=token.start,
            parameter=self.parameter,
        )


def _fold(clauses: list[_Clause]) -> Node:
    """One clause stands for itself unless it is prohibited; a lone optional clause is a required one."""
    if len(clauses) == 1 and clauses[0].occur != "must_not":
        return clauses[0].node
    return Boolean(
        must=tuple(clause.node for clause in clauses if clause.occur == "must"),
        should=tuple(clause.node for clause in clauses if clause.occur == "should"),
        must_not=tuple(clause.node for clause in clauses if clause.occur == "must_not"),
    )
