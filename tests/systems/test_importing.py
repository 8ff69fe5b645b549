from __future__ import annotations

import contextlib
import os
import pickle
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
    value = ["/v3/query?q=cdk2", ["a", 1, 2.5, None, True], {"k": ("t",)}, {1, 2}]
    assert import_pickled_responses(pickled(tmp_path / "x.pkl", value, protocol)) == value


class Evil:
    def __reduce__(self) -> Any:
        return (os.system, ("touch pwned",))


@pytest.mark.parametrize(
    ("value", "named"),
    [([Evil()], "system"), ([OrderedDict()], "OrderedDict"), ([eval], "eval"), ([getattr], "getattr")],
)
def test_anything_that_could_run_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: Any, named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnsafeArchiveError, match=named):
        import_pickled_responses(pickled(tmp_path / "x.pkl", value))
    assert not (tmp_path / "pwned").exists()


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
    with pytest.raises(UnsafeArchiveError, match="values, or lists over"):
        import_pickled_responses(pickled(tmp_path / "x.pkl", value))


def test_lists_too_deep_for_json_are_refused(tmp_path: Path) -> None:
    (tmp_path / "deep.pkl").write_bytes(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".")
    with pytest.raises(UnsafeArchiveError, match="deep"):
        import_pickled_responses(tmp_path / "deep.pkl")
