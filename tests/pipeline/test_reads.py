"""What every stage really reads and runs, watched from inside, against what dvc.yaml names."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from query_assistant.apis import FOLDER
from query_assistant.pipeline.fingerprints import PARTS, PLACE

ROOT = Path(__file__).parents[2]
SET = [
    "experiment=smoke", "finetune.max_steps=2", "pair.logged_queries=4", "pair.synthesised_queries=4",
    "filter.max_queries=20",
    "generate.max_new_tokens=4", "generate.examples=[few_shot]", "generate.context=[rag]",
]  # fmt: skip
RUNS = [
    "check", "fetch", "unpack records", "unpack simulated-logs", "unpack published-adapter", "unpack published-linker",
    "unpack published-responses", "annotate mygene", "filter mygene", "pair mygene", "split", "link", "index",
    "finetune", "merge", "forget", "generate base", "generate finetuned", "score", "rescore", "report",
]  # fmt: skip
# read by what is tracked, not by what the stage makes: the lock and the experiment's name are MLflow's facts
ASIDE = ("params.yaml", "dvc.lock", "dvc.yaml", "mlflow.db", "mlartifacts/", "stages/", "conf/", ".env")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[str]]]:
    """One small run of everything, each stage under `traced.py`."""
    clone = tmp_path_factory.mktemp("watched") / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": "src", "QUERY_ASSISTANT_ROOT": "."}
    start = lambda *command: subprocess.run(command, cwd=clone, env=environment, check=True)  # noqa: E731
    start("dvc", "pull", "-q")
    start(sys.executable, "-m", "query_assistant.pipeline.configuration", *SET)
    seen = {}
    for run in RUNS:
        stage, *words = run.split()
        out = clone.parent / f"{run}.json"
        start(sys.executable, str(ROOT / "tests/pipeline/traced.py"), str(out), f"stages/{stage}.py", *words)
        seen[run] = json.loads(out.read_text(encoding="utf-8"))
        listed = (clone / PLACE / "code" / stage).read_text(encoding="utf-8").splitlines()
        seen[run]["listed"] = [line.split()[0] for line in listed]
    return seen


def defined(stage: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"][stage]
    do: dict[str, Any] = found.get("do", found)
    return do


def named(stage: str, words: list[str]) -> tuple[list[str], list[str]]:
    """The dependencies and outputs of a stage, as it stands in dvc.yaml."""
    found = defined(stage)
    word = words[0] if words else ""
    values = {"item.api": word, "item.bundle": word, "item": word, "generate.held_out": "test"}
    fill = lambda text: re.sub(r"\$\{([\w.]+)\}", lambda name: values[name[1]], text)  # noqa: E731
    outs = [next(iter(one)) if isinstance(one, dict) else one for one in found["outs"]]
    return [fill(one) for one in found["deps"]], [fill(one) for one in outs]


def covered(file: str, places: list[str]) -> bool:
    """Whether a file is one of the places, below one, or of a part of an API's folder that one stands for."""
    if any(file == place or file.startswith(f"{place.rstrip('/')}/") for place in places):
        return True
    parts = [place.split("/")[2:] for place in places if place.startswith(f"{PLACE}/apis/")]
    apis = {(api, pattern) for api, part in parts for pattern in PARTS[part]}
    folder = Path(FOLDER)
    return any(
        Path(file).match(os.path.normpath(folder / ("*" if api == "all" else api) / pattern)) for api, pattern in apis
    )


@pytest.mark.slow
@pytest.mark.parametrize("run", RUNS)
def test_a_stage_reads_no_file_that_dvc_yaml_does_not_name(run: str, watched: dict[str, dict[str, list[str]]]) -> None:
    stage, *words = run.split()
    deps, outs = named(stage, words)
    read = [file for file in watched[run]["files"] if not file.startswith(ASIDE)]
    assert [file for file in read if not covered(file, [*deps, *outs])] == []


@pytest.mark.slow
@pytest.mark.parametrize("run", RUNS)
def test_a_stage_runs_no_function_that_its_fingerprint_leaves_out(
    run: str, watched: dict[str, dict[str, list[str]]]
) -> None:
    listed = watched[run]["listed"]
    ran = [name for name in watched[run]["code"] if not name.startswith("query_assistant.params:")]
    assert [name for name in ran if name not in listed] == []


@pytest.mark.slow
@pytest.mark.parametrize("run", [run for run in RUNS if run != "check"])
def test_a_stage_reads_no_parameter_that_dvc_yaml_does_not_name(
    run: str, watched: dict[str, dict[str, list[str]]]
) -> None:
    found: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"][
        run.split(maxsplit=1)[0]
    ]
    sections = [*found.get("do", found).get("params", []), "apis", "schema", "checked_by"]
    read = watched[run]["params"]
    assert [one for one in read if not any(one == each or one.startswith(f"{each}.") for each in sections)] == []
