"""What every request has to pass, and what every answer carries."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from photochrom.web import trouble
from photochrom.web.trouble import Trouble

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "connect-src 'self'; font-src 'self'; form-action 'none'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
"""Nothing is loaded from elsewhere, and nobody else may show or load what is here."""


def refusal(told: Trouble) -> JSONResponse:
    """An answer that is no result."""
    headers = {} if told.wait is None else {"Retry-After": str(told.wait)}
    return JSONResponse({"detail": str(told), "code": told.code}, told.status, headers)


class Guard:
    """Middleware: who may ask, how much they may send, and how answers are marked.

    Args:
        app: what it guards.
        hosts: names by which the server may be called; None for any. It keeps a foreign page from
            giving its own name this address.
        token: what an API request must show; None for nothing.
        most: bytes a request may have.
    """

    def __init__(
        self, app: ASGIApp, *, hosts: Sequence[str] | None, token: str | None, most: int
    ) -> None:
        self.app, self.hosts, self.token, self.most = app, hosts, token, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        api = scope["path"].startswith("/api")
        sent = 0

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS | {"Cache-Control": "no-store" if api else "no-cache"})
            await send(message)

        async def counted() -> Message:
            nonlocal sent
            message = await receive()
            sent += len(message.get("body", b""))
            return {"type": "http.disconnect"} if sent > self.most else message

        async def answer(message: Message) -> None:
            if sent <= self.most:  # else it is about a body that broke off
                await marked(message)

        told = self._objection(scope, api)
        try:
            if told is None:
                await self.app(scope, counted, answer)
        except Exception:
            if sent <= self.most:
                raise
        if sent > self.most:
            told = self._too_large()
        if told is not None:
            await refusal(told)(scope, receive, marked)

    def _objection(self, scope: Scope, api: bool) -> Trouble | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self.hosts is not None and _name(host) not in self.hosts:
            return Trouble(421, "bad-request", "This address is not known here: use localhost.")
        origin = headers.get("origin")
        changes = scope["method"] not in ("GET", "HEAD")
        if changes and origin is not None and origin.partition("://")[2] != host:
            return Trouble(403, "forbidden", "Only the page of this server may do that.")
        if api and self.token is not None:
            shown = headers.get("authorization", "").removeprefix("Bearer ")
            if not secrets.compare_digest(shown.encode(), self.token.encode()):
                return Trouble(401, "unauthorized", "Open the page with its token: /?token=...")
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            return Trouble(400, "bad-request", "Content-Length is no number.")
        return self._too_large() if int(length) > self.most else None

    def _too_large(self) -> Trouble:
        return trouble.too_large(f"more than {self.most / 1e6:.0f} MB")


def _name(host: str) -> str:
    """The host without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
