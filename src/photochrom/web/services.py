"""What the requests share, and what their routes depend on."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, ParamSpec, TypeVar

from fastapi import Depends, Path, Request, UploadFile

from photochrom.color import Pixels
from photochrom.web import problems, process_pool
from photochrom.web.engine import Engine
from photochrom.web.lightness import read_lightness
from photochrom.web.photo_store import KeptPhoto, PhotoLimits, PhotoStore
from photochrom.web.process_pool import ProcessPool, WorkerTask
from photochrom.web.work_queue import Lane, WorkQueue

P = ParamSpec("P")
T = TypeVar("T")

_EVICT_EVERY = 60
"""Seconds between looks for photos that were kept long enough."""


@dataclass(frozen=True)
class ServerLimits:
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


class Services:
    """What the requests share.

    There are two queues, so that who looks at a photo does not wait for those who send theirs.
    """

    previews: WorkQueue
    """For what is done with previews."""
    files: WorkQueue
    """For what is done with files, in worker processes."""
    pool: ProcessPool

    def __init__(self, model: str | os.PathLike[str] | None, limits: ServerLimits) -> None:
        self.limits = limits
        self.engine = Engine(model, PhotoLimits(limits.megapixels))
        self.photos = PhotoStore(limits.photos, int(limits.budget * 1e6), limits.kept)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While the server runs."""
        limits = self.limits
        self.previews, self.files = (
            WorkQueue(limits.at_once, limits.waiting, limits.seconds) for _ in range(2)
        )
        # A model, and copies of the pixels.
        self.pool = ProcessPool(int((1000 + 2 * self.engine.limits.megabytes) * 1e6))
        process_pool.prepare()
        evicting = asyncio.create_task(self._keep_evicting())
        yield
        evicting.cancel()
        for part in (self.previews, self.files, self.pool):
            part.close()

    async def _keep_evicting(self) -> None:
        while True:
            await asyncio.sleep(_EVICT_EVERY)
            self.photos.evict()


class RequestServices:
    """The services, for one request: what it has done ends when its client hangs up."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.all: Services = request.app.state.services
        self.engine: Engine = self.all.engine
        self.photos: PhotoStore = self.all.photos

    async def run_on_preview(self, work: Callable[[], T], lane: Lane | None = None) -> T:
        """The result of some work on a preview; as :meth:`WorkQueue.run`.

        Raises:
            RequestProblem: as there; or the photo provokes what nobody has foreseen.
        """
        return await self.all.previews.run(self.request, _guard(work), lane)

    async def run_on_file(self, work: Callable[[WorkerTask], T]) -> T:
        """The result of some work on a file, which may use a worker process.

        Raises:
            RequestProblem: as :meth:`run_on_preview` and :meth:`WorkerTask.run`.
        """
        task = WorkerTask(self.all.pool)
        return await self.all.files.run(self.request, _guard(work, task), cancel=task.cancel)

    async def read_lightness(self, photo: KeptPhoto) -> Pixels:
        """The grey levels (H, W) of a photo at full size, which are kept with it.

        Raises:
            RequestProblem: as :meth:`run_on_file`.
        """
        async with photo.reading:
            levels = photo.lightness
            if levels is None:
                levels = await self.run_on_file(
                    lambda task: task.run(read_lightness, photo.data, self.engine.limits)
                )
                self.photos.keep_lightness(photo, levels)
        return levels

    def check_upload(self, photo: UploadFile) -> None:
        """Refuse a file of too many bytes. Until its turn comes it lies on the disk."""
        megabytes = self.all.limits.megabytes
        if (photo.size or 0) > megabytes * 1e6:
            raise problems.too_many_bytes(megabytes)


def _guard(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Callable[[], T]:
    """Work on one photo, of which whatever goes wrong is an answer about that photo."""

    def guarded() -> T:
        try:
            return work(*args, **kwargs)
        except Exception as error:
            raise problems.as_problem(error) from error

    return guarded


# --- dependencies of routes -------------------------------------------------------------------

PhotoId = Annotated[str, Path(description="of a photo that was sent", max_length=100)]


async def _get_services(request: Request) -> RequestServices:
    return RequestServices(request)


ServicesDep = Annotated[RequestServices, Depends(_get_services)]


async def _get_kept_photo(id: PhotoId, services: ServicesDep) -> KeptPhoto:  # noqa: A002
    return services.photos[id]


KeptPhotoDep = Annotated[KeptPhoto, Depends(_get_kept_photo)]
