"""docs/extending.md: a thing that was begun in one place is finished in all; each recipe is closed by one of these."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import pytest
import yaml

from query_assistant.apis import Api, api_folder, api_names
from query_assistant.logs.reading import FORMATS
from query_assistant.onboarding import checking
from query_assistant.onboarding.checking import check_api, is_usable
from query_assistant.pairs.written import WRITTEN, written_pairs
from query_assistant.params import EngineParams
from query_assistant.queries.tree import Node
from query_assistant.records import Pair

ROOT = Path(__file__).parents[1]
OPTIONS = sorted((ROOT / "conf/model").glob("*.yaml"))
ENGINES = get_args(EngineParams.model_fields["kind"].annotation)


def text_of(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", api_names())
def test_every_folder_of_an_api_can_be_used_and_its_written_pairs_have_ids_of_their_own(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs: list[Pair] = []

    def seen(file: Path, api: Api) -> list[Pair]:
        pairs.extend(written_pairs(file, api))
        return pairs

    monkeypatch.setattr(checking, "written_pairs", seen)
    assert is_usable(check_api(name))
    assert bool(pairs) == (api_folder(name) / WRITTEN).exists()
    assert len({pair.id for pair in pairs}) == len(pairs)


@pytest.mark.parametrize("kind", ENGINES)
def test_every_engine_has_a_module_and_a_row(kind: str) -> None:
    assert find_spec(f"query_assistant.engines.{kind}") is not None
    assert f"engines.{kind} import" in text_of("src/query_assistant/engines/__init__.py")
    assert re.search(rf"^\| `{kind}` \|", text_of("docs/models.md"), re.M)


def test_every_engine_is_an_option_or_one_word_away_from_one() -> None:
    used = {yaml.safe_load(option.read_text(encoding="utf-8"))["engine"]["kind"] for option in OPTIONS}
    assert used == set(ENGINES)


@pytest.mark.parametrize("option", [option.stem for option in OPTIONS])
def test_every_model_says_what_it_needs(option: str) -> None:
    assert f"`{option}`" in text_of("docs/models.md")


@pytest.mark.parametrize("format", FORMATS)
def test_every_log_format_has_a_row_and_a_test(format: str) -> None:
    assert re.search(rf"^\| `{format}` \|", text_of("docs/logs.md"), re.M)
    tests = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests/logs").glob("test_*.py"))
    assert f'"{format}"' in tests


@pytest.mark.parametrize("node", [kind.__name__ for kind in get_args(Node)])
@pytest.mark.parametrize("place", ["queries/rendering.py", "replica/matching.py"])
def test_every_node_is_told_in_words_and_finds_records(place: str, node: str) -> None:
    assert re.search(rf"\b{node}\b", text_of(f"src/query_assistant/{place}"))
