"""Files and folders appear whole or not at all, and nothing that is no plain file is put in place of itself."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from query_assistant.errors import InputError
from query_assistant.files import atomic_bytes, atomic_folder, atomic_writer, check_writable, held, replace_folder


def write(path: Path, text: str = "new") -> None:
    check_writable(path)
    with atomic_writer(path) as out:
        out.write(text)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o022, 0o077, 0o002])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_a_new_file_and_a_new_folder_have_the_mode_of_the_umask(tmp_path: Path, umask: int) -> None:
    write(tmp_path / "new")
    with atomic_folder(tmp_path / "folder") as folder:
        write(folder / "inside")
    assert mode(tmp_path / "new") == mode(tmp_path / "folder" / "inside") == 0o666 & ~umask
    assert mode(tmp_path / "folder") == 0o777 & ~umask


@pytest.mark.parametrize("kept", [0o600, 0o640, 0o666, 0o755])
def test_an_existing_file_keeps_its_mode(tmp_path: Path, kept: int) -> None:
    (tmp_path / "private").write_text("old")
    (tmp_path / "private").chmod(kept)
    write(tmp_path / "private")
    assert (mode(tmp_path / "private"), (tmp_path / "private").read_text()) == (kept, "new")


def test_a_read_only_file_is_refused_even_to_root(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("old")
    (tmp_path / "kept").chmod(0o400)
    for action in (check_writable, write):
        with pytest.raises(InputError, match="read-only"):
            action(tmp_path / "kept")
    assert (tmp_path / "kept").read_text() == "old"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_is_written_and_stays_a_device(tmp_path: Path) -> None:
    os.mknod(tmp_path / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    write(tmp_path / "null")
    assert stat.S_ISCHR((tmp_path / "null").stat().st_mode)
    assert [path.name for path in tmp_path.iterdir()] == ["null"]


def test_the_null_device_takes_everything() -> None:
    write(Path("/dev/null"))
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_full_device_is_one_clear_error() -> None:
    with pytest.raises(InputError, match="No space left on device"):
        write(Path("/dev/full"))


def test_a_pipe_gets_the_text_and_stays_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_text()))
    reader.start()
    write(tmp_path / "pipe")
    reader.join()
    assert got == ["new"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_asking_whether_a_pipe_can_be_written_does_not_open_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    check_writable(tmp_path / "pipe")


@pytest.mark.parametrize("link_to", ["real", "folder/not_there_yet"])
def test_what_a_link_points_to_is_written_and_the_link_stays(tmp_path: Path, link_to: str) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(link_to)
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / link_to).read_text() == "new"


def test_a_link_to_itself_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InputError, match="cannot write"):
        write(tmp_path / "loop")


@pytest.mark.parametrize("name", ["a\0b", "\0"])
def test_a_name_with_a_nul_is_one_clear_error(tmp_path: Path, name: str) -> None:
    for action in (write, lambda path: atomic_folder(path).__enter__(), lambda path: held(path).__enter__()):
        with pytest.raises(InputError, match="holds a NUL"):
            action(tmp_path / name)


@pytest.mark.parametrize("name", ["n" * 255, "é" * 127, "a b\n;*?[x]", os.fsdecode(b"\xff\xfe")])
def test_every_name_that_a_disk_takes_can_be_written(tmp_path: Path, name: str) -> None:
    write(tmp_path / name)
    write(tmp_path / name, "newer")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "newer")]


STDOUT = """
import sys
from pathlib import Path
from query_assistant.files import atomic_writer, check_writable
target = Path(sys.argv[1])
check_writable(target)
print("before")
with atomic_writer(target) as out:
    out.write("é\\n")
print("after")
"""


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
@pytest.mark.parametrize("appended", [True, False], ids=["file", "pipe"])
def test_standard_output_is_written_in_its_order_under_all_its_names(tmp_path: Path, name: str, appended: bool) -> None:
    command = [sys.executable, "-c", STDOUT, name]
    if appended:
        (tmp_path / "log").write_text("old\n")
        with (tmp_path / "log").open("a") as log:
            subprocess.run(command, stdout=log, check=True, cwd=tmp_path, env={**os.environ, "PYTHONUTF8": "1"})
        written = (tmp_path / "log").read_text()
    else:
        written = "old\n" + subprocess.run(command, capture_output=True, check=True, cwd=tmp_path).stdout.decode()
    assert written == "old\nbefore\né\nafter\n"
    assert not (tmp_path / "-").exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from query_assistant.files import atomic_bytes, atomic_folder, replace_folder
import query_assistant.files as files
target = Path(sys.argv[2])
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[1] == "file":
    with atomic_bytes(target) as out:
        die()
if sys.argv[1] == "between the renames":
    first, files.os.replace = os.replace, lambda one, two: (first(one, two), die())
with atomic_folder(target) as folder:
    (folder / "half").write_text("x")
    sys.argv[1] == "folder" and die()
"""


@pytest.mark.parametrize("where", ["file", "folder"])
def test_the_next_writer_removes_what_a_killed_one_left(tmp_path: Path, where: str) -> None:
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", KILLED, where, str(tmp_path / "x")], check=False)
        assert (done.returncode, len(list(tmp_path.iterdir()))) == (-9, 1)
    (tmp_path / ".x.building-mine").write_text("another's")
    if where == "file":
        write(tmp_path / "x")
    else:
        with atomic_folder(tmp_path / "x"):
            pass
    assert sorted(path.name for path in tmp_path.iterdir()) == [".x.building-mine", "x"]


def test_what_a_living_writer_builds_is_left_alone(tmp_path: Path) -> None:
    with atomic_writer(tmp_path / "x") as slow, atomic_folder(tmp_path / "y") as folder:
        write(tmp_path / "x", "quick")
        with atomic_folder(tmp_path / "y"):
            pass
        slow.write("slow")
        (folder / "slow").write_text("")
    assert (tmp_path / "x").read_text() == "slow"
    assert [path.name for path in (tmp_path / "y").iterdir()] == ["slow"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x", "y"]


def test_a_kill_between_the_two_renames_of_a_folder_loses_nothing(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "x") as folder:
        (folder / "old").write_text("old")
    subprocess.run([sys.executable, "-c", KILLED, "between the renames", str(tmp_path / "x")], check=False)
    assert not (tmp_path / "x").exists()
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "x"):
        raise RuntimeError("the next run fails as well")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x" / "old").read_text() == "old"


def test_a_folder_that_fails_leaves_the_old_one_and_no_litter(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "x") as folder:
        (folder / "old").write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_folder(tmp_path / "x") as folder:
        (folder / "new").write_text("half")
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.rglob("*")] == ["x", "old"]


def test_a_folder_behind_a_link_is_replaced_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "big_disk" / "models").mkdir(parents=True)
    (tmp_path / "models").symlink_to("big_disk/models")
    with atomic_folder(tmp_path / "models") as folder:
        (folder / "new").write_text("x")
    assert (tmp_path / "models").is_symlink()
    assert (tmp_path / "big_disk" / "models" / "new").read_text() == "x"
    (tmp_path / "made").mkdir()
    replace_folder(tmp_path / "made", tmp_path / "models")
    assert list((tmp_path / "big_disk" / "models").iterdir()) == []
    assert sorted(path.name for path in (tmp_path / "big_disk").iterdir()) == ["models"]


def test_a_file_is_no_place_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    with pytest.raises(InputError, match="it is a file"), atomic_folder(tmp_path / "x"):
        pass
    assert (tmp_path / "x").read_text() == "mine"


def test_a_held_file_is_refused_to_others_until_it_is_let_go(tmp_path: Path) -> None:
    with held(tmp_path / "x") as file:
        file.write(b"mine")
        with pytest.raises(InputError, match="another run is writing"), held(tmp_path / "x"):
            pass
    with held(tmp_path / "x") as file:
        file.seek(0)
        assert file.read() == b"mine"


def test_dvc_does_not_see_what_is_being_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`models/index/.few_shot.building` once marked the training as changed."""
    from dvc.repo import Repo

    monkeypatch.chdir(tmp_path)
    repo = Repo.init(no_scm=True)
    (tmp_path / ".dvcignore").write_bytes(Path(__file__).parents[1].joinpath(".dvcignore").read_bytes())
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "kept").write_text("x")
    (tmp_path / "dvc.yaml").write_text("stages: {s: {cmd: 'true', deps: [index]}}")
    repo.reproduce()
    with atomic_folder(tmp_path / "index" / "few_shot"), atomic_bytes(tmp_path / "index" / "file"):
        assert len(list((tmp_path / "index").iterdir())) == 3
        status: Any = Repo().status()
    assert status == {}


def test_an_output_that_is_also_what_is_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("mine")
    (tmp_path / "link").symlink_to("log")
    os.link(tmp_path / "log", tmp_path / "same")
    for output in ("log", "link", "same"):
        with pytest.raises(InputError, match="also what is read"):
            check_writable(tmp_path / output, [tmp_path / "missing", tmp_path / "log"])
    check_writable(tmp_path / "other", [tmp_path / "log"])
    check_writable(Path("/dev/null"), [Path("/dev/null")])


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_lies_in_the_place_of_a_held_file_and_is_none_is_left_alone(tmp_path: Path, kind: str) -> None:
    (tmp_path / "victim").write_text("theirs")
    place = tmp_path / "x"
    {"link": lambda: place.symlink_to("victim"), "pipe": lambda: os.mkfifo(place), "folder": place.mkdir}[kind]()
    with pytest.raises(InputError, match="cannot write"), held(place) as file:
        file.truncate(0)
    assert (tmp_path / "victim").read_text() == "theirs"
