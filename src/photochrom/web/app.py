"""The application, put together."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from photochrom import __version__
from photochrom.errors import PhotochromError
from photochrom.web import bodies, nursery, trouble
from photochrom.web.children import Children
from photochrom.web.desk import Desk
from photochrom.web.engine import Engine
from photochrom.web.looks import add_looks, add_questions, add_whole
from photochrom.web.middleware import Guard, refusal
from photochrom.web.queue import Queue
from photochrom.web.routes import STATIC, add_facts, add_photos
from photochrom.web.sessions import Bounds, Sessions
from photochrom.web.trouble import Trouble

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_SWEEP = 60
"""Seconds between looks for photos that were kept long enough."""


@dataclass(frozen=True)
class Limits:
    """What the server takes at most."""

    megabytes: float = 64
    """Of a file."""
    megapixels: float = 100
    """Of all its pages."""
    at_once: int = 2
    """Pieces of work at a time: as many on files as on previews."""
    waiting: int = 32
    """Pieces of work of either kind that may wait."""
    seconds: float = 120
    """That one may take."""
    photos: int = 64
    """That are kept."""
    budget: float = 512
    """Megabytes that they may take."""
    kept: float = 1800
    """Seconds for which a photo is kept after it was last used."""

    @property
    def decoded(self) -> float:
        """Megabytes that decoding a page may take: what the largest photos in 8 bits do."""
        return 10 * self.megapixels

    @property
    def memory(self) -> float:
        """Megabytes that work on a photo may take: a model, and copies of the pixels."""
        return 1000 + 2 * self.decoded


def create_app(
    *,
    model: str | os.PathLike[str] | None = None,
    hosts: Collection[str] = LOOPBACK,
    token: str | None = None,
    limits: Limits | None = None,
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
    limits = limits or Limits()
    sessions = Sessions(limits.photos, int(limits.budget * 1e6), limits.kept)
    bounds = Bounds(limits.megapixels, limits.decoded)
    desk = Desk(Engine(model, bounds), sessions, limits.megabytes)

    @contextlib.asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        desk.light, desk.heavy = (
            Queue(limits.at_once, limits.waiting, limits.seconds) for _ in range(2)
        )
        desk.children = Children(int(limits.memory * 1e6))
        nursery.prepare()
        sweeper = asyncio.create_task(_sweep(sessions))
        yield
        sweeper.cancel()
        desk.light.close()
        desk.heavy.close()
        desk.children.close()

    app = FastAPI(
        title="photochrom",
        version=__version__,
        summary="Colour for black-and-white photographs",
        openapi_url="/api/openapi.json",
        docs_url=None,  # their scripts would come from elsewhere
        redoc_url=None,
        lifespan=living,
    )
    app.router.route_class = bodies.Route
    app.add_middleware(Guard, hosts=frozenset(hosts), token=token, megabytes=limits.megabytes)
    _answer_troubles(app)
    add_photos(app, desk)
    add_whole(app, desk)
    add_looks(app, desk)
    add_questions(app, desk)
    add_facts(app, desk)
    app.mount("/static", StaticFiles(directory=STATIC))
    return app


async def _sweep(sessions: Sessions) -> None:
    while True:
        await asyncio.sleep(_SWEEP)
        sessions.clear()


def _answer_troubles(app: FastAPI) -> None:
    @app.exception_handler(PhotochromError)
    async def ours(_: Request, error: PhotochromError) -> Response:
        return refusal(trouble.of(error))

    @app.exception_handler(MemoryError)
    async def memory(*_: object) -> Response:
        return refusal(trouble.memory())

    @app.exception_handler(RequestValidationError)
    async def shape(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:])
        if first["type"] == "json_invalid":
            place = ""
        words = f"{place}: {first['msg']}" if place else "The body cannot be read as JSON"
        return refusal(Trouble(422, "bad-request", f"{words}."))

    @app.exception_handler(HTTPException)
    async def plain(_: Request, error: HTTPException) -> Response:
        words = {404: "There is nothing here.", 405: "This cannot be done here."}
        sentence = words.get(error.status_code, "The request cannot be read.")
        answer = refusal(Trouble(error.status_code, "bad-request", sentence))
        answer.headers.update(error.headers or {})
        return answer
