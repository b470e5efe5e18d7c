"""The requests of the page and of the API."""

from __future__ import annotations

from asyncio import to_thread
from functools import partial
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, File, Form, Query, UploadFile
from fastapi.responses import FileResponse, Response

from photochrom import __version__
from photochrom.inference.color_names import color_names
from photochrom.inference.palette import Palette
from photochrom.web import engine, lightness, photo_store, schemas
from photochrom.web.access import client_address
from photochrom.web.body_limits import BoundedRoute
from photochrom.web.engine import ColoredFile
from photochrom.web.lightness import TilePlace
from photochrom.web.photo_store import KeptPhoto
from photochrom.web.process_pool import WorkerTask
from photochrom.web.responses import (
    CHROMA,
    binary,
    chroma_response,
    describe_problems,
    file_response,
    jpeg_response,
    picture,
)
from photochrom.web.services import KeptPhotoDep, PhotoId, RequestServices, ServicesDep

STATIC = Path(__file__).with_name("static")

router = APIRouter(route_class=BoundedRoute, responses=describe_problems())
kept = APIRouter(
    prefix="/api/photos/{id}", route_class=BoundedRoute, responses=describe_problems(404, 409)
)
"""For what is made of a photo that is kept."""

# --- what needs no photo ----------------------------------------------------------------------


@router.get("/", include_in_schema=False)
async def page() -> FileResponse:
    """The page."""
    return FileResponse(STATIC / "index.html")


@router.get("/api/health")
async def health(services: ServicesDep) -> schemas.Health:
    """How the server does."""
    queues = services.all.previews, services.all.files
    return schemas.Health(
        status="ok",
        version=__version__,
        working=sum(queue.working for queue in queues),
        waiting=sum(queue.waiting for queue in queues),
    )


@router.get("/api/models")
async def list_models(services: ServicesDep) -> schemas.Models:
    """The models there are."""
    return schemas.Models(models=await services.list_models())


@router.get("/api/samples-photos")
async def list_samples() -> schemas.Samples:
    """Photographs to try it with."""
    found = sorted(path.name for path in (STATIC / "samples").glob("*.jpg"))
    return schemas.Samples(photos=[schemas.Sample(name=name) for name in found])


@router.get("/api/color-names")
async def list_color_names() -> dict[str, str]:
    """Colours of CSS by name: what palettes call them, and hints may."""
    return color_names()


# --- photos come and go -----------------------------------------------------------------------


@router.post("/api/colorize", **picture("image/*", "The photo in its own format.", 409, 415))
async def colorize_photo(
    services: ServicesDep,
    form: Annotated[schemas.ColorizeForm, Form(media_type="multipart/form-data")],
) -> Response:
    """Colour a photo that is not kept: every page of it, at its size and with its metadata.

    One that is in colour already is answered 409 unless recolor says to colour it anew.
    """
    options = form.options(await to_thread(form.parse_hints), recolor=form.recolor)
    services.check_upload(form.photo)
    name = engine.safe_name(form.photo.filename)

    def colorize(task: WorkerTask) -> ColoredFile:
        data = form.photo.file.read()
        return task.run(services.engine.colorize_file, data, options, form.model, name)

    result = await services.run_on_file(colorize)
    return file_response(result, name)


@router.post("/api/photos", status_code=201, responses=describe_problems(415))
async def keep_photo(
    services: ServicesDep,
    photo: Annotated[UploadFile, File(description="what it is, is found by reading it")],
) -> schemas.PhotoFacts:
    """Keep a photo, to be found by its id until it was not used for `expires_in` seconds."""
    services.check_upload(photo)
    name, owner = engine.safe_name(photo.filename), client_address(services.request.scope)

    def read(task: WorkerTask) -> KeptPhoto:
        data = photo.file.read()
        summary = task.run(photo_store.summarize, data, services.engine.limits)
        return KeptPhoto(name, data, summary, owner)

    kept_photo = await services.run_on_file(read)
    services.photos.add(kept_photo)
    return _facts(kept_photo, services)


@router.get("/api/photos/{id}", responses=describe_problems(404))
async def photo_facts(photo: KeptPhotoDep, services: ServicesDep) -> schemas.PhotoFacts:
    """What is known of a photo."""
    return _facts(photo, services)


def _facts(photo: KeptPhoto, services: RequestServices) -> schemas.PhotoFacts:
    height, width = photo.preview.pixels.shape[:2]
    return schemas.PhotoFacts(
        id=photo.id,
        name=photo.name,
        width=photo.summary.width,
        height=photo.summary.height,
        pages=photo.summary.pages,
        format=photo.summary.format,
        tone=photo.summary.tone,
        preview=schemas.Extent(width=width, height=height),
        expires_in=int(services.photos.seconds),
        notes=list(photo.summary.notes),
    )


@router.delete("/api/photos/{id}", status_code=204, responses=describe_problems(404))
async def forget_photo(id: PhotoId, services: ServicesDep) -> Response:  # noqa: A002
    """Forget a photo."""
    services.photos.remove(id)
    services.all.forget_dropped()
    return Response(status_code=204)


# --- pictures of a photo that is kept ---------------------------------------------------------


@kept.get("/grey", **picture("image/png", "A preview, without loss."))
async def grey_preview(services: ServicesDep, photo: KeptPhotoDep) -> Response:
    """The photo's lightness."""
    return Response(await services.run_on_preview(engine.grey_png, photo), media_type="image/png")


@kept.get("/original", **picture("image/jpeg", "A preview."))
async def original_preview(services: ServicesDep, photo: KeptPhotoDep) -> Response:
    """The photo as it came."""
    return jpeg_response(await services.run_on_preview(engine.original_jpeg, photo))


@kept.get("/lightness", **picture("image/png", "A tile, without loss."))
async def lightness_tile(
    services: ServicesDep, photo: KeptPhotoDep, wanted: Annotated[schemas.TileQuery, Query()]
) -> Response:
    """A part of the photo's lightness at full size, at most 1024 pixels wide and high."""
    place = TilePlace(**wanted.model_dump())
    place.check(photo.summary.extent)
    levels = await services.read_lightness(photo)
    work = services.run_here(lambda: lightness.cut_tile(levels, place))
    return Response(await work, media_type="image/png")


@kept.post("/chroma", **binary("float16, little-endian, (height, width, 4).", CHROMA))
async def chroma(
    services: ServicesDep, photo: KeptPhotoDep, wanted: schemas.ChromaRequest
) -> Response:
    """The colours alone: slope of a and b, and offset of a and b, of lines over the lightness.

    For each pixel as the network saw the photo; enlarged bicubically (Keys 1981, a = -0.75),
    slope · L + offset, kept within `low` and `high`, is the colour before its strength. It is as
    large as `X-Photochrom-Chroma` says. Of those that wait, only the newest is wanted.
    """
    options = wanted.options(await to_thread(wanted.parse_hints))
    work = partial(services.engine.chroma, options=options, model=wanted.model)
    return chroma_response(await services.run_on_preview(work, photo, photo.previews))


@kept.post("/colorize", **picture("image/*", "A preview, or the whole photo."))
async def colorize_kept_photo(
    services: ServicesDep, photo: KeptPhotoDep, wanted: schemas.ColorizeRequest
) -> Response:
    """A preview in colour, of which only the newest is wanted: one that waits is answered 409.

    Previews of a given `side` are all wanted. With `full` it is the whole photo instead, in its
    own `format` or another.
    """
    options = wanted.options(await to_thread(wanted.parse_hints), recolor=True)
    if wanted.full:
        colorize = services.engine.colorize_file
        result = await services.run_on_file(
            lambda task: task.run(
                colorize, photo.data, options, wanted.model, photo.name, wanted.format
            )
        )
        return file_response(result, photo.name)
    lane = photo.previews if wanted.side is None else None
    work = partial(services.engine.preview, options=options, model=wanted.model, side=wanted.side)
    return jpeg_response(await services.run_on_preview(work, photo, lane))


@kept.post("/comparison", **picture("image/jpeg", "Before and after."))
async def compare(
    services: ServicesDep, photo: KeptPhotoDep, wanted: schemas.ColorizeRequest
) -> Response:
    """Before and after in one picture."""
    options = wanted.options(await to_thread(wanted.parse_hints), recolor=True)
    work = partial(services.engine.comparison, options=options, model=wanted.model)
    compared = await services.run_on_preview(work, photo)
    return jpeg_response(compared, f"{Path(photo.name).stem}.before-after.jpg")


@kept.post("/uncertainty", **picture("image/png", "To lay over the preview."))
async def uncertainty(
    services: ServicesDep, photo: KeptPhotoDep, known: schemas.HintsRequest
) -> Response:
    """Where the model guesses."""
    hints = await to_thread(known.parse_hints)
    work = services.run_on_preview(partial(services.engine.uncertainty, hints=hints), photo)
    return Response(await work, media_type="image/png")


# --- what one asks before a hint --------------------------------------------------------------


@kept.post("/palette")
async def palette(
    services: ServicesDep, photo: KeptPhotoDep, point: schemas.PaletteRequest
) -> Palette:
    """The colour of a point, and others that it may have, the likeliest first."""
    asked = point.model_dump(include={"x", "y", "most", "vivid"})
    hints = await to_thread(point.parse_hints)
    return await services.run_on_preview(
        partial(services.engine.palette, hints=hints, **asked), photo
    )


@kept.post("/unsure")
async def unsure_places(
    services: ServicesDep, photo: KeptPhotoDep, wanted: schemas.UnsureRequest
) -> schemas.UnsurePlaces:
    """The places most worth checking, the most worthwhile first."""
    hints = await to_thread(wanted.parse_hints)
    work = partial(services.engine.unsure_places, hints=hints, most=wanted.most)
    places = await services.run_on_preview(work, photo)
    return schemas.UnsurePlaces(places=list(places))


@kept.post("/samples", response_model_exclude_defaults=True)
async def sample_versions(
    services: ServicesDep, photo: KeptPhotoDep, wanted: schemas.SamplesRequest
) -> schemas.Versions:
    """Other versions, as hints."""
    hints = await to_thread(wanted.parse_hints)
    work = partial(services.engine.sample_hints, k=wanted.k, seed=wanted.seed, hints=hints)
    drawn = await services.run_on_preview(work, photo)
    return schemas.Versions(versions=[schemas.Version(hints=list(version)) for version in drawn])
