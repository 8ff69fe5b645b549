"""Metrics that the harness lacks; the files of tasks/ name them. Each is one number per item, and their mean counts."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

_LONGEST_ANSWER = 4000  # characters
_FENCE = re.compile(r"```(?:\w*\n)?(.*?)```", re.DOTALL)
_IGNORED = re.compile(r"[ ,./\-_*^]")


def bits_per_byte(doc: Mapping[str, Any], results: Sequence[float]) -> dict[str, float]:
    """How many bits a byte of the text takes with this model; lower is better, 8 is no model at all.

    Unlike perplexity per token it may be compared between tokenizers. Of each paragraph, and then the mean of all, so
    that an interval can be drawn over paragraphs; the harness's own divides the sums.
    """
    (log_likelihood,) = results
    return {"bits_per_byte": -log_likelihood / math.log(2) / len(doc["text"].encode())}


def score_call(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """`call`: whether the answer is a right call, function and every argument; `function`: whether the function is.

    As the Berkeley Function Calling Leaderboard's own check by syntax tree: arguments by name, no required one missing,
    none invented, each value among those that are right, spelling of strings aside.
    """
    right: dict[str, dict[str, list[Any]]] = json.loads(doc["answer"])
    ((name, arguments),) = right.items()
    called = read_call(results[0])
    if called is None or called[0] != name:
        return {"call": 0.0, "function": 0.0}
    return {"call": float(_are_right(called[1], arguments)), "function": 1.0}


def read_call(text: str) -> tuple[str, dict[str, Any]] | None:
    """The first call in an answer, `name(argument=value)`; None where there is none with named literal arguments."""
    fenced = _FENCE.search(text[:_LONGEST_ANSWER])
    code = (fenced[1] if fenced else text[:_LONGEST_ANSWER]).strip()
    try:
        tree = ast.parse(code)
        call = next((node for node in ast.walk(tree) if isinstance(node, ast.Call)), None)
        if call is None or call.args or any(keyword.arg is None for keyword in call.keywords):
            return None
        return ast.unparse(call.func), {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return None


def _are_right(given: Mapping[str, Any], right: Mapping[str, list[Any]]) -> bool:
    """Whether every argument is allowed; one that may be left out has an empty text among its values."""
    if set(given) - set(right):
        return False
    return all(_is_among(given[name], values) if name in given else "" in values for name, values in right.items())


def _is_among(value: Any, allowed: Sequence[Any]) -> bool:
    return any(_is_same(value, one) for one in allowed)


def _is_same(value: Any, right: Any) -> bool:
    if isinstance(value, str) and isinstance(right, str):
        return _spelled_alike(value, right)
    if isinstance(value, dict) and isinstance(right, dict):
        return _are_right(value, right)
    if isinstance(value, list | tuple) and isinstance(right, list):
        return len(value) == len(right) and all(map(_is_same, value, right))
    return isinstance(value, bool) == isinstance(right, bool) and bool(value == right)


def _spelled_alike(left: str, right: str) -> bool:
    return _plainly(left) == _plainly(right)


def _plainly(text: str) -> str:
    return _IGNORED.sub("", text).lower().replace("'", '"')
