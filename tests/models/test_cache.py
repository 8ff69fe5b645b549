"""What the cache gives is what was made once, checked, for every workspace of the machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from query_assistant.models.cache import cache_folder, take
from query_assistant.project import CACHE_VARIABLE


class Maker:
    """Makes an entry of two files and counts how often it was asked to."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, folder: Path) -> None:
        self.times += 1
        (folder / "weights").write_text("w" * 1000)
        (folder / "config.json").write_text("{}")


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maker:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return Maker()


def test_an_entry_is_made_once_and_shared_without_taking_room_twice(make: Maker, tmp_path: Path) -> None:
    hashes = [take("k", make, tmp_path / name) for name in ("one", "two")]
    assert hashes[0] == hashes[1] and sorted(hashes[0]) == ["config.json", "weights"]
    assert make.times == 1
    assert (tmp_path / "one" / "weights").stat().st_ino == (tmp_path / "two" / "weights").stat().st_ino
    assert (tmp_path / "one" / "weights").stat().st_mode & 0o222 == 0, "an edit here would change it everywhere"


@pytest.mark.parametrize("damage", ["changed", "lost", "more"])
def test_a_damaged_entry_is_made_anew(make: Maker, tmp_path: Path, damage: str) -> None:
    take("k", make, tmp_path / "one")
    file = cache_folder() / "k" / "weights"
    if damage == "changed":
        file.chmod(0o644)
        file.write_text("x" * 1000)
    elif damage == "lost":
        file.unlink()
    else:
        (file.parent / "more").write_text("")
    take("k", make, tmp_path / "two")
    assert (make.times, (tmp_path / "two" / "weights").read_text()) == (2, "w" * 1000)


def test_workspaces_on_another_disk_get_copies(make: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def across(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", across)
    take("k", make, tmp_path / "one")
    assert (tmp_path / "one" / "weights").read_text() == "w" * 1000


def test_what_a_failed_making_left_is_there_for_the_next(make: Maker, tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "part").write_text("half")
        raise OSError("full")

    def finish(folder: Path) -> None:
        assert (folder / "part").read_text() == "half"
        make(folder)

    with pytest.raises(OSError, match="full"):
        take("k", fail, tmp_path / "one")
    assert not (cache_folder() / "k").exists()
    take("k", finish, tmp_path / "one")
    assert make.times == 1


def test_removing_the_cache_leaves_workspaces_whole(make: Maker, tmp_path: Path) -> None:
    take("k", make, tmp_path / "one")
    for path in (cache_folder() / "k").iterdir():
        path.unlink()
    assert (tmp_path / "one" / "weights").read_text() == "w" * 1000
