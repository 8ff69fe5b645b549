"""What may stand after a field and its colon, by the type of the field.

| kind | example sentences after the colon |
|---|---|
| text | `kinase`, `"cell cycle"`, `"cell cycle"~2`, `cyclin*`, `kinse~1`, `(tumor OR cancer)`, `(cell cycle)` |
| keyword | `CDK2`, `"HP:0001250"`, `ENSG0000012*`, `(P OR LP)`; no ranges, which would compare numbers as text |
| whole | as keyword: text that is searched in one piece |
| exact | `"chr1:g.35367G>A"`, `1017`, `(1017 OR 1018)` |
| integer, float | `9606`, `"-3"`, `>=0.5`, `[1 TO 9}`, `(1 OR 2)`, `(>=1 AND <5)` |
| date | `2019-11-05`, `[2019 TO *]`, `<2020-06` |
| boolean | `true` |

Every kind but `exact` also takes `*`: the field has any value. All texts are spelled as in a readable path, where
`%`, `&`, `#` and `+` are percent-encoded, and as the query language wants them, with a backslash before its signs.
"""

from __future__ import annotations

from collections.abc import Sequence

from query_assistant.grammar.rules import (
    Chars,
    Node,
    Ref,
    Terminal,
    choice,
    optional,
    repeat,
    run,
    seq,
    words_except,
)

OPERATORS = ("AND", "OR", "NOT")

DIGIT = Chars.of("0-9")
LETTERS_ABROAD = Chars.of("µ°À-ÖØ-öø-ɏͰ-ͽΆ-ϿЀ-ԯ‐‑–—’′″→≤≥一-龥")
WORD_START = Chars.of("A-Za-z0-9_.'") | LETTERS_ABROAD
WORD_INNER = WORD_START | Chars.of("-,=;@><")
ESCAPED = seq("\\", Chars.of('-!(){}[]^"~*?:/|\\'))
ENCODED = choice("%25", "%23", "\\%26", "\\%2B")
IN_QUOTES = (Chars.of(" -~") | LETTERS_ABROAD) - Chars.of('"\\%&#+ :')
QUOTED_SIGNS = choice('\\"', "\\\\", "\\:", "%25", "%26", "%23", "%2B")

KINDS = ("text", "keyword", "exact", "byte", "integer", "long", "float", "date", "boolean")


def value_rules(replaced: Sequence[str] = ()) -> dict[str, Node]:
    """The rules `<kind>-value` for each of `KINDS`, and those they are made of (`word`, `phrase`, `pattern` ...).

    `replaced` are names that the server replaces wherever a colon follows, within quotes too (MyGene): a colon behind
    one of them, and any whose two letters before it are the end of one, has to be written `\\:`.
    """
    return {**_word_rules(replaced), **_plain_rules(), **_number_rules(), **_date_rules(), **_value_rules()}


def _word_rules(replaced: Sequence[str]) -> dict[str, Node]:
    signs, wild = choice(ESCAPED, ENCODED), choice("*", "?", weights=(3, 1))
    quoted = choice(QUOTED_SIGNS, _colon(replaced), weights=(4, 1))
    return {
        "word": words_except(OPERATORS, WORD_START, signs, WORD_INNER),
        "words": seq(Ref("word"), repeat(seq(" ", Ref("word")), 1)),
        "phrase": seq('"', choice(IN_QUOTES, quoted, weights=(12, 1)), run(IN_QUOTES | Chars.of(" "), quoted), '"'),
        "near": choice(seq(Ref("phrase"), "~", Chars.of("1-9")), seq(Ref("word"), "~", Chars.of("12"))),
        "pattern": choice(
            seq(WORD_START, run(WORD_INNER, signs), wild, run(WORD_INNER, choice(signs, wild))),
            seq(wild, WORD_START, run(WORD_INNER, choice(signs, wild))),
        ),
    }


def _colon(replaced: Sequence[str]) -> Node:
    """A colon in quotes, with the characters before it that show that no name ends there."""
    if not replaced:
        return Terminal(":")
    before: dict[str, Chars] = {}
    for name in replaced:
        before[name[-1].lower()] = before.get(name[-1].lower(), Chars(())) | _cases(name[-2])
    harmless = [seq(IN_QUOTES - signs, _cases(last), ":") for last, signs in sorted(before.items())]
    return choice(seq(IN_QUOTES - _cases("".join(before)), ":"), *harmless)


def _cases(letters: str) -> Chars:
    return Chars.of(letters.lower() + letters.upper())


def _plain_rules() -> dict[str, Node]:
    """Words that no server takes for query text: no escapes, no signs of the language."""
    wild = choice("*", "?", weights=(3, 1))
    return {
        "plain-word": words_except(OPERATORS, WORD_START, None, WORD_INNER),
        "plain-words": seq(Ref("plain-word"), repeat(seq(" ", Ref("plain-word")), 1)),
        "plain-pattern": choice(
            seq(WORD_START, run(WORD_INNER), wild, run(WORD_INNER, wild)),
            seq(wild, WORD_START, run(WORD_INNER, wild)),
        ),
        "bare-number": seq(repeat(DIGIT, 1, 10), optional("*")),
    }


def _number_rules() -> dict[str, Node]:
    """Numbers that fit their type: a strict API refuses one that does not. A bare minus would mean NOT."""
    short, whole = _integer(2), _integer(9)
    fraction = seq(".", repeat(DIGIT, 1, 18))
    power = choice(seq(choice("e", "E"), choice(seq("-", _integer(2)), DIGIT)))
    decimal = seq(whole, repeat(fraction, 0, 1), repeat(power, 0, 1))
    sizes = {"byte": short, "integer": whole, "long": _integer(18), "float": decimal}
    return {f"{kind}-number": number for kind, number in sizes.items()}


def _integer(digits: int) -> Node:
    return choice("0", seq(Chars.of("1-9"), repeat(DIGIT, 0, digits - 1)), weights=(1, 9))


def _date_rules() -> dict[str, Node]:
    """ISO dates that exist: a year, a month or a day (29 February left out)."""
    long_months, short_months = choice("01", "03", "05", "07", "08", "10", "12"), choice("04", "06", "09", "11")
    any_month, any_day = choice(seq("0", Chars.of("1-9")), seq("1", Chars.of("0-2"))), _days("28")
    days = choice(
        seq(any_month, "-", any_day),
        seq(choice(long_months, short_months), "-", choice("29", "30")),
        seq(long_months, "-31"),
        weights=(8, 1, 1),
    )
    year = seq(choice("19", "20"), repeat(DIGIT, 2, 2))
    return {"date-point": seq(year, optional(seq("-", choice(any_month, days))))}


def _days(last: str) -> Node:
    return choice(seq("0", Chars.of("1-9")), seq("1", DIGIT), seq("2", Chars.of(f"0-{last[1]}")))


def _value_rules() -> dict[str, Node]:
    word, phrase, any_value = Ref("word"), Ref("phrase"), Terminal("*")
    text = choice(word, phrase, Ref("pattern"), weights=(3, 3, 1))
    exact, date = choice(word, phrase), Ref("date-point")
    group = Ref("text-group")
    rules = {
        "text-group": _group(text),
        "text-value": choice(text, Ref("near"), group, seq("(", Ref("words"), ")"), any_value, weights=(9, 2, 3, 1, 1)),
        "keyword-value": choice(text, group, any_value, weights=(9, 3, 1)),
        "whole-value": Ref("keyword-value"),
        "exact-value": choice(exact, _group(exact), weights=(5, 1)),
        "date-value": choice(date, *_ranges(date), any_value, weights=(3, 3, 3, 1)),
        "boolean-value": choice("true", "false", any_value, weights=(5, 5, 1)),
    }
    numbers = {f"{kind}-value": _number_value(Ref(f"{kind}-number")) for kind in ("byte", "integer", "long", "float")}
    return {**rules, **numbers}


def _number_value(number: Node) -> Node:
    bare, signed = choice(number, seq('"-', number, '"'), weights=(9, 1)), seq(optional("-"), number)
    between = seq("(>", optional("="), signed, " AND <", optional("="), signed, ")")
    return choice(bare, _group(bare), *_ranges(signed), between, "*", weights=(5, 2, 3, 3, 1, 1))


def _group(value: Node) -> Node:
    """`(a OR b)` or `(a AND NOT b)`: one operator only, for without parentheses the server knows no precedence."""
    either = seq(value, repeat(seq(" OR ", value), 1))
    both = seq(value, repeat(choice(seq(" AND ", value), seq(" AND NOT ", value)), 1))
    return seq("(", choice(either, both, weights=(3, 1)), ")")


def _ranges(bound: Node) -> list[Node]:
    """A range between two bounds of which at most one is open, and a comparison."""
    ends = choice(seq(bound, " TO ", bound), seq(bound, " TO *"), seq("* TO ", bound), weights=(2, 1, 1))
    return [seq(Chars.of("[{"), ends, Chars.of("]}")), seq(choice(">", ">=", "<", "<="), bound)]
