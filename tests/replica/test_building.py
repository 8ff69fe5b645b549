from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from query_assistant.apis import Api, load_api
from query_assistant.errors import InputError
from query_assistant.queries.request import parse
from query_assistant.queries.tree import Words
from query_assistant.replica import Replica
from query_assistant.replica import building as building_module
from query_assistant.replica.storage import Archive, Damaged

from .conftest import RECORDS

CDK2 = Words("symbol", ("CDK2",))


def test_the_index_is_built_once_and_read_afterwards(
    mygene: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Replica.load(mygene, RECORDS / "mygene.jsonl", tmp_path)
    monkeypatch.setattr(building_module, "write_index", lambda *_: pytest.fail("built again"))
    second = Replica.load(mygene, RECORDS / "mygene.jsonl", tmp_path)
    assert first.matching(CDK2) == second.matching(CDK2) == ("1017", "12566")
    assert len(list(tmp_path.iterdir())) == 1


def test_other_records_or_another_field_list_get_an_index_of_their_own(mygene: Api, tmp_path: Path) -> None:
    records = tmp_path / "mygene.jsonl"
    records.write_text('{"_id": "1", "symbol": "CDK2"}\n', encoding="utf-8")
    Replica.load(mygene, records, tmp_path / "cache")
    records.write_text('{"_id": "2", "symbol": "CDK2"}\n', encoding="utf-8")
    assert Replica.load(mygene, records, tmp_path / "cache").matching(CDK2) == ("2",)
    assert Replica.load(load_api("mychem"), records, tmp_path / "cache").matching(CDK2) == ()
    assert len(list((tmp_path / "cache").iterdir())) == 3


@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"x" + data[1:]]
)
def test_a_damaged_index_is_built_again(mygene: Api, tmp_path: Path, damage: object) -> None:
    Replica.load(mygene, RECORDS / "mygene.jsonl", tmp_path)
    (index,) = tmp_path.iterdir()
    index.write_bytes(damage(index.read_bytes()))  # type: ignore[operator]
    with pytest.raises(Damaged):
        Archive(index)
    assert Replica.load(mygene, RECORDS / "mygene.jsonl", tmp_path).matching(CDK2) == ("1017", "12566")
    Archive(index)


def test_a_flip_anywhere_in_the_index_changes_no_answer(
    mygene: Api, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Sixty bytes all over the file, each flipped alone: each answer is the sound one, and a build is told."""
    records = tmp_path / "mygene.jsonl"
    records.write_bytes(b"".join((RECORDS / "mygene.jsonl").read_bytes().splitlines(keepends=True)[:3]))
    calls = [
        "q=symbol:cdk2&fields=all",
        'q=name:"cyclin dependent kinase"~1',
        "q=chr12:1-99999999",
        "q=taxid:>1",
        "q=go:*",
    ]
    requests = [parse(f"/v3/query?{call}", mygene) for call in calls]
    sound = Replica.load(mygene, records, tmp_path / "cache")
    expected = [sound.execute(request).body | {"took": 0} for request in requests]
    (index,) = (tmp_path / "cache").iterdir()
    written = index.read_bytes()
    rebuilt = 0
    for place in range(0, len(written), len(written) // 60):
        index.write_bytes(written[:place] + bytes([written[place] ^ 4]) + written[place + 1 :])
        caplog.clear()
        replica = Replica.load(mygene, records, tmp_path / "cache")
        assert [replica.execute(request).body | {"took": 0} for request in requests] == expected
        if index.read_bytes() == written:
            rebuilt += 1
            assert "built again" in caplog.text
        else:
            index.write_bytes(written)  # the flip lies where none of these requests reads
    assert rebuilt > 20


def test_an_index_cut_at_any_place_is_built_again(mygene: Api, tmp_path: Path) -> None:
    Replica.load(mygene, RECORDS / "mygene.jsonl", tmp_path)
    (index,) = tmp_path.iterdir()
    written = index.read_bytes()
    for length in (0, 1, 31, 32, 1000, len(written) // 2, len(written) - 1):
        index.write_bytes(written[:length])
        assert Replica.load(mygene, RECORDS / "mygene.jsonl", tmp_path).matching(CDK2) == ("1017", "12566")
        assert index.read_bytes() == written


def test_records_with_half_characters_and_nuls_are_kept_as_they_are(mygene: Api, tmp_path: Path) -> None:
    records = tmp_path / "odd.jsonl"
    records.write_text('{"_id": "a\\u0000b", "symbol": "x\\ud800y", "name": "p\\ud800 q\\u0000r"}\n', encoding="utf-8")
    for _ in range(2):
        replica = Replica.load(mygene, records, tmp_path / "cache")
        assert list(replica.index.ids) == ["a b"]
        assert replica.records[0]["symbol"] == "x\ud800y"
        assert replica.matching(Words("name", ("r",))) == ("a b",)


def test_gzipped_records_and_a_cache_that_cannot_be_written_work(mygene: Api, tmp_path: Path) -> None:
    packed = tmp_path / "mygene.jsonl.gz"
    packed.write_bytes(gzip.compress((RECORDS / "mygene.jsonl").read_bytes()))
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    replica = Replica.load(mygene, packed, blocked)
    assert replica.matching(CDK2) == ("1017", "12566")
    assert replica.records[0]["_id"] == replica.index.ids[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "mygene.jsonl.gz"]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"{", "line 1"), (b"[]\n", "line 1.*text _id"), (b'{"_id": "1"}\n{"_id": 2}\n', "line 2"), (b"\xff\n", "line 1")],
)
def test_broken_records_are_named_by_their_line(mygene: Api, tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "bad.jsonl").write_bytes(content)
    with pytest.raises(InputError, match=message):
        Replica.load(mygene, tmp_path / "bad.jsonl", tmp_path)


def test_missing_records_say_how_to_get_them(mygene: Api, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="dvc pull"):
        Replica.load(mygene, tmp_path / "none.jsonl.gz", tmp_path)


def test_records_are_given_out_unchanged_and_as_copies(mygene: Api, tmp_path: Path) -> None:
    replica = Replica.load(mygene, RECORDS / "mygene.jsonl", tmp_path)
    lines = (RECORDS / "mygene.jsonl").read_text(encoding="utf-8").splitlines()
    assert [replica.records[doc] for doc in range(len(replica))] == [json.loads(line) for line in lines]
    probes = [{"_id": "1", "go": {"BP": [{"id": "x"}]}}]
    made = Replica.from_records(mygene, probes)
    made.records[0]["go"]["BP"].clear()
    assert probes == [{"_id": "1", "go": {"BP": [{"id": "x"}]}}]
