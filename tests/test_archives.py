from __future__ import annotations

import contextlib
import gzip
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_assistant.archives import pack, unpack
from query_assistant.errors import InputError, UnsafeArchiveError


def member(name: str, content: bytes = b"", **attributes: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, content


def tarball(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return path


def test_files_come_out_as_they_went_in(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("first")
    (tmp_path / "b.txt").write_bytes(bytes(range(256)) * 5000)
    pack({"logs/a.txt": tmp_path / "a.txt", "b.txt": tmp_path / "b.txt"}, tmp_path / "x.tar.gz")

    written = unpack(tmp_path / "x.tar.gz", tmp_path / "out")

    assert written == [tmp_path / "out/b.txt", tmp_path / "out/logs/a.txt"]
    assert (tmp_path / "out/logs/a.txt").read_text() == "first"
    assert (tmp_path / "out/b.txt").read_bytes() == bytes(range(256)) * 5000


def test_packing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, mode in (("one", 0o600), ("two", 0o755)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").write_text("same")
        (tmp_path / name / "f").chmod(mode)
        pack({"f": tmp_path / name / "f", "a": tmp_path / name / "f"}, tmp_path / f"{name}.tar.gz")
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()


@pytest.mark.parametrize(
    "evil",
    [
        member("/etc/passwd", b"x"),
        member("../outside", b"x"),
        member("a/../../outside", b"x"),
        member("a\\..\\outside", b"x"),
        member("C:/windows", b"x"),
        member("link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("hard", type=tarfile.LNKTYPE, linkname="/etc/passwd"),
        member("pipe", type=tarfile.FIFOTYPE),
        member("device", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
        member("n" * 600, b"x"),
    ],
    ids=lambda evil: evil[0].name[:20],
)
def test_members_that_could_do_harm_are_refused_and_leave_nothing(
    tmp_path: Path, evil: tuple[tarfile.TarInfo, bytes]
) -> None:
    archive = tarball(tmp_path / "x.tar.gz", member("good.txt", b"fine"), evil)
    with pytest.raises(UnsafeArchiveError):
        unpack(archive, tmp_path / "in" / "out")
    assert list((tmp_path / "in").iterdir()) == []
    assert not (tmp_path / "outside").exists()


def test_a_file_behind_a_link_of_the_archive_is_never_written(tmp_path: Path) -> None:
    link = member("dir", type=tarfile.SYMTYPE, linkname=str(tmp_path / "target"))
    (tmp_path / "target").mkdir()
    with pytest.raises(UnsafeArchiveError):
        unpack(tarball(tmp_path / "x.tar.gz", link, member("dir/file", b"x")), tmp_path / "out")
    assert list((tmp_path / "target").iterdir()) == []


def test_bombs_stop_at_the_limits(tmp_path: Path) -> None:
    big = tarball(tmp_path / "big.tar.gz", member("zeros", b"\0" * 3_000_000))
    many = tarball(tmp_path / "many.tar.gz", *(member(f"{number}", b"") for number in range(50)))
    with pytest.raises(UnsafeArchiveError, match="over 1,000,000 bytes"):
        unpack(big, tmp_path / "out", max_bytes=1_000_000)
    with pytest.raises(UnsafeArchiveError, match="over 20 members"):
        unpack(many, tmp_path / "out", max_files=20)
    assert not (tmp_path / "out").exists()


def test_one_name_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsafeArchiveError, match="twice"):
        unpack(tarball(tmp_path / "x.tar.gz", member("a", b"1"), member("a", b"2")), tmp_path / "out")


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes(255 - byte for byte in data[middle : middle + 40]) + data[middle + 40 :]


@pytest.mark.parametrize("damage", [cut, flipped, lambda data: b"", lambda data: b"not a tarball at all"])
def test_damaged_archives_are_one_clear_error_and_leave_nothing(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    archive = tarball(tmp_path / "x.tar.gz", member("a", bytes(range(256)) * 400), member("b", b"text" * 999))
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(InputError, match=r"corrupted|ends after") as failure:
        unpack(archive, tmp_path / "in" / "out")
    assert not isinstance(failure.value, UnsafeArchiveError)
    assert list((tmp_path / "in").iterdir()) == []


def test_a_tar_cut_between_members_is_noticed(tmp_path: Path) -> None:
    archive = tarball(tmp_path / "x.tar.gz", member("a", b"1" * 600), member("b", b"2" * 600))
    archive.write_bytes(gzip.compress(gzip.decompress(archive.read_bytes())[: 512 + 1024 + 512 + 100]))
    with pytest.raises(InputError):
        unpack(archive, tmp_path / "out")


def test_an_older_folder_is_replaced_whole_and_kept_on_failure(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("old")
    bad = tarball(tmp_path / "bad.tar.gz", member("new", b"new"), member("../x", b"x"))
    with pytest.raises(UnsafeArchiveError):
        unpack(bad, tmp_path / "out")
    assert (tmp_path / "out" / "old").read_text() == "old"
    unpack(tarball(tmp_path / "good.tar.gz", member("new", b"new")), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["new"]


def test_a_missing_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.tar\.gz; fetch it with `dvc pull`"):
        unpack(tmp_path / "nowhere.tar.gz", tmp_path / "out")


@pytest.mark.parametrize(
    ("members", "culprit"),
    [
        ([member("a", type=tarfile.DIRTYPE), member("a", b"x")], "'a'"),
        ([member("a/b", b"x"), member("a", b"x")], "'a'"),
        ([member("a", b"x"), member("a", type=tarfile.DIRTYPE)], "'a'"),
        ([member("a", b"x"), member("a/b", b"x")], "'a/b'"),
    ],
    ids=["file over folder", "file over filled folder", "folder over file", "file under file"],
)
def test_a_name_that_is_file_and_folder_is_named(
    tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]], culprit: str
) -> None:
    with pytest.raises(InputError, match=f"{culprit}.*pack it again"):
        unpack(tarball(tmp_path / "x.tar.gz", *members), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["x" * 300, "a\x1b[31mb", "line\nbreak", "d/" * 300 + "f"])
def test_names_that_no_disk_or_terminal_takes_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsafeArchiveError, match="no usable file name") as failure:
        unpack(tarball(tmp_path / "x.tar.gz", member(name, b"x")), tmp_path / "out")
    assert str(failure.value).isprintable()


@pytest.mark.parametrize("members", [[], [member("a", type=tarfile.DIRTYPE)]], ids=["nothing", "folders alone"])
def test_an_archive_without_files_does_not_replace_a_folder_that_has_some(
    tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("old")
    with pytest.raises(InputError, match="holds no files"):
        unpack(tarball(tmp_path / "x.tar.gz", *members), tmp_path / "out")
    assert (tmp_path / "out" / "old").read_text() == "old"


def header(kind: bytes, size: int, content: bytes = b"") -> bytes:
    """One extended header that announces `size` bytes, and as much of them as is given, in whole blocks."""
    info = tarfile.TarInfo("header")
    info.type, info.size = kind, size
    return info.tobuf(tarfile.USTAR_FORMAT) + content + b"\0" * (-len(content) % 512)


def pax(**values: str) -> bytes:
    """The content of a PAX header, its lengths counted as POSIX wants them."""
    lines = []
    for key, value in values.items():
        rest = f" {key.replace('__', '.')}={value}\n"
        length = len(rest) + len(str(len(rest) + len(str(len(rest)))))
        lines.append(f"{length}{rest}")
    return "".join(lines).encode()


def file_member(name: str = "a", content: bytes = b"x") -> bytes:
    info, _ = member(name, content)
    return info.tobuf(tarfile.USTAR_FORMAT) + content + b"\0" * (-len(content) % 512)


def raw_archive(path: Path, *parts: bytes) -> Path:
    path.write_bytes(gzip.compress(b"".join(parts) + b"\0" * 1024))
    return path


EXTENDED = [b"x", b"g", b"X", b"L", b"K"]


@pytest.mark.parametrize("kind", EXTENDED)
def test_a_long_header_is_refused_before_it_is_read(tmp_path: Path, kind: bytes) -> None:
    """None of the 2 GiB that it announces is there: who tried to read them would say that the archive is cut."""
    archive = raw_archive(tmp_path / "x.tar.gz", header(kind, 2**31), file_member())
    with pytest.raises(UnsafeArchiveError, match="header of 2,147,483,648 bytes"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("kind", EXTENDED)
def test_headers_within_headers_are_refused(tmp_path: Path, kind: bytes) -> None:
    content = pax(comment="a") if kind in b"xgX" else b"name\0"
    nested = header(kind, len(content), content) * 3000
    with pytest.raises(UnsafeArchiveError, match="headers in headers"):
        unpack(raw_archive(tmp_path / "x.tar.gz", nested, file_member()), tmp_path / "out")


def test_headers_count_towards_the_limits(tmp_path: Path) -> None:
    content = pax(comment="c" * 3000)
    each = [header(b"x", len(content), content) + file_member(f"{number}") for number in range(20)]
    archive = raw_archive(tmp_path / "x.tar.gz", *each)
    assert len(unpack(archive, tmp_path / "out")) == 20
    with pytest.raises(UnsafeArchiveError, match="over 20,000 bytes"):
        unpack(archive, tmp_path / "out", max_bytes=20_000)


def test_global_headers_do_not_pile_up(tmp_path: Path) -> None:
    each = [header(b"g", 1000, pax(**{f"k{number}": "v" * 980})) + file_member(f"{number}") for number in range(6)]
    with pytest.raises(UnsafeArchiveError, match="more of them than its files need"):
        unpack(raw_archive(tmp_path / "x.tar.gz", *each), tmp_path / "out")


SPARSE = [
    pax(GNU__sparse__map=""),
    pax(GNU__sparse__map="x,y"),
    pax(GNU__sparse__size=""),
    pax(GNU__sparse__major="1", GNU__sparse__minor="0"),
]


@pytest.mark.parametrize("content", SPARSE, ids=["no map", "no numbers", "no size", "a map in the content"])
def test_sparse_files_of_pax_are_refused(tmp_path: Path, content: bytes) -> None:
    archive = raw_archive(tmp_path / "x.tar.gz", header(b"x", len(content), content), file_member("a", b"1\n" * 900))
    with pytest.raises(UnsafeArchiveError, match="sparse file"):
        unpack(archive, tmp_path / "out")


def test_a_sparse_file_of_gnu_tar_is_refused_before_its_map_is_read(tmp_path: Path) -> None:
    with pytest.raises(UnsafeArchiveError, match="sparse file"):
        unpack(raw_archive(tmp_path / "x.tar.gz", header(b"S", 0)), tmp_path / "out")


@pytest.mark.parametrize("content", [b"11 size=-1\n", b"20 size=99999999999\n", b"17 path=../../up\n"])
def test_what_a_pax_header_says_is_checked_like_any_other(tmp_path: Path, content: bytes) -> None:
    archive = raw_archive(tmp_path / "x.tar.gz", header(b"x", len(content), content), file_member())
    with pytest.raises(InputError):
        unpack(archive, tmp_path / "in" / "out")
    assert list((tmp_path / "in").iterdir()) == []


@given(content=st.binary(max_size=60) | st.text(max_size=40).map(str.encode), kind=st.sampled_from(EXTENDED))
def test_no_header_raises_anything_but_an_input_error(tmp_path_factory: Any, content: bytes, kind: bytes) -> None:
    folder = tmp_path_factory.mktemp("headers")
    archive = raw_archive(folder / "x.tar.gz", header(kind, len(content), content), file_member())
    with contextlib.suppress(InputError):
        assert len(unpack(archive, folder / "out")) == 1


def test_folders_in_folders_without_end_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsafeArchiveError, match="folders deep"):
        unpack(tarball(tmp_path / "x.tar.gz", member("d/" * 40 + "f", b"x")), tmp_path / "out")


def test_an_archive_that_is_a_pipe_or_a_folder_is_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tar.gz")
    with pytest.raises(InputError, match="named pipe"):
        unpack(tmp_path / "pipe.tar.gz", tmp_path / "out")
    with pytest.raises(InputError, match="cannot unpack"):
        unpack(tmp_path, tmp_path / "out")


KILLED = """
import os, signal, sys
from pathlib import Path
from query_assistant import archives
archives._write = lambda tar, member, target: os.kill(os.getpid(), signal.SIGKILL)
archives.unpack(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    archive = tarball(tmp_path / "x.tar.gz", member("a", b"1"))
    (tmp_path / "raw").mkdir()
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(archive), str(tmp_path / "raw" / "out")], capture_output=True, check=False
    )
    assert (killed.returncode, len(list((tmp_path / "raw").iterdir()))) == (-9, 1)
    unpack(archive, tmp_path / "raw" / "out")
    assert [path.name for path in (tmp_path / "raw").iterdir()] == ["out"]
