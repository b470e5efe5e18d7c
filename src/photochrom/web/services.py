"""What the requests share, and what their routes depend on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, TypeVar
from zlib import crc32

from fastapi import Depends, Path, Request, UploadFile

from photochrom.color import Pixels
from photochrom.inference.model_files import DEFAULT_MODEL
from photochrom.inference.onnx_model import Model
from photochrom.web import problems, process_pool
from photochrom.web.engine import Engine, ModelSummary
from photochrom.web.lightness import read_lightness
from photochrom.web.photo_store import KeptPhoto, PhotoLimits, PhotoStore, PhotoSummary
from photochrom.web.problems import RequestProblem
from photochrom.web.process_pool import ProcessPool, WorkerTask
from photochrom.web.work_queue import Lane, WorkQueue

T = TypeVar("T")

_NICE = 5
"""By how much who answers requests comes before who works on photos."""
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
    """Worker processes for files, and as many for previews: each does one thing at a time."""
    threads: int | None = None
    """Of each of them; by default one per core."""
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

    There are two queues, so that who looks at a photo does not wait for those who send theirs. All
    that is known of photos is here, and the processes can be replaced at any time.
    """

    previews: WorkQueue
    """For what is done with previews: at each place by the process of that place."""
    files: WorkQueue
    """For what is done with files, by whichever process has nothing to do."""
    engines: list[ProcessPool]
    """Of one process each, which remembers what the network said of the photos that it knows."""
    pool: ProcessPool
    """For files."""
    models: list[ModelSummary]
    """What there is, once it was asked for."""

    def __init__(self, model: str | os.PathLike[str] | None, limits: ServerLimits) -> None:
        self.limits = limits
        # Loaded here only to see that it can be, by what is there soonest and takes least.
        path = Model(DEFAULT_MODEL if model is None else model, device="cpu").path.absolute()
        self.engine = Engine(path, PhotoLimits(limits.megapixels), limits.threads)
        self.photos = PhotoStore(limits.photos, int(limits.budget * 1e6), limits.kept)
        self.models = []
        self._told = set[int]()
        self.on_start: list[Callable[[Services], object]] = []
        """What is called once there are queues and processes."""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While the server runs."""
        limits = self.limits
        self.previews, self.files = (
            WorkQueue(limits.at_once, limits.waiting, limits.seconds) for _ in range(2)
        )
        memory = int((1000 + 2 * self.engine.limits.megabytes) * 1e6)  # a model, and copies
        self.pool = ProcessPool(memory, nice=_NICE)
        self.engines = [ProcessPool(memory, most=1, nice=_NICE) for _ in range(limits.at_once)]
        process_pool.prepare()
        for begin in self.on_start:
            begin(self)
        evicting = asyncio.create_task(self._keep_evicting())
        yield
        evicting.cancel()
        for queue in (self.previews, self.files):
            queue.close()
        for pool in (self.pool, *self.engines):
            pool.close()

    def load_engines(self) -> None:
        """Begin to load the model in all processes for previews, before the first is wanted."""
        for pool in self.engines:
            threading.Thread(target=self._load, args=(pool,), daemon=True).start()

    def _load(self, pool: ProcessPool) -> None:
        with contextlib.suppress(RequestProblem):  # whoever asks next is told
            WorkerTask(pool).run(self.engine.load)

    def forget_dropped(self) -> None:
        """Have the processes for previews forget photos, each when it has time, if some have gone.

        They forget all that they know, which costs the photos that are still here one look each.
        """
        if self.photos.dropped:
            self.photos.dropped = False
            for place in {*range(len(self.engines))} - self._told:
                self._told.add(place)
                threading.Thread(target=self._forget, args=(place,), daemon=True).start()

    def _forget(self, place: int) -> None:
        pool = self.engines[place]
        try:
            process = pool.take()
        finally:
            self._told.discard(place)  # what goes from here on, it is told of again
        try:
            worn = process.call(self.engine.forget).worn
        except (EOFError, OSError):  # with it, all that it knew has gone
            worn = True
        pool.give_back(process, worn=worn)

    def home(self, photo: KeptPhoto) -> int:
        """The place of the process that shall know a photo."""
        return crc32(photo.id.encode()) % len(self.engines)

    async def _keep_evicting(self) -> None:
        while True:
            await asyncio.sleep(_EVICT_EVERY)
            self.photos.evict()
            self.forget_dropped()


class RequestServices:
    """The services, for one request: what it has done ends when its client hangs up."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.all: Services = request.app.state.services
        self.engine: Engine = self.all.engine
        self.photos: PhotoStore = self.all.photos

    async def run_on_preview(
        self, work: Callable[[PhotoSummary], T], photo: KeptPhoto, lane: Lane | None = None
    ) -> T:
        """The result of some work on a preview, in a process that goes on if the client has gone.

        Raises:
            RequestProblem: as :meth:`WorkQueue.run`; or the photo provokes what nobody foresees.
        """
        return await self._run_engine(partial(work, photo.summary), lane, self.all.home(photo))

    async def list_models(self) -> list[ModelSummary]:
        """What models there are.

        Raises:
            RequestProblem: as :meth:`WorkQueue.run`.
        """
        if not self.all.models:
            self.all.models = await self._run_engine(self.engine.load_models)
        return self.all.models

    async def _run_engine(
        self, work: Callable[[], T], lane: Lane | None = None, home: int | None = None
    ) -> T:
        task = WorkerTask()

        def run(place: int) -> T:
            task.pool = self.all.engines[place]
            return task.run(work)

        return await self.all.previews.run(
            self.request, _guard(run), lane, home=home, stop=task.cancel
        )

    async def run_here(self, work: Callable[[], T]) -> T:
        """The result of some work in a thread, which lets go of Python's lock.

        Raises:
            RequestProblem: as :meth:`run_on_preview`.
        """
        return await self.all.previews.run(self.request, _guard(lambda _: work()))

    async def run_on_file(self, work: Callable[[WorkerTask], T]) -> T:
        """The result of some work on a file, whose process is ended if the client has gone.

        Raises:
            RequestProblem: as :meth:`run_on_preview` and :meth:`WorkerTask.run`.
        """
        task = WorkerTask(self.all.pool)
        run = _guard(lambda _: work(task))
        return await self.all.files.run(self.request, run, cancel=task.cancel)

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


def _guard(work: Callable[[int], T]) -> Callable[[int], T]:
    """Work on one photo, of which whatever goes wrong is an answer about that photo."""

    def guarded(place: int) -> T:
        try:
            return work(place)
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
