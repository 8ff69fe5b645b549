"""The analyzer and the regular expressions beside those of Lucene itself (needs its jars and a JDK: marked lucene)."""

from __future__ import annotations

import base64
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from query_assistant.errors import RequestError
from query_assistant.replica.analysis import standard_tokens
from query_assistant.replica.regex import Pattern

from .conftest import sample

pytestmark = pytest.mark.lucene
JARS = Path("/usr/share/java")
NEEDED = ("lucene-core", "lucene-analyzers-common")


@pytest.fixture(scope="module")
def lucene(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Sequence[str]], list[str]]:
    """Asks Lucene a list of lines and gives its answers."""
    found = [max(JARS.glob(f"{name}-8.*.jar"), default=None) for name in NEEDED]
    if shutil.which("javac") is None or None in found:
        pytest.skip("no JDK or no Lucene: apt-get install default-jdk-headless liblucene8-java")
    folder = tmp_path_factory.mktemp("java")
    jars = ":".join(map(str, found))
    source = Path(__file__).with_name("LuceneTerms.java")
    subprocess.run(["javac", "-cp", jars, "-d", str(folder), str(source)], check=True)

    def ask(lines: Sequence[str]) -> list[str]:
        command = ["java", "-cp", f"{folder}:{jars}", "LuceneTerms"]
        done = subprocess.run(
            command, input="\n".join(lines) + "\n", capture_output=True, encoding="utf-8", check=True, timeout=300
        )
        return done.stdout.split("\n")[:-1]

    return ask


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from texts_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_of(inner)
    elif isinstance(value, str):
        yield value


def test_every_text_of_the_sample_has_the_tokens_of_lucene(lucene: Callable[[Sequence[str]], list[str]]) -> None:
    apis = ("mygene", "myvariant", "mychem", "mydisease")
    texts = sorted({text for api in apis for record in sample(api) for text in texts_of(record)})
    answers = lucene([f"tokens {encoded(text)}" for text in texts])
    assert {text: " ".join(standard_tokens(text)) for text in texts} == dict(zip(texts, answers, strict=True))
    assert len(texts) > 3000


def test_random_texts_of_signs_and_letters_have_the_tokens_of_lucene(
    lucene: Callable[[Sequence[str]], list[str]],
) -> None:
    letters = random.Random(7)
    signs = "aB1_ .,:;'’-+/()*~²½αßİΣμ日カ́\u00ad\u200b%&@#|\"\\"
    texts = ["".join(letters.choices(signs, k=letters.randrange(12))) for _ in range(20_000)]
    answers = lucene([f"tokens {encoded(text)}" for text in texts])
    assert [
        (text, list(standard_tokens(text)), answer.split())
        for text, answer in zip(texts, answers, strict=True)
        if list(standard_tokens(text)) != answer.split()
    ] == []


def test_random_regular_expressions_match_what_lucene_matches(lucene: Callable[[Sequence[str]], list[str]]) -> None:
    """Without `#` and `~@`, which match nothing: repeated (`#*`), Lucene refuses them or loses the empty text."""
    letters = random.Random(8)
    pieces = [
        "a",
        "b",
        "1",
        ".",
        "[ab]",
        "[^a]",
        "(",
        ")",
        "|",
        "*",
        "+",
        "?",
        "{2}",
        "{1,2}",
        "~",
        "&",
        "@",
        '"',
        "<1-12>",
        "\\*",
    ]
    pairs = [
        (
            "".join(letters.choices(pieces, k=letters.randrange(1, 7))),
            "".join(letters.choices("ab1*2", k=letters.randrange(5))),
        )
        for _ in range(20_000)
    ]
    answers = lucene([f"regex {encoded(pattern)} {encoded(term)}" for pattern, term in pairs])
    assert [
        (pattern, term, answer)
        for (pattern, term), answer in zip(pairs, answers, strict=True)
        if ours(pattern, term) != answer and "~@" not in pattern
    ] == []


def ours(pattern: str, term: str) -> str:
    try:
        return str(Pattern(pattern).matches(term)).lower()
    except RequestError:
        return "refused"
