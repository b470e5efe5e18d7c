"""Does the page stay well among strangers? Honest users, and every tenth request an attack.

    python benchmarks/hostile.py [--clients 32] [--seconds 60] [--json docs/figures/hostile.json]

Each client has an address of its own, and colours photos as a person does: sends one, looks, hints,
looks again. Every tenth request is hostile instead: a file of ``poison.py``, a body of 59 MB of
JSON, headers or a body that drip, answers that nobody reads, a form of sixty files, thirty uploads
at once, sixty-four that are to drive out what others keep. Clients and server share this machine.
The figures stand beside what they have to be, and the exit status tells whether they are.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import itertools
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import poison
from PIL import Image

from web import PATIENCE, Server, grey

THINK = 2.0, 6.0
"""Seconds between a user's requests, at least and at most."""
TIMES = 5
"""That one who is told to come again does so."""
SELDOM = 10
"""An attacker takes so many times as long: one request of so many is his."""
CALM = 10
"""Seconds after which all has to be as before."""
LIMITS: dict[str, tuple[str, float]] = {
    "answers of 500": ("", 0),
    "users' requests without a result": ("", 0),
    "health, most": ("ms", 100),
    "health, 95 %": ("ms", 20),
    "users' previews, 95 %": ("ms", 1000),
    "memory, most": ("MB", 1500),
    "health, 10 s later": ("ms", 20),
    "work left 10 s later": ("", 0),
    "memory, 10 s later": ("MB", 1000),
}
"""What each figure may be at most."""

Attack = Callable[[httpx.AsyncClient], Awaitable[None]]


class Crowd:
    """Clients that are under way at once, each with an address of its own.

    Args:
        address: of the server.
        clients: how many.
        seconds: how long.
    """

    network: str
    """Of the clients' addresses."""

    def __init__(self, address: str, clients: int, seconds: float) -> None:
        self.address, self.clients, self.seconds = address, clients, seconds
        self.answered: Counter[str] = Counter()
        self.failed = 0
        self.previews: list[float] = []
        """Milliseconds from a hint to its preview."""

    def run(self) -> None:
        """For so many seconds."""
        self._until = time.perf_counter() + self.seconds
        asyncio.run(self._all())

    async def _all(self) -> None:
        await asyncio.gather(*(self._enter(number) for number in range(self.clients)))

    async def _enter(self, number: int) -> None:
        place = f"{self.network}.{number + 1}"
        transport = httpx.AsyncHTTPTransport(local_address=place)
        dice = random.Random(number)  # noqa: S311 - no secret
        async with httpx.AsyncClient(
            base_url=self.address, timeout=PATIENCE, transport=transport
        ) as client:
            await self._client(client, dice)

    async def _client(self, client: httpx.AsyncClient, dice: random.Random) -> None:
        """What one does until the time is over."""
        raise NotImplementedError

    async def _think(self, dice: random.Random, low: float, high: float) -> bool:
        """Do nothing for so many seconds; whether there is time for more."""
        await asyncio.sleep(min(dice.uniform(low, high), self._until - time.perf_counter()))
        return time.perf_counter() < self._until


class Users(Crowd):
    """People who colour photos: they send one, look, hint, look again, and take it home."""

    network = "127.0.1"

    def __init__(self, address: str, clients: int, seconds: float) -> None:
        super().__init__(address, clients, seconds)
        self._photos = [grey(megapixels) for megapixels in (0.3, 1, 3)]

    async def _client(self, client: httpx.AsyncClient, dice: random.Random) -> None:
        rest = 0.0, THINK[1]  # nobody comes at the same moment
        while await self._think(dice, *rest):
            rest = THINK
            photo = {"photo": ("photo.jpg", self._photos[dice.randrange(3)])}
            sent = await self._ask(client, "/api/photos", files=photo)
            if sent is None:
                continue
            facts, hints = sent.json(), []
            colorize = f"/api/photos/{facts['id']}/colorize"
            for _ in range(dice.randrange(3, 8)):
                if not await self._think(dice, *THINK):
                    return
                at = {"x": dice.uniform(0, facts["width"]), "y": dice.uniform(0, facts["height"])}
                hints.append(at | {"color": [dice.uniform(-30, 30), dice.uniform(-30, 30)]})
                begun = time.perf_counter()
                await self._ask(client, colorize, json={"hints": hints})
                self.previews.append(1000 * (time.perf_counter() - begun))
            if await self._think(dice, *THINK):
                await self._ask(client, colorize, json={"hints": hints, "full": True})

    async def _ask(
        self, client: httpx.AsyncClient, path: str, **content: Any
    ) -> httpx.Response | None:
        """The result; who is told that the server is busy comes again, as the page does."""
        for _ in range(TIMES):
            try:
                answer = await client.post(path, **content)
            except httpx.HTTPError as error:
                self.answered[type(error).__name__] += 1
                break
            self.answered[str(answer.status_code)] += 1
            if answer.is_success:
                return answer
            if answer.status_code != 503:
                break
            await asyncio.sleep(float(answer.headers["Retry-After"]))
        self.failed += 1
        return None


class Attackers(Crowd):
    """Those who do harm: as many, and a tenth as often."""

    network = "127.0.2"

    def __init__(self, address: str, clients: int, seconds: float, files: dict[str, bytes]) -> None:
        super().__init__(address, clients, seconds)
        self._files = files
        url = httpx.URL(address)
        self._place = url.host, url.port or 80

    async def _all(self) -> None:
        self._attacks = self._deal()
        await super()._all()

    async def _client(self, client: httpx.AsyncClient, dice: random.Random) -> None:
        rest = 0.0, SELDOM * THINK[1]
        while await self._think(dice, *rest):
            rest = SELDOM * THINK[0], SELDOM * THINK[1]
            name, attack = next(self._attacks)
            try:
                await attack(client)
            except (httpx.HTTPError, OSError) as error:  # the server has cut the line
                self.answered[f"{name}: {type(error).__name__}"] += 1

    def _deal(self) -> Iterator[tuple[str, Attack]]:
        """Every kind in turn, again and again."""
        files = [
            (name, self._upload(name)) for name in self._files if name not in ("keys", "noise")
        ]
        others = [
            (attack.__name__.strip("_"), attack)
            for attack in (
                self._json,
                self._chunked_json,
                self._dripping_headers,
                self._dripping_body,
                self._deaf,
                self._sixty_files,
                self._thirty_uploads,
                self._driving_out,
            )
        ]
        order = [*files, *others]
        random.Random(0).shuffle(order)  # noqa: S311 - no secret
        return itertools.cycle(order)

    def _note(self, name: str, answer: httpx.Response) -> None:
        self.answered[f"{name}: {answer.status_code}"] += 1

    def _upload(self, name: str) -> Attack:
        async def send(client: httpx.AsyncClient) -> None:
            path = random.choice(("/api/photos", "/api/colorize"))  # noqa: S311 - no secret
            answer = await client.post(path, files={"photo": ("a.jpg", self._files[name])})
            self._note(name, answer)

        return send

    async def _json(self, client: httpx.AsyncClient) -> None:
        head = {"content-type": "application/json"}
        self._note(
            "json",
            await client.post("/api/photos/x/colorize", content=self._files["keys"], headers=head),
        )

    async def _chunked_json(self, client: httpx.AsyncClient) -> None:
        async def pieces() -> Any:
            keys = self._files["keys"]
            for start in range(0, len(keys), 1 << 16):
                yield keys[start : start + (1 << 16)]

        head = {"content-type": "application/json"}
        answer = await client.post("/api/photos/x/colorize", content=pieces(), headers=head)
        self._note("chunked_json", answer)

    async def _dripping_headers(self, _: httpx.AsyncClient) -> None:
        await self._drip(b"GET /api/health HTTP/1.1\r\nhost: localhost\r\n", b"a: b\r\n")

    async def _dripping_body(self, _: httpx.AsyncClient) -> None:
        head = b"POST /api/photos HTTP/1.1\r\nhost: localhost\r\ncontent-length: 60000000\r\n"
        await self._drip(head + b"content-type: multipart/form-data; boundary=b\r\n\r\n", b"-")

    async def _drip(self, head: bytes, drop: bytes) -> None:
        """Many lines at once, on which something comes every second, until all is over."""
        lines = [await asyncio.open_connection(*self._place) for _ in range(8)]
        for _reader, writer in lines:
            writer.write(head)
        try:
            while time.perf_counter() < self._until and lines:
                await asyncio.sleep(1)
                for _reader, writer in lines:
                    writer.write(drop)
                lines = [line for line in lines if not line[1].is_closing()]
        finally:
            for _reader, writer in lines:
                writer.close()

    async def _deaf(self, _: httpx.AsyncClient) -> None:
        """Sixteen that ask for much, and read nothing."""
        lines = [await asyncio.open_connection(*self._place, limit=1) for _ in range(16)]
        ask = b"GET /static/samples/coffee.jpg HTTP/1.1\r\nhost: localhost\r\n\r\n"
        for _reader, writer in lines:
            writer.write(ask * 500)
        await asyncio.sleep(20)
        for _reader, writer in lines:
            writer.close()

    async def _sixty_files(self, client: httpx.AsyncClient) -> None:
        files = [("photo", (f"{n}.png", bytes(1_000_000))) for n in range(60)]
        self._note("sixty_files", await client.post("/api/photos", files=files))

    async def _thirty_uploads(self, client: httpx.AsyncClient) -> None:
        await self._many(client, "thirty_uploads", [self._files["noise"]] * 30)

    async def _driving_out(self, client: httpx.AsyncClient) -> None:
        await self._many(client, "driving_out", [poison.pixel()] * 64)

    async def _many(self, client: httpx.AsyncClient, name: str, photos: list[bytes]) -> None:
        async def send(photo: bytes) -> None:
            self._note(name, await client.post("/api/photos", files={"photo": ("a.png", photo)}))

        await asyncio.gather(*map(send, photos))


def _noise(side: int) -> bytes:
    """A PNG."""
    noise = np.random.default_rng(0).integers(0, 256, (side // 6, side // 6), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).resize((side, side), Image.Resampling.NEAREST).save(file, "PNG")
    return file.getvalue()


class Told(NamedTuple):
    """What a crowd has seen."""

    answered: Counter[str]
    failed: int
    previews: list[float]


def _run(crowd: Crowd) -> Told:
    crowd.run()
    return Told(crowd.answered, crowd.failed, crowd.previews)


def figures(
    server: Server, clients: int, seconds: float
) -> tuple[dict[str, float], Counter[str], Counter[str]]:
    """All of it, in the units of :data:`LIMITS`; and what users and attackers were answered."""
    server.colour(server.send(grey(1)))
    address = str(server.client.base_url)
    files = {make.__name__: make() for make in poison.FILES}
    files |= {"keys": b"".join(poison.unknown_keys(59)), "noise": _noise(4000)}
    crowds = Users(address, clients, seconds), Attackers(address, clients, seconds, files)
    health, memory = [], []
    # Each has a process of its own, so that none waits for what another is busy with.
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        running = [pool.submit(_run, crowd) for crowd in crowds]
        while not all(one.done() for one in running):
            health.append(_health(server)[0])
            memory.append(server.memory())
            time.sleep(0.05)
        users, attackers = (one.result() for one in running)
    time.sleep(CALM)
    later, states = zip(*(_health(server) for _ in range(20)), strict=True)
    server.colour(server.send(grey(1)))
    answered = users.answered + attackers.answered
    told = {
        "answers of 500": sum(n for name, n in answered.items() if name.endswith("500")),
        "users' requests without a result": users.failed,
        "health, most": max(health),
        "health, 95 %": float(np.percentile(health, 95)),
        "users' previews, 95 %": float(np.percentile(users.previews, 95)),
        "memory, most": max(memory),
        "health, 10 s later": max(later),
        "work left 10 s later": states[-1]["working"] + states[-1]["waiting"],
        "memory, 10 s later": server.memory(),
    }
    return told, users.answered, attackers.answered


def _health(server: Server) -> tuple[float, dict[str, Any]]:
    """Milliseconds that the server takes to say how it does, and what it says."""
    begun = time.perf_counter()
    answer = server.client.get("/api/health").raise_for_status()
    return 1000 * (time.perf_counter() - begun), answer.json()


def main() -> int:
    """Print the table; 1 if a figure is more than it may be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="hintnet")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--json", type=Path, help="keep the table here")
    given = parser.parse_args()
    server = Server(given.model)
    try:
        told, users, attackers = figures(server, given.clients, given.seconds)
    finally:
        server.stop()
    table = {
        name: {"measured": f"{told[name]:.0f}", "at most": f"{most:g}", "unit": unit}
        for name, (unit, most) in LIMITS.items()
    }
    print("| | measured | at most | |\n| --- | ---: | ---: | --- |")
    for name, row in table.items():
        print(f"| {name} | {row['measured']} | {row['at most']} | {row['unit']} |")
    for who, counts in (("users", users), ("attackers", attackers)):
        print(f"\n{who}: " + ", ".join(f"{name} × {n}" for name, n in sorted(counts.items())))
    if given.json:
        given.json.write_text(json.dumps(table, indent=1) + "\n", "utf-8")
    return int(any(told[name] > most for name, (_, most) in LIMITS.items()))


if __name__ == "__main__":
    sys.exit(main())
