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
from photochrom.errors import MissingExtra, PhotochromError
from photochrom.web import problems, routes
from photochrom.web.access import Proxies
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
    root_path: str = "",
    proxies: Proxies | None = None,
    metrics: bool = False,
) -> FastAPI:
    """The page, and the API that it uses.

    Args:
        model: the default model: a name, or the path of an .onnx file.
        hosts: names and addresses by which it may be called, without ports, through a proxy as
            well; 0.0.0.0 and :: stand for any address.
        token: what every API request must show as ``Authorization: Bearer ...``; None for nothing.
        limits: what it takes at most.
        root_path: at which a proxy shows it, such as "/colour"; the proxy may pass that on or not.
        proxies: that are believed about whom they ask for, beside those on this machine.
        metrics: whether ``/api/metrics`` tells operators how it does, as Prometheus has it.

    Raises:
        BadModel: there is no such model.
        MissingExtra: metrics, and prometheus-client is not installed (extra ``metrics``).
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
        redirect_slashes=False,  # to an address that a proxy may not show
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
        GuardMiddleware,
        hosts=frozenset(hosts),
        token=token,
        megabytes=limits.megabytes,
        proxies=proxies,
        root_path=root_path,
    )
    if metrics:
        _add_metrics(app, services)
    app.include_router(routes.router)
    app.include_router(routes.kept)
    app.mount("/static", StaticFiles(directory=routes.STATIC))
    return app


def _add_metrics(app: FastAPI, services: Services) -> None:
    try:
        from photochrom.web.metrics import CountingMiddleware, Metrics
    except ImportError as error:
        raise MissingExtra(error.name or str(error), "metrics") from error
    known = Metrics(services)
    app.add_middleware(CountingMiddleware, metrics=known)  # around the guard: it refuses some

    async def answer() -> Response:
        return known.answer()

    app.add_api_route("/api/metrics", answer, include_in_schema=False)


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
