"""How soon does the page answer? ``photochrom serve`` from start to click, alone and in a crowd.

    python benchmarks/web.py [--model hintnet] [--users 32] [--seconds 60]
        [--workers 2] [--json docs/figures/web.json]

Prints milliseconds from the start of the process to the first coloured preview; from a hint on a
photo of 12 megapixels to its colours, which the page paints, and to its preview as JPEG; and how
a server fares that so many people use at once without a pause: what it answers, how fast it still
says that it is well, how much memory it takes. They keep hinting, ask for palettes and versions,
send other photos, and come again when they are turned away. Users and server share this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import random
import re
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

SAMPLES = Path(__file__).parent.parent / "samples"
PATIENCE = 120
"""Seconds for an answer."""
_RIGHT = "200", "201", "204", "409", "503"
"""Statuses of who is served, who has changed his mind, and who comes again."""


def grey(megapixels: float) -> bytes:
    """A sample as a grey JPEG, 4:3, of so many megapixels."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    image = Image.open(SAMPLES / "coffee.jpg").convert("L").resize((height * 4 // 3, height))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


def _family(process: int) -> Iterator[int]:
    """A process and its children, and theirs."""
    yield process
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):  # it has ended
            for child in path.read_text().split():
                yield from _family(int(child))


def _taken(process: int) -> float:
    """Megabytes; what processes share is counted once, by shares."""
    try:
        told = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:  # as above
        return 0.0
    found = re.search(r"^Pss:\s+(\d+)", told, re.M)
    return int(found[1]) / 1024 if found else 0.0


class Server:
    """``photochrom serve``, as a process of its own."""

    def __init__(self, model: str, *options: str) -> None:
        self.begun = time.perf_counter()
        command = "photochrom", "serve", "--port", "0", "--model", model, *options
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        said = self.process.stderr.readline()
        found = re.search(r"http://\S+", said)
        if not found:
            raise SystemExit(said)
        self.client = httpx.Client(base_url=found[0], timeout=PATIENCE)
        while True:
            try:
                self.client.get("/api/health")
                return
            except httpx.TransportError:
                time.sleep(0.01)

    def send(self, photo: bytes) -> str:
        """The id of a photo that is sent."""
        answer = self.client.post("/api/photos", files={"photo": ("photo.jpg", photo)})
        return str(answer.raise_for_status().json()["id"])

    def colour(self, photo: str, **wish: Any) -> bytes:
        """A preview."""
        answer = self.client.post(f"/api/photos/{photo}/colorize", json=wish)
        return answer.raise_for_status().content

    def chroma(self, photo: str, **wish: Any) -> bytes:
        """The colours alone."""
        answer = self.client.post(f"/api/photos/{photo}/chroma", json=wish)
        return answer.raise_for_status().content

    def memory(self) -> float:
        """Megabytes that it and its children take now; 0 where there is no /proc."""
        return sum(map(_taken, _family(self.process.pid)))

    def stop(self) -> None:
        """As Ctrl-C does."""
        self.process.terminate()
        self.process.wait(60)


def first(server: Server) -> float:
    """Milliseconds from the start of the process to a coloured preview."""
    server.colour(server.send((SAMPLES / "coffee.jpg").read_bytes()))
    return 1000 * (time.perf_counter() - server.begun)


def clicks(server: Server, times: int = 20) -> tuple[list[float], list[float]]:
    """Milliseconds from a hint to the colours, and to the preview; the hints become more."""
    photo, hints = server.send(grey(12)), []
    took: tuple[list[float], list[float]] = ([], [])
    dice = random.Random(0)  # noqa: S311 - no secret
    for _ in range(times):
        at = {"x": dice.uniform(0, 3900), "y": dice.uniform(0, 2900)}
        hints.append(at | {"color": [dice.uniform(-30, 30), dice.uniform(-30, 30)]})
        for ask, times_taken in zip((server.chroma, server.colour), took, strict=True):
            begun = time.perf_counter()
            ask(photo, hints=hints)
            times_taken.append(1000 * (time.perf_counter() - begun))
    return took


class Crowd:
    """People who use it at once."""

    def __init__(self, server: Server, users: int, seconds: float) -> None:
        self.server, self.users, self.seconds = server, users, seconds
        self.statuses: Counter[str] = Counter()
        self.health: list[float] = []
        self.previews: list[float] = []
        self.memory: list[float] = []
        self._photos = [grey(megapixels) for megapixels in (0.3, 1, 3)]

    def run(self) -> None:
        """For so many seconds."""
        self._until = time.perf_counter() + self.seconds
        watch = threading.Thread(target=self._watch)
        watch.start()
        asyncio.run(self._all())
        watch.join()

    def _watch(self) -> None:
        with httpx.Client(base_url=self.server.client.base_url, timeout=PATIENCE) as client:
            while time.perf_counter() < self._until:
                begun = time.perf_counter()
                client.get("/api/health").raise_for_status()
                self.health.append(1000 * (time.perf_counter() - begun))
                self.memory.append(self.server.memory())
                time.sleep(0.05)

    async def _all(self) -> None:
        address = self.server.client.base_url
        limits = httpx.Limits(max_connections=self.users)
        async with httpx.AsyncClient(base_url=address, timeout=PATIENCE, limits=limits) as client:
            await asyncio.gather(*(self._user(client, n) for n in range(self.users)))

    async def _user(self, client: httpx.AsyncClient, number: int) -> None:
        dice = random.Random(number)  # noqa: S311 - no secret
        while time.perf_counter() < self._until:
            photo = {"photo": ("photo.jpg", self._photos[dice.randrange(3)])}
            sent = await self._ask(client, "POST", "/api/photos", files=photo)
            if sent is None:
                continue
            facts, hints = sent.json(), []
            for _ in range(dice.randrange(3, 12)):
                if time.perf_counter() > self._until:
                    return
                at = {"x": dice.uniform(0, facts["width"]), "y": dice.uniform(0, facts["height"])}
                hints.append(at | {"color": [dice.uniform(-30, 30), dice.uniform(-30, 30)]})
                what = dice.choice(["colorize"] * 6 + ["palette", "samples", "full", "comparison"])
                asked: dict[str, Any] = {"hints": hints}
                if what == "palette":
                    asked |= at
                if what == "full":
                    what, asked = "colorize", asked | {"full": True}
                begun = time.perf_counter()
                path = f"/api/photos/{facts['id']}/{what}"
                answer = await self._ask(client, "POST", path, json=asked)
                if answer is not None and what == "colorize" and "full" not in asked:
                    self.previews.append(1000 * (time.perf_counter() - begun))
            if dice.random() < 0.5:
                await self._ask(client, "DELETE", f"/api/photos/{facts['id']}")

    async def _ask(
        self, client: httpx.AsyncClient, method: str, path: str, **content: Any
    ) -> httpx.Response | None:
        try:
            answer = await client.request(method, path, **content)
        except httpx.HTTPError as error:
            self.statuses[type(error).__name__] += 1
            return None
        self.statuses[str(answer.status_code)] += 1
        if answer.status_code == 503:  # else of no use, so that this raises
            await asyncio.sleep(float(answer.headers["Retry-After"]))
        return answer if answer.is_success else None


def _percentile(values: list[float], share: float) -> float:
    return float(np.percentile(values or [np.nan], share))


def _unit(name: str) -> str:
    if "memory" in name:
        return "MB"
    if "a second" in name:
        return "1/s"
    return "" if "failures" in name or "503" in name else "ms"


def figures(model: str, users: int, seconds: float, workers: int | None) -> dict[str, float]:
    """All of it, each in the unit of its name."""
    server = Server(model, *([] if workers is None else ["--workers", str(workers)]))
    try:
        told: dict[str, float] = {"first preview": first(server)}
        for what, took in zip(("colours", "preview"), clicks(server), strict=True):
            told[f"hint to {what}, median"] = statistics.median(took)
            told[f"hint to {what}, most"] = max(took)
        told["memory, idle"] = server.memory()
        crowd = Crowd(server, users, seconds)
        crowd.run()
        told |= {
            "in the crowd: hint to preview, median": statistics.median(crowd.previews or [np.nan]),
            "in the crowd: hint to preview, 95 %": _percentile(crowd.previews, 95),
            "in the crowd: health, median": statistics.median(crowd.health),
            "in the crowd: health, 95 %": _percentile(crowd.health, 95),
            "in the crowd: health, most": max(crowd.health),
            "in the crowd: memory, most": max(crowd.memory),
            "in the crowd: answers a second": crowd.statuses.total() / seconds,
        }
        wrong = {status: n for status, n in crowd.statuses.items() if status not in _RIGHT}
        told |= {
            "in the crowd: answers of 503": crowd.statuses["503"],
            "in the crowd: other failures": sum(wrong.values()),
        }
        return told
    finally:
        server.stop()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="hintnet")
    parser.add_argument("--users", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    told = figures(given.model, given.users, given.seconds, given.workers)
    table = {
        name: {
            "measured": f"{figure:.3g}" if figure < 100 else f"{figure:.0f}",
            "unit": _unit(name),
        }
        for name, figure in told.items()
    }
    if given.json:
        given.json.write_text(json.dumps(table, indent=1) + "\n", "utf-8")
    print(f"{given.users} users for {given.seconds:g} s\n\n| | measured | |\n| --- | ---: | --- |")
    for name, row in table.items():
        print(f"| {name} | {row['measured']} | {row['unit']} |")


if __name__ == "__main__":
    main()
