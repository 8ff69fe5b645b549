from __future__ import annotations

import os
import subprocess
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


STAGE = """
import os, signal, sys
from query_assistant.pipeline.stage import run_stage

def main(params):
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        if "{swallowed}":
            raise RuntimeError("reading the stream failed")
        raise

run_stage(main)
"""


@pytest.mark.parametrize("swallowed", ["", "by a library in C"])
def test_ctrl_c_is_one_word_and_exit_code_130(swallowed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STAGE.format(swallowed=swallowed)], capture_output=True, check=False, cwd=ROOT
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"interrupted\n")


def test_a_stage_has_the_keys_of_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data" / "apis").mkdir(parents=True)
    (tmp_path / ".env").write_text("QUERY_ASSISTANT_TEST_KEY=mine\n")
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUERY_ASSISTANT_ROOT", str(tmp_path))
    monkeypatch.setenv("QUERY_ASSISTANT_TEST_KEY", "")
    monkeypatch.delenv("QUERY_ASSISTANT_TEST_KEY")
    monkeypatch.setattr(sys, "argv", ["stages/some.py"])
    seen = []
    run_stage(lambda params: seen.append(os.environ["QUERY_ASSISTANT_TEST_KEY"]))
    assert seen == ["mine"]
