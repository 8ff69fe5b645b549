"""Responses that an earlier project kept in pickles, read without running what a pickle can run.

Protects against: any global a pickle names (a class, a function, `os.system`), extension codes and persistent ids;
all are refused before they are looked up. So are lists that hold themselves or unfold without end. Does not protect
against: memory for a file up to the size limit.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

from query_assistant.errors import InputError, UnsafeArchiveError

_HARMLESS = {"set": set, "frozenset": frozenset, "bytearray": bytearray}
_MOST_VALUES = 2_000_000
_DEEPEST = 100
_MODULES = ("builtins", "__builtin__")


class _DataUnpickler(pickle.Unpickler):
    """Knows containers and scalars alone."""

    def find_class(self, module: str, name: str) -> Any:
        if module in _MODULES and name in _HARMLESS:
            return _HARMLESS[name]
        raise UnsafeArchiveError(
            f"the pickle asks for {module}.{name}, which could run code; only lists, dicts, texts and numbers are read"
        )

    def persistent_load(self, pid: Any) -> Any:
        raise UnsafeArchiveError(f"the pickle refers to something outside itself ({pid!r}); it cannot be read alone")


def import_pickled_responses(path: Path, *, max_bytes: int = 512 * 2**20) -> list[Any]:
    """The list that the original pipeline pickled: answers as texts, or nested lists of them.

    Raises:
        UnsafeArchiveError: the pickle names anything but built-in containers; the message says what.
        InputError: the file is missing, over `max_bytes`, damaged, or holds no list.
    """
    try:
        if path.stat().st_size > max_bytes:
            raise InputError(f"{path} is over {max_bytes:,} bytes; raise max_bytes if it is to be trusted")
        value = _DataUnpickler(io.BytesIO(path.read_bytes())).load()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; expected a pickled list") from error
    except (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not a whole pickle: {error}; expected a pickled list") from error
    except (MemoryError, RecursionError, OverflowError) as error:
        raise InputError(f"{path} is damaged: it announces more than it holds ({type(error).__name__})") from error
    if not isinstance(value, list):
        raise InputError(f"{path} holds a {type(value).__name__}; expected a list of responses")
    _check_extent(value, path)
    return value


def _check_extent(value: Any, path: Path) -> None:
    """A few bytes of pickle can stand for a list of billions, or one that holds itself: written out, they never end."""
    left, waiting = _MOST_VALUES, [(value, 1)]
    while waiting:
        one, depth = waiting.pop()
        inside = list(one.values()) if isinstance(one, dict) else one
        if not isinstance(inside, list | tuple):
            continue
        left -= len(inside)
        if left < 0 or depth > _DEEPEST:
            raise UnsafeArchiveError(
                f"{path} holds over {_MOST_VALUES:,} values, or lists over {_DEEPEST} deep; expected a list of texts"
            )
        waiting.extend((each, depth + 1) for each in inside if isinstance(each, dict | list | tuple))
