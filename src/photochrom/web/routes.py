"""Requests about photos that are kept, and for what needs no photo."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, Response

from photochrom import __version__
from photochrom.web import engine, schemas
from photochrom.web.children import Errand
from photochrom.web.clients import client
from photochrom.web.desk import Desk, Id, Upload, binary, jpeg, problems
from photochrom.web.sessions import Session, analysed

STATIC = Path(__file__).with_name("static")


def _told(session: Session, desk: Desk) -> schemas.Facts:
    height, width = session.preview.pixels.shape[:2]
    sight = session.sight
    return schemas.Facts(
        id=session.id,
        name=session.name,
        width=sight.width,
        height=sight.height,
        pages=sight.pages,
        tone=sight.tone,
        preview=schemas.Extent(width=width, height=height),
        expires_in=int(desk.sessions.seconds),
        notes=list(sight.notes),
    )


def add_photos(app: FastAPI, desk: Desk) -> None:
    """Send a photo, ask about it, take it away."""

    @app.post(
        "/api/photos", status_code=201, responses=problems(415), summary="Keep a photo for a while"
    )
    async def send(request: Request, photo: Upload) -> schemas.Facts:
        """It is read once, and found by its id until it was not used for `expires_in` seconds."""
        file, name = desk.file(photo), engine.named(photo.filename)

        owner = client(request.scope)

        def keep(errand: Errand) -> Session:
            data = file.read()
            return Session(name, data, errand.do(analysed, data, desk.engine.bounds), owner)

        session = await desk.send(request, keep)
        desk.sessions.add(session)
        return _told(session, desk)

    @app.get("/api/photos/{id}", responses=problems(404), summary="What is known of a photo")
    async def facts(id: Id) -> schemas.Facts:  # noqa: A002
        return _told(desk.sessions[id], desk)

    @app.delete(
        "/api/photos/{id}", status_code=204, responses=problems(404), summary="Forget a photo"
    )
    async def forget(id: Id) -> Response:  # noqa: A002
        desk.sessions.remove(id)
        return Response(status_code=204)

    picture = binary("image/jpeg", "A preview.")

    @app.get(
        "/api/photos/{id}/grey",
        response_class=Response,
        responses=picture | problems(404, 409),
        summary="The photo's lightness",
    )
    async def grey(request: Request, id: Id) -> Response:  # noqa: A002
        session = desk.sessions[id]
        return jpeg(await desk.look(request, lambda: engine.jpeg(engine.grey(session))))

    @app.get(
        "/api/photos/{id}/original",
        response_class=Response,
        responses=picture | problems(404, 409),
        summary="The photo as it came",
    )
    async def original(request: Request, id: Id) -> Response:  # noqa: A002
        session = desk.sessions[id]
        return jpeg(await desk.look(request, lambda: engine.jpeg(session.preview.pixels)))


def add_facts(app: FastAPI, desk: Desk) -> None:
    """What needs no photo."""

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(STATIC / "index.html")

    @app.get("/api/health", responses=problems(), summary="How the server does")
    async def health() -> schemas.Health:
        queues = desk.light, desk.heavy
        return schemas.Health(
            status="ok",
            version=__version__,
            working=sum(queue.working for queue in queues),
            waiting=sum(queue.waiting for queue in queues),
        )

    @app.get("/api/models", responses=problems(), summary="The models there are")
    async def models(request: Request) -> schemas.Models:
        told = desk.engine.told
        return await desk.light.run(request, desk.engine.models) if told is None else told

    @app.get("/api/samples-photos", responses=problems(), summary="Photographs to try it with")
    async def photographs() -> schemas.Samples:
        found = sorted(path.name for path in (STATIC / "samples").glob("*.jpg"))
        return schemas.Samples(photos=[schemas.Sample(name=name) for name in found])
