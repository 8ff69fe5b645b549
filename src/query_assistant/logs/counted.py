"""What is left of a log once its lines are counted. Apart from `counting`, so that workers need not load DuckDB."""

from __future__ import annotations

from dataclasses import dataclass

# The kind of requests that are set aside only because others of their shape are looked at.
SAME_SHAPE = "same_shape"


@dataclass(frozen=True)
class Request:
    """One distinct request and how many lines made it."""

    method: str
    path: str
    lines: int


@dataclass(frozen=True)
class Tally:
    """How many lines and distinct requests something concerns, with a few of them to look at."""

    lines: int
    distinct: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Counted:
    """A log's distinct requests. `noise` is by kind; `emails` counts lines whose e-mail parameter was cut."""

    requests: tuple[Request, ...]
    noise: dict[str, Tally]
    broken: tuple[str, ...]
    lines: int
    distinct: int
    emails: int
    repaired: int
    posts: dict[str, dict[str, int]]
