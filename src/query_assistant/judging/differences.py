"""What differs between two queries, in words that a person understands: which records, then how they are shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from query_assistant.apis import Api
from query_assistant.judging.readings import Clause, Reading
from query_assistant.queries.meaning import Presentation, shown_fields
from query_assistant.queries.rendering import describe_clause, describe_value, field_names
from query_assistant.queries.tree import Node

Selecting = Literal["endpoint", "assembly", "species", "field", "operator", "clause", "value", "hits"]
Presenting = Literal["answer", "returned_fields", "paging", "sort", "facets", "format"]
DifferenceKind = Selecting | Presenting
SELECTING: tuple[Selecting, ...] = ("endpoint", "assembly", "species", "field", "operator", "clause", "value", "hits")

FEW = 5


@dataclass(frozen=True, slots=True)
class Difference:
    """`left` and `right` are what stands there on either side, None where one has nothing of the kind."""

    kind: DifferenceKind
    message: str
    left: str | None = None
    right: str | None = None

    @property
    def selects(self) -> bool:
        """Whether it is about which records are meant, not about how they are shown."""
        return self.kind in SELECTING


def selection_differences(left: Reading, right: Reading, api: Api) -> list[Difference]:
    """What the two ask of records differently; empty where only the wording of the same clauses differs."""
    if left.meaning is None or right.meaning is None:
        return [Difference("endpoint", f"left calls {left.form.path}, right {right.form.path}", *_paths(left, right))]
    found: list[Difference] = []
    if left.meaning.index != right.meaning.index:
        one, other = left.meaning.index, right.meaning.index
        found.append(Difference("assembly", f"left searches {one}, right {other}", one, other))
    if left.form.key != right.form.key:
        found.append(_endpoint(left, right))
    for (name, one), (_, other) in _unknowable(left, right):
        found.append(Difference("hits", f"{name} differs: {one} on the left, {other} on the right", one, other))
    return found + _clause_differences(left, right, api)


def _paths(left: Reading, right: Reading) -> tuple[str, str]:
    return left.form.path, right.form.path


def _endpoint(left: Reading, right: Reading) -> Difference:
    one, other = (_ENDPOINTS[side.form.key] for side in (left, right))
    return Difference("endpoint", f"left {one}, right {other}", left.form.key, right.form.key)


_ENDPOINTS = {
    "GET query": "searches",
    "POST query": "searches for a batch of terms",
    "GET annotation": "looks an identifier up",
    "POST annotation": "looks a batch of identifiers up",
}


def _unknowable(left: Reading, right: Reading) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    ours, theirs = dict(left.unknowable), dict(right.unknowable)
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            yield (name, str(ours.get(name, "nothing"))), (name, str(theirs.get(name, "nothing")))


def _clause_differences(left: Reading, right: Reading, api: Api) -> list[Difference]:
    ours, theirs = Counter(left.clauses), Counter(right.clauses)
    one, other = list((ours - theirs).elements()), list((theirs - ours).elements())
    if not one and not other:
        return [] if left.root == right.root else [_joined(left, right)]
    found = _species(one, other, api)
    for alike, explain in _PAIRINGS:
        found += _paired(one, other, alike, explain)
    found += [_lonely(clause, "left", "right") for clause in one]
    found += [_lonely(clause, "right", "left") for clause in other]
    return found


def _joined(left: Reading, right: Reading) -> Difference:
    one, other = describe_clause(left.root), describe_clause(right.root)
    return Difference("operator", f"the same clauses are joined otherwise: {one} against {other}", one, other)


def _species(one: list[Clause], other: list[Clause], api: Api) -> list[Difference]:
    """All clauses on the species field as one difference, by name; they are taken out of the lists."""
    field = next((part.any_of for part in api.parameters if part.type == "species" and part.any_of), None)
    if field is None:
        return []
    ours, theirs = (_taken(side, lambda clause: getattr(clause.leaf, "field", None) == field) for side in (one, other))
    if not ours and not theirs:
        return []
    here, there = (_species_names(side, api) for side in (ours, theirs))
    return [
        Difference(
            "species", f"species differs: {here or 'any'} on the left, {there or 'any'} on the right", here, there
        )
    ]


def _taken(clauses: list[Clause], wanted: Callable[[Clause], bool]) -> list[Clause]:
    taken = [clause for clause in clauses if wanted(clause)]
    clauses[:] = [clause for clause in clauses if not wanted(clause)]
    return taken


def _species_names(clauses: list[Clause], api: Api) -> str | None:
    names = []
    for clause in clauses:
        value = describe_value(clause.leaf)
        name = api.species_names.get(int(value), value) if value.isdecimal() else repr(value)
        names.append(f"not {name}" if clause.negative else name)
    return ", ".join(sorted(set(names))) or None


Alike = Callable[[Clause, Clause], bool]
Explain = Callable[[Clause, Clause], Difference]


def _paired(one: list[Clause], other: list[Clause], alike: Alike, explain: Explain) -> list[Difference]:
    """Takes every clause of one side with the first alike of the other out of the lists."""
    found = []
    for ours in list(one):
        theirs = next((clause for clause in other if alike(ours, clause)), None)
        if theirs is not None:
            one.remove(ours)
            other.remove(theirs)
            found.append(explain(ours, theirs))
    return found


def _field_words(leaf: Node) -> str:
    return ", ".join(name or "the default fields" for name in field_names(leaf))


def _other_part(ours: Clause, theirs: Clause) -> Difference:
    leaf = describe_clause(ours.leaf)
    message = f"left {_part(ours)} {leaf}, right {_part(theirs)} it"
    return Difference("operator", message, f"{_part(ours)} {leaf}", f"{_part(theirs)} {leaf}")


def _part(clause: Clause) -> str:
    return "excludes" if clause.negative else "allows" if clause.optional else "requires"


def _other_match(ours: Clause, theirs: Clause) -> Difference:
    one, other = describe_clause(ours.leaf), describe_clause(theirs.leaf)
    return Difference(
        "operator", f"the same text is matched otherwise: {one} on the left, {other} on the right", one, other
    )


def _other_value(ours: Clause, theirs: Clause) -> Difference:
    one, other = describe_value(ours.leaf), describe_value(theirs.leaf)
    message = f"left asks for {one} in {_field_words(ours.leaf)}, right for {other}"
    return Difference("value", message, describe_clause(ours.leaf), describe_clause(theirs.leaf))


def _other_field(ours: Clause, theirs: Clause) -> Difference:
    one, other = _field_words(ours.leaf), _field_words(theirs.leaf)
    message = f"left looks for {describe_value(ours.leaf)} in {one}, right in {other}"
    return Difference("field", message, one, other)


def _bare(leaf: Node) -> str:
    """The text of a clause without quotes, stars and case."""
    return describe_value(leaf).strip('"()*').casefold()


_PAIRINGS: tuple[tuple[Alike, Explain], ...] = (
    (lambda ours, theirs: ours.leaf == theirs.leaf, _other_part),
    (lambda o, t: field_names(o.leaf) == field_names(t.leaf) and _bare(o.leaf) == _bare(t.leaf), _other_match),
    (lambda o, t: field_names(o.leaf) == field_names(t.leaf) and type(o.leaf) is type(t.leaf), _other_value),
    (lambda o, t: field_names(o.leaf) != field_names(t.leaf) and _bare(o.leaf) == _bare(t.leaf), _other_field),
    (lambda o, t: field_names(o.leaf) == field_names(t.leaf), _other_value),
)


def _lonely(clause: Clause, here: str, there: str) -> Difference:
    text = ("not " if clause.negative else "") + describe_clause(clause.leaf)
    verb = "excludes" if clause.negative else "asks for"
    message = f"{here} {verb} {describe_clause(clause.leaf)}, {there} does not"
    return Difference("clause", message, *((text, None) if here == "left" else (None, text)))


def presentation_differences(left: Reading, right: Reading, api: Api) -> list[Difference]:
    """What the two show differently of the same hits."""
    if left.meaning is None or right.meaning is None:
        return []
    ours, theirs = left.meaning.presentation, right.meaning.presentation
    found = [_answers(left, right), _returned_fields(ours, theirs, api)]
    if not left.meaning.lookup and not right.meaning.lookup:
        found += [_page(ours, theirs), _sorts(ours, theirs), _facets(ours, theirs)]
    return [difference for difference in [*found, *_others(left, right, api)] if difference]


def _answers(left: Reading, right: Reading) -> Difference | None:
    """One object, one list of hits, or one list for all terms; terms are echoed, so their order and spelling show."""
    one, other = left.form.key, right.form.key
    if one != other:
        return Difference("answer", f"left is answered as a {one}, right as a {other}", one, other)
    ours, theirs = (side.meaning.terms if side.meaning else () for side in (left, right))
    if left.form.method == "POST" and ours != theirs:
        return Difference("answer", "the terms come in another order or spelling", str(ours), str(theirs))
    return None


def _returned_fields(ours: Presentation, theirs: Presentation, api: Api) -> Difference | None:
    if shown_fields(ours.fields, api) == shown_fields(theirs.fields, api):
        return None
    one, other = _names(ours.fields), _names(theirs.fields)
    return Difference("returned_fields", f"left returns {one}, right returns {other}", one, other)


def _names(fields: tuple[str, ...] | None) -> str:
    if fields is None:
        return "all fields"
    shown = ", ".join(f"`{name}`" for name in fields[:FEW])
    return shown + (f" and {len(fields) - FEW} more" if len(fields) > FEW else "")


def _page(ours: Presentation, theirs: Presentation) -> Difference | None:
    if ours.fetch_all != theirs.fetch_all:
        one, other = ("all hits" if side.fetch_all else f"{side.size} hits" for side in (ours, theirs))
        return Difference("paging", f"left fetches {one}, right {other}", one, other)
    if (ours.size, ours.from_) == (theirs.size, theirs.from_) or ours.fetch_all:
        return None
    one, other = (_window(side) for side in (ours, theirs))
    return Difference("paging", f"left shows {one}, right {other}", one, other)


def _window(side: Presentation) -> str:
    return f"{side.size} hits" + (f" after the first {side.from_}" if side.from_ else "")


def sorted_by(presentation: Presentation) -> tuple[str, ...]:
    """The sort fields that count; empty is by score."""
    return () if presentation.sort == ("_score",) else presentation.sort


def _sorts(ours: Presentation, theirs: Presentation) -> Difference | None:
    if sorted_by(ours) == sorted_by(theirs):
        return None
    one, other = (", ".join(sorted_by(side)) or "score" for side in (ours, theirs))
    return Difference("sort", f"left sorts by {one}, right by {other}", one, other)


def _facets(ours: Presentation, theirs: Presentation) -> Difference | None:
    one, other = (_counted(side) for side in (ours, theirs))
    if one == other:
        return None
    return Difference("facets", f"left counts {one or 'nothing'}, right {other or 'nothing'}", one, other)


def _counted(side: Presentation) -> str | None:
    """The facets in one text; their order does not show in an answer."""
    if not side.facets:
        return None
    return ", ".join(sorted(set(side.facets))) + f" ({side.facet_size} values each)"


def _others(left: Reading, right: Reading, api: Api) -> Iterator[Difference]:
    """Parameters without a place of their own in the presentation: by their role, another page or another form."""
    ours, theirs = _other_values(left), _other_values(right)
    changed = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    paging = [name for name in changed if _pages(name, left, right, api)]
    form = [name for name in changed if name not in paging]
    if paging:
        yield Difference("paging", f"the page differs in {', '.join(paging)}", _of(ours, paging), _of(theirs, paging))
    if form:
        yield Difference(
            "format", f"the answer's form differs in {', '.join(form)}", _of(ours, form), _of(theirs, form)
        )


def _other_values(side: Reading) -> dict[str, Any]:
    shown = side.meaning.presentation if side.meaning else Presentation()
    return {"dotfield": shown.dotfield, **dict(shown.other)}


def _of(values: Mapping[str, Any], names: Sequence[str]) -> str:
    return str({name: values.get(name) for name in names})


def _pages(name: str, left: Reading, right: Reading, api: Api) -> bool:
    found = (api.parameter(side.form.key, name) for side in (left, right))
    return any(parameter is not None and parameter.role == "pages" for parameter in found)
