from __future__ import annotations

import contextlib
import os
import pickle
import tracemalloc
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_assistant.errors import InputError, UnsafeArchiveError
from query_assistant.systems.importing import import_pickled_responses


def pickled(path: Path, value: Any, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_lists_of_texts_and_numbers_come_back(tmp_path: Path, protocol: int) -> None:
    value = ["/v3/query?q=cdk2", ["a", 1, 2.5, None, True, 10**30, -7], {"k": ("t",)}, (), ("é\u2028", 1, 2), {}, [[]]]
    assert import_pickled_responses(pickled(tmp_path / "x.pkl", value, protocol)) == value


class Evil:
    def __reduce__(self) -> Any:
        return (os.system, ("touch pwned",))


@pytest.mark.parametrize(
    ("value", "named"),
    [([Evil()], "system"), ([OrderedDict()], "OrderedDict"), ([eval], "eval"), ([getattr], "getattr")],
)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_anything_that_could_run_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: Any, named: str, protocol: int
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnsafeArchiveError, match=named):
        import_pickled_responses(pickled(tmp_path / "x.pkl", value, protocol))
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    "value", [{1, 2}, frozenset("a"), b"bytes", bytearray(b"b")], ids=lambda value: str(type(value))
)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_what_json_cannot_hold_is_refused_by_name(tmp_path: Path, value: Any, protocol: int) -> None:
    with pytest.raises(UnsafeArchiveError, match=r"only lists, dicts, texts and numbers are read"):
        import_pickled_responses(pickled(tmp_path / "x.pkl", [value], protocol))


def test_extension_codes_and_persistent_ids_are_refused(tmp_path: Path) -> None:
    (tmp_path / "persistent.pkl").write_bytes(b"\x80\x04]\x94(X\x01\x00\x00\x00aQe.")
    with pytest.raises(UnsafeArchiveError, match="outside itself"):
        import_pickled_responses(tmp_path / "persistent.pkl")
    (tmp_path / "extension.pkl").write_bytes(b"\x80\x02\x82\x01.")
    with pytest.raises(InputError):
        import_pickled_responses(tmp_path / "extension.pkl")


def test_what_is_no_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds a dict"):
        import_pickled_responses(pickled(tmp_path / "x.pkl", {"a": 1}))
    with pytest.raises(InputError, match="missing"):
        import_pickled_responses(tmp_path / "missing.pkl")


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="over 10 bytes"):
        import_pickled_responses(pickled(tmp_path / "x.pkl", ["a" * 100]), max_bytes=10)


@given(data=st.binary(max_size=60), cut=st.integers(0, 40))
def test_no_damage_raises_anything_but_an_input_error(tmp_path_factory: Any, data: bytes, cut: int) -> None:
    path = tmp_path_factory.mktemp("pickles") / "x.pkl"
    path.write_bytes(pickle.dumps(["text", [1, 2.0], {"a": None}])[:cut] + data)
    with contextlib.suppress(InputError):
        assert isinstance(import_pickled_responses(path), list)


def test_lists_one_behind_the_other_are_read_to_the_end(tmp_path: Path) -> None:
    lists = [["a"], ["b", ["c"]], []]
    (tmp_path / "x.pkl").write_bytes(b"".join(pickle.dumps(one, protocol=number) for number, one in enumerate(lists)))
    assert import_pickled_responses(tmp_path / "x.pkl") == ["a", "b", ["c"]]


@pytest.mark.parametrize("behind", [b"\0", b"\n", b"junk", pickle.dumps(["b"])[:-1], b"(" * 99])
def test_what_lies_behind_the_lists_and_is_none_is_said(tmp_path: Path, behind: bytes) -> None:
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(["a"]) + behind)
    with pytest.raises(InputError, match=f"holds {len(behind)} bytes behind its list that are not a whole pickle"):
        import_pickled_responses(tmp_path / "x.pkl")


def test_another_value_behind_the_first_list_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(["a"]) + pickle.dumps("b"))
    with pytest.raises(InputError, match="holds a str; expected a list"):
        import_pickled_responses(tmp_path / "x.pkl")


def test_code_behind_the_first_list_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(["a"]) + pickle.dumps([Evil()]))
    with pytest.raises(UnsafeArchiveError, match="system"):
        import_pickled_responses(tmp_path / "x.pkl")


def peak_of(action: Any) -> int:
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_far_place_of_memory_costs_no_more_than_a_near_one(tmp_path: Path) -> None:
    (tmp_path / "x.pkl").write_bytes(b"\x80\x02]r" + (2**31 - 1).to_bytes(4, "little") + b".")
    assert peak_of(lambda: import_pickled_responses(tmp_path / "x.pkl")) < 2**20


@pytest.mark.parametrize("opcode", [b"B", b"X", b"T", b"\x8b"])
def test_a_length_that_is_a_lie_costs_nothing(tmp_path: Path, opcode: bytes) -> None:
    (tmp_path / "x.pkl").write_bytes(b"\x80\x04]" + opcode + (2**31 - 1).to_bytes(4, "little") + b"aa.")

    def refused() -> None:
        with pytest.raises(InputError):
            import_pickled_responses(tmp_path / "x.pkl")

    assert peak_of(refused) < 2**20


def test_one_text_shared_many_times_counts_as_often_as_it_would_be_written(tmp_path: Path) -> None:
    path = pickled(tmp_path / "x.pkl", ["x" * 100_000] * 200)
    assert path.stat().st_size < 101_500
    with pytest.raises(UnsafeArchiveError, match="2,000,000 bytes written out"):
        import_pickled_responses(path, max_bytes=2_000_000)
    assert len(import_pickled_responses(path)) == 200


def test_steps_that_make_nothing_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query_assistant.systems.importing._MOST_STEPS", 1000)
    (tmp_path / "x.pkl").write_bytes(b"]" + b"N0" * 1000 + b".")
    with pytest.raises(UnsafeArchiveError, match="over 1,000 steps"):
        import_pickled_responses(tmp_path / "x.pkl")


def test_a_key_that_takes_for_ever_to_hash_is_refused_unhashed(tmp_path: Path) -> None:
    (tmp_path / "x.pkl").write_bytes(b"](N" + b"2\x86" * 200 + b"Nds.")
    with pytest.raises(InputError, match="a tuple as key"):
        import_pickled_responses(tmp_path / "x.pkl")


@pytest.mark.parametrize("name", ["/dev/zero", "pipe"])
def test_a_device_or_pipe_is_not_read_for_ever(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"over 1,000 bytes|named pipe"):
        import_pickled_responses(tmp_path / name, max_bytes=1000)


def holds_itself() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def unfolds(levels: int) -> list[Any]:
    """A few bytes in a pickle, which keeps what is shared; ten to the power of `levels` values written out."""
    value: list[Any] = ["lol"]
    for _ in range(levels):
        value = [value] * 10
    return value


@pytest.mark.parametrize("value", [holds_itself(), unfolds(10)], ids=["holds itself", "unfolds"])
def test_lists_that_never_end_when_written_out_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: list[Any]
) -> None:
    monkeypatch.setattr("query_assistant.systems.importing._MOST_VALUES", 10_000)
    with pytest.raises(UnsafeArchiveError, match="written out, or lists over"):
        import_pickled_responses(pickled(tmp_path / "x.pkl", value))


def test_lists_too_deep_for_json_are_refused(tmp_path: Path) -> None:
    (tmp_path / "deep.pkl").write_bytes(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".")
    with pytest.raises(UnsafeArchiveError, match="deep"):
        import_pickled_responses(tmp_path / "deep.pkl")
