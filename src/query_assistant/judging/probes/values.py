"""What a field may hold so that one clause is met, just met, or just missed.

`symbol:CDK2` is met by CDK2 and cdk2; CDK2x, xCDK2, CDK, "CDK2 more" and "more CDK2" tell it from its wildcards, from a
shorter term and from the same word on another kind of field. `values` lists them for any leaf of a query tree.

Nothing here decides whether a value matches: the replica does, by the servers' own analyzers. A value only has to lie
where two readings of a clause may part.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from query_assistant.apis.fields import Field
from query_assistant.judging.probes.patterns import texts_matching
from query_assistant.queries.tree import Exists, Fuzzy, Match, Phrase, Range, Regex, Wildcard, Words

FieldNode = Words | Phrase | Wildcard | Fuzzy | Regex | Range | Exists | Match

INTEGERS = frozenset({"integer", "long", "byte"})
REALS = frozenset({"float", "double"})
FILLER = "more"
MOST_SLOP = 1000  # words between two others; no value of a field has more
_WHOLE = re.compile(r"-?[0-9]{1,30}")
_IDENTIFIER = re.compile(r"\S*[0-9]\S*|[A-Za-z]{14}-[A-Za-z]{10}-[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Content:
    """`content` is what the field holds, one value or a list; `why` completes "a record that has ..."."""

    content: Any
    why: str


def values(leaf: FieldNode, field: Field) -> list[Content]:
    """Contents of `field` that matter to the leaf, the one that meets it first; none where the types do not agree.

    `_id` only holds what can be one: no blanks, and a digit or the shape of an InChIKey. So `lung cancer` is not told
    from `lung AND cancer` by a record whose identifier is "lung".
    """
    fitted: dict[str, Content] = {}
    for candidate in _candidates(leaf, field):
        content = _fit(candidate.content, field.type)
        if content is not None and (field.name != "_id" or _identifies(content)):
            fitted.setdefault(repr(content), Content(content, candidate.why))
    return list(fitted.values())


def _identifies(content: Any) -> bool:
    return isinstance(content, str) and bool(_IDENTIFIER.fullmatch(content))


def _candidates(leaf: FieldNode, field: Field) -> Iterator[Content]:
    if isinstance(leaf, Words | Phrase | Match):
        yield from _of_number(leaf.text) if field.numeric else _of_text(leaf.text)
        if isinstance(leaf, Phrase) and leaf.slop:
            yield from _of_slop(leaf.text, leaf.slop)
    elif isinstance(leaf, Wildcard):
        yield from _of_wildcard(leaf.pattern)
    elif isinstance(leaf, Fuzzy):
        yield from _of_fuzzy(leaf.text)
    elif isinstance(leaf, Regex):
        yield from _of_regex(leaf.pattern)
    elif isinstance(leaf, Range):
        yield from _of_range(leaf, field)
    else:
        yield from _of_existence(field)


def _fit(content: Any, kind: str) -> Any:
    """The content as the field's type stores it; None where it cannot."""
    if isinstance(content, list):
        fitted = [_fit(item, kind) for item in content]
        return None if None in fitted else fitted
    text = "" if content is None else str(content)
    try:
        if kind in INTEGERS:
            return int(text) if _WHOLE.fullmatch(text) else int(float(text))
        if kind in REALS:
            return float(text) if math.isfinite(float(text)) else None
        if kind == "date":
            return date.fromisoformat(text[:10]).isoformat()
    except (ValueError, OverflowError):
        return None
    if kind == "boolean":
        return {"true": True, "false": False}.get(text.lower())
    return text or None


def _of_text(text: str) -> Iterator[Content]:
    """A text in a field of words: whole, in pieces, in other company, in other case."""
    yield Content(text, f"exactly {text!r}")
    if text.lower() in ("true", "false"):
        yield Content("false" if text.lower() == "true" else "true", f"the opposite of {text!r}")
    words = [word for word in re.split(r"[^\w.]+", text) if word]
    if len(words) > 1:
        yield from _of_several(text, words)
    yield Content(text.swapcase() if text.swapcase() != text else None, f"{text!r} in other case")
    yield Content(f"{text} {FILLER}", f"{text!r} and a word after it")
    yield Content(f"{FILLER} {text}", f"{text!r} and a word before it")
    yield Content(f"{text}x", f"{text!r} and one letter more")
    yield Content(f"x{text}", f"{text!r} behind one letter more")
    yield Content(text[:-1], f"{text!r} short of its last letter")
    yield Content(_neighbour(text), f"a neighbour of {text!r}")
    yield Content(f"{text}.9", f"another version of {text!r}")
    yield Content(text.rsplit(".", 1)[0] if "." in text else None, f"{text!r} without its version")


def _of_several(text: str, words: list[str]) -> Iterator[Content]:
    backwards = " ".join(reversed(words))
    yield Content(backwards, f"the words of {text!r} in another order")
    yield Content([words[0], " ".join(words[1:])], f"the words of {text!r} over two values")
    yield Content(f"{words[0]} {FILLER} {' '.join(words[1:])}", f"{text!r} with a word in between")
    yield Content(" ".join(words), f"the words of {text!r} with spaces alone")
    for word in list(dict.fromkeys(words))[:3]:
        yield Content(word, f"only {word!r} of {text!r}")


def _neighbour(text: str) -> str:
    """The text with its last letter or digit replaced."""
    last = text[-1:]
    return text[:-1] + ("0" if last == "9" else str(int(last) + 1) if last.isdecimal() and last.isascii() else "q")


def _of_slop(text: str, slop: int) -> Iterator[Content]:
    words, nearest = text.split(), min(slop, MOST_SLOP)
    for extra in (nearest, nearest + 1):
        spread = " ".join([*words[:1], *[FILLER] * extra, *words[1:]])
        yield Content(spread, f"{text!r} with {extra} words in between")


def _of_number(text: str) -> Iterator[Content]:
    yield Content(text, f"exactly {text}")
    for offset in (1, -1, 0.5):
        yield Content(_moved(text, offset), f"{text} {'plus' if offset > 0 else 'minus'} {abs(offset)}")


def _moved(text: str, offset: float) -> str | None:
    """A number a little further, whole numbers kept exact; None for what is no number."""
    try:
        return str(int(text) + int(offset)) if offset == int(offset) else str(float(text) + offset)
    except ValueError:
        pass
    try:
        return str(float(text) + offset)
    except ValueError:
        return None


def _of_wildcard(pattern: str) -> Iterator[Content]:
    shortest = _fill(pattern, "", "a")
    fitting = _fill(pattern, "q7", "b")
    yield Content(fitting, f"a value of the shape {pattern!r}")
    yield Content(shortest, f"{pattern!r} with nothing for its stars")
    yield Content(_fill(pattern, f"q {FILLER} ", "c"), f"{pattern!r} with several words for its stars")
    yield Content(f"x{fitting}", f"{pattern!r} behind one letter more")
    yield Content(f"{fitting}x", f"{pattern!r} and one letter more")
    yield Content(f"{FILLER} {fitting}", f"a word of the shape {pattern!r} after another")
    yield Content(f"{fitting} {FILLER}", f"a word of the shape {pattern!r} before another")
    yield Content(_fill(pattern, "q7", ""), f"{pattern!r} with nothing for its question marks")
    yield Content(fitting.swapcase(), f"a value of the shape {pattern!r} in other case")
    yield Content(fitting[:-1], f"{pattern!r} short of its last letter")
    yield Content(_beheaded(pattern), f"{pattern!r} short of the letter before its star")


def _beheaded(pattern: str) -> str | None:
    head = re.match(r"((?:\\.|[^*?\\])+)[*?]", pattern)
    return _fill(head.group(1), "", "")[:-1] + "_7" if head else None


def _fill(pattern: str, star: str, mark: str) -> str:
    """The pattern with its wildcards filled in and its backslashes gone."""
    filled = {"*": star, "?": mark}
    return re.sub(r"\\(.)|([*?])", lambda found: found.group(1) or filled[found.group(2)], pattern)


def _of_fuzzy(text: str) -> Iterator[Content]:
    yield Content(text, f"exactly {text!r}")
    for edits in (1, 2, 3):
        if len(text) > edits:
            yield Content("q" * edits + text[edits:], f"{text!r} with {edits} letters changed")
    yield Content(text[1:2] + text[:1] + text[2:], f"{text!r} with two letters exchanged")
    yield Content(f"{text}x", f"{text!r} and one letter more")


def _of_regex(pattern: str) -> Iterator[Content]:
    for number, text in enumerate(texts_matching(pattern)):
        yield Content(text, f"a text of the form /{pattern}/")
        if number == 0:
            yield Content(f"{text}x", f"a text of the form /{pattern}/ and one letter more")
            yield Content(f"x{text}", f"a text of the form /{pattern}/ behind one letter more")


def _of_existence(field: Field) -> Iterator[Content]:
    fillers = {"boolean": (True, False), "date": ("2020-02-02",)}
    for content in fillers.get(field.type, (1, 0)):
        yield Content(content, "some value")
    if not field.numeric and field.type not in fillers:
        yield Content("something", "some text")


def _of_range(leaf: Range, field: Field) -> Iterator[Content]:
    """Both ends, just inside and just outside, far away, and around the range with two values."""
    step = _steps(field)
    low, high = leaf.low, leaf.high
    yield Content(_inside(leaf, step), "a value inside the range")
    for end, name in ((low, "lower"), (high, "upper")):
        if end is not None:
            yield Content(end, f"the {name} end of the range")
            yield Content(step(end, 1), f"a little above the {name} end")
            yield Content(step(end, -1), f"a little below the {name} end")
            yield Content(step(end, 1000), f"far above the {name} end")
            yield Content(step(end, -1000), f"far below the {name} end")
    if low is not None and high is not None:
        around = [step(low, -1), step(high, 1)]
        yield Content(around if None not in around else None, "one value below the range and one above")


def _inside(leaf: Range, step: Any) -> str | None:
    if leaf.low is None:
        return leaf.high if leaf.high is None or leaf.include_high else step(leaf.high, -1)
    return leaf.low if leaf.include_low else step(leaf.low, 1)


def _steps(field: Field) -> Any:
    """How to move a bound by some smallest steps in this field's order."""
    if field.type in INTEGERS:
        return _moved
    if field.type in REALS:
        return _nudged
    return _moved_day if field.type == "date" else _moved_text


def _nudged(text: str, steps: int) -> str | None:
    """A real number moved by thousandths of its own size."""
    try:
        number = float(text)
    except ValueError:
        return None
    return repr(number + steps * max(abs(number), 1e-3) / 1000)


def _moved_day(text: str, steps: int) -> str | None:
    try:
        return (date.fromisoformat(text[:10]) + timedelta(days=steps)).isoformat()
    except (ValueError, OverflowError):
        return None


def _moved_text(text: str, steps: int) -> str | None:
    """A neighbour in alphabetical order: a letter more, a letter less; far away means another first letter."""
    if abs(steps) > 1:
        return "~" if steps > 0 else "!"
    return f"{text}0" if steps > 0 else text[:-1]
