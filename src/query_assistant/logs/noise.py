"""What in an access log is no question, as conditions that DuckDB evaluates on distinct requests.

A request is one row: method ('' where the log has none), path as sent, status (0 where the log has none), crawler
(whether the user agent calls itself one), and what `counting` took out of the path: q (its decoded query text) and item
(the decoded identifier of a lookup). What all APIs share is in data/apis/familiar.yaml.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from query_assistant.apis import FOLDER, Api, api_folder
from query_assistant.errors import ConfigurationError, InputError
from query_assistant.inputs import read_text
from query_assistant.project import project_root

FILE = "familiar.yaml"


class Noise(BaseModel):
    """What is no question to any API of the family; data/apis/familiar.yaml explains the keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ignored: tuple[str, ...]
    crawlers: tuple[str, ...]
    pages: tuple[str, ...]
    alone: tuple[str, ...]
    telling: tuple[str, ...]

    @field_validator("ignored", "alone", "telling")
    @classmethod
    def _are_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := next((name for name in names if not re.fullmatch(r"[A-Za-z_][\w.]*", name)), None):
            raise ValueError(f"{wrong!r} is no name of a parameter, letters and digits; mend or remove it")
        return names

    @field_validator("crawlers", "pages")
    @classmethod
    def _are_patterns(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            if not pattern:
                raise ValueError("an empty pattern fits everything; remove it")
            try:
                re.compile(pattern)
                pc.match_substring_regex(pa.array([""]), pattern)
            except (re.error, pa.ArrowInvalid) as error:
                raise ValueError(f"pattern {pattern!r} is no regular expression of RE2: {error}") from None
        return patterns

    @cached_property
    def crawler(self) -> re.Pattern[str]:
        """What the user agent of a crawler or monitor holds."""
        return re.compile(any_of(self.crawlers), re.IGNORECASE)


def load_noise() -> Noise:
    """What is no question to any API of the family, read once.

    Raises:
        ConfigurationError: the file is missing, or says something impossible.
    """
    return _noise(project_root() / FOLDER / FILE)


@lru_cache(maxsize=8)
def _noise(file: Path) -> Noise:
    try:
        return Noise.model_validate(yaml.safe_load(read_text(file)))
    except (InputError, yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"cannot read {FOLDER}/{FILE}: {reason}; expected YAML") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigurationError(f"{FOLDER}/{FILE}: {where}: {first['msg']} (found {first['input']!r})") from None


@dataclass(frozen=True)
class Familiar:
    """Requests to one API that say nothing about what people want.

    `monitors` are identifiers that probes ask for, `examples` the documentation's values (ids and query texts).
    """

    monitors: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()


def load_familiar(api: str) -> Familiar:
    """What data/apis/<api>/familiar.yaml lists; nothing for an API without that file."""
    file = api_folder(api) / FILE
    listed = yaml.safe_load(read_text(file)) if file.is_file() else {}
    unknown = set(listed) - {"monitors", "examples"}
    if unknown:
        raise ConfigurationError(f"{file} has {sorted(unknown)[0]!r}; expected monitors or examples")
    return Familiar(**{kind: tuple(str(value) for value in values) for kind, values in listed.items()})


@dataclass(frozen=True)
class Routes:
    """Where an API answers: the base (`/v3`), the words of paths that name records (`gene`) and those of `pages`."""

    base: str
    entities: tuple[str, ...]
    pages: tuple[str, ...] = ()

    @classmethod
    def of(cls, api: Api) -> Routes:
        return cls(f"/{api.version}", tuple(api.entities), tuple(sorted(api.pages)))

    @property
    def pattern(self) -> str:
        """Paths that ask for records."""
        return rf"^{re.escape(self.base)}/(?:(?:{self.names})/)?(?:query|{self.names})(?:[/?]|$)"

    @property
    def names(self) -> str:
        return "|".join(re.escape(name) for name in self.entities)


def told_by_address(routes: Routes) -> dict[str, str]:
    """SQL by kind of noise that is told without looking at what is asked, in the order in which they are tried."""
    base, names = re.escape(routes.base), routes.names
    metadata = _path(rf"^(?:{base})?(?:/\w+)?/metadata(?:[/?]|$)")
    any_version = _path(rf"^(?:/api)?(?:/v\d+)?/(?:query|{names})(?:[/?]|$)")
    return {
        "preflight": "method = 'OPTIONS'",
        "probe": "method = 'HEAD'",
        "status": f"starts_with(path, '/status') AND {_path(r'^/status(?:[/?]|$)')}",
        "metadata": f"contains(path, '/metadata') AND {metadata}",
        "crawler": "crawler",
        # 304 is an answer: the client had it already.
        "redirect": "status BETWEEN 300 AND 399 AND status <> 304",
        "wrong_method": "status = 405",
        "page": _path(any_of((*load_noise().pages, *_pages(routes)))),
        "other_version": f"NOT {_path(routes.pattern)} AND {any_version}",
        "foreign_path": f"NOT {_path(routes.pattern)}",
        "continuation": f"contains(path, 'scroll_id=') AND {_path('[?&]scroll_id=')}",
    }


def told_by_content(routes: Routes, familiar: Familiar) -> dict[str, str]:
    """The same of the kinds that are told by what is asked; `counting` tells personal ones before the last of them."""
    alone = _path(rf"[?&](?:{any_of(map(re.escape, load_noise().alone))})=")
    asks_nothing = f"(method = 'POST' OR (method = '' AND NOT {alone}))"
    return {
        "monitor": _one_of("item", familiar.monitors),
        "example": f"({_one_of('q', familiar.examples)} OR {_one_of('item', familiar.examples)})",
        "no_body": f"{asks_nothing} AND q IS NULL AND item = '' AND NOT {_path(r'[?&]ids?=')}",
    }


def first_of(conditions: Mapping[str, str]) -> str:
    """One SQL expression: the first kind whose condition holds, or NULL."""
    cases = " ".join(f"WHEN {fits} THEN {sql(kind)}" for kind, fits in conditions.items())
    return f"CASE {cases} END"


def sql(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def any_of(patterns: Iterable[str]) -> str:
    """A pattern that fits where any of them does."""
    return "|".join(patterns)


def _pages(routes: Routes) -> Iterator[str]:
    """Paths of the pages that an API has below its base or without it."""
    if routes.pages:
        pages = any_of(map(re.escape, routes.pages))
        yield rf"^(?:{re.escape(routes.base)})?/(?:{pages})(?:/?$|/?\?|/[^v])"


def _path(pattern: str) -> str:
    return f"regexp_matches(path, {sql(pattern)})"


def _one_of(column: str, values: tuple[str, ...]) -> str:
    listed = ", ".join(sql(value.lower()) for value in values)
    return f"coalesce(lower({column}) IN ({listed}), false)" if values else "false"
