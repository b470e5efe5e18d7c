"""However a client talks, he keeps neither a connection nor the server."""

from __future__ import annotations

import asyncio
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from server_thread import ServerThread

from photochrom.web.server import ConnectionLimits, LimitedConnection

LONG = 20_000_000
"""Bytes of an answer, which no socket takes at once."""
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
LAST = b"Connection: close\r\n\r\n"
CHUNKED = b"POST /read HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"


class Application:
    """It answers at once, and at length under /long."""

    def __init__(self) -> None:
        self.begun, self.done, self.go_on = threading.Event(), threading.Event(), threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        def body(content: bytes, more: bool = True) -> Any:
            return send({"type": "http.response.body", "body": content, "more_body": more})

        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] == "/slow":
            await body(b"a")
            self.begun.set()
            await asyncio.to_thread(self.go_on.wait, 300)
        elif scope["path"] == "/read":
            while (await receive()).get("more_body"):
                pass
        elif scope["path"] == "/long":
            for _ in range(LONG // 100_000):
                await body(bytes(100_000))
        await body(b"here", False)
        self.done.set()


@pytest.fixture
def app() -> Application:
    return Application()


@pytest.fixture
def call(app: Application) -> Iterator[Callable[..., socket.socket]]:
    """Connects to a server with such limits, which is one for all calls, and says something."""
    with ExitStack() as stack:
        servers: list[ServerThread] = []

        def call(said: bytes = b"", **limits: float) -> socket.socket:
            if not servers:
                kind = type("Hasty", (LimitedConnection,), {"limits": ConnectionLimits(**limits)})
                servers.append(ServerThread(lambda: app, http=kind, ws="none", lifespan="off"))
                stack.callback(servers[0].stop)
                stack.callback(app.go_on.set)
            place = "127.0.0.1", servers[0].port
            client = stack.enter_context(socket.create_connection(place, timeout=300))
            client.sendall(said)
            return client

        yield call


def heard(client: socket.socket) -> bytes:
    """All that comes until the connection ends."""
    said = b""
    with suppress(ConnectionResetError):
        while part := client.recv(1 << 20):
            said += part
    return said


def dripped(client: socket.socket) -> bytes:
    """All that comes of one who goes on and on, byte by byte."""
    said = b""
    with suppress(ConnectionResetError, BrokenPipeError):
        for _ in range(30_000):
            client.sendall(b"a")
            if select.select([client], [], [], 0.01)[0]:
                part = client.recv(1 << 20)
                if not part:
                    return said
                said += part
        raise AssertionError("He is still heard.")
    return said


def test_who_says_nothing_or_drips_is_cut_off(call):
    assert heard(call(request=0.3)) == b""
    assert dripped(call(GET + b"X: ")) == b""  # a header
    said = GET.replace(b"GET", b"POST") + b"Content-Length: 1000000\r\n\r\n"
    assert b"here" in dripped(call(said))  # a body, though it is answered


def test_second_request_has_its_time_too(call):
    client = call(request=300)
    for _ in range(3):
        client.sendall(GET + b"\r\n")
        said = b""
        while b"here" not in said:
            said += client.recv(1 << 16)
    client.sendall(GET.replace(b"/ ", b"/long ", 1) + LAST)
    assert len(heard(client)) > LONG


def test_answer_that_nobody_takes_is_broken_off(call, app):
    client = call(GET.replace(b"/ ", b"/long ", 1) + LAST, answer=0.1)
    assert app.done.wait(300)  # the rest of it went nowhere
    assert 0 < len(heard(client)) < LONG


def test_one_connection_too_many_is_told_so(call):
    first, second = call(connections=2), call()
    assert heard(call()).startswith(b"HTTP/1.1 503 ")
    for client in (first, second):
        client.sendall(GET + LAST)
        assert b"here" in heard(client)


def test_one_address_does_not_take_all_connections(call, monkeypatch):
    for client in (call(GET + b"\r\n", each=1), call(GET + b"\r\n")):  # a proxy may be here
        assert client.recv(10) == b"HTTP/1.1 2"
    monkeypatch.setattr(LimitedConnection, "proxies", ())
    assert heard(call()).startswith(b"HTTP/1.1 503 ")


@pytest.mark.parametrize(
    "said",
    [
        CHUNKED + b"\r\n" + b"1\r\na\r\n" * 5000,
        CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n" + GET + b"\r\n",
        GET + b"a: b\r\n" * 20_000,
        b"GET /" + b"a" * 100_000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=["powder", "two lengths", "many headers", "long address", "TLS"],
)
def test_what_is_no_honest_http_ends_the_connection(call, said, caplog):
    answer = heard(call(said))
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert b"here" not in answer
    assert all(record.levelname != "ERROR" for record in caplog.records)


def test_body_in_parts_of_a_sensible_size_is_read(call):
    part = b"3e8\r\n" + bytes(1000) + b"\r\n"
    assert b"here" in heard(call(CHUNKED + LAST + part * 5000 + b"0\r\n\r\n"))


def test_nonsense_in_the_midst_of_an_answer_ends_the_connection(call, app, caplog):
    client = call(CHUNKED.replace(b"/read", b"/slow") + b"\r\n")
    assert app.begun.wait(300)
    client.sendall(b"nonsense\r\n")
    assert b"here" not in heard(client)
    app.go_on.set()
    assert app.done.wait(300)
    assert all(record.levelname != "ERROR" for record in caplog.records)
