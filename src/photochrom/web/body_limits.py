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

from photochrom.web import problems
from photochrom.web.access import own_path
from photochrom.web.problems import RequestProblem

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


class UploadBudget:
    """What the bodies of all requests under way may take together.

    Args:
        megabytes: that a file may have.
    """

    def __init__(self, megabytes: float) -> None:
        self.megabytes = megabytes
        self.most = int(megabytes * 1e6) + _FORM
        """Bytes of an upload."""
        self.left = _AT_ONCE * self.most

    def bound(self, scope: Scope) -> tuple[int, RequestProblem]:
        """How many bytes a request may have, and what is answered if it has more."""
        if own_path(scope) in _UPLOADS and _is_multipart(Headers(scope=scope)):
            return self.most, problems.too_many_bytes(self.megabytes)
        sentence = f"A request without a photo may have {_PLAIN // 1000} kB: leave something out."
        return _PLAIN, RequestProblem(413, "too-large", sentence)


class BoundedBody:
    """A request's body: not too long, and not too long in coming.

    The time for a piece starts anew with a piece, not with a drop of it, and runs only while one
    waits for the client.
    """

    def __init__(self, receive: Receive, scope: Scope, budget: UploadBudget) -> None:
        self.problem: RequestProblem | None = None
        self.most, self.too_long = budget.bound(scope)
        self._receive, self._budget, self._more = receive, budget, True
        self._size, self._piece, self._seconds = 0, 0, float(_SILENCE)

    async def receive(self) -> Message:
        """The next part; where the body is refused, as if the client had hung up."""
        if self.problem is None:
            try:
                message = await self._next()
            except TimeoutError:
                sentence = "The rest of the request did not come."
                self.problem = RequestProblem(408, "timeout", sentence)
            else:
                self._count(len(message.get("body", b"")))
                if self.problem is None:
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
        self._budget.left -= size
        self._piece += size
        if self._piece >= PIECE:
            self._piece, self._seconds = 0, float(_SILENCE)
        if self._size > self.most:
            self.problem = self.too_long
        elif self._budget.left < 0:
            self.problem = problems.busy(_SILENCE)

    def release(self) -> None:
        """Give what it took back to the budget."""
        self._budget.left += self._size
        self._size = 0


class BrokenOff(Exception):
    """An answer that is not taken had to go."""


class AnswerSender:
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


class _BoundedRequest(Request):
    """A request whose body costs little to read."""

    async def json(self) -> Any:
        """The body."""
        if not hasattr(self, "_json"):
            self._json = json.loads(await self.body(), object_pairs_hook=_object_of_few_keys)
        return self._json

    async def form(self, **_: Any) -> FormData:  # type: ignore[override]  # FastAPI awaits it
        """The body as a form with one file at most; forms of other kinds have none."""
        if not _is_multipart(self.headers):
            return FormData()
        return await super().form(max_files=1, max_fields=_FIELDS, max_part_size=_FIELD)


def _is_multipart(headers: Headers) -> bool:
    return headers.get("content-type", "").lower().startswith("multipart/form-data")


def _object_of_few_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > _KEYS:
        raise ValueError("too many keys")
    return dict(pairs)


class BoundedRoute(APIRoute):
    """A route whose requests are bounded."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As FastAPI asks for it."""
        handle = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            return await handle(_BoundedRequest(request.scope, request.receive))

        return bounded
