"""What was said to be kept is there: with many writers at once, after a kill, in a file of an older version."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from query_assistant.corrections import store
from query_assistant.corrections.store import Correction, Corrections, Thumb
from query_assistant.errors import InputError

WRITER = """
import sys
from pathlib import Path
from query_assistant.corrections.store import Correction, Corrections
for number in range(int(sys.argv[2])):
    with Corrections.open(Path(sys.argv[1])) as kept:
        kept.add(Correction(api="mygene", instruction=f"{sys.argv[3]} {number}", query="/v3/query?q=cdk2"))
    print(number, flush=True)
"""


def writer(path: Path, count: int, name: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), str(count), name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)


def asked(path: Path) -> Sequence[str]:
    with Corrections.open(path) as kept:
        return [one.instruction for one in kept.all()]


def test_many_writers_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "c.sqlite"
    writers = [writer(path, 10, f"w{number}") for number in range(5)]
    assert [one.wait(60) for one in writers] == [0] * 5
    assert sorted(asked(path)) == sorted(f"w{number} {line}" for number in range(5) for line in range(10))


def test_what_was_kept_before_a_kill_is_there_after_it(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    one = writer(path, 10_000, "w")
    assert one.stdout is not None
    said = [one.stdout.readline() for _ in range(5)]
    one.send_signal(signal.SIGKILL)
    one.wait()
    there = asked(path)
    assert there[:5] == [f"w {number.strip()}" for number in said]
    assert there == [f"w {number}" for number in range(len(there))]


def test_a_correction_comes_back_as_it_was_given(tmp_path: Path) -> None:
    given = Correction(
        api="mygene", instruction="Größe 'x'; --", query="/v3/gene", body={"ids": ["1017"], "fields": ["symbol"]},
        given="/v3/query?q=1017", reason="two genes", model="m",
    )  # fmt: skip
    with Corrections.open(tmp_path / "c.sqlite") as kept:
        number = kept.add(given)
        (back,) = kept.all()
    assert back.model_copy(update={"id": 0, "made": ""}) == given
    assert (back.id, back.made[-6:]) == (number, "+00:00")


def test_withdrawn_ones_stay_and_are_told_apart(tmp_path: Path) -> None:
    with Corrections.open(tmp_path / "c.sqlite") as kept:
        for api in ("mygene", "mychem"):
            kept.add(Correction(api=api, instruction="a", query="/v3/query?q=a"))
        kept.settle(1, "withdrawn")
        assert [one.state for one in kept.all()] == ["withdrawn", "accepted"]
        assert [one.api for one in kept.all(state="accepted")] == ["mychem"]
        assert kept.all(api="mygene", state="accepted") == []
        with pytest.raises(InputError, match="no correction 3"):
            kept.settle(3, "withdrawn")


def test_an_older_file_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.sqlite"
    with Corrections.open(path) as kept:
        kept.add(Correction(api="mygene", instruction="a", query="/v3/query?q=a"))
    monkeypatch.setattr(store, "MIGRATIONS", (*store.MIGRATIONS, "CREATE TABLE later (id INTEGER); CREATE TABLE b (i)"))
    assert asked(path) == ["a"]
    assert sqlite3.connect(path).execute("PRAGMA user_version").fetchone() == (len(store.MIGRATIONS),)
    monkeypatch.undo()
    with pytest.raises(InputError, match="of version 3, this program knows 2"):
        asked(path)


def test_a_file_of_the_first_version_keeps_what_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.sqlite"
    old = sqlite3.connect(path)
    old.executescript(store.MIGRATIONS[0] + "PRAGMA user_version = 1")
    old.execute(
        "INSERT INTO corrections (made, state, api, instruction, query, reason, model) "
        "VALUES ('2026-01-01T00:00:00+00:00', 'accepted', 'mygene', 'a', '/v3/query?q=a', '', 'm')"
    )
    old.commit()
    old.close()
    with Corrections.open(path) as kept:
        (one,) = kept.all()
        assert kept.thumbs() == []
    assert (one.instruction, one.model, one.prompt_sha256) == ("a", "m", "")


def test_a_thumb_comes_back_as_it_was_given(tmp_path: Path) -> None:
    given = Thumb(api="mygene", instruction="a 'b'", given="", thumb="down", reason="no idea", model="m")
    with Corrections.open(tmp_path / "c.sqlite") as kept:
        assert kept.add_thumb(given) == 1
        (back,) = kept.thumbs()
    assert back.model_copy(update={"id": 0, "made": ""}) == given


def test_another_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no database\n" * 100)
    with pytest.raises(InputError, match="expected a database of corrections"):
        asked(path)
    assert path.read_text() == "no database\n" * 100
