"""What a parameter of an API's definition does to the judgement, through `qa compare` on a checkout of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from query_assistant.apis import load_api
from query_assistant.cli import run
from query_assistant.project import project_root

Compare = Callable[[str, str, str], dict[str, Any]]


@pytest.fixture
def compare_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Compare:
    """`qa compare` for MyGene as it would be with one more parameter."""
    shutil.copytree(project_root() / "data/apis/mygene", tmp_path / "data/apis/mygene")
    shutil.copy(project_root() / "data/apis/family.yaml", tmp_path / "data/apis")
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(tmp_path))

    def compared(parameter: str, left: str, right: str) -> dict[str, Any]:
        path = tmp_path / "data/apis/mygene/definition.yaml"
        text = path.read_text(encoding="utf-8")
        line = f"  - {{name: extra, at: [GET query, GET annotation], about: new, {parameter}}}"
        path.write_text(text.replace("\nparameters:\n", f"\nparameters:\n{line}\n"), encoding="utf-8")
        calls = [f"/v3/query?q=symbol:CDK2{side}" for side in (left, right)]
        code = run(["compare", "--api", "mygene", "--json", *calls])
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert code == (1 if found["relation"] == "different" else 0)
        return found

    return compared


@pytest.mark.parametrize(
    ("parameter", "left", "right", "relation", "kinds"),
    [
        ("type: text", "", "&extra=liver", "different", ["hits"]),
        ("type: boolean, default: false", "", "&extra=true", "different", ["hits"]),
        ("type: integer, maximum: 9", "&extra=1", "&extra=2", "different", ["hits"]),
        ("type: word, choices: [a, b]", "&extra=a", "&extra=b", "different", ["hits"]),
        ("type: list", "&extra=a,b", "&extra=b,a", "different", ["hits"]),
        ("type: text, role: unknowable", "&extra=a", "&extra=b", "different", ["hits"]),
        ("type: text, role: selects", "&extra=a", "&extra=b", "different", ["hits"]),
        ("type: text, role: asks", "&extra=a", "&extra=b", "different", ["hits"]),
        ("type: list, ordered: false", "&extra=a,b", "&extra=b,a,a", "canonical", []),
        ("type: boolean, default: false", "", "&extra=false", "canonical", []),
        ("type: text", "&extra=liver", "&size=10&extra=liver", "canonical", []),
        ("type: text, role: presents", "", "&extra=wide", "selection", ["format"]),
        ("type: integer, role: pages", "", "&extra=3", "selection", ["paging"]),
        ("type: text, role: none", "&extra=a", "&extra=b", "canonical", []),
        ("type: text, needs: facets", "", "&extra=a", "canonical", []),
        ("type: text, needs: facets", "&facets=taxid", "&facets=taxid&extra=a", "different", ["hits"]),
        ("type: text, silenced_by: [fetch_all]", "&fetch_all=true", "&fetch_all=true&extra=a", "canonical", []),
        ("type: boolean, clause: 'taxid:9606'", "", "&extra=true", "different", ["species", "hits"]),
        ("type: boolean, clause: 'taxid:9606'", "&species=human", "&extra=true", "execution", []),
        ("type: list, has: all", " AND _exists_:pdb", "&extra=pdb", "execution", []),
        ("type: text, query_text: true", " AND name:kinase", "&extra=name:kinase", "selection", ["sort"]),
        ("type: species, any_of: taxid, after_facets: true", "&species=human", "&extra=human", "execution", []),
    ],
)
def test_a_parameter_is_judged_by_its_role_and_by_the_worst_where_none_is_known(
    compare_with: Compare, parameter: str, left: str, right: str, relation: str, kinds: list[str]
) -> None:
    found = compare_with(parameter, left, right)
    assert (found["relation"], [one["kind"] for one in found["differences"]]) == (relation, kinds)


def test_a_lookup_that_differs_in_an_unknown_parameter_is_different(
    compare_with: Compare, capsys: pytest.CaptureFixture[str]
) -> None:
    compare_with("type: text", "", "")
    calls = ["/v3/gene/1017", "/v3/gene/1017?extra=a"]
    assert run(["compare", "--api", "mygene", "--json", *calls]) == 1
    assert json.loads(capsys.readouterr().out)["relation"] == "different"


def test_a_parameter_of_the_family_keeps_its_role_where_an_api_defines_it_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(project_root() / "data/apis/hpo", tmp_path / "data/apis/hpo")
    shutil.copy(project_root() / "data/apis/family.yaml", tmp_path / "data/apis")
    path = tmp_path / "data/apis/hpo/definition.yaml"
    own = "parameters:\n  - {name: size, type: integer, at: [GET query], default: 5, maximum: 50, about: fewer}\n"
    path.write_text(path.read_text(encoding="utf-8") + own, encoding="utf-8")
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(tmp_path))
    size = load_api("hpo").parameter("GET query", "size")
    assert size is not None
    assert (size.role, size.default, size.silenced_by, size.literal) == ("pages", 5, ("fetch_all", "scroll_id"), "size")


def test_every_parameter_of_the_shipped_apis_says_its_role() -> None:
    """Those that only the live API knows are listed, so that none is left out by mistake."""
    names = ("mygene", "myvariant", "mychem", "mydisease", "hpo")
    found = {part.name for name in names for part in load_api(name).parameters if part.role == "unknowable"}
    assert found == {"analyzer", "include_tax_tree", "scroll_id", "userquery"}
