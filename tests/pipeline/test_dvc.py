"""What DVC makes of the repository: real runs of its cheap stages in a copy of this working tree."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECORDS = "src/query_assistant/records.py"  # what most stages run through
GLOSSARY = "src/query_assistant/descriptions/annotation.py"  # what `annotate` alone does


class Checkout:
    """A clone in which DVC runs, as a user would have it."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root = root
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("QUERY_ASSISTANT", "DVC", "HF_", "PYTHONPATH"))
        }
        path = f"{Path(sys.executable).parent}:{kept['PATH']}"
        self.environment = {**kept, "PATH": path, "QUERY_ASSISTANT_CACHE": str(home)}

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        merged: Mapping[str, str] = {**self.environment, **environment}
        return subprocess.run(command, cwd=self.root, env=merged, capture_output=True, text=True, check=False)

    def repro(self, *targets: str) -> list[str]:
        """The stages that ran; those taken from the run cache with a star."""
        done = self.run("dvc", "repro", *targets)
        assert done.returncode == 0, done.stderr
        return [
            line.split("'")[1] + "*" * ("is cached" in line)
            for line in done.stdout.splitlines()
            if line.startswith(("Running stage", "Stage")) and "didn't change" not in line
        ]

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.root / file
        assert old in path.read_text(encoding="utf-8")
        path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")

    def files(self) -> dict[str, str]:
        """Everything but what git and DVC keep for themselves, with a hash of its content."""
        paths = ((path.relative_to(self.root).as_posix(), path) for path in self.root.rglob("*") if path.is_file())
        kept = ((name, path) for name, path in paths if not name.startswith((".git/", ".dvc/")) and ".pyc" not in name)
        return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in kept}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    root = tmp_path_factory.mktemp("clone") / "query-assistant"
    made = Checkout(root, root.parent / "cache")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    for command in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "t"],
    ):
        subprocess.run(["git", *command], cwd=root, check=True)
    return made


def test_a_plain_pull_in_a_fresh_clone_ends_well(checkout: Checkout) -> None:
    done = checkout.run("dvc", "pull")
    assert done.returncode == 0, done.stderr
    shared = checkout.root / "data" / "shared"
    assert len(list(shared.glob("*.tar.gz"))) == len(list(shared.glob("*.tar.gz.dvc"))) > 3


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("generate.decoding=grammar", "a list, such as [a, b]"),
        # composed all the same: tests/pipeline/test_params.py
        pytest.param("finetune.learning_rate=abc", "finetune.learning_rate", marks=pytest.mark.slow),
        pytest.param("seed=-1", "seed", marks=pytest.mark.slow),
    ],
)
def test_a_wrong_override_is_one_sentence_and_touches_nothing(checkout: Checkout, override: str, says: str) -> None:
    before = checkout.files()
    done = checkout.run("dvc", "exp", "run", "-S", override)
    assert done.returncode != 0
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert checkout.files() == before


def test_a_model_that_cannot_run_here_says_all_that_is_missing_and_touches_nothing(checkout: Checkout) -> None:
    (checkout.root / "models/base").mkdir(parents=True)
    (checkout.root / "models/base/weights").write_text("dear", encoding="utf-8")
    before = checkout.files()
    done = checkout.run("dvc", "exp", "run", "-S", "model=llama31-8b", HF_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode != 0
    sentence = next(line for line in done.stderr.splitlines() if line.startswith("error:"))
    assert all(word in sentence for word in ("(1)", "no weights", "HF_TOKEN", "GPU", "CUDA build", "48 GB", ".env"))
    assert checkout.files() == before
    shutil.rmtree(checkout.root / "models")


def test_only_what_means_something_else_runs_again_and_what_was_made_comes_back(checkout: Checkout) -> None:
    checkout.edit("params.yaml", "- myvariant\n- mychem\n- mydisease\n", "")
    annotated = checkout.root / "data/fields/mygene.jsonl"
    assert checkout.repro("annotate@mygene") == ["check", "unpack@records", "annotate@mygene"]
    first = annotated.read_bytes()

    checkout.edit(RECORDS, '"""The records that', '"""Said otherwise: the records that')
    assert checkout.repro("annotate@mygene") == ["check"]

    checkout.edit("data/apis/mygene/words.yaml", "\n", "\n# a remark for people\n")  # `annotate` does not read it
    assert checkout.repro("annotate@mygene") == ["check"]

    checkout.edit(GLOSSARY, "def annotate(", "CALLS = []\n\n\ndef annotate(")  # which nobody reads
    assert checkout.repro("annotate@mygene") == ["check"]

    checkout.edit(GLOSSARY, "CALLS = []", "annotate_calls = 0")
    checkout.edit("stages/annotate.py", "fields described", "fields were described")
    assert checkout.repro("annotate@mygene") == ["check", "annotate@mygene"]

    checkout.edit("stages/annotate.py", "fields were described", "fields described")
    annotated.unlink()
    assert checkout.repro("annotate@mygene") == ["check", "annotate@mygene*"]
    assert annotated.read_bytes() == first
    assert checkout.run("dvc", "status", "annotate@mygene").stdout.strip() == "Data and pipelines are up to date."


def test_a_run_can_be_rehearsed(checkout: Checkout) -> None:
    checkout.edit("params.yaml", "annotate:\n  llm: null", "annotate:\n  llm: {}")
    done = checkout.run("dvc", "repro", "--dry", "annotate@mygene")
    checkout.run("git", "checkout", "params.yaml")
    assert done.returncode == 0, done.stderr
    assert "Running stage 'annotate@mygene'" in done.stdout


@pytest.mark.slow
def test_a_queued_experiment_runs_what_was_queued(checkout: Checkout) -> None:
    checkout.run("git", "stash", "--quiet")
    checkout.run("dvc", "pull")
    checkout.edit("stages/annotate.py", "fields described", "fields as queued")
    queued = checkout.run("dvc", "exp", "run", "--queue", "--name", "queued", "-S", "apis=[mygene]", "annotate@mygene")
    assert queued.returncode == 0, queued.stderr
    checkout.edit("stages/annotate.py", "fields as queued", "fields as edited later")
    checkout.edit(RECORDS, "from __future__", "raise SystemExit('the workspace is broken now')\nfrom __future__")
    checkout.run("dvc", "queue", "start", "--jobs", "2")
    logs = checkout.run("dvc", "queue", "logs", "--follow", "queued")
    assert "fields as queued" in logs.stdout
    assert "later" not in logs.stdout


def test_the_plots_need_no_network(checkout: Checkout, tmp_path: Path) -> None:
    done = checkout.run("dvc", "plots", "show", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<script" not in page and "://" not in page
    shown = [tmp_path / source for source in re.findall(r'<img src="(.+?)"', page)]
    assert sorted(path.name.rpartition("_")[2] for path in shown) == ["accuracy.svg", "errors.svg", "training.svg"]
    assert all(path.is_file() for path in shown)
