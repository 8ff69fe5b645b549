"""Lucene's own reading of query texts, as trees of `query_assistant.queries.tree`.

The classic parser (Debian's liblucene8-java) runs in one Java process over all texts. What it hands on is turned into
our nodes; the few steps where Elasticsearch, not Lucene, gives a text its meaning are the functions named
`elasticsearch_...` here, each one a line of docs/differential.md.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from query_assistant.queries.tree import (
    Boolean,
    Boost,
    Exists,
    Fuzzy,
    MatchAll,
    Node,
    Operator,
    Phrase,
    Range,
    Regex,
    Wildcard,
    Words,
)

SOURCE = Path(__file__).with_name("ClassicParser.java")
JARS = ("lucene-core", "lucene-queryparser", "lucene-analyzers-common")
SIGN = re.compile(r"\\(.)", re.DOTALL)


class Refused(ValueError):
    """Lucene accepts it and Elasticsearch does not."""


def missing() -> str | None:
    """Why the parser cannot run here, in one sentence; None if it can."""
    absent = [tool for tool in ("java", "javac") if shutil.which(tool) is None]
    if absent:
        return f"no {' or '.join(absent)} on the PATH: install a JDK, as in apt-get install default-jdk-headless"
    lost = [name for name in JARS if _jar(name) is None]
    return f"no {lost[0]}-8*.jar in /usr/share/java: apt-get install liblucene8-java" if lost else None


def _jar(name: str) -> Path | None:
    return max(Path("/usr/share/java").glob(f"{name}-8.*.jar"), default=None)


def compile_parser(folder: Path) -> str:
    """Compiles the Java source into `folder`; returns the class path to run it with."""
    jars = ":".join(str(_jar(name)) for name in JARS)
    subprocess.run(["javac", "-cp", jars, "-d", str(folder), str(SOURCE)], check=True)
    return f"{folder}:{jars}"


def parse_all(class_path: str, texts: Sequence[tuple[Operator, str]]) -> list[Node | None]:
    """The tree of each text under its default operator; None where Lucene refuses it."""
    lines = [f"{operator.upper()} {base64.b64encode(text.encode()).decode()}\n" for operator, text in texts]
    command = ["java", "-Xss64m", "-cp", class_path, "ClassicParser"]
    done = subprocess.run(command, input="".join(lines), capture_output=True, text=True, check=True, timeout=300)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(texts)
    return [_tree(answer, operator) for (operator, _), answer in zip(texts, answers, strict=True)]


def _tree(answer: dict[str, Any], operator: Operator) -> Node | None:
    try:
        return None if "error" in answer else _node(answer, operator)
    except Refused:
        return None


def _node(read: dict[str, Any], operator: Operator) -> Node:
    kind, field = read["kind"], read.get("field") or None
    if kind == "boolean":
        return _boolean([(occur, _node(clause, operator)) for occur, clause in read["clauses"]])
    if kind == "boost":
        return Boost(_node(read["node"], operator), read["factor"])
    if kind == "words":
        return elasticsearch_words(field, read["text"], operator)
    if kind == "phrase":
        return elasticsearch_phrase(field, read["text"], read["slop"])
    if kind == "range":
        return _range(field, read["low"], read["high"], read["include_low"], read["include_high"])
    if kind == "fuzzy":
        return elasticsearch_fuzzy(field, read["text"], read["edits"])
    if kind == "regex":
        return Regex(field, read["pattern"])
    pattern = SIGN.sub(_needed, read["pattern"]) if kind == "wildcard" else _literal(read["text"]) + "*"
    return elasticsearch_pattern(field, pattern)


def _boolean(clauses: Iterable[tuple[str, Node]]) -> Node:
    """Lucene keeps a lone `+a` or `(+a)` as a BooleanQuery of one clause: it means the clause."""
    kinds: dict[str, list[Node]] = {"MUST": [], "SHOULD": [], "MUST_NOT": []}
    for occur, clause in clauses:
        kinds[occur].append(clause)
    must, should, must_not = (tuple(kinds[kind]) for kind in ("MUST", "SHOULD", "MUST_NOT"))
    if not must_not and len(must) + len(should) == 1:
        return (must + should)[0]
    return Boolean(must, should, must_not)


def _range(field: str | None, low: str | None, high: str | None, include_low: bool, include_high: bool) -> Range:
    """An open end has no bound to include."""
    return Range(field, low, high, include_low or low is None, include_high or high is None)


def _needed(escape: re.Match[str]) -> str:
    """A backslash stays before the signs that would mean something without it."""
    return escape.group() if escape.group(1) in "*?\\" else escape.group(1)


def _literal(text: str) -> str:
    return re.sub(r"([*?\\])", r"\\\1", text)


def elasticsearch_words(field: str | None, text: str, operator: Operator) -> Node:
    """`_exists_:f` asks for a field; `f:>5` and the like are ranges; to Lucene both are plain terms."""
    if field == "_exists_":
        return Exists(text)
    found = re.fullmatch(r"(<=|>=|<|>)(.+)", text, re.DOTALL) if field is not None else None
    if found is None:
        return Words(field, (text,), operator)
    sign, bound = found.groups()
    inclusive = sign.endswith("=")
    return (
        _range(field, bound, None, inclusive, True) if sign[0] == ">" else _range(field, None, bound, True, inclusive)
    )


def elasticsearch_phrase(field: str | None, text: str, slop: int) -> Node:
    return Exists(text) if field == "_exists_" else Phrase(field, text, slop)


def elasticsearch_pattern(field: str | None, pattern: str) -> Node:
    """A lone star is "has the field", and without a field, or with `*` as field, everything."""
    if pattern != "*":
        return Wildcard(field, pattern)
    return MatchAll() if field in (None, "*") else Exists(str(field))


def elasticsearch_fuzzy(field: str | None, text: str, edits: float | None) -> Node:
    """A bare tilde allows as many edits as the word's length bears (AUTO); more than two are an error."""
    if edits is None:
        return Fuzzy(field, text, 0 if len(text) < 3 else 1 if len(text) < 6 else 2)
    if edits > 2:
        raise Refused(f"~{edits}")
    return Fuzzy(field, text, int(edits))
