"""How a command or a stage ends: with an exit code and, where something failed, one line on stderr.

0 done · 1 a negative answer · 2 misuse or bad input, and the line says what, what was expected and what helps ·
130 interrupted, as shells say it
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from query_assistant.errors import QueryAssistantError, told, visible

INTERRUPTED = 130
_interrupted = threading.Event()


def run_to_exit(action: Callable[[], int | None]) -> int:
    """Runs `action` and returns its exit code; what is no expected failure is raised."""
    _watch_for_interrupts()
    try:
        return action() or 0
    except KeyboardInterrupt:
        return _say("interrupted", INTERRUPTED)
    except QueryAssistantError as error:
        return fail(str(error))
    except BrokenPipeError:
        return _reader_gone()
    except (RecursionError, MemoryError) as error:
        return fail(f"the input is too deep or too large ({type(error).__name__}); give a smaller one")
    except OSError as error:
        return fail(told(error))
    except Exception:
        if _interrupted.is_set():  # libraries in C turn what interrupts them into errors of their own
            return _say("interrupted", INTERRUPTED)
        raise


def fail(message: str) -> int:
    """The exit code of a failure, once it is said."""
    return _say(f"error: {' '.join(message.split())}", 2)


def _say(line: str, code: int) -> int:
    if sys.stderr is not None:  # closed; print would take stdout for it
        print(visible(line), file=sys.stderr, flush=True)  # noqa: T201
    return code


def _watch_for_interrupts() -> None:
    """Remembers Ctrl-C; who started us without it (`nohup`, a shell's `&`) keeps his word."""
    _interrupted.clear()
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if usual and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, _remember_and_raise)


def _remember_and_raise(number: int, frame: FrameType | None) -> None:
    _interrupted.set()
    raise KeyboardInterrupt


def _reader_gone() -> int:
    """The reader, `head` for instance, has seen enough; nothing more is flushed into the closed pipe on the way out."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
