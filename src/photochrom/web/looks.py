"""Requests for colour, and what one asks before a hint."""

from __future__ import annotations

from asyncio import to_thread
from functools import partial
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Form, Request
from fastapi.responses import Response

from photochrom.inference.options import ColorizeOptions, Quality
from photochrom.web import engine, schemas
from photochrom.web.children import Errand
from photochrom.web.desk import Desk, Id, Upload, attached, binary, jpeg, problems


def add_whole(app: FastAPI, desk: Desk) -> None:
    """Colour a photo in one request."""

    @app.post(
        "/api/colorize",
        response_class=Response,
        responses=binary("image/*", "The photo in its own format.") | problems(409, 415),
        summary="Colour a photo that is not kept",
    )
    async def whole(
        request: Request,
        photo: Upload,
        hints: Annotated[
            str, Form(max_length=200_000, description="JSON: hints, or a hint file")
        ] = "",
        vivid: Annotated[float | None, Form(ge=0, le=1, allow_inf_nan=False)] = None,
        strength: Annotated[float, Form(ge=0, le=1.5, allow_inf_nan=False)] = 1.0,
        size: Annotated[int | None, Form(ge=32, le=512)] = None,
        model: Annotated[str | None, Form(max_length=100)] = None,
        recolor: Annotated[bool, Form()] = False,
        strip: Annotated[bool, Form()] = False,
        mark: Annotated[bool, Form()] = True,
        quality: Annotated[
            Quality, Form(description="best: the mean of six looks at the photo")
        ] = "fast",
    ) -> Response:
        """The whole photo, every page of it, at its size and with its metadata.

        One that is in colour already is answered 409 unless recolor says to colour it anew.
        """
        file_of_hints = await to_thread(schemas.HintFile.of, hints)
        options = ColorizeOptions(
            hints=await to_thread(file_of_hints.parsed),
            vivid=vivid,
            strength=strength,
            size=size,
            recolor=recolor,
            strip=strip,
            mark=mark,
            quality=quality,
        )
        file, name = desk.file(photo), engine.named(photo.filename)

        def work(errand: Errand) -> engine.Whole:
            return errand.do(desk.engine.full, file.read(), options, model)

        return attached(await desk.send(request, work), name)


def add_looks(app: FastAPI, desk: Desk) -> None:
    """Colour a photo that is kept."""
    colourist = desk.engine

    @app.post(
        "/api/photos/{id}/colorize",
        response_class=Response,
        responses=binary("image/*", "A preview, or the whole photo.") | problems(404, 409),
        summary="Colour a photo that is kept",
    )
    async def colour(request: Request, id: Id, wish: schemas.Wish) -> Response:  # noqa: A002
        """A preview, of which only the newest is wanted: one that still waits is answered 409.

        Previews of a given `side` are all wanted. With `full` it is the whole photo instead, in its
        own format.
        """
        session = desk.sessions[id]
        options = await to_thread(wish.options)
        if wish.full:

            def work(errand: Errand) -> engine.Whole:
                return errand.do(colourist.full, session.data, options, wish.model)

            return attached(await desk.send(request, work), session.name)
        preview = partial(colourist.preview, session, options, wish.model, wish.side)
        lane = session.previews if wish.side is None else None
        return jpeg(await desk.look(request, preview, lane))

    @app.post(
        "/api/photos/{id}/comparison",
        response_class=Response,
        responses=binary("image/jpeg", "Before and after.") | problems(404, 409),
        summary="Before and after in one picture",
    )
    async def compare(request: Request, id: Id, wish: schemas.Wish) -> Response:  # noqa: A002
        session = desk.sessions[id]
        options = await to_thread(wish.options)
        work = partial(colourist.comparison, session, options, wish.model)
        made = await desk.look(request, work)
        return jpeg(made, f"{Path(session.name).stem}.before-after.jpg")


def add_questions(app: FastAPI, desk: Desk) -> None:
    """What is likely at a point, what else the photo may look like, where it is guessed."""
    colourist = desk.engine

    @app.post(
        "/api/photos/{id}/palette", responses=problems(404, 409), summary="The colours of a point"
    )
    async def palette(request: Request, id: Id, point: schemas.Point) -> schemas.Palette:  # noqa: A002
        session = desk.sessions[id]
        given = await to_thread(schemas.hints, point.hints)
        work = partial(colourist.palette, session, given, point)
        return await desk.look(request, work)

    @app.post(
        "/api/photos/{id}/samples",
        responses=problems(404, 409),
        summary="Other versions, as hints",
    )
    async def samples(request: Request, id: Id, drawing: schemas.Drawing) -> schemas.Versions:  # noqa: A002
        session = desk.sessions[id]
        given = await to_thread(schemas.hints, drawing.hints)
        work = partial(colourist.versions, session, given, drawing)
        return await desk.look(request, work)

    @app.post(
        "/api/photos/{id}/uncertainty",
        response_class=Response,
        responses=binary("image/png", "To lay over the preview.") | problems(404, 409),
        summary="Where the model guesses",
    )
    async def uncertainty(request: Request, id: Id, asked: schemas.Question) -> Response:  # noqa: A002
        session = desk.sessions[id]
        given = await to_thread(schemas.hints, asked.hints)
        work = partial(colourist.uncertainty, session, given)
        return Response(await desk.look(request, work), media_type="image/png")
