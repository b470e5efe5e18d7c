"""Bodies of requests and answers: how long, of how many parts, how slow."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.datastructures import FormData, Headers
from starlette.types import Message, Receive, Scope, Send

from photochrom.web import trouble
from photochrom.web.trouble import Trouble

PIECE = 1 << 18
"""Bytes that have to come, or to be taken, within the time for a piece."""
_SILENCE = 30
"""Seconds of waiting for each piece of a request: 9 kB/s, at which 64 MB may take two hours."""
_FORM = 1_000_000
"""Bytes of an upload beside its file."""
_PLAIN = 200_000
"""Bytes of any other request: a thousand hints, which is all there may be, take half of it."""
_UPLOADS = ("/api/photos", "/api/colorize")
_AT_ONCE = 32
"""Uploads of the largest size that may lie here together."""
_ANSWERS = 256_000_000
"""Bytes that the answers under way may hold together."""
_FIELDS, _FIELD = 16, 256_000
"""Of a form: how many there may be beside the file, and bytes of each."""
_KEYS = 32
"""Of a JSON object; each that is not known would be complained of."""


class Room:
    """What the bodies of all requests under way may take together.

    Args:
        megabytes: that a file may have.
    """

    def __init__(self, megabytes: float) -> None:
        self.megabytes = megabytes
        self.left = _AT_ONCE * self.most

    @property
    def most(self) -> int:
        """Bytes of an upload."""
        return int(self.megabytes * 1e6) + _FORM

    def bound(self, scope: Scope) -> tuple[int, Trouble]:
        """How many bytes a request may have, and what is told of one that has more."""
        if scope["path"] in _UPLOADS and _has_parts(Headers(scope=scope)):
            return self.most, trouble.heavy(self.megabytes)
        sentence = f"A request without a photo may have {_PLAIN // 1000} kB: leave something out."
        return _PLAIN, Trouble(413, "too-large", sentence)


class Incoming:
    """A request's body: not too long, and not too long in coming.

    The time for a piece starts anew with a piece, not with a drop of it, and runs only while one
    waits for the client.
    """

    def __init__(self, receive: Receive, scope: Scope, room: Room) -> None:
        self.trouble: Trouble | None = None
        self.most, self.heavy = room.bound(scope)
        self._receive, self._room, self._more = receive, room, True
        self._size, self._piece, self._seconds = 0, 0, float(_SILENCE)

    async def receive(self) -> Message:
        """The next part; where the body is refused, as if the client had hung up."""
        if self.trouble is None:
            try:
                message = await self._next()
            except TimeoutError:
                self.trouble = Trouble(408, "timeout", "The rest of the request did not come.")
            else:
                self._count(len(message.get("body", b"")))
                if self.trouble is None:
                    return message
        return {"type": "http.disconnect"}

    async def _next(self) -> Message:
        if not self._more:
            return await self._receive()
        clock = asyncio.get_running_loop().time
        begun = clock()
        message = await asyncio.wait_for(self._receive(), self._seconds)
        self._seconds -= clock() - begun
        self._more = message.get("more_body", False)
        return message

    def _count(self, size: int) -> None:
        self._size += size
        self._room.left -= size
        self._piece += size
        if self._piece >= PIECE:
            self._piece, self._seconds = 0, float(_SILENCE)
        if self._size > self.most:
            self.trouble = self.heavy
        elif self._room.left < 0:
            self.trouble = trouble.busy(_SILENCE)

    def leave(self) -> None:
        """Make room for others."""
        self._room.left += self._size
        self._size = 0


class BrokenOff(Exception):
    """An answer that is not taken had to go."""


class Answers:
    """The long answers under way; those that hold too much together are broken off, oldest first.

    Long ones are sent in pieces, each when the one before has been taken.
    """

    def __init__(self) -> None:
        self._held: dict[asyncio.Timeout, int] = {}

    async def send(self, message: Message, send: Send) -> None:
        """One part of an answer.

        Raises:
            BrokenOff: the client was too slow for all that waits.
        """
        body = message.get("body", b"")
        if len(body) <= PIECE:
            await send(message)
            return
        try:
            async with asyncio.timeout(None) as end:
                self._hold(end, len(body))
                for start in range(0, len(body), PIECE):
                    more = start + PIECE < len(body) or message.get("more_body", False)
                    piece = body[start : start + PIECE]
                    await send({"type": message["type"], "body": piece, "more_body": more})
        except TimeoutError:
            raise BrokenOff from None
        finally:
            self._held.pop(end, None)

    def _hold(self, end: asyncio.Timeout, size: int) -> None:
        while self._held and sum(self._held.values()) + size > _ANSWERS:
            oldest = next(iter(self._held))
            del self._held[oldest]
            oldest.reschedule(0)
        self._held[end] = size


class _Bounded(Request):
    """A request whose body costs little to read."""

    async def json(self) -> Any:
        """The body."""
        if not hasattr(self, "_json"):
            self._json = json.loads(await self.body(), object_pairs_hook=_few)
        return self._json

    async def form(self, **_: Any) -> FormData:  # type: ignore[override]  # FastAPI awaits it
        """The body as a form with one file at most; forms of other kinds have none."""
        if not _has_parts(self.headers):
            return FormData()
        return await super().form(max_files=1, max_fields=_FIELDS, max_part_size=_FIELD)


def _has_parts(headers: Headers) -> bool:
    return headers.get("content-type", "").lower().startswith("multipart/form-data")


def _few(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > _KEYS:
        raise ValueError("too many keys")
    return dict(pairs)


class Route(APIRoute):
    """A route whose requests are bounded."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As FastAPI asks for it."""
        handle = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            return await handle(_Bounded(request.scope, request.receive))

        return bounded
