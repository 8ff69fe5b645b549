"""Rules written down for the engines that obey them.

    ebnf   xgrammar (vLLM, openvino-genai)            size ::= [1-9] [0-9]{0,2} | "1000"
    gbnf   llama.cpp: the same notation, whose names are letters, digits and hyphens; xgrammar reads it as well
    lark   llguidance (vLLM, llama.cpp, guidance)     SIZE: /[1-9]/ /[0-9]/{0,2} | "1000"

In Lark every rule is a terminal, and so a whole request is one lexeme. llguidance's lexer never goes back: once ` A`
may begin ` AND `, it no longer is a space before `Apple`. Within one terminal it follows all readings at once, and as
no rule leads back to itself, the whole language is regular and fits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from query_assistant.errors import ConfigurationError
from query_assistant.grammar.rules import Chars, Choice, Node, Ref, Repeat, Rules, Sequence, Terminal

Format = Literal["ebnf", "gbnf", "lark"]
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
HYPHEN = ord("-")
SIGNS = {(0, 1): "?", (0, None): "*", (1, None): "+"}


def render_grammar(rules: Rules, form: Format, end: str | None = None) -> str:
    """The grammar as text; `end` is a special token that every sentence must end in.

    EBNF and GBNF take `end` as plain text. In Lark it is the name of a special token of the vocabulary, as in
    `<|im_end|>`, and never its characters.

    Raises:
        ConfigurationError: an unknown format, an end that is no text, or a rule name that some engine could not read.
    """
    if end is not None and not end.isprintable():
        raise ConfigurationError(f"the end token {end!a} is not printable text; give one such as <|im_end|>")
    for name in rules.nodes:
        if not NAME.fullmatch(name):
            raise ConfigurationError(f"rule name {name!r} is not lower-case words joined by hyphens; rename it")
    if form == "lark":
        return "\n".join(_lark_lines(rules, end)) + "\n"
    if form in ("ebnf", "gbnf"):
        return "\n".join(_bnf_lines(rules, end)) + "\n"
    raise ConfigurationError(f"no grammar format {form!r}; choose ebnf, gbnf or lark")


def _bnf_lines(rules: Rules, end: str | None) -> Iterator[str]:
    yield f"root ::= {rules.start}" + (f" {_quoted(end)}" if end else "")
    for name, node in rules.nodes.items():
        yield f"{name} ::= {_bnf(node)}"


def _bnf(node: Node, tight: bool = False) -> str:
    """`tight`: stands in a sequence or before a repetition sign, so a choice needs parentheses."""
    if isinstance(node, Terminal):
        return _quoted(node.text)
    if isinstance(node, Chars):
        return _bracketed(node)
    if isinstance(node, Ref):
        return node.name
    if isinstance(node, Repeat):
        return _single(_bnf(node.node), node.node) + _sign(node)
    if isinstance(node, Sequence):
        return " ".join(_bnf(part, tight=True) for part in node.parts)
    text = " | ".join(_bnf(option) for option in node.options)
    return f"({text})" if tight else text


def _lark_lines(rules: Rules, end: str | None) -> Iterator[str]:
    yield "%llguidance {}"
    yield f"start: {_terminal(rules.start)}" + (f" {end}" if end else "")
    for name, node in rules.nodes.items():
        yield f"{_terminal(name)}: {_lark(node)}"


def _lark(node: Node, tight: bool = False) -> str:
    if isinstance(node, Terminal):
        return _quoted(node.text)
    if isinstance(node, Chars):
        return f"/{_bracketed(node).replace('/', chr(92) + '/')}/"
    if isinstance(node, Ref):
        return _terminal(node.name)
    if isinstance(node, Repeat):
        return _single(_lark(node.node), node.node) + _sign(node)
    if isinstance(node, Sequence):
        return " ".join(_lark(part, tight=True) for part in node.parts)
    text = " | ".join(_lark(option) for option in node.options)
    return f"({text})" if tight else text


def _sign(node: Repeat) -> str:
    """How often, as all three notations have it; Lark's own `~1..4` is not read by every llguidance."""
    return SIGNS.get((node.low, node.high)) or f"{{{node.low},{'' if node.high is None else node.high}}}"


def _terminal(name: str) -> str:
    return name.replace("-", "_").upper()


def _single(text: str, node: Node) -> str:
    return f"({text})" if isinstance(node, (Sequence, Choice, Repeat)) else text


def _quoted(text: str) -> str:
    return '"' + "".join(_escaped(character, '"\\') for character in text) + '"'


def _bracketed(chars: Chars) -> str:
    """`-` stands last and `^` never first, where all readers take them so; llama.cpp has no escape for them."""
    ranges = [part for low, high in chars.ranges for part in _around_hyphen(low, high)]
    spelled = sorted((_spelled_range(low, high) for low, high in ranges), key=lambda text: text.startswith("^"))
    hyphen = "-" if any(low <= HYPHEN <= high for low, high in chars.ranges) else ""
    return f"[{''.join(spelled)}{hyphen}]"


def _around_hyphen(low: int, high: int) -> Iterator[tuple[int, int]]:
    """The range, or what lies below and above the hyphen in it."""
    if not low <= HYPHEN <= high:
        yield low, high
        return
    if low < HYPHEN:
        yield low, HYPHEN - 1
    if high > HYPHEN:
        yield HYPHEN + 1, high


def _spelled_range(low: int, high: int) -> str:
    ends = [_escaped(chr(low), "\\]["), _escaped(chr(high), "\\][")]
    return ends[0] if low == high else "-".join(ends) if high > low + 1 else "".join(ends)


def _escaped(character: str, special: str) -> str:
    if character in special:
        return f"\\{character}"
    if 0x20 <= ord(character) < 0x7F:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
