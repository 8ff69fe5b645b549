"""The query text parser against Lucene's own, over texts that nobody chose (docs/differential.md).

Needs a JDK and Debian's liblucene8-java; run with `pytest -m lucene`.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from differential.classic_lucene import compile_parser, missing, parse_all
from differential.random_texts import mutants, soup
from query_assistant.apis import api_names, load_api
from query_assistant.errors import QuerySyntaxError
from query_assistant.grammar import sample
from query_assistant.queries.request import parse
from query_assistant.queries.syntax import MAX_LENGTH, parse_text
from query_assistant.queries.tree import Boolean, Boost, Node, Operator, Words

pytestmark = pytest.mark.lucene
SEED = 20260101


@pytest.fixture(scope="module")
def class_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    if reason := missing():
        pytest.skip(reason)
    folder: Path = tmp_path_factory.mktemp("classes")
    return compile_parser(folder)


def ours(text: str, operator: Operator) -> Node | None:
    try:
        return joined(parse_text(text, operator))
    except QuerySyntaxError:
        return None


def joined(node: Node) -> Node:
    """Lucene hands a run of words on as one text."""
    if isinstance(node, Words):
        return Words(node.field, (node.text,), node.operator)
    if isinstance(node, Boost):
        return Boost(joined(node.node), node.factor)
    if isinstance(node, Boolean):
        return Boolean(*(tuple(map(joined, clauses)) for clauses in (node.must, node.should, node.must_not)))
    return node


def disagreements(class_path: str, texts: list[str]) -> list[tuple[str, str, Node | None, Node | None]]:
    asked: list[tuple[Operator, str]] = [(operator, text) for text in texts for operator in ("and", "or")]
    theirs = parse_all(class_path, asked)
    pairs = [
        (operator, text, their, ours(text, operator)) for (operator, text), their in zip(asked, theirs, strict=True)
    ]
    return [pair for pair in pairs if pair[2] != pair[3]]


def test_random_texts_are_read_as_lucene_reads_them(class_path: str) -> None:
    texts = list(soup(random.Random(SEED), 6000))
    accepted = [text for text in texts if ours(text, "and") is not None]
    assert 1000 < len(accepted) < 5000  # neither side of the question is trivial
    assert disagreements(class_path, texts) == []


def test_texts_with_one_sign_changed_are_read_as_lucene_reads_them(class_path: str) -> None:
    generator = random.Random(SEED + 1)
    readable = [text for text in soup(generator, 2000) if ours(text, "and") is not None]
    assert disagreements(class_path, list(mutants(readable, generator, 4000))) == []


def test_texts_of_the_grammars_are_accepted_and_read_alike(class_path: str) -> None:
    texts = []
    for name in api_names():
        api = load_api(name)
        requests = (parse(line, api) for line in sample(api, SEED, 1500))
        texts += [request.q for request in requests if request.key == "GET query" and request.q]
    assert len(texts) > 3000
    assert [text for text in texts if ours(text, "and") is None] == []
    assert disagreements(class_path, texts) == []


def test_deep_and_long_texts_are_read_alike(class_path: str) -> None:
    deep = [f"{'(' * depth}a{')' * depth}" for depth in (1, 10, 90)]
    long = [" OR ".join(["f:a"] * 3000), " ".join(["word"] * 5000), "a" * MAX_LENGTH]
    assert disagreements(class_path, [*deep, *long]) == []
