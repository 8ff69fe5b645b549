"""Where the checkout is, and the keys of its `.env`: one place, no surprise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from query_assistant.errors import ConfigurationError, InputError
from query_assistant.project import VARIABLE, load_environment, project_root

KEY = "QUERY_ASSISTANT_TEST_KEY"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty checkout in a folder with a `.env` of its own, which nobody must read."""
    (tmp_path / ".env").write_text(f"{KEY}=from above\n")
    root = tmp_path / "checkout"
    (root / "data" / "apis").mkdir(parents=True)
    monkeypatch.setenv(VARIABLE, str(root))
    monkeypatch.setenv(KEY, "")
    monkeypatch.delenv(KEY)
    return root


def key_after(content: bytes, root: Path) -> str | None:
    (root / ".env").write_bytes(content)
    load_environment()
    return os.environ.get(KEY)


def test_a_key_of_the_project_root_is_read_and_none_above_it(checkout: Path) -> None:
    load_environment()
    assert KEY not in os.environ
    assert key_after(f"{KEY}=mine\n".encode(), checkout) == "mine"


def test_what_is_set_already_wins(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "set")
    assert key_after(f"{KEY}=mine\n".encode(), checkout) == "set"


@pytest.mark.parametrize("content", [f"\ufeff{KEY}=é\r\n", f"# comment\nexport {KEY}='é'\n", f"EMPTY\n{KEY}=é"])
def test_the_usual_spellings_are_read(checkout: Path, content: str) -> None:
    assert key_after(content.encode(), checkout) == "é"


def test_a_queued_experiments_copy_takes_the_checkouts_keys(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = checkout / ".dvc" / "tmp" / "exps" / "tmpab12"
    (copy / "data" / "apis").mkdir(parents=True)
    monkeypatch.setenv(VARIABLE, str(copy))
    assert key_after(f"{KEY}=mine\n".encode(), checkout) == "mine"


@pytest.mark.parametrize("content", [b"A=\xe9\n", b"A=\xff\xfe\n", f"{KEY}=a\0b".encode(), b"x" * 2**25])
def test_a_file_that_cannot_be_read_is_one_clear_error(checkout: Path, content: bytes) -> None:
    with pytest.raises(InputError, match=r"\.env"):
        key_after(content, checkout)
    assert KEY not in os.environ


def test_a_pipe_is_refused_and_a_folder_is_no_file_of_keys(checkout: Path) -> None:
    (checkout / ".env").mkdir()
    load_environment()
    (checkout / ".env").rmdir()
    os.mkfifo(checkout / ".env")
    with pytest.raises(InputError, match="named pipe"):
        load_environment()


def test_without_a_checkout_there_are_no_keys_and_who_needs_one_hears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    load_environment()
    with pytest.raises(ConfigurationError, match="set QUERY_ASSISTANT_ROOT to the clone"):
        project_root()


@pytest.mark.parametrize("command", [["-m", "query_assistant.cli", "validate", "--api", "mygene", "/v3/query?q=a"]])
def test_a_current_folder_that_is_gone_stops_nobody(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "gone").mkdir()
    script = f'cd gone && rmdir ../gone && "{sys.executable}" "$@"'
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    environment["PYTHONPATH"] = str(Path(__file__).parents[1] / "src")
    done = subprocess.run(
        ["bash", "-c", script, "bash", *command], cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"valid\n", b"")
