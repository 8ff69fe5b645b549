"""Prompts are found again by the hash that answers carry, and cost little."""

from __future__ import annotations

from pathlib import Path

import pytest

from query_assistant.errors import InputError
from query_assistant.messages import Message, prompt_sha256
from query_assistant.systems.kept_prompts import PROMPTS, read_prompts, write_prompts


def prompt(number: int) -> list[Message]:
    fields = ", ".join(f"gene.field_{one}" for one in range(number, number + 40))
    return [Message("system", "You write API calls. " * 20), Message("user", f"{fields}\nFind gene {number} ü")]


def test_each_prompt_is_kept_once_and_found_by_its_hash(tmp_path: Path) -> None:
    prompts = [prompt(number) for number in range(100)]
    assert write_prompts(tmp_path / PROMPTS, [*prompts, *prompts]) == 100
    assert read_prompts(tmp_path / PROMPTS) == {prompt_sha256(one): tuple(one) for one in prompts}
    assert (tmp_path / PROMPTS).stat().st_size < 10_000 < sum(len(one[0].content) for one in prompts)


def test_the_same_prompts_in_any_order_are_the_same_bytes(tmp_path: Path) -> None:
    prompts = [prompt(number) for number in range(9)]
    write_prompts(tmp_path / "one.jsonl.gz", prompts)
    write_prompts(tmp_path / "other.jsonl.gz", reversed(prompts))
    assert (tmp_path / "one.jsonl.gz").read_bytes() == (tmp_path / "other.jsonl.gz").read_bytes()


def test_where_none_were_kept_there_are_none_and_other_files_are_refused(tmp_path: Path) -> None:
    assert read_prompts(tmp_path / PROMPTS) == {}
    (tmp_path / "other.jsonl").write_text('{"messages": [{"role": "wizard", "content": ""}]}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"other\.jsonl, line 1"):
        read_prompts(tmp_path / "other.jsonl")
