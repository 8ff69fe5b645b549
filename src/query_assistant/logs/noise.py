"""What in an access log is no question, as conditions that DuckDB evaluates on distinct requests.

A request is one row: method ('' where the log has none), path as sent, status (0 where the log has none), crawler
(whether the user agent calls itself one), and what `counting` took out of the path: q (its decoded query text) and item
(the decoded identifier of a lookup).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import yaml

from query_assistant.apis import Api, api_folder
from query_assistant.errors import ConfigurationError
from query_assistant.inputs import read_text

CRAWLERS = r"(?i)bot\b|bot/|crawl|spider|slurp|scrapy|uptime|pingdom|healthcheck|monitor"

# Parameters the servers do not read: tracking, JSONP, and switches of the client libraries. Cut before counting.
IGNORED_PARAMETERS = (
    "callback", "jsonp", "email", "_", "returnall", "verbose", "as_dataframe", "df_index", "debug", "return_raw",
    "jsoninput", "timestamp",
)  # fmt: skip


@dataclass(frozen=True)
class Familiar:
    """Requests that say nothing about what people want.

    `monitors` are identifiers that probes ask for, `examples` the documentation's values (ids and query texts).
    """

    monitors: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()


def load_familiar(api: str) -> Familiar:
    """What data/apis/<api>/familiar.yaml lists; nothing for an API without that file."""
    file = api_folder(api) / "familiar.yaml"
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


def conditions(routes: Routes, familiar: Familiar) -> dict[str, str]:
    """SQL by kind of noise, in the order in which they are tried: the first that holds decides (docs/logs.md)."""
    base, names = re.escape(routes.base), routes.names
    any_version = _path(rf"^(?:/api)?(?:/v\d+)?/(?:query|{names})(?:[/?]|$)")
    asks_nothing = f"(method = 'POST' OR (method = '' AND NOT {_path(_ASKS_WITHOUT_TERMS)}))"
    return {
        "preflight": "method = 'OPTIONS'",
        "probe": "method = 'HEAD'",
        "status": _path(r"^/status(?:[/?]|$)"),
        "metadata": _path(rf"^(?:{base})?(?:/\w+)?/metadata(?:[/?]|$)"),
        "crawler": "crawler",
        # 304 is an answer: the client had it already.
        "redirect": "status BETWEEN 300 AND 399 AND status <> 304",
        "wrong_method": "status = 405",
        "page": _path(_page_pattern(routes)),
        "other_version": f"{any_version} AND NOT {_path(routes.pattern)}",
        "foreign_path": f"NOT {_path(routes.pattern)}",
        "continuation": _path(r"[?&]scroll_id="),
        "monitor": _one_of("item", familiar.monitors),
        "example": f"({_one_of('q', familiar.examples)} OR {_one_of('item', familiar.examples)})",
        "personal": "personal",
        "no_body": f"{asks_nothing} AND q IS NULL AND item = '' AND NOT {_path(r'[?&]ids?=')}",
    }


def classification(routes: Routes, familiar: Familiar) -> str:
    """One SQL expression: the kind of noise, or NULL for a request worth reading."""
    cases = " ".join(f"WHEN {fits} THEN {sql(kind)}" for kind, fits in conditions(routes, familiar).items())
    return f"CASE {cases} END"


def sql(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


# A log without methods does not tell a POST from a GET for everything; only these make sense without q.
_ASKS_WITHOUT_TERMS = r"[?&](?:facets|aggs|filter|sort|exists|missing|fetch_all)="
_SITE = r"^/(?:$|\?|favicon|robots\.txt|sitemap|apple-touch|static/|assets/|widget|about|faq|docs?(?:/|$))"
_FILE = r"^[^?]*\.(?:css|js|png|jpe?g|gif|svg|ico|woff2?|map|html?|txt|xml)(?:\?|$)"


def _page_pattern(routes: Routes) -> str:
    if not routes.pages:
        return f"{_SITE}|{_FILE}"
    pages = "|".join(re.escape(page) for page in routes.pages)
    return rf"{_SITE}|{_FILE}|^(?:{re.escape(routes.base)})?/(?:{pages})(?:/?$|/?\?|/[^v])"


def _path(pattern: str) -> str:
    return f"regexp_matches(path, {sql(pattern)})"


def _one_of(column: str, values: tuple[str, ...]) -> str:
    listed = ", ".join(sql(value.lower()) for value in values)
    return f"coalesce(lower({column}) IN ({listed}), false)" if values else "false"
