"""The shared tarballs come, also without git; where they cannot, one line says what is wrong and what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.repo import Repo

from query_assistant.errors import MissingResourceError
from query_assistant.shared_data import pull_shared_data


@pytest.fixture(scope="module")
def cloned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout as a clone has it: the tarball's .dvc file and the remote, but not the tarball; without git."""
    root = tmp_path_factory.mktemp("cloned")
    (root / "data" / "shared").mkdir(parents=True)
    (root / "data" / "apis").mkdir()
    tarball = root / "data" / "shared" / "records.tar.gz"
    tarball.write_bytes(b"records")
    before = Path.cwd()
    os.chdir(root)
    try:
        Repo.init(no_scm=True).close()
        config = root / ".dvc" / "config"
        remote = "    remote = local\n['remote \"local\"']\n    url = ../remote\n"
        config.write_text(f"[core]\n    no_scm = true\n{remote}", encoding="utf-8")
        with Repo() as repo:
            repo.add(str(tarball))
            repo.push()
        config.write_text(f"[core]\n{remote}", encoding="utf-8")
    finally:
        os.chdir(before)
    shutil.rmtree(root / ".dvc" / "cache")
    tarball.unlink()
    return root


@pytest.fixture
def checkout(cloned: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(cloned, tmp_path / "my checkout"))


def test_a_checkout_without_git_gets_its_data(checkout: Path) -> None:
    pull_shared_data(checkout)
    assert (checkout / "data" / "shared" / "records.tar.gz").read_bytes() == b"records"


def test_without_the_remote_one_line_says_so_and_what_to_do(checkout: Path) -> None:
    shutil.rmtree(checkout / "remote")
    command = [sys.executable, "-m", "query_assistant.shared_data"]
    environment = os.environ | {"QUERY_ASSISTANT_ROOT": str(checkout)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: cannot bring records.tar.gz from DVC's remote: failed to pull data from the cloud; "
        "get remote/ back, which is part of the repository (`git checkout remote`, or clone again)\n"
    )


def test_another_remote_that_fails_is_looked_into_with_dvc_itself(checkout: Path) -> None:
    subprocess.run(["git", "init", "-q", str(checkout)], check=True)
    shutil.rmtree(checkout / "remote" / "files")
    with pytest.raises(MissingResourceError, match=r"see `dvc pull -v`, or name a remote"):
        pull_shared_data(checkout)
    assert not (checkout / ".dvc" / "config.local").exists(), "with git, DVC is not told to do without it"
