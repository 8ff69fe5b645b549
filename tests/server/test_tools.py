"""The tools through a real client of the protocol, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from mcp import Client

from query_assistant.replica.connections import running
from query_assistant.server.desk import Desk
from query_assistant.server.gate import GateRules
from query_assistant.server.hosting import web_application


@pytest.fixture
def address(desk: Desk) -> Iterator[str]:
    with running(web_application(desk, GateRules(calls_per_minute=0), with_page=False)) as served:
        yield f"{served}/mcp"


def called(address: str, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    async def talk() -> list[Any]:
        async with Client(address) as client:
            return [await client.call_tool(name, arguments) for name, arguments in calls]

    return asyncio.run(talk())


def test_the_tools_are_these_and_say_what_they_answer(address: str) -> None:
    async def listed() -> Any:
        async with Client(address) as client:
            return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in asyncio.run(listed())}
    assert sorted(tools) == ["ask", "compare", "execute", "explain", "validate"]
    assert all(tool.description and tool.output_schema for tool in tools.values())


def test_every_tool_answers_with_a_document(address: str) -> None:
    query = "/v3/query?q=name:insulin&species=mouse"
    asked, said, wrong, same, done = called(
        address,
        ("ask", {"question": "insulin genes of mice"}),
        ("explain", {"api": "mygene", "query": query}),
        ("validate", {"api": "mygene", "query": "/v3/query?q=nope.x:1"}),
        ("compare", {"api": "mygene", "left": query, "right": query + "&size=3"}),
        ("execute", {"api": "mygene", "query": query}),
    )
    assert asked.structured_content["explained"]["answer"]["hits"] == 4
    assert [part["meaning"] for part in said.structured_content["parts"]][1] == "name mentions insulin"
    assert wrong.structured_content["valid"] is False
    assert (same.structured_content["relation"], same.structured_content["same_records"]) == ("selection", True)
    assert done.structured_content["body"]["total"] == 4


def test_a_refusal_is_the_tool_s_error_in_one_sentence(address: str) -> None:
    (unknown, empty) = called(
        address, ("ask", {"question": "a", "api": "nope"}), ("explain", {"api": "mygene", "query": "?"})
    )
    assert unknown.is_error
    assert "unknown API 'nope'; served here are mygene" in unknown.content[0].text
    assert empty.is_error
    assert "expected a path" in empty.content[0].text
