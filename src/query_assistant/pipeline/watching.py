"""A program that looks on while a stage works, and can do it no harm.

It is a process of its own, which reads the stage's files and is waited for a moment at the end. What it does changes
nothing that the stage writes, so its code is no part of what the stage's code means.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

WATCHER = "query_assistant.pipeline.live_training"
DONE, FAILED = "done", "failed"
LAST_WORDS_S = 120.0  # when the training has ended; on a busy machine the watcher may not have begun


@contextmanager
def watched(adapter: Path) -> Iterator[None]:
    """MLflow is told of the training of `adapter` in this block, where it can be reached.

    The watcher learns how the block ended from its standard input, which also closes when this process is killed.
    """
    command = [sys.executable, "-m", WATCHER, str(adapter)]
    watcher = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, text=True)
    outcome = ""
    try:
        yield
        outcome = DONE
    except Exception:
        outcome = FAILED
        raise
    finally:
        with suppress(OSError, subprocess.TimeoutExpired):  # it may have gone
            watcher.communicate(outcome, LAST_WORDS_S)
        watcher.kill()
        watcher.wait()
