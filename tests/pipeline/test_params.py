"""conf/ and params.yaml say the same, and every mistake in them is one clear error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from committed import committed
from query_assistant import params as params_module
from query_assistant.errors import ConfigurationError
from query_assistant.params import Section, check_params, load_params
from query_assistant.pipeline.configuration import compose
from query_assistant.project import project_root

ROOT = project_root()
OPTIONS = [
    f"{group.name}={option.stem}"
    for group in sorted((ROOT / "conf").iterdir())
    if group.is_dir() and group.name != "hydra_plugins"
    for option in sorted(group.glob("*.yaml"))
]


@pytest.fixture(scope="module")
def values() -> Any:
    return yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))


def test_params_yaml_is_what_conf_composes_to(tmp_path: Path) -> None:
    compose([], tmp_path / "params.yaml")
    composed = (tmp_path / "params.yaml").read_text(encoding="utf-8")
    written = [(ROOT / "params.yaml").read_text(encoding="utf-8"), committed("params.yaml")]
    assert composed in written, "run `make params`"  # after an experiment, its parameters lie in the workspace


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_of_every_group_composes_to_valid_parameters(option: str, tmp_path: Path) -> None:
    params = compose([option], tmp_path / "params.yaml")
    group, name = option.split("=")
    if group == "model":
        assert params.model.name == name


def test_a_subset_of_apis_is_one_override(tmp_path: Path) -> None:
    assert compose(["apis=[mychem]"], tmp_path / "params.yaml").apis == ("mychem",)


@pytest.mark.parametrize(
    ("override", "names"),
    [
        ("modle=hosted", "modle"),
        ("model=gpt9", "smollm2-135m"),
        ("finetune.learnign_rate=1e-4", "learnign_rate"),
        ("finetune.learning_rate=3", "finetune.learning_rate"),
        ("generate.rag.k=0", "generate.rag.k"),
        ("generate.context=[closed,open]", "generate.context"),
        ("finetune.mix={zero_shot-open: 1}", "zero_shot-open"),
        ("seed=???", "seed"),
        ("seed=-1", "seed"),
        ("finetune.learning_rate=abc", "valid number"),
        ("generate.decoding=grammar", r"generate.decoding: .* list"),
        ("generate.examples=[]", "generate.examples"),
        ("generate.decoding=[free,free]", "generate.decoding"),
        ("model.weights=[]", "model.weights"),
        ("score.mlflow_experiment=''", "score.mlflow_experiment"),
    ],
)
def test_a_mistake_is_one_error_that_names_it_and_writes_nothing(override: str, names: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=names):
        compose([override], tmp_path / "params.yaml")
    assert not (tmp_path / "params.yaml").exists()


def test_an_unknown_key_in_params_is_an_error(values: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"params\.yaml: score\.bootstrap: Extra inputs"):
        check_params({**values, "score": {**values["score"], "bootstrap": 3}}, "params.yaml")


def test_a_missing_file_says_where_to_stand(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="repository's top folder"):
        load_params(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"\xff\xfe", "is not YAML"), (b"a: [", "is not YAML"), (b"", "holds None"), (b"[1]", "holds [1]")],
)
def test_a_params_file_that_is_none_says_how_to_write_it_anew(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "params.yaml").write_bytes(content)
    with pytest.raises(ConfigurationError) as failure:
        load_params(tmp_path / "params.yaml")
    assert says in str(failure.value)
    assert str(failure.value).endswith("write it anew with `make params`")


def test_composing_a_mistake_is_one_line_and_exit_code_2_and_keeps_params_yaml() -> None:
    before = (ROOT / "params.yaml").read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "query_assistant.pipeline.configuration", "model=nosuch"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 2
    assert [line.startswith("error: ") and "smollm2-135m" in line for line in done.stderr.splitlines()] == [True]
    assert (ROOT / "params.yaml").read_bytes() == before


def test_a_params_file_older_than_the_code_is_to_be_written_anew(values: Any) -> None:
    older = {name: section for name, section in values.items() if name != "split"}
    with pytest.raises(ConfigurationError, match="split: Field required; write it anew with `make params`"):
        check_params(older, "params.yaml")


def test_values_stand_in_conf_alone() -> None:
    """A default in Python would change a run without a trace in params.yaml; only what is left out may be nothing."""
    sections = [one for one in vars(params_module).values() if isinstance(one, type) and issubclass(one, Section)]
    given = {
        f"{one.__name__}.{name}"
        for one in sections
        for name, field in one.model_fields.items()
        if not field.is_required() and field.default
    }
    assert {one for one in given if not one.startswith("EngineParams.")} == set()
