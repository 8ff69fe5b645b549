from __future__ import annotations

import sys
from pathlib import Path

import pytest

from query_assistant.params import Params, load_params
from query_assistant.pipeline.stage import load_apis, run_stage

ROOT = Path(__file__).parents[2]


def failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], main: object, *words: str
) -> tuple[int, list[str]]:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["stages/some.py", *words])
    with pytest.raises(SystemExit) as stop:
        run_stage(main)  # type: ignore[arg-type]
    return stop.value.code, capsys.readouterr().err.splitlines()  # type: ignore[return-value]


@pytest.mark.parametrize("words", [(), ("mygene", "mychem")])
def test_a_stage_called_with_other_words_says_how_it_is_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    def main(params: Params, api_name: str) -> None:
        raise AssertionError("must not run")

    assert failure(monkeypatch, capsys, main, *words) == (
        2,
        [f"error: stages/some.py was given {len(words)} words; expected: python stages/some.py <api_name>"],
    )


def test_an_api_that_the_run_lacks_is_one_line_with_those_it_has(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(params: Params, api_name: str) -> None:
        load_apis(params)[api_name]

    code, lines = failure(monkeypatch, capsys, main, "nosuch")
    known = ", ".join(load_params(ROOT / "params.yaml").apis)
    assert (code, lines) == (
        2,
        [f"error: no API 'nosuch' in this run, which has {known}; add it to `apis` in conf/config.yaml"],
    )


def test_a_disk_that_fails_is_one_line_with_the_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def main(params: Params) -> None:
        (tmp_path / "missing" / "file").write_text("x")

    code, lines = failure(monkeypatch, capsys, main)
    assert code == 2
    assert lines == [
        f"error: cannot read or write {tmp_path}/missing/file: No such file or directory; "
        "check that it exists, may be written and the disk has room"
    ]
