"""A server on this machine that holds models as the Hub and others do, and misbehaves on demand."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

COMMIT = "c" * 40


class ModelServer(ThreadingHTTPServer):
    """``files`` at their paths; ``repositories`` of the Hub: names to files and their bytes."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.files: dict[str, bytes] = {}
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.redirects: dict[str, str] = {}
        self.failures: list[int] = []
        """What is answered instead, one at a time; a number below 0 cuts after so many bytes."""
        self.asked: list[tuple[str, dict[str, str]]] = []
        """Paths, and the headers sent, their names in lower case."""
        self.gate: threading.Event | None = None
        """Where there is one, only half of a file comes before it is set."""

    def handle_error(self, *_: object) -> None:
        pass  # of clients that hung up

    def address(self, data: bytes, path: str = "/toy.onnx") -> str:
        """Put a file there; answers the address that it can be had by."""
        self.files[path] = data
        return f"{self.url}{path}#sha256={hashlib.sha256(data).hexdigest()}"

    def fetches(self) -> list[dict[str, str]]:
        """The headers of each time that a file was asked for."""
        return [headers for path, headers in self.asked if not path.startswith("/api/")]


class _Handler(BaseHTTPRequestHandler):
    server: ModelServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append((path, {k.lower(): v for k, v in self.headers.items()}))
        failure = self.server.failures.pop(0) if self.server.failures else 0
        if failure > 0:
            return self.answer(failure, b"")
        if path in self.server.redirects:
            return self.answer(302, b"", {"Location": self.server.redirects[path]})
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/revision/(.+)", path):
            return self.tell_revision(*found.groups())
        if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            data = self.server.repositories.get(found[1], {}).get(found[3])
        else:
            data = self.server.files.get(path)
        if data is None:
            return self.answer(404, b"")
        return self.send(data, -failure)

    def tell_revision(self, repository: str, revision: str) -> None:
        held = self.server.repositories.get(repository)
        if held is None:
            return self.answer(401, b"", {"X-Error-Code": "RepoNotFound"})
        if revision not in ("main", "v1", COMMIT):
            return self.answer(404, b"", {"X-Error-Code": "RevisionNotFound"})
        siblings = [
            {
                "rfilename": name,
                "size": len(data),
                "lfs": {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)},
            }
            if name.endswith(".onnx")
            else {"rfilename": name, "size": len(data)}
            for name, data in held.items()
        ]
        return self.answer(200, json.dumps({"sha": COMMIT, "siblings": siblings}).encode())

    def send(self, data: bytes, cut: int) -> None:
        """The file, or the rest of it if it is the one that was begun."""
        etag = f'"{hashlib.md5(data).hexdigest()}"'
        begin = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(begin[1]) if begin else 0
        if self.headers.get("If-Range", etag) != etag:
            start = 0
        if start and start >= len(data):
            return self.answer(416, b"")
        headers = {"ETag": etag}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        return self.answer(206 if start else 200, data[start:], headers, cut)

    def answer(
        self, status: int, body: bytes, headers: dict[str, str] | None = None, cut: int = 0
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.server.gate is not None and len(body) > 1 and "ETag" in (headers or {}):
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.server.gate.wait(60)
            body = body[len(body) // 2 :]
        self.wfile.write(body[:cut] if cut else body)
        if cut:
            self.close_connection = True


@pytest.fixture
def model_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ModelServer]:
    """The Hub for this test; what is fetched goes to ``tmp_path / "cache"``."""
    pytest.importorskip("httpx")
    from photochrom.storage import https

    server = ModelServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setattr(https, "BACKOFF", 0.001)
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("PHOTOCHROM_CACHE", str(tmp_path / "cache"))
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "PHOTOCHROM_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
