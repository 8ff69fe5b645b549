"""Responses that an earlier project kept in pickles, read without unpickling.

A pickle is a program for a small machine. Here only the instructions that build lists, tuples, dictionaries, texts and
numbers are followed, by a machine of our own that holds no function; whatever else a pickle asks for (a class, a
function, `os.system`, an extension code, a persistent id) is refused by name, and nothing is ever called.

Protects against that, and against small files that stand for much: lists that hold themselves or unfold without end,
texts shared a thousand times, places of memory far beyond the file, devices and pipes. Does not protect against: memory
for a file up to the size limit.
"""

from __future__ import annotations

import io
import math
import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from query_assistant.errors import InputError, UnsafeArchiveError
from query_assistant.inputs import read_bytes

_MOST_BYTES = 2**27
_MOST_VALUES = 2_000_000
_MOST_STEPS = 4 * _MOST_VALUES  # a value is pushed, remembered and put in its place
_DEEPEST = 100
_LARGEST_NUMBER = 10**4000  # json writes no longer one
_PLAIN = "only lists, dicts, texts and numbers are read"


def import_pickled_responses(path: Path, *, max_bytes: int = _MOST_BYTES) -> list[Any]:
    """The lists that the original pipeline pickled, one behind the other: answers as texts, or nested lists of them.

    Args:
        max_bytes: of the file, and of all texts written out.

    Raises:
        UnsafeArchiveError: the pickle asks for anything but built-in containers; the message says what.
        InputError: the file is missing, over `max_bytes`, damaged, goes on behind its lists, or holds none.
    """
    data = read_bytes(path, max_bytes)
    stream, responses = io.BytesIO(data), list[Any]()
    machine = _Machine(path)
    while stream.tell() < len(data) or not data:
        value = machine.run(stream)
        if not isinstance(value, list):
            raise InputError(f"{path} holds a {type(value).__name__}; expected a list of responses")
        responses += value
    _Extent(path, max_bytes).check(responses)
    return responses


class _Machine:
    """The part of the pickle machine that makes values: a stack, its marks, and what was put aside."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.steps = 0
        self.asked: list[str] = []

    def run(self, stream: io.BytesIO) -> Any:
        """The next value of the stream, which may hold several."""
        self.stack, self.marks, self.kept = list[Any](), list[int](), dict[int, Any]()
        start = stream.tell()
        try:
            for opcode, argument, _ in pickletools.genops(stream):
                self._count()
                self._follow(opcode.name, argument)
            return self.stack.pop()
        except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, AssertionError) as error:
            where = f"holds {len(stream.getvalue()) - start:,} bytes behind its list that are" if start else "is"
            raise InputError(
                f"{self.path} {where} not a whole pickle: {error}; expected pickled lists, one behind the other"
            ) from None

    def _count(self) -> None:
        self.steps += 1
        if self.steps > _MOST_STEPS:
            raise UnsafeArchiveError(f"{self.path} takes over {_MOST_STEPS:,} steps to read; expected a list of texts")

    def _follow(self, name: str, argument: Any) -> None:
        if name in _PUSHED:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name]())
        elif name in _ACTIONS:
            _ACTIONS[name](self, argument)
        else:
            self._refuse(name, argument)

    def _refuse(self, name: str, argument: Any) -> None:
        if name == "STACK_GLOBAL":
            argument = ".".join(str(part) for part in self.stack[-2:])
        if name in ("PERSID", "BINPERSID"):
            raise UnsafeArchiveError(f"{self.path} refers to something outside itself; it cannot be read alone")
        wanted = str(argument if argument is not None else name).replace(" ", ".")[:80]
        raise UnsafeArchiveError(f"{self.path} asks for {wanted!r} ({name}), which {_OTHER.get(name, _RUNS)}; {_PLAIN}")

    def popped_to_mark(self) -> list[Any]:
        mark = self.marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        return items

    def put(self, place: int) -> None:
        self.kept[place] = self.stack[-1]

    def extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list):
            raise TypeError(f"a {type(target).__name__} is no list")
        target.extend(items)

    def update(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or len(items) % 2:
            raise TypeError("keys and values that belong to no dict")
        target.update(_dict(items))


_RUNS = "could run code"
_OTHER = dict.fromkeys(
    ("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "EMPTY_SET", "FROZENSET", "ADDITEMS"), "JSON cannot hold"
)
_NUMBERS = frozenset({"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"})
_TEXTS = frozenset(
    {"STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"}
)
_PUSHED = _NUMBERS | _TEXTS
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
}


def _dict(items: list[Any]) -> dict[str, Any]:
    """Keys as JSON writes them. None is hashed before it is a text: hashing what a stranger built can take for ever."""
    return {_key(key): value for key, value in zip(items[::2], items[1::2], strict=True)}


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    if isinstance(key, int | float):
        return str(key)
    raise TypeError(f"a {type(key).__name__} as key of a dict; expected a text or number")


def _pop(machine: _Machine, count: int) -> list[Any]:
    if len(machine.stack) - (machine.marks[-1] if machine.marks else 0) < count:
        raise IndexError("it takes more from the stack than is there")
    items = machine.stack[-count:]
    del machine.stack[-count:]
    return items


_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": lambda machine, _: None,
    "FRAME": lambda machine, _: None,
    "STOP": lambda machine, _: None,
    "MARK": lambda machine, _: machine.marks.append(len(machine.stack)),
    "POP": lambda machine, _: _pop(machine, 1).clear(),
    "POP_MARK": lambda machine, _: machine.popped_to_mark().clear(),
    "DUP": lambda machine, _: machine.stack.append(machine.stack[-1]),
    "LIST": lambda machine, _: machine.stack.append(machine.popped_to_mark()),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.popped_to_mark())),
    "TUPLE1": lambda machine, _: machine.stack.append(tuple(_pop(machine, 1))),
    "TUPLE2": lambda machine, _: machine.stack.append(tuple(_pop(machine, 2))),
    "TUPLE3": lambda machine, _: machine.stack.append(tuple(_pop(machine, 3))),
    "DICT": lambda machine, _: machine.stack.append(_dict(machine.popped_to_mark())),
    "APPEND": lambda machine, _: machine.extend(_pop(machine, 1)),
    "APPENDS": lambda machine, _: machine.extend(machine.popped_to_mark()),
    "SETITEM": lambda machine, _: machine.update(_pop(machine, 2)),
    "SETITEMS": lambda machine, _: machine.update(machine.popped_to_mark()),
    "PUT": lambda machine, place: machine.put(place),
    "BINPUT": lambda machine, place: machine.put(place),
    "LONG_BINPUT": lambda machine, place: machine.put(place),
    "MEMOIZE": lambda machine, _: machine.put(len(machine.kept)),
    "GET": lambda machine, place: machine.stack.append(machine.kept[place]),
    "BINGET": lambda machine, place: machine.stack.append(machine.kept[place]),
    "LONG_BINGET": lambda machine, place: machine.stack.append(machine.kept[place]),
}


class _Extent:
    """How much the responses are once everything shared is written out: a few bytes can stand for billions."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self.values_left = _MOST_VALUES
        self.bytes_left = max_bytes

    def check(self, responses: list[Any]) -> None:
        for number, response in enumerate(responses):
            waiting = [(response, 1)]
            while waiting:
                value, depth = waiting.pop()
                self._count(value, depth)
                self._check_plain(value, number)
                if isinstance(value, dict):
                    waiting.extend((one, depth + 1) for pair in value.items() for one in pair)
                elif isinstance(value, list | tuple):
                    waiting.extend((one, depth + 1) for one in value)

    def _count(self, value: Any, depth: int) -> None:
        self.values_left -= 1
        self.bytes_left -= len(value) if isinstance(value, str) else 0
        if self.values_left < 0 or self.bytes_left < 0 or depth > _DEEPEST:
            raise UnsafeArchiveError(
                f"{self.path} holds over {_MOST_VALUES:,} values, {self.max_bytes:,} bytes written out, "
                f"or lists over {_DEEPEST} deep; expected a list of texts"
            )

    def _check_plain(self, value: Any, number: int) -> None:
        reason = None
        if isinstance(value, float) and not math.isfinite(value):
            reason = f"{value} is no number of JSON"
        elif isinstance(value, int) and abs(value) >= _LARGEST_NUMBER:
            reason = "a number of over 4,000 digits"
        elif isinstance(value, str) and not _is_unicode(value):
            reason = "half a surrogate pair"
        if reason:
            raise InputError(f"response {number} of {self.path} is no JSON: {reason}; expected texts, lists")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
