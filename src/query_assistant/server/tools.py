"""The desk as tools of the Model Context Protocol, at /mcp: another assistant asks, explains, validates, compares and
executes without leaving its conversation.

By the protocol's own package rather than gradio's: gradio offers a page's events, with a page's inputs and HTML; these
are the desk's questions with typed answers, the same as under /api. Streamable HTTP without sessions: every call stands
for itself, so a restart loses nothing. A refusal is the tool's error, in one sentence.
"""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial
from typing import TypeVar

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette

from query_assistant import __version__
from query_assistant.errors import QueryAssistantError
from query_assistant.server.bounded_work import BoundedWork
from query_assistant.server.desk import Desk
from query_assistant.server.documents import (
    AnsweredQuestion,
    ApiName,
    ComparedQueries,
    ExecutedQuery,
    ExplainedQuery,
    QueryLine,
    QuestionText,
    ValidatedQuery,
)

PATH = "/mcp"
T = TypeVar("T")
INSTRUCTIONS = (
    "Queries for the BioThings APIs (genes, variants, chemicals, diseases) from questions in plain language. `ask` "
    "first: its answer says how sure it is, which words of the question the query does not cover, and other "
    "readings with their hits. Hits and rows are of a sample of real records. `explain` reads any query back, "
    "`validate` says why the API would refuse one, `compare` whether two find the same records."
)


def tool_server(desk: Desk, work: BoundedWork) -> MCPServer:
    """The tools of a desk."""
    server = MCPServer("query-assistant", version=__version__, instructions=INSTRUCTIONS, log_level="WARNING")

    @server.tool()
    async def ask(question: QuestionText, api: ApiName | None = None) -> AnsweredQuestion:
        """The API query for a question in plain language. Without `api` it is guessed."""
        begin, finish = partial(desk.begin, question, api), partial(desk.answered, question)
        return await _or_error(work.ask(begin, finish))

    @server.tool()
    async def explain(api: ApiName, query: QueryLine) -> ExplainedQuery:
        """A query in plain words and in parts, with its hits and first rows on a sample of real records."""
        return await _or_error(work.run(lambda: desk.explain(api, query)))

    @server.tool()
    async def validate(api: ApiName, query: QueryLine) -> ValidatedQuery:
        """Would the API accept a query, and why not?"""
        return await _or_error(work.run(lambda: desk.validate(api, query)))

    @server.tool()
    async def compare(api: ApiName, left: QueryLine, right: QueryLine) -> ComparedQueries:
        """How alike two queries are, judged by the records they mean, and what differs in words."""
        return await _or_error(work.run(lambda: desk.compare(api, left, right)))

    @server.tool()
    async def execute(api: ApiName, query: QueryLine, live: bool = False) -> ExecutedQuery:
        """The API's own JSON answer, from a sample of real records, or live where the server allows it."""
        return await _or_error(work.run(lambda: desk.execute(api, query, live=live)))

    return server


def tool_application(server: MCPServer) -> Starlette:
    """The server over HTTP. Who may call, under which name and from where is the gate's to say."""
    security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    return server.streamable_http_app(
        streamable_http_path=PATH, stateless_http=True, json_response=True, transport_security=security
    )


async def _or_error(work: Awaitable[T]) -> T:
    try:
        return await work
    except QueryAssistantError as error:
        raise ToolError(str(error)) from None
