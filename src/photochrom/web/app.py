"""The application, put together."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Collection
from typing import cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from photochrom import __version__
from photochrom.errors import PhotochromError
from photochrom.web import problems, routes
from photochrom.web.middleware import GuardMiddleware
from photochrom.web.problems import RequestProblem
from photochrom.web.services import ServerLimits, Services

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def create_app(
    *,
    model: str | os.PathLike[str] | None = None,
    hosts: Collection[str] = LOOPBACK,
    token: str | None = None,
    limits: ServerLimits | None = None,
) -> FastAPI:
    """The page, and the API that it uses.

    Args:
        model: the default model: a name, or the path of an .onnx file.
        hosts: names and addresses by which it may be called, without ports, through a proxy as
            well; 0.0.0.0 and :: stand for any address.
        token: what every API request must show as ``Authorization: Bearer ...``; None for nothing.
        limits: what it takes at most.

    Raises:
        BadModel: there is no such model.
    """
    limits = limits or ServerLimits()
    services = Services(model, limits)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with services.running():
            yield

    app = FastAPI(
        title="photochrom",
        version=__version__,
        summary="Colour for black-and-white photographs",
        openapi_url="/api/openapi.json",
        docs_url=None,  # their scripts would come from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        exception_handlers={
            PhotochromError: _answer_error,
            MemoryError: _answer_error,
            RequestValidationError: _answer_invalid,
            HTTPException: _answer_http,
        },
    )
    app.state.services = services
    app.add_middleware(
        GuardMiddleware, hosts=frozenset(hosts), token=token, megabytes=limits.megabytes
    )
    app.include_router(routes.router)
    app.include_router(routes.kept)
    app.mount("/static", StaticFiles(directory=routes.STATIC))
    return app


async def _answer_error(_: Request, error: Exception) -> Response:
    return problems.as_problem(error).response()


async def _answer_invalid(_: Request, error: Exception) -> Response:
    first = cast("RequestValidationError", error).errors()[0]
    place = ".".join(str(part) for part in first["loc"][1:])
    if first["type"] == "json_invalid":
        place = ""
    words = f"{place}: {first['msg']}" if place else "The body cannot be read as JSON"
    return RequestProblem(422, "bad-request", f"{words}.").response()


async def _answer_http(_: Request, error: Exception) -> Response:
    error = cast("HTTPException", error)
    words = {404: "There is nothing here.", 405: "This cannot be done here."}
    sentence = words.get(error.status_code, "The request cannot be read.")
    answer = RequestProblem(error.status_code, "bad-request", sentence).response()
    answer.headers.update(error.headers or {})
    return answer
