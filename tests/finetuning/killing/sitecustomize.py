"""Kills this Python at one of its own file operations: the n-th whose name and paths match, `KILL_AT='2 open .*jsonl'`.

Python runs this file at its start where the folder is on PYTHONPATH, so the program itself is the one that users run.
"""

import os
import re
import signal
import sys

_COUNT, _PATTERN = os.environ.get("KILL_AT", "0 ").split(" ", 1)
_EVENTS = ("open", "os.rename", "shutil.rmtree")
_seen = 0


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    global _seen  # noqa: PLW0603
    if event in _EVENTS and re.fullmatch(_PATTERN, " ".join([event, *map(str, arguments)])):
        _seen += 1
        if _seen == int(_COUNT):
            os.kill(os.getpid(), signal.SIGKILL)


if int(_COUNT):
    sys.addaudithook(_watch)
