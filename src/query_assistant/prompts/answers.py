"""From what a model wrote to the query it meant.

Two readings, reported side by side: the strict one wants the call and nothing else, as a program would; the lenient
one finds the call in fences, prose, quotes, full URLs and percent-encoding, as a patient person would. Neither
repairs a query.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import unquote

from query_assistant.errors import InputError
from query_assistant.nesting import is_shallow
from query_assistant.queries.request import from_text
from query_assistant.records import Query

_FENCE = re.compile(r"```[\w-]*\n?(.*?)(?:```|$)|`([^`\n]+)`", re.DOTALL)
_CALL = re.compile(r"(?:https?://[^\s/]+|\b[\w-]+(?:\.[\w-]+)+)?(?P<path>/?\bv\d+/\S.*)|(?P<rooted>/v\d+/\S.*)")
_QUOTED = {"'": "'", '"': '"', "(": ")", "<": ">", "[": "]", "*": "*"}
_KEPT_ENCODED = re.compile(r"%(?:25|26|23|2B)", re.IGNORECASE)
_LONGEST = 20_000
_DEEPEST = 51  # levels of a body: the servers read two, and files of answers must be readable again


def read_answer(text: str) -> Query | None:
    """The call that the answer is, word for word; None where it is anything else or more."""
    line = text.strip()
    if "\n" in line or not line.startswith(("/", "POST /")):
        return None
    return _read(line)


def read_answer_leniently(text: str) -> Query | None:
    """The first call found in the answer; None where there is none."""
    strict = read_answer(text)
    if strict is not None:
        return strict
    return next((query for line in _candidates(text[:_LONGEST]) if (query := _read(line))), None)


def _read(line: str) -> Query | None:
    try:
        query = from_text(line)
    except InputError:
        return None
    return query if is_shallow(query.body, _DEEPEST) else None


def _candidates(text: str) -> Iterator[str]:
    """Lines that may be a call, the likeliest first: those in fences, then all others."""
    fenced = [first or second for first, second in _FENCE.findall(text)]
    for part in [*fenced, text]:
        for line in part.splitlines():
            yield from _calls(line)


def _calls(line: str) -> Iterator[str]:
    found = _CALL.search(line)
    if found is None:
        return
    before = line[: found.start()]
    path = "/" + (found["path"] or found["rooted"]).lstrip("/")
    path = _without_quotes(path, before)
    if re.search(r"\bPOST\b", before):
        path, _, body = path.partition("{")
        yield from _post(path, "{" + body)
    else:
        yield _decoded(path)


def _post(path: str, body: str) -> Iterator[str]:
    """`POST path {json}` where a JSON object follows the path, whatever comes after it."""
    try:
        document, _ = json.JSONDecoder().raw_decode(body)
    except (ValueError, RecursionError):
        return
    words = path.split()
    if words and isinstance(document, dict):
        yield f"POST {words[0].rstrip(',:;')} {json.dumps(document, ensure_ascii=False)}"


def _without_quotes(path: str, before: str) -> str:
    """The path up to the quote or bracket that was opened before it, or without a sentence's last full stop."""
    closing = _QUOTED.get(before[-1:])
    if closing is not None:
        return path.partition(closing)[0]
    return path.rstrip().rstrip("`").rstrip(".,;")


def _decoded(path: str) -> str:
    """A percent-encoded path as a person writes it; the four signs that must stay encoded do."""
    if not re.search(r"%[0-9A-Fa-f]{2}", path) and "+" not in path:
        return path
    kept = _KEPT_ENCODED.split(path.replace("+", " "))
    signs = _KEPT_ENCODED.findall(path)
    parts = [unquote(part) for part in kept]
    return "".join(part + sign.upper() for part, sign in zip(parts, [*signs, ""], strict=True))
