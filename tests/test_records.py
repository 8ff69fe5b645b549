"""Records survive the way to disk and back, and a broken file says where."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from query_assistant.errors import InputError
from query_assistant.files import check_writable
from query_assistant.records import GoodQuery, Query, read_jsonl, write_json, write_jsonl

PAIRS = [Query(query="/v3/query?q=é&size=5"), Query(query="/v3/query", body={"q": ["a"], "scopes": "symbol"})]


def test_records_come_back_as_they_were_written(tmp_path: Path) -> None:
    assert write_jsonl(tmp_path / "new" / "q.jsonl", PAIRS) == 2
    assert read_jsonl(tmp_path / "new" / "q.jsonl", Query) == PAIRS


def test_same_records_give_the_same_bytes_with_sorted_keys(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "q.jsonl", PAIRS)
    assert (tmp_path / "q.jsonl").read_text(encoding="utf-8").splitlines()[1] == (
        '{"body": {"q": ["a"], "scopes": "symbol"}, "query": "/v3/query"}'
    )


def test_gzip_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"query": "/v3/query?q=a"}\n\n'))
    assert read_jsonl(path, Query) == [Query(query="/v3/query?q=a")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [("{", "not a valid Query"), ('{"query": "/a", "qeury": 1}', "qeury"), ('{"body": {}}', "query")],
)
def test_a_bad_line_is_an_error_with_its_file_line_and_key(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text('{"query": "/ok"}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=reason) as caught:
        read_jsonl(path, Query)
    assert "q.jsonl, line 2" in str(caught.value)


def test_broken_gzip_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"query": "/v3/query?q=a"}\n' * 100)[:30])
    with pytest.raises(InputError, match="cannot read"):
        read_jsonl(path, Query)


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    write_jsonl(path, PAIRS[:1])

    def broken() -> object:
        yield PAIRS[1]
        raise RuntimeError("the writer died")

    with pytest.raises(RuntimeError):
        write_jsonl(path, broken())  # type: ignore[arg-type]
    assert read_jsonl(path, Query) == PAIRS[:1]
    assert [file.name for file in tmp_path.iterdir()] == ["q.jsonl"]


def test_a_path_that_cannot_be_written_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    with pytest.raises(InputError, match="cannot write"):
        write_json(tmp_path / "file" / "x.json", {})


def test_records_refuse_unknown_keys_and_changes() -> None:
    query = GoodQuery(query="/q", api="mygene", signature="s", skeleton="k", count=1, hits=2)
    with pytest.raises(ValueError, match="frozen"):
        query.count = 3  # type: ignore[misc]


def test_a_folder_is_no_place_for_a_file_and_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it is a folder; name a file"):
        check_writable(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_asking_whether_a_file_can_be_written_neither_makes_nor_changes_it(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("old")
    check_writable(tmp_path / "there")
    check_writable(tmp_path / "not_there")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("there", "old")]


def test_half_a_surrogate_pair_in_an_answer_does_not_stop_a_run(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "q.jsonl", [Query(query="/v3/query", body={"q": ["a\ud83db", "🧬"]})])
    assert read_jsonl(tmp_path / "q.jsonl", Query) == [Query(query="/v3/query", body={"q": ["a?b", "🧬"]})]
