"""What every request has to pass, and what every answer carries."""

from __future__ import annotations

import ipaddress
import logging
import re
import secrets
import traceback
from collections.abc import Collection
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from photochrom.web import trouble
from photochrom.web.bodies import Answers, BrokenOff, Incoming, Room
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
    "Accept-Ranges": "none",
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
        hosts: names and addresses by which the server may be called, itself or through a proxy on
            this machine that forwards them, which keeps a foreign page from giving its own name
            this address; 0.0.0.0 and :: stand for any address.
        token: what an API request must show; None for nothing.
        megabytes: that a file may have; there is a little more in a request than the file.
    """

    def __init__(
        self, app: ASGIApp, *, hosts: Collection[str], token: str | None, megabytes: float
    ) -> None:
        self.app, self.hosts, self.token = app, hosts, token
        self._room, self._answers = Room(megabytes), Answers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        caching = "no-store" if _of_api(scope) else "no-cache"
        # Nobody needs a part of a file, and thousands of parts are work.
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"range"]
        body, begun = Incoming(receive, scope, self._room), False

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS | {"Cache-Control": caching})
            await self._answers.send(message, send)

        async def answer(message: Message) -> None:
            nonlocal begun
            if begun or body.trouble is None:  # else it is about a body that broke off
                begun = True
                await marked(message)

        told = self._objection(scope, body)
        if told is None:
            try:
                await self.app(scope, body.receive, answer)
            except BrokenOff:
                return
            except Exception as error:
                if begun:
                    raise
                if body.trouble is None:
                    _note(error)
                    told = trouble.unforeseen()
            finally:
                body.leave()
            told = told or body.trouble
        if told is not None and not begun:
            await refusal(told)(scope, receive, marked)

    def _objection(self, scope: Scope, body: Incoming) -> Trouble | None:
        headers = Headers(scope=scope)
        seen = _Seen.of(scope, headers)
        # The host of the request itself, too: who gives his name this address can forward any.
        for host in (headers.get("host", ""), seen.host):
            if not self._knows(_name(host)):
                return _unknown(_name(host))
        if scope["method"] not in ("GET", "HEAD") and _foreign(headers, seen):
            own = self._knows(_name(headers.get("origin", "").partition("://")[2]))
            more = " If this is its page, the proxy has to pass Host and X-Forwarded-Proto on."
            words = "Only the page of this server may do that."
            return Trouble(403, "forbidden", words + more if own else words)
        if _of_api(scope) and self.token is not None:
            scheme, _, shown = headers.get("authorization", "").partition(" ")
            right = secrets.compare_digest(shown.encode(), self.token.encode())
            if not right or scheme.lower() != "bearer":
                return Trouble(401, "unauthorized", "Open the page with its token: /?token=...")
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdecimal()):
            return trouble.bad("Content-Length is no number.")
        return body.heavy if len(length) > 18 or int(length) > body.most else None

    def _knows(self, name: str) -> bool:
        if name in self.hosts:
            return True
        if not {"0.0.0.0", "::"}.intersection(self.hosts):  # noqa: S104 - compared, not bound
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _of_api(scope: Scope) -> bool:
    return str(scope["path"]).startswith("/api")


class _Seen(NamedTuple):
    """Where a browser believes to be: at this server, or at a proxy before it."""

    host: str
    """With its port, if it has one of its own."""
    scheme: str | None
    """None where nobody says."""

    @classmethod
    def of(cls, scope: Scope, headers: Headers) -> _Seen:
        """What a proxy on this machine forwards is believed; what anybody else says is not."""
        host, scheme = headers.get("host", ""), None
        if is_loopback((scope.get("client") or ("",))[0]):
            host = _first(headers.get("x-forwarded-host")) or host
            scheme = _first(headers.get("x-forwarded-proto")).lower() or None
        return cls(host, scheme)


def _first(forwarded: str | None) -> str:
    """What the first of several proxies says, which is the one that the browser talks to."""
    return (forwarded or "").partition(",")[0].strip()


def is_loopback(address: str) -> bool:
    """Whether it is this machine's own."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _foreign(headers: Headers, seen: _Seen) -> bool:
    """Whether a browser says that another page is behind it."""
    origin = headers.get("origin")
    if origin is not None:
        scheme, _, host = origin.partition("://")
        if _place(host, scheme) != _place(seen.host, seen.scheme or scheme):
            return True
    return headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")


def _place(host: str, scheme: str) -> tuple[str, str]:
    """A host as an origin has it: without the port that its scheme has anyway."""
    usual = {"http": ":80", "https": ":443"}.get(scheme)
    return host.removesuffix(usual).lower() if usual else host.lower(), scheme


def _unknown(name: str) -> Trouble:
    """The refusal of a host; its name is repeated only if it is one."""
    if not re.fullmatch(r"[\w.:-]{1,253}", name, re.ASCII):
        return Trouble(421, "bad-request", "This address is not known here: use localhost.")
    return Trouble(
        421,
        "bad-request",
        f"{name} is not known here: use localhost, or start with --allowed-host {name}.",
    )


def _name(host: str) -> str:
    """The host without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _note(error: Exception) -> None:
    """Log where a mistake is; not its words, which may be those of a photo."""
    places = traceback.extract_tb(error.__traceback__)[-4:]
    where = " < ".join(f"{place.name}:{place.lineno}" for place in reversed(places))
    logging.getLogger("photochrom").error("%s in %s", type(error).__name__, where)
