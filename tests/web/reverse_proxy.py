"""A small reverse proxy, as nginx and others are at a path of theirs."""

from __future__ import annotations

from typing import Any

import httpx

_HOP = {"connection", "content-length", "host", "keep-alive", "transfer-encoding"}


class ReverseProxy:
    """Shows a server below a path, and nothing else.

    Args:
        upstream: address of the server.
        path: where it is shown.
        strip: whether the path is taken away, as by nginx's ``proxy_pass`` with a final slash.
    """

    def __init__(self, upstream: str, path: str, *, strip: bool) -> None:
        self.upstream, self.path, self.strip = upstream, path, strip
        limits = httpx.Limits(max_keepalive_connections=0)  # a busy server may just end an old one
        self.client = httpx.AsyncClient(timeout=300, limits=limits)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        if not scope["path"].startswith(f"{self.path}/"):
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b"another's"})
            return
        path = scope["raw_path"].decode().removeprefix(self.path if self.strip else "")
        query = scope["query_string"].decode()
        told = {name: value for name, value in headers.items() if name not in _HOP}
        told |= {"host": headers["host"], "x-forwarded-for": scope["client"][0]}
        answer = await self.client.request(
            scope["method"],
            f"{self.upstream}{path}?{query}" if query else self.upstream + path,
            headers=told | {"x-forwarded-proto": "http", "accept-encoding": "identity"},
            content=body,
        )
        kept = [(n.encode(), v.encode()) for n, v in answer.headers.items() if n not in _HOP]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": kept})
        await send({"type": "http.response.body", "body": answer.content})
