"""Which request does what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

from fastapi import FastAPI, File, Form, Request, UploadFile
from fastapi.responses import FileResponse, Response

from photochrom import __version__
from photochrom.web import engine, shapes, trouble
from photochrom.web.engine import Engine
from photochrom.web.queue import Queue
from photochrom.web.sessions import Session, Sessions, analysed, check_size

STATIC = Path(__file__).with_name("static")
T = TypeVar("T")


class Desk:
    """What the requests share."""

    queue: Queue

    def __init__(self, engine: Engine, sessions: Sessions, megabytes: float) -> None:
        self.engine, self.sessions, self.megabytes = engine, sessions, megabytes

    async def upload(self, photo: UploadFile) -> bytes:
        """The bytes of a photo; Trouble where they are too many."""
        data = await photo.read()
        if len(data) > self.megabytes * 1e6:
            raise trouble.too_large(f"more than {self.megabytes:g} MB")
        return data


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a request may be answered with instead, for the description of the API."""
    always = (400, 401, 403, 413, 421, 422, 503, 504)
    return {
        status: {"model": shapes.Problem, "description": _WORDS[status]}
        for status in sorted({*always, *statuses})
    }


_WORDS = {
    400: "The request is wrong.",
    401: "The token is missing or wrong.",
    403: "The request came from a foreign page.",
    404: "The photo is not kept any more.",
    409: "In colour already, or a newer request has come.",
    413: "Too many bytes or pixels.",
    415: "Not a picture.",
    421: "The server has no such name.",
    422: "The request has not the described shape.",
    503: "The queue is full; Retry-After says when to come again.",
    504: "It takes too long.",
}


def _binary(kind: str, words: str) -> dict[int | str, dict[str, Any]]:
    content = {kind: {"schema": {"type": "string", "format": "binary"}}}
    return {200: {"content": content, "description": words}}


# --- photos that are kept -------------------------------------------------------------------------


def _told(session: Session, desk: Desk) -> shapes.Facts:
    height, width = session.preview.pixels.shape[:2]
    return shapes.Facts(
        id=session.id,
        name=session.name,
        width=session.width,
        height=session.height,
        pages=session.pages,
        tone=session.tone,
        preview=shapes.Extent(width=width, height=height),
        expires_in=int(desk.sessions.seconds),
    )


def add_photos(app: FastAPI, desk: Desk) -> None:
    """Send a photo, ask about it, take it away."""

    @app.post(
        "/api/photos", status_code=201, responses=_problems(415), summary="Keep a photo for a while"
    )
    async def send(request: Request, photo: Annotated[UploadFile, File()]) -> shapes.Facts:
        data = await desk.upload(photo)
        name = engine.named(photo.filename)

        def keep() -> Session:
            check_size(data, desk.engine.megapixels)
            return analysed(name, data)

        session = await desk.queue.run(request, keep)
        desk.sessions.add(session)
        return _told(session, desk)

    @app.get("/api/photos/{id}", responses=_problems(404), summary="What is known of a photo")
    async def facts(id: str) -> shapes.Facts:  # noqa: A002
        return _told(desk.sessions[id], desk)

    @app.delete(
        "/api/photos/{id}", status_code=204, responses=_problems(404), summary="Forget a photo"
    )
    async def forget(id: str) -> Response:  # noqa: A002
        desk.sessions.remove(id)
        return Response(status_code=204)

    picture = _binary("image/jpeg", "A preview.")

    @app.get(
        "/api/photos/{id}/grey",
        response_class=Response,
        responses=picture | _problems(404, 409),
        summary="The photo's lightness",
    )
    async def grey(request: Request, id: str) -> Response:  # noqa: A002
        session = desk.sessions[id]
        made = await desk.queue.run(request, lambda: engine.jpeg(engine.grey(session)))
        return Response(made, media_type="image/jpeg")

    @app.get(
        "/api/photos/{id}/original",
        response_class=Response,
        responses=picture | _problems(404, 409),
        summary="The photo as it came",
    )
    async def original(request: Request, id: str) -> Response:  # noqa: A002
        session = desk.sessions[id]
        made = await desk.queue.run(request, lambda: engine.jpeg(session.preview.pixels))
        return Response(made, media_type="image/jpeg")


# --- colour ---------------------------------------------------------------------------------------


def _attachment(name: str) -> dict[str, str]:
    """The header that names a file, in any script."""
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    coded = quote(name.encode("utf-8", "replace"))
    words = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{coded}"
    return {"Content-Disposition": words}


def _file(content: bytes, kind: str, name: str) -> Response:
    headers = _attachment(engine.result_name(name, kind))
    return Response(content, media_type=f"image/{kind.lower()}", headers=headers)


def add_looks(app: FastAPI, desk: Desk) -> None:
    """Colour a photo, and what one asks on the way."""
    colourist = desk.engine

    @app.post(
        "/api/colorize",
        response_class=Response,
        responses=_binary("image/*", "The photo in its own format.") | _problems(409, 415),
        summary="Colour a photo that is not kept",
    )
    async def whole(
        request: Request,
        photo: Annotated[UploadFile, File()],
        hints: Annotated[str, Form(max_length=200_000)] = "",
        vivid: Annotated[float | None, Form(ge=0, le=1, allow_inf_nan=False)] = None,
        strength: Annotated[float, Form(ge=0, le=1.5, allow_inf_nan=False)] = 1.0,
        size: Annotated[int | None, Form(ge=32, le=512)] = None,
        model: Annotated[str | None, Form(max_length=100)] = None,
        recolor: Annotated[bool, Form()] = False,
        strip: Annotated[bool, Form()] = False,
        mark: Annotated[bool, Form()] = True,
    ) -> Response:
        given = shapes.hints_of(hints)
        look = shapes.Wish(
            vivid=vivid, strength=strength, size=size, model=model, strip=strip, mark=mark
        )
        data, name = await desk.upload(photo), engine.named(photo.filename)
        work = _later(colourist.full, data, given, look, recolor=recolor)
        content, kind = await desk.queue.run(request, work)
        return _file(content, kind, name)

    @app.post(
        "/api/photos/{id}/colorize",
        response_class=Response,
        responses=_binary("image/*", "A preview, or the whole photo.") | _problems(404, 409),
        summary="Colour a photo that is kept",
    )
    async def colour(request: Request, id: str, wish: shapes.Wish) -> Response:  # noqa: A002
        session = desk.sessions[id]
        given = shapes.hints(wish.hints)
        if wish.full:
            work = _later(colourist.full, session.data, given, wish, recolor=True)
            content, kind = await desk.queue.run(request, work)
            return _file(content, kind, session.name)
        unwanted = _newest(session) if wish.side is None else lambda: False
        preview = _later(colourist.preview, session, given, wish)
        made = await desk.queue.run(request, preview, unwanted=unwanted)
        return Response(made, media_type="image/jpeg")

    @app.post(
        "/api/photos/{id}/comparison",
        response_class=Response,
        responses=_binary("image/jpeg", "Before and after.") | _problems(404, 409),
        summary="Before and after in one picture",
    )
    async def compare(request: Request, id: str, wish: shapes.Wish) -> Response:  # noqa: A002
        session = desk.sessions[id]
        work = _later(colourist.comparison, session, shapes.hints(wish.hints), wish)
        made = await desk.queue.run(request, work)
        name = f"{Path(session.name).stem}.before-after.jpg"
        return Response(made, media_type="image/jpeg", headers=_attachment(name))

    @app.post(
        "/api/photos/{id}/palette", responses=_problems(404, 409), summary="The colours of a point"
    )
    async def palette(request: Request, id: str, point: shapes.Point) -> shapes.Palette:  # noqa: A002
        session = desk.sessions[id]
        work = _later(colourist.palette, session, shapes.hints(point.hints), point)
        return await desk.queue.run(request, work)

    @app.post(
        "/api/photos/{id}/samples",
        responses=_problems(404, 409),
        summary="Other versions, as hints",
    )
    async def samples(request: Request, id: str, drawing: shapes.Drawing) -> shapes.Versions:  # noqa: A002
        session = desk.sessions[id]
        work = _later(colourist.versions, session, shapes.hints(drawing.hints), drawing)
        return await desk.queue.run(request, work)

    @app.post(
        "/api/photos/{id}/uncertainty",
        response_class=Response,
        responses=_binary("image/png", "To lay over the preview.") | _problems(404, 409),
        summary="Where the model guesses",
    )
    async def uncertainty(request: Request, id: str, asked: shapes.Question) -> Response:  # noqa: A002
        session = desk.sessions[id]
        work = _later(colourist.uncertainty, session, shapes.hints(asked.hints))
        return Response(await desk.queue.run(request, work), media_type="image/png")


def _later(work: Callable[..., T], *given: Any, **options: Any) -> Callable[[], T]:
    return lambda: work(*given, **options)


def _newest(session: Session) -> Callable[[], bool]:
    """Whether, when its turn has come, another preview is wanted instead."""
    session.wanted += 1
    mine = session.wanted
    return lambda: session.wanted != mine


# --- facts ----------------------------------------------------------------------------------------


def add_facts(app: FastAPI, desk: Desk) -> None:
    """What needs no photo."""

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(STATIC / "index.html")

    @app.get("/api/health", responses=_problems(), summary="How the server does")
    async def health() -> shapes.Health:
        queue = desk.queue
        return shapes.Health(
            status="ok", version=__version__, working=queue.working, waiting=queue.waiting
        )

    @app.get("/api/models", responses=_problems(), summary="The models there are")
    async def models(request: Request) -> shapes.Models:
        return await desk.queue.run(request, desk.engine.models)

    @app.get("/api/samples-photos", responses=_problems(), summary="Photographs to try it with")
    async def photographs() -> shapes.Samples:
        found = sorted(path.name for path in (STATIC / "samples").glob("*.jpg"))
        return shapes.Samples(photos=[shapes.Sample(name=name) for name in found])
