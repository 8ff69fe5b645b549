"""The documentation: passages of a retrievable size, whose queries are right and whose fields exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from query_assistant.apis import Api, load_api
from query_assistant.descriptions.documentation import Passage, chunks
from query_assistant.errors import ConfigurationError
from query_assistant.queries.validation import validate
from query_assistant.records import Query

FOLDER = Path(__file__).parents[2] / "data" / "apis"
FIELD = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+)+")


@pytest.fixture(scope="module", params=["mygene", "myvariant", "mychem", "mydisease", "hpo", "mygeneset", "taxon"])
def api(request: pytest.FixtureRequest) -> Api:
    return load_api(request.param)


@pytest.fixture(scope="module")
def passages(api: Api) -> list[Passage]:
    return chunks(FOLDER / api.name / "documentation.md")


def as_query(text: str) -> Query:
    if not text.startswith("POST "):
        return Query(query=text)
    _, path, body = text.split(" ", 2)
    return Query(query=path, body=json.loads(body))


def test_each_passage_can_be_read_alone(api: Api, passages: list[Passage]) -> None:
    assert {passage.api for passage in passages} == {api.name}
    assert len({passage.title for passage in passages}) == len(passages) >= 20
    sizes = {passage.title: len(passage.text.split()) for passage in passages}
    assert {title: size for title, size in sizes.items() if not 60 <= size <= 150} == {}
    assert [passage.title for passage in passages if not passage.queries] == []


def test_every_example_is_a_right_query_of_this_api(api: Api, passages: list[Passage]) -> None:
    queries = [query for passage in passages for query in passage.queries]
    assert {query: issues for query in queries if (issues := validate(as_query(query), api))} == {}


def test_every_field_that_is_spoken_of_exists(api: Api, passages: list[Passage]) -> None:
    tops = {field.name.split(".")[0] for field in api.schema}
    spoken = {word for passage in passages for word in FIELD.findall(passage.text) if word.split(".")[0] in tops}
    assert {word for word in spoken if word not in api.schema} == set()


def test_a_shared_passage_shows_the_apis_own_example(tmp_path: Path) -> None:
    (tmp_path / "family.md").write_text("## Ranges\nLike `{{range}}`, {a TO b}.\n", encoding="utf-8")
    file = tmp_path / "toy" / "documentation.md"
    file.parent.mkdir()
    file.write_text("---\napi: toy\nexamples: {range: '/v1/query?q=n:>5'}\n---\n## Own\nText\n", encoding="utf-8")
    own, shared = chunks(file)
    assert own == Passage("toy", "Own", "Text")
    assert shared == Passage("toy", "Ranges", "Like `/v1/query?q=n:>5`, {a TO b}.")
    assert shared.queries == ("/v1/query?q=n:>5",)


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("---\napi: toy\nexamples: {}\n---\n", "no example 'range'"),
        ("---\napi: toy\n---\n", "expected a head"),
        ("## No head\n", "expected a head"),
    ],
)
def test_a_missing_head_or_example_is_named(tmp_path: Path, head: str, reason: str) -> None:
    (tmp_path / "family.md").write_text("## Ranges\n{{range}}\n", encoding="utf-8")
    file = tmp_path / "toy" / "documentation.md"
    file.parent.mkdir()
    file.write_text(head, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=reason):
        chunks(file)


def test_a_missing_file_is_an_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no documentation at .*absent\.md"):
        chunks(tmp_path / "absent.md")
