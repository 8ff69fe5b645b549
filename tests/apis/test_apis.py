"""APIs as data: all load, typos have a name, and the parameter tables agree with what is known of the servers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from query_assistant.apis import api_names, load_api, load_family
from query_assistant.apis.fields import load_schema
from query_assistant.errors import ConfigurationError
from query_assistant.project import project_root

FOUR = ("mychem", "mydisease", "mygene", "myvariant")


def test_the_four_apis_and_the_small_one_load() -> None:
    assert set(FOUR) | {"hpo"} <= set(api_names())
    assert {name: len(load_api(name).schema.fields) - len(load_api(name).hidden) for name in FOUR} == {
        "mychem": 1082, "mydisease": 264, "mygene": 355, "myvariant": 1615,
    }  # fmt: skip


def test_fields_that_every_rule_names_exist() -> None:
    for name in api_names():
        api = load_api(name)
        plain = api.definition.plain_words
        named = [*api.default_fields, *api.case_sensitive, *api.search_fields, *api.nested]
        named += [field for part in api.hidden.values() for field in part.copies]
        named += [rule.becomes for rule in api.definition.shorthands]
        if plain:
            named += [*plain.wildcard, *plain.integer, *(field for part in plain.best_of for field in part.fields)]
        assert [field for field in named if not api.schema.matching(field)] == [], name


def test_an_unknown_name_tells_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="hpo, mychem, mydisease, mygene, mygeneset, myvariant, taxon"):
        load_api("mygenes")
    with pytest.raises(ConfigurationError, match="unknown API"):
        load_api("../mygene")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of its own, with the smallest API in it."""
    shutil.copytree(project_root() / "data/apis/hpo", tmp_path / "data/apis/hpo")
    shutil.copy(project_root() / "data/apis/family.yaml", tmp_path / "data/apis")
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("lenient:", "leniant:", "hpo/definition.yaml: leniant: Extra inputs"),
        ("title:", "titel:", "hpo/definition.yaml: title: Field required"),
        ("lenient: true", "lenient: perhaps", "hpo/definition.yaml: lenient:"),
        ("entities: {phenotype: default}", "entities: {}", "hpo/definition.yaml: entities:"),
        ("(?P<term>hp", "(hp", r"needs a group \(\?P<term>"),
        ("(?P<term>hp", "(?P<term>(hp", "no regular expression"),
        ("title:", "title: [", "cannot read hpo/definition.yaml"),
    ],
)
def test_a_wrong_key_or_value_is_one_clear_error(checkout: Path, old: str, new: str, message: str) -> None:
    path = checkout / "data/apis/hpo/definition.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=message):
        load_api("hpo")


def test_a_missing_field_list_is_told(checkout: Path) -> None:
    (checkout / "data/apis/hpo/fields.csv").unlink()
    with pytest.raises(ConfigurationError, match="no field list"):
        load_api("hpo")


def test_an_api_is_added_by_its_folder(checkout: Path) -> None:
    added = checkout / "data/apis/doid"
    shutil.copytree(checkout / "data/apis/hpo", added)
    text = (added / "definition.yaml").read_text(encoding="utf-8")
    (added / "definition.yaml").write_text(text.replace("version: hpo", "version: doid"), encoding="utf-8")
    assert api_names() == ("doid", "hpo")
    assert load_api("doid").version == "doid"


QUERY_GET = (
    "q facets facet_size userquery explain fetch_all scroll_id raw rawquery fields size dotfield _sorted always_list "
    "allow_null jmespath jmespath_exclude_empty format from sort filter post_filter"
)
QUERY_POST = (
    "q scopes with_total analyzer raw rawquery fields size dotfield _sorted always_list allow_null jmespath "
    "jmespath_exclude_empty format from sort filter post_filter"
)
ANNOTATION = "raw rawquery fields size dotfield _sorted always_list allow_null jmespath jmespath_exclude_empty format"
OWN = {
    "mygene": {
        "GET query": "include_tax_tree species species_facet_filter entrezonly ensemblonly exists missing",
        "POST query": "species species_facet_filter entrezonly ensemblonly exists missing",
        "GET annotation": "species species_facet_filter",
        "POST annotation": "species species_facet_filter",
    },
    "myvariant": dict.fromkeys(
        ("GET query", "POST query", "GET annotation", "POST annotation", "GET metadata", "GET fields"), "assembly"
    ),
    "mychem": dict.fromkeys(("GET query", "POST query", "GET annotation", "POST annotation"), "list_filter"),
    "mydisease": dict.fromkeys(("GET query", "POST query"), "ignore_obsolete"),
    "hpo": {},
}
FAMILY = {
    "GET query": QUERY_GET,
    "POST query": QUERY_POST,
    "GET annotation": f"id {ANNOTATION}",
    "POST annotation": f"ids {ANNOTATION}",
    "GET metadata": "dev raw format",
    "GET fields": "raw search prefix format",
    "GET status": "dev",
}


@pytest.mark.parametrize("name", sorted(OWN))
@pytest.mark.parametrize("key", sorted(FAMILY))
def test_each_endpoint_knows_exactly_its_parameters(name: str, key: str) -> None:
    own = OWN[name].get(key, "")
    assert {part.name for part in load_api(name).parameters_on(key)} == {*FAMILY[key].split(), *own.split()}


def test_limits_and_defaults_are_those_of_the_servers() -> None:
    api = load_api("mygene")
    limits = {part.name: part.maximum for part in api.parameters_on("GET query") if part.maximum is not None}
    assert limits == {
        "facets": 1000, "facet_size": 1000, "fields": 1000, "size": 1000, "always_list": 1000, "allow_null": 1000,
        "from": 10000, "sort": 10, "species": 1000, "species_facet_filter": 1000, "exists": 1000, "missing": 1000,
    }  # fmt: skip
    defaults = {part.name: part.default for part in api.parameters_on("GET query") if part.default is not None}
    assert defaults == {
        "facet_size": 10, "explain": False, "fetch_all": False, "include_tax_tree": False, "raw": False,
        "rawquery": False, "size": 10, "dotfield": False, "_sorted": True, "jmespath_exclude_empty": False,
        "format": "json", "from": 0, "species": ("all",), "entrezonly": False, "ensemblonly": False,
    }  # fmt: skip


def test_names_of_fields_that_lists_do_not_show_are_known() -> None:
    assert {"_id", "all", "refseq_agg", "accession_agg"} <= set(load_api("mygene").hidden)
    assert load_api("mychem").schema["name.raw"].type == "keyword"
    assert load_api("mygene").schema["refseq_agg"].analyzer == "refseq_analyzer"
    assert load_api("mygene").species_names[9606] == "human"
    assert (load_api("myvariant").assemblies, load_api("mygene").assemblies) == (("hg19", "hg38"), ())


@pytest.mark.parametrize("module", ["query_assistant.apis", "query_assistant.queries.validation"])
def test_importing_the_core_loads_nothing_heavy(module: str) -> None:
    heavy = "{'torch', 'numpy', 'pandas', 'transformers', 'duckdb', 'gradio'}"
    command = f"import sys, {module}; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == 0


def test_the_reading_order_names_parameters_that_exist() -> None:
    known = {part.name for name in api_names() for part in load_api(name).parameters}
    assert set(load_family().reading_order.places) <= known


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("then: [fields, size,", "then: [fields, q, size,", "reading_order: .*'q' stands twice; .* remove the other"),
        ("  then: [", "  later: [", r"reading_order\.then: Field required"),
        ("  first: [q, ids,", "  first: [q, {ids: 1},", r"reading_order\.first\.1: .*valid string"),
    ],
)
def test_a_wrong_reading_order_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, message: str
) -> None:
    text = (project_root() / "data/apis/family.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "data/apis").mkdir(parents=True)
    (tmp_path / "data/apis/family.yaml").write_text(text.replace(old, new), encoding="utf-8")
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(tmp_path))
    with pytest.raises(ConfigurationError, match=f"family.yaml: {message}"):
        load_family()


HOSTILE = {
    "not UTF-8": b"\xff\xfe",
    "a NUL": b"a\0b",
    "nothing": b"",
    "other columns": b"name,kind\nsymbol,text\n",
    "no rows": b"field,type,indexed,searched_by_default,analyzer\n",
    "a row cut short": b"field,type,indexed,searched_by_default,analyzer\nsymbol,keyword\n",
    "zeros": b"\0" * 300_000,
    "brackets": b"[" * 5000,
    "a knot": b"a: &a [*a]",
    "more than a field list": b"x" * 2**25,
}


@pytest.mark.parametrize("file", ["mygene/fields.csv", "mygene/definition.yaml", "family.yaml"])
@pytest.mark.parametrize("content", [*HOSTILE.values(), None], ids=[*HOSTILE, "a pipe"])
def test_a_file_of_an_api_that_is_none_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, content: bytes | None
) -> None:
    for name in ("family.yaml", "mygene/fields.csv", "mygene/definition.yaml"):
        copy = tmp_path / "data" / "apis" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(project_root() / "data" / "apis" / name, copy)
    broken = tmp_path / "data" / "apis" / file
    broken.unlink()
    if content is None:
        os.mkfifo(broken)
    else:
        broken.write_bytes(content)
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(tmp_path))
    with pytest.raises(ConfigurationError, match=broken.name):
        load_api("mygene")


def test_a_field_list_saved_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    listed = (project_root() / "data" / "apis" / "hpo" / "fields.csv").read_bytes()
    (tmp_path / "fields.csv").write_bytes(b"\xef\xbb\xbf" + listed.replace(b"\n", b"\r\n"))
    assert load_schema(tmp_path / "fields.csv") == load_schema(project_root() / "data" / "apis" / "hpo" / "fields.csv")
