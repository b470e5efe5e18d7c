"""The requests of the page and of the API."""

from __future__ import annotations

from asyncio import to_thread
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import FileResponse, Response

from photochrom import __version__
from photochrom.web import engine, photo_store, schemas
from photochrom.web.access import client_address
from photochrom.web.body_limits import BoundedRoute
from photochrom.web.engine import ColoredFile
from photochrom.web.photo_store import KeptPhoto
from photochrom.web.process_pool import WorkerTask
from photochrom.web.responses import (
    describe_picture,
    describe_problems,
    file_response,
    jpeg_response,
)
from photochrom.web.services import KeptPhotoDep, PhotoId, Services, ServicesDep

STATIC = Path(__file__).with_name("static")

router = APIRouter(route_class=BoundedRoute, responses=describe_problems())
kept = APIRouter(
    prefix="/api/photos/{id}", route_class=BoundedRoute, responses=describe_problems(404, 409)
)
"""For a photo that is kept."""

# --- what needs no photo ----------------------------------------------------------------------


@router.get("/", include_in_schema=False)
async def page() -> FileResponse:
    """The page."""
    return FileResponse(STATIC / "index.html")


@router.get("/api/health")
async def health(services: ServicesDep) -> schemas.Health:
    """How the server does."""
    queues = services.previews, services.files
    return schemas.Health(
        status="ok",
        version=__version__,
        working=sum(queue.working for queue in queues),
        waiting=sum(queue.waiting for queue in queues),
    )


@router.get("/api/models")
async def list_models(request: Request, services: ServicesDep) -> schemas.Models:
    """The models there are."""
    known = services.engine.known_models
    return schemas.Models(
        models=known or await services.previews.run(request, services.engine.load_models)
    )


@router.get("/api/samples-photos")
async def list_samples() -> schemas.Samples:
    """Photographs to try it with."""
    found = sorted(path.name for path in (STATIC / "samples").glob("*.jpg"))
    return schemas.Samples(photos=[schemas.Sample(name=name) for name in found])


# --- photos come and go -----------------------------------------------------------------------


@router.post(
    "/api/colorize",
    responses=describe_picture("image/*", "The photo in its own format.")
    | describe_problems(409, 415),
    response_class=Response,
)
async def colorize_photo(
    request: Request,
    services: ServicesDep,
    form: Annotated[schemas.ColorizeForm, Form(media_type="multipart/form-data")],
) -> Response:
    """Colour a photo that is not kept: every page of it, at its size and with its metadata.

    One that is in colour already is answered 409 unless recolor says to colour it anew.
    """
    options = form.options(await to_thread(form.parse_hints), recolor=form.recolor)
    services.check_upload(form.photo)

    def colorize(task: WorkerTask) -> ColoredFile:
        data = form.photo.file.read()
        return task.run(services.engine.colorize_file, data, options, form.model)

    result = await services.run_on_file(request, colorize)
    return file_response(result, engine.safe_name(form.photo.filename))


@router.post("/api/photos", status_code=201, responses=describe_problems(415))
async def keep_photo(
    request: Request,
    services: ServicesDep,
    photo: Annotated[UploadFile, File(description="what it is, is found by reading it")],
) -> schemas.PhotoFacts:
    """Keep a photo, to be found by its id until it was not used for `expires_in` seconds."""
    services.check_upload(photo)
    name, owner = engine.safe_name(photo.filename), client_address(request.scope)

    def read(task: WorkerTask) -> KeptPhoto:
        data = photo.file.read()
        summary = task.run(photo_store.summarize, data, services.engine.limits)
        return KeptPhoto(name, data, summary, owner)

    kept_photo = await services.run_on_file(request, read)
    services.photos.add(kept_photo)
    return _facts(kept_photo, services)


@kept.get("")
async def photo_facts(photo: KeptPhotoDep, services: ServicesDep) -> schemas.PhotoFacts:
    """What is known of a photo."""
    return _facts(photo, services)


def _facts(photo: KeptPhoto, services: Services) -> schemas.PhotoFacts:
    height, width = photo.preview.pixels.shape[:2]
    return schemas.PhotoFacts(
        id=photo.id,
        name=photo.name,
        width=photo.summary.width,
        height=photo.summary.height,
        pages=photo.summary.pages,
        tone=photo.summary.tone,
        preview=schemas.Extent(width=width, height=height),
        expires_in=int(services.photos.seconds),
        notes=list(photo.summary.notes),
    )


@kept.delete("", status_code=204)
async def forget_photo(id: PhotoId, services: ServicesDep) -> Response:  # noqa: A002
    """Forget a photo."""
    services.photos.remove(id)
    return Response(status_code=204)


# --- pictures of a photo that is kept ---------------------------------------------------------


@kept.get("/grey", responses=describe_picture("image/jpeg", "A preview."), response_class=Response)
async def grey_preview(request: Request, photo: KeptPhotoDep, services: ServicesDep) -> Response:
    """The photo's lightness."""
    work = services.run_on_preview(request, lambda: engine.jpeg(engine.grey(photo)))
    return jpeg_response(await work)


@kept.get(
    "/original", responses=describe_picture("image/jpeg", "A preview."), response_class=Response
)
async def original_preview(
    request: Request, photo: KeptPhotoDep, services: ServicesDep
) -> Response:
    """The photo as it came."""
    work = services.run_on_preview(request, lambda: engine.jpeg(photo.preview.pixels))
    return jpeg_response(await work)


@kept.post(
    "/colorize",
    responses=describe_picture("image/*", "A preview, or the whole photo."),
    response_class=Response,
)
async def colorize_kept_photo(
    request: Request, services: ServicesDep, photo: KeptPhotoDep, wanted: schemas.ColorizeRequest
) -> Response:
    """A preview in colour, of which only the newest is wanted: one that waits is answered 409.

    Previews of a given `side` are all wanted. With `full` it is the whole photo instead, in its
    own format.
    """
    options = wanted.options(await to_thread(wanted.parse_hints), recolor=True)
    arguments = options, wanted.model
    if wanted.full:
        colorize = services.engine.colorize_file
        result = await services.run_on_file(
            request, lambda task: task.run(colorize, photo.data, *arguments)
        )
        return file_response(result, photo.name)
    lane = photo.previews if wanted.side is None else None
    work = services.run_on_preview(
        request, lambda: services.engine.preview(photo, *arguments, wanted.side), lane
    )
    return jpeg_response(await work)


@kept.post(
    "/comparison",
    responses=describe_picture("image/jpeg", "Before and after."),
    response_class=Response,
)
async def compare(
    request: Request, services: ServicesDep, photo: KeptPhotoDep, wanted: schemas.ColorizeRequest
) -> Response:
    """Before and after in one picture."""
    options = wanted.options(await to_thread(wanted.parse_hints), recolor=True)
    work = services.run_on_preview(
        request, lambda: services.engine.comparison(photo, options, wanted.model)
    )
    return jpeg_response(await work, f"{Path(photo.name).stem}.before-after.jpg")


@kept.post(
    "/uncertainty",
    responses=describe_picture("image/png", "To lay over the preview."),
    response_class=Response,
)
async def uncertainty(
    request: Request, services: ServicesDep, photo: KeptPhotoDep, known: schemas.HintsRequest
) -> Response:
    """Where the model guesses."""
    hints = await to_thread(known.parse_hints)
    work = services.run_on_preview(request, lambda: services.engine.uncertainty(photo, hints))
    return Response(await work, media_type="image/png")


# --- what one asks before a hint --------------------------------------------------------------


@kept.post("/palette")
async def palette(
    request: Request, services: ServicesDep, photo: KeptPhotoDep, point: schemas.PaletteRequest
) -> schemas.Palette:
    """The likely colours of a point."""
    hints = await to_thread(point.parse_hints)
    lightness, swatches = await services.run_on_preview(
        request, lambda: services.engine.palette(photo, point.x, point.y, hints, point.most)
    )
    return schemas.Palette(lightness=lightness, colors=list(swatches))


@kept.post("/samples")
async def sample_versions(
    request: Request, services: ServicesDep, photo: KeptPhotoDep, wanted: schemas.SamplesRequest
) -> schemas.Versions:
    """Other versions, as hints."""
    hints = await to_thread(wanted.parse_hints)
    drawn = await services.run_on_preview(
        request, lambda: services.engine.sample_hints(photo, wanted.k, wanted.seed, hints)
    )
    return schemas.Versions(versions=[schemas.Version(hints=list(version)) for version in drawn])
