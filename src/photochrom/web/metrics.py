"""What operators see of a server: figures in Prometheus's text format, of nobody's photos.

Labels are templates of routes, methods, classes of statuses, and names of ours: whatever clients
send, there are no more of them.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path

import onnxruntime
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.responses import Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from photochrom import __version__
from photochrom.web import process_pool
from photochrom.web.services import Services
from photochrom.web.work_queue import WorkQueue

_SECONDS = 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 120
"""Bounds of the buckets that times are counted in."""
_METHODS = "GET", "HEAD", "POST", "DELETE"


class Metrics:
    """The figures of one server.

    Args:
        services: whose; its queues must not run yet.
    """

    def __init__(self, services: Services) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "photochrom_requests",
            "Requests that were answered.",
            ["route", "method", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "photochrom_request_seconds",
            "From the header of a request to the end of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._refused = Counter(
            "photochrom_refused", "Answers of 503: there was no room.", registry=self._registry
        )
        self._waits, self._works = (
            Histogram(name, words, ["queue"], buckets=_SECONDS, registry=self._registry)
            for name, words in (
                ("photochrom_queue_wait_seconds", "What work has waited for its turn."),
                ("photochrom_work_seconds", "What work has taken from its turn on."),
            )
        )
        self._registry.register(_State(services))
        services.on_start.append(self._watch)

    def _watch(self, services: Services) -> None:
        for name, queue in _queues(services).items():
            queue.on_turn = self._waits.labels(name).observe
            queue.on_done = self._works.labels(name).observe

    def answer(self) -> Response:
        """All of them, as a scraper takes them."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

    def count(self, scope: Scope, status: int, seconds: float) -> None:
        """Note a request that was answered."""
        route, method = _name_route(scope), scope["method"]
        method = method if method in _METHODS else "other"
        self._requests.labels(route, method, f"{status // 100}xx").inc()
        self._seconds.labels(route).observe(seconds)
        if status == 503:
            self._refused.inc()


def _name_route(scope: Scope) -> str:
    route = scope.get("route")
    if isinstance(route, Route):
        return route.path
    return "/static" if isinstance(scope.get("endpoint"), StaticFiles) else "other"


def _queues(services: Services) -> dict[str, WorkQueue]:
    return {"previews": services.previews, "files": services.files}


class _State(Collector):
    """What there is at the moment."""

    def __init__(self, services: Services) -> None:
        self._services, self._begun = services, time.time()

    def collect(self) -> Iterator[Metric]:
        services = self._services
        built = {
            "version": __version__,
            "python": platform.python_version(),
            "onnxruntime": onnxruntime.__version__,
            "model": services.engine.name,
        }
        yield InfoMetricFamily("photochrom_build", "What runs here.", built)
        yield _gauge("start_time_seconds", "When it was started, since 1970.", self._begun)
        queues = _queues(services)
        for name, words in (("waiting", "Work that waits."), ("working", "Work under way.")):
            numbers = {queue: float(getattr(it, name)) for queue, it in queues.items()}
            yield _gauges(f"queue_{name}", words, "queue", numbers)
        photos, size = services.photos.total()
        yield _gauge("photos", "Photos that are kept.", photos)
        yield _gauge("photos_bytes", "What they take.", size)
        processes = {
            "server": [os.getpid()],
            "forks": process_pool.fork_server_numbers(),
            "previews": [number for pool in services.engines for number in pool.numbers()],
            "files": services.pool.numbers(),
        }
        counts = {name: float(len(numbers)) for name, numbers in processes.items()}
        yield _gauges("processes", "Processes, of each kind.", "process", counts)
        held = {name: float(sum(map(_resident, them))) for name, them in processes.items()}
        words = "Resident memory; what processes share counts for each. 0 where nobody tells."
        yield _gauges("memory_bytes", words, "process", held)


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(f"photochrom_{name}", words, value=value)


def _gauges(name: str, words: str, label: str, values: dict[str, float]) -> Metric:
    family = GaugeMetricFamily(f"photochrom_{name}", words, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _resident(process: int) -> int:
    """Bytes of memory that a process takes; 0 where nobody tells, as it has ended or not Linux."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return 0


class CountingMiddleware:
    """Counts what goes in and out.

    Args:
        app: whose requests.
        metrics: that they are counted in.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self.app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status = time.monotonic(), 0

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, note)
        finally:
            if status:  # else nobody was there to hear it
                self._metrics.count(scope, status, time.monotonic() - begun)
