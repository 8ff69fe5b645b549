"""The desk over HTTP, under /api; what is asked and answered is described in /api/openapi.json.

An error is {"error": "what, what was expected, what to do"} with 400 (bad input), 413 and 422 (of another form), 429
(too often), 503 (busy or without a model; Retry-After says when to ask again).
"""

from __future__ import annotations

import logging
from functools import partial
from typing import Annotated

from fastapi import APIRouter, FastAPI, Query
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect
from starlette.requests import Request as WebRequest
from starlette.types import Lifespan

from query_assistant import __version__
from query_assistant.corrections.store import Correction
from query_assistant.errors import BusyError, MissingResourceError, QueryAssistantError
from query_assistant.server.bounded_work import BoundedWork, unless_gone
from query_assistant.server.desk import Desk
from query_assistant.server.documents import (
    AnsweredQuestion,
    AskedComparison,
    AskedCorrection,
    AskedExecution,
    AskedQuery,
    AskedQuestion,
    AskedThumb,
    ComparedQueries,
    ExecutedQuery,
    ExplainedQuery,
    FieldHint,
    KeptCorrection,
    KeptThumb,
    ServerState,
    ValidatedQuery,
)

log = logging.getLogger(__name__)


def api_application(desk: Desk, work: BoundedWork, lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    """The endpoints with their description; whoever serves it puts page and MCP beside them."""
    app = FastAPI(
        title="Query Assistant",
        version=__version__,
        summary="Plain language in, the right BioThings API query out.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # their pages load programs from other hosts
        redoc_url=None,
        lifespan=lifespan,
    )
    app.include_router(_routes(desk, work))
    app.add_exception_handler(QueryAssistantError, _told)
    app.add_exception_handler(ClientDisconnect, _hung_up)
    app.add_exception_handler(RequestValidationError, _of_another_form)
    app.add_exception_handler(Exception, _unexpected)
    return app


def _routes(desk: Desk, work: BoundedWork) -> APIRouter:
    routes = APIRouter(prefix="/api")
    _asking(routes, desk, work)
    _correcting(routes, desk, work)
    return routes


def _asking(routes: APIRouter, desk: Desk, work: BoundedWork) -> None:
    @routes.get("/state", summary="Whether questions can be asked, and of which APIs")
    async def state() -> ServerState:
        return desk.state()

    @routes.post("/ask", summary="The query for a question, with everything there is to say of it")
    async def ask(asked: AskedQuestion, http: WebRequest) -> AnsweredQuestion:
        begin = partial(desk.begin, asked.question, asked.api)
        return await unless_gone(http, work.ask(begin, partial(desk.answered, asked.question)))

    @routes.post("/explain", summary="A query in words and parts, with its hits in the replica")
    async def explain(asked: AskedQuery) -> ExplainedQuery:
        return await work.run(lambda: desk.explain(asked.api, asked.query, asked.question))

    @routes.post("/validate", summary="Would the API accept a query, and why not?")
    async def validate(asked: AskedQuery) -> ValidatedQuery:
        return await work.run(lambda: desk.validate(asked.api, asked.query))

    @routes.post("/compare", summary="How alike are two queries, by their records?")
    async def compare(asked: AskedComparison) -> ComparedQueries:
        return await work.run(lambda: desk.compare(asked.api, asked.left, asked.right))

    @routes.post("/execute", summary="The API's own answer, from the replica or live")
    async def execute(asked: AskedExecution) -> ExecutedQuery:
        return await work.run(lambda: desk.execute(asked.api, asked.query, live=asked.live))

    @routes.get("/fields", summary="Fields that begin like what was typed")
    async def fields(
        api: Annotated[str, Query(max_length=64)], typed: Annotated[str, Query(max_length=200)] = ""
    ) -> list[FieldHint]:
        return await work.run(lambda: desk.hints(api, typed))


def _correcting(routes: APIRouter, desk: Desk, work: BoundedWork) -> None:
    @routes.post("/corrections", summary="Keep the right query for a question: at once an example")
    async def correct(asked: AskedCorrection) -> KeptCorrection:
        return await work.run(lambda: desk.correct(asked))

    @routes.get("/corrections", summary="The corrections that count, the latest first")
    async def corrected() -> list[Correction]:
        return await work.run(desk.corrected)

    @routes.delete("/corrections/{number}", status_code=204, summary="Take a correction back")
    async def withdraw(number: int) -> Response:
        await work.run(lambda: desk.withdraw(number))
        return Response(status_code=204)

    @routes.post("/thumbs", summary="Whether an answer was good, and why not")
    async def thumb(asked: AskedThumb) -> KeptThumb:
        return await work.run(lambda: desk.thumb(asked))


async def _told(_: WebRequest, error: Exception) -> JSONResponse:
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, BusyError) else {}
    if isinstance(error, BusyError | MissingResourceError):
        return JSONResponse({"error": str(error)}, 503, headers)
    return JSONResponse({"error": str(error)}, 400)


async def _hung_up(_: WebRequest, __: Exception) -> Response:
    return Response(status_code=499)  # read by nobody


async def _of_another_form(_: WebRequest, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return JSONResponse({"error": f"{where}: {first['msg']}; /api/openapi.json says what is expected"}, 422)


async def _unexpected(http: WebRequest, error: Exception) -> JSONResponse:
    log.error("%s %s failed: %s", http.method, http.url.path, type(error).__name__)
    return JSONResponse({"error": "this should not have happened; please report it"}, 500)
