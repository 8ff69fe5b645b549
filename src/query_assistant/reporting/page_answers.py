"""What a page lists: every question with each system's answer, its verdict, and the prompt that it was given to."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from query_assistant.apis import load_api
from query_assistant.judging.comparison import LADDER
from query_assistant.messages import Message, prompt_sha256
from query_assistant.queries.request import to_text
from query_assistant.records import Pair, Response
from query_assistant.scoring import Judge
from query_assistant.scoring.documents import score_system
from query_assistant.statistics import Resampling
from query_assistant.systems.evaluation_sets import BENCHMARK, Item
from query_assistant.systems.published import is_installed, open_published

Judged = dict[str, Any]
DIGITS = 12  # of a prompt's hash, by which the page finds it


def judged(
    responses: Mapping[str, Sequence[Response]], sets: Mapping[str, Sequence[Item]], judge: Judge
) -> list[Judged]:
    """Every item with its right query and what each system answered: text, relation, class of error, differences."""
    items: dict[str, Judged] = {
        item.id: {
            "set": name,
            "id": item.id,
            "api": item.api,
            "constructs": list(item.constructs if isinstance(item, Pair) else item.tags),
            "instruction": item.instruction,
            "right": to_text(item),
            "answers": {},
        }
        for name, members in sets.items()
        for item in members
    }
    for system, given in responses.items():
        asked = {response.id: response for response in given}
        mine = {name: [item for item in members if item.id in asked] for name, members in sets.items()}
        mine = {name: members for name, members in mine.items() if members or name == BENCHMARK}
        _, rows = score_system(system, given, mine, judge, Resampling(1), seed=0, text_metrics=False)
        for row in rows:
            item, response = items[str(row["id"])], asked[str(row["id"])]
            verdict = {name: row[name] for name in ("answer", "relation", "error", "differences") if row.get(name)}
            reached = LADDER.index(row["relation"]) <= LADDER.index("selection")
            prompt = {"prompt": response.prompt_sha256[:DIGITS], "tokens": response.prompt_tokens}
            item["answers"][system] = {**verdict, "right": reached, **prompt}
            item["group"] = row["group"]
    return [item for item in items.values() if item["answers"]]


def without_group(item: Judged) -> Judged:
    return {name: value for name, value in item.items() if name != "group"}


def packed_prompts(prompts: Mapping[str, Sequence[Message]], items: Sequence[Judged]) -> str:
    """The prompts of these answers, by the first digits of their hashes, as the page unpacks them; empty without any.

    Base64 of gzipped JSON: {"0f3a...": [["system", "You write ..."], ["user", "genes named CDK2"]]}
    """
    asked = {answer["prompt"] for item in items for answer in item["answers"].values()}
    known = {sha256[:DIGITS]: messages for sha256, messages in sorted(prompts.items()) if sha256[:DIGITS] in asked}
    said = {name: [[one.role, one.content] for one in messages] for name, messages in known.items()}
    text = json.dumps(said, ensure_ascii=False).encode()
    return base64.b64encode(gzip.compress(text, 9, mtime=0)).decode() if said else ""


def published_prompts(root: Path, systems: Iterable[str], items: Sequence[Item]) -> dict[str, list[Message]]:
    """What the published assistant would be shown for these items, by hash; none where it is not installed.

    Where a hash is that of an answer, it is the very prompt, though it was not kept.
    """
    if not is_installed(root):
        return {}
    apis = {name: load_api(name) for name in sorted({item.api for item in items})}
    found: dict[str, list[Message]] = {}
    for examples, context in sorted({tuple(system.split("-")[1:3]) for system in systems}):  # no other word matters
        builder = open_published(root, apis, f"finetuned-{examples}-{context}-free").builder
        builder.prepare([item.instruction for item in items])
        prompts = [builder.build(item.instruction, item.api) for item in items]
        found.update((prompt_sha256(messages), messages) for messages in prompts)
    return found
