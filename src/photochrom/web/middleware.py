"""What every request has to pass, and what every answer carries."""

from __future__ import annotations

from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from photochrom.errors import kind_and_place
from photochrom.web import problems
from photochrom.web.access import AccessRules, Proxies, is_api
from photochrom.web.body_limits import AnswerSender, BoundedBody, BrokenOff, UploadBudget
from photochrom.web.problems import RequestProblem

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


class GuardMiddleware:
    """Refuses who may not ask, bounds what they send, and marks answers.

    Args:
        app: what it guards.
        hosts: as of :class:`AccessRules`.
        token: as there.
        proxies: as there.
        megabytes: that a file may have; there is a little more in a request than the file.
        root_path: at which a proxy shows this server; "" for what the server itself says.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Collection[str],
        token: str | None,
        megabytes: float,
        proxies: Proxies | None = None,
        root_path: str = "",
    ) -> None:
        self.app, self._rules = app, AccessRules(hosts, token, proxies or Proxies())
        self._root_path = root_path
        self._budget, self._sender = UploadBudget(megabytes), AnswerSender()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        _put_below(self._root_path or scope.get("root_path", ""), scope)
        caching = "no-store" if is_api(scope) else "no-cache"
        # Nobody needs a part of a file, and thousands of parts are work.
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"range"]
        body, begun = BoundedBody(receive, scope, self._budget), False

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS | {"Cache-Control": caching})
            await self._sender.send(message, send)

        async def answer(message: Message) -> None:
            nonlocal begun
            if begun or body.problem is None:  # else it is about a body that broke off
                begun = True
                await send_marked(message)

        problem = self._rules.refusal(scope) or _length_problem(scope, body)
        if problem is None:
            scope["client"] = self._rules.proxies.client(scope), 0
            app = self.app
            if scope["path"] == scope["root_path"]:  # below which the page's own links lie
                app = RedirectResponse(_with_query(f"{scope['path']}/", scope))
            try:
                await app(scope, body.receive, answer)
            except BrokenOff:
                return
            except Exception as error:
                if begun:
                    raise
                if body.problem is None:
                    words = "Something went wrong on our side: please report it, with the photo."
                    problem = RequestProblem(500, "failed", words, log=kind_and_place(error))
            finally:
                body.release()
            problem = problem or body.problem
        if problem is not None and not begun:
            await problem.response()(scope, receive, send_marked)


def _put_below(root: str, scope: Scope) -> None:
    """Let the path begin with that at which a proxy shows this server, whether it passes that on
    or not.
    """
    scope["root_path"] = root
    if root and scope["path"] != root and not scope["path"].startswith(f"{root}/"):
        scope["path"] = root + scope["path"]
        scope["raw_path"] = root.encode() + scope.get("raw_path", b"")


def _with_query(path: str, scope: Scope) -> str:
    query = scope.get("query_string", b"").decode("latin-1")
    return f"{path}?{query}" if query else path


def _length_problem(scope: Scope, body: BoundedBody) -> RequestProblem | None:
    length = Headers(scope=scope).get("content-length", "0")
    if not (length.isascii() and length.isdecimal()):
        return problems.bad_request("Content-Length is no number.")
    return body.too_long if len(length) > 18 or int(length) > body.most else None
