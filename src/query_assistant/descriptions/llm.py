"""Field descriptions written by a language model behind `complete`, in batches, checked and resumable.

Every answer that held is kept under the hash of its request, so that a run that was cut off, or is run again, asks only
for what is missing. An answer is used as far as it is right: what it leaves out, or gets wrong, is asked for again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tqdm import tqdm

from query_assistant.completions import Estimate, KeptCompletions, estimate, rows_schema
from query_assistant.descriptions.annotation import Subject
from query_assistant.errors import InputError
from query_assistant.messages import Message

SYSTEM = """\
You describe the fields of {title}, a web API about {about}, for biologists who search it.
For each field write one noun phrase of 6 to 30 words that says what the value is and of what, its unit, range and
direction (which way is worse or better) where you are sure of them, and ends with the source database in brackets.
For a field of type object, say what the fields below it have in common.
Do not repeat the field's path, do not begin with "The" or "This field", and do not guess: rather say less."""
ANSWER_TOKENS = 45  # of one field: its path, 20 words and the JSON around them
SHORTEST, LONGEST = 8, 300  # characters of a usable description


@dataclass(frozen=True)
class LlmAnnotator:
    """An `Annotator` that asks a model.

    Attributes:
        kept: the model and the answers it has given.
        title, about: of the API, for the prompt.
        batch: fields per request. Higher: fewer and cheaper requests, more left out per answer.
        attempts: requests per batch until every field of it has a description.
        usd_per_million: prices of prompt and answer tokens, for the estimate.
        announce: called once with the estimate before the first request.
    """

    kept: KeptCompletions
    title: str
    about: str
    batch: int = 20
    attempts: int = 3
    usd_per_million: tuple[float, float] = (0.0, 0.0)
    announce: Callable[[Estimate], None] = field(default=lambda estimate: None)

    def __call__(self, subjects: Sequence[Subject]) -> dict[str, str]:
        """A description per subject.

        Raises:
            InputError: some field had no usable description after all attempts; the message names them.
        """
        self.announce(self.estimate(subjects))
        written: dict[str, str] = {}
        for batch in tqdm(list(self._batches(subjects)), desc=f"describe {self.title}", unit="batch", disable=None):
            written.update(self._describe(batch))
        missing = [subject.field.name for subject in subjects if subject.field.name not in written]
        if missing:
            raise InputError(
                f"{self.kept.model} gave no usable description of {len(missing)} of {len(subjects)} fields after "
                f"{self.attempts} attempts: {', '.join(missing[:10])}; run again (finished batches are kept), "
                "or take a smaller batch or another model"
            )
        return written

    def estimate(self, subjects: Sequence[Subject]) -> Estimate:
        """Requests, tokens and price of the first attempts that no kept answer covers."""
        batches = list(self._batches(subjects))
        open_ = [batch for batch in batches if self.kept.find(self._messages(batch), _schema(batch)) is None]
        texts = [message.content for batch in open_ for message in self._messages(batch)]
        answer_tokens = sum(len(batch) for batch in open_) * ANSWER_TOKENS
        return estimate(len(open_), len(batches) - len(open_), texts, answer_tokens, self.usd_per_million)

    def _batches(self, subjects: Sequence[Subject]) -> Iterator[Sequence[Subject]]:
        for start in range(0, len(subjects), self.batch):
            yield subjects[start : start + self.batch]

    def _describe(self, batch: Sequence[Subject]) -> dict[str, str]:
        """Descriptions of a batch; each attempt asks only for what the ones before left out."""
        written: dict[str, str] = {}
        for attempt in range(self.attempts):
            left = [subject for subject in batch if subject.field.name not in written]
            if not left:
                break
            written.update(self._ask(left, attempt))
        return written

    def _ask(self, subjects: Sequence[Subject], attempt: int) -> dict[str, str]:
        messages, schema = self._messages(subjects, attempt), _schema(subjects)
        known = self.kept.find(messages, schema)
        if known is not None:
            return usable(known, subjects)
        found = usable(self.kept.complete(messages, schema), subjects)
        if found:
            rows = [{"field": name, "description": text} for name, text in found.items()]
            self.kept.keep(messages, schema, {"descriptions": rows})
        return found

    def _messages(self, subjects: Sequence[Subject], attempt: int = 0) -> list[Message]:
        system = SYSTEM.format(title=self.title, about=self.about)
        # A model that answers the same to the same words needs other words to try again.
        again = f"Attempt {attempt + 1}: an earlier answer left these fields out.\n" if attempt else ""
        lines = "\n".join(json.dumps(_shown(subject), ensure_ascii=False) for subject in subjects)
        return [Message("system", system), Message("user", f"{again}Describe these {len(subjects)} fields.\n{lines}")]


def usable(answer: str, subjects: Sequence[Subject]) -> dict[str, str]:
    """The descriptions in an answer that name an asked field and have a sensible length; nothing if it is no JSON."""
    try:
        rows = json.loads(answer)["descriptions"]
        pairs = [(row["field"], " ".join(row["description"].split())) for row in rows]
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    asked = {subject.field.name for subject in subjects}
    return {name: text for name, text in pairs if name in asked and SHORTEST <= len(text) <= LONGEST and text != name}


def _shown(subject: Subject) -> dict[str, str]:
    shown = {"field": subject.field.name, "type": subject.field.type}
    return shown | ({"example": subject.example} if subject.example else {})


def _schema(subjects: Sequence[Subject]) -> dict[str, Any]:
    """The JSON schema of an answer: only the asked fields, nothing else beside them."""
    names = [subject.field.name for subject in subjects]
    properties = {"field": {"type": "string", "enum": names}, "description": {"type": "string"}}
    return rows_schema("descriptions", properties, len(names))
