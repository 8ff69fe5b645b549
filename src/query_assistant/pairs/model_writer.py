"""Instructions by a language model, behind one seam: `complete(messages, json_schema) -> str`.

Queries go out in batches, each with what the query says in plain terms, the fields it names and the documentation that
belongs to them. Answers must fit the JSON schema; what comes back is checked like everything else. Every answer is kept
under the hash of its request, so that a stopped run goes on where it was and nothing is paid for twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from query_assistant.completions import Estimate, KeptCompletions, estimate, rows_schema
from query_assistant.errors import MissingResourceError
from query_assistant.messages import Message
from query_assistant.records import FieldDescription, Form, GoodQuery

Progress = Callable[[int, int], None]

FORMS: tuple[Form, ...] = ("imperative", "question", "keywords")
ANSWER_TOKENS = 90  # of one query: three instructions of 20 words and the JSON around them
NAME = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+)*")


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """`batch`: queries per request (higher: cheaper, more mix-ups). `retries`: tries after an unusable answer.
    `fields_shown`: descriptions in a request, for each of its queries. `usd_per_million`: prices of prompt and answer
    tokens, for the estimate.
    """

    batch: int = 10
    retries: int = 2
    fields_shown: int = 12
    usd_per_million: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Instructed:
    """The model's instructions for one query, by form."""

    query: GoodQuery
    instructions: Mapping[Form, str]


class ModelWriter:
    """Asks a model for instructions, batch by batch."""

    def __init__(
        self,
        api_title: str,
        fields: Sequence[FieldDescription],
        documentation: str,
        kept: KeptCompletions,
        settings: ModelSettings,
        announce: Callable[[Estimate], None] = lambda estimate: None,
    ) -> None:
        self.api_title = api_title
        self.fields = {each.field: each for each in fields}
        self.documentation = documentation
        self.kept = kept
        self.settings = settings
        self.announce = announce
        self.unusable = 0

    def write(self, queries: Sequence[GoodQuery], progress: Progress | None = None) -> Iterator[Instructed]:
        """Instructions for the queries, in their order; a query that the model would not answer is left out.

        Raises:
            MissingResourceError: no batch at all was answered usably.
        """
        self.announce(self.estimate(queries))
        answered = 0
        for start in range(0, len(queries), self.settings.batch):
            batch = queries[start : start + self.settings.batch]
            for found in self._of_batch(batch):
                answered += 1
                yield found
            if progress is not None:
                progress(min(start + len(batch), len(queries)), len(queries))
        if queries and not answered:
            raise MissingResourceError(
                f"{self.kept.model} gave no usable instruction for {len(queries)} queries; "
                "expected JSON by the given schema: choose another model, or pair=template"
            )

    def estimate(self, queries: Sequence[GoodQuery]) -> Estimate:
        """Requests, tokens and price of what no kept answer covers."""
        starts = range(0, len(queries), self.settings.batch)
        batches = [queries[start : start + self.settings.batch] for start in starts]
        open_ = [one for one in batches if self.kept.find(self._messages(one), answer_schema(len(one))) is None]
        texts = [message.content for batch in open_ for message in self._messages(batch)]
        answer_tokens = sum(map(len, open_)) * ANSWER_TOKENS
        return estimate(len(open_), len(batches) - len(open_), texts, answer_tokens, self.settings.usd_per_million)

    def _of_batch(self, batch: Sequence[GoodQuery]) -> list[Instructed]:
        messages, schema = self._messages(batch), answer_schema(len(batch))
        known = self.kept.find(messages, schema)
        if known is not None:
            return _read(known, batch) or []
        for _ in range(self.settings.retries + 1):
            answer = self.kept.complete(messages, schema)
            found = _read(answer, batch)
            if found is not None:
                self.kept.keep(messages, schema, json.loads(answer))
                return found
            self.unusable += 1
        return []

    def _messages(self, batch: Sequence[GoodQuery]) -> list[Message]:
        environment = Environment(
            loader=PackageLoader("query_assistant.prompts", "templates"), undefined=StrictUndefined, trim_blocks=True
        )
        known = [self.fields[name] for name in self._named(batch)][: self.settings.fields_shown * len(batch)]
        system = environment.get_template("pair_system.j2").render(api=self.api_title)
        shown = [{"number": number, "call": _call(query)} for number, query in enumerate(batch, start=1)]
        user = environment.get_template("pair_user.j2").render(
            queries=shown, fields=known, documentation=self.documentation
        )
        return [Message("system", system.strip()), Message("user", user.strip())]

    def _named(self, batch: Sequence[GoodQuery]) -> list[str]:
        """The fields that the batch names, each once."""
        texts = " ".join(_call(query) for query in batch)
        return list(dict.fromkeys(name for name in NAME.findall(texts) if name in self.fields))


def answer_schema(count: int) -> dict[str, Any]:
    """What the model has to answer: for each query, by its number, one text per form."""
    properties: dict[str, Any] = {"number": {"type": "integer"}} | {form: {"type": "string"} for form in FORMS}
    return rows_schema("instructions", properties, count)


def _read(answer: str, batch: Sequence[GoodQuery]) -> list[Instructed] | None:
    """The instructions in an answer; None where it does not hold exactly one item for each query."""
    try:
        items = {item["number"]: item for item in json.loads(answer)["instructions"]}
        texts: list[dict[Form, str]] = [
            {form: items[number][form].strip() for form in FORMS} for number in range(1, len(batch) + 1)
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if len(items) != len(batch):
        return None
    return [Instructed(query, each) for query, each in zip(batch, texts, strict=True)]


def _call(query: GoodQuery) -> str:
    return query.query if query.body is None else f"POST {query.query} {json.dumps(query.body, ensure_ascii=False)}"
