"""However a client talks, he keeps neither a connection nor the server."""

from __future__ import annotations

import asyncio
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import uvicorn

from photochrom.web import server
from photochrom.web.server import ConnectionLimits, LimitedConnection

LONG = 20_000_000
"""Bytes of an answer, which no socket takes at once."""


class House:
    """An application that answers at once, and at length under /long."""

    def __init__(self) -> None:
        self.begun, self.done, self.go_on = threading.Event(), threading.Event(), threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] == "/slow":
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
            self.begun.set()
            await asyncio.to_thread(self.go_on.wait, 300)
        elif scope["path"] == "/read":
            while (await receive()).get("more_body"):
                pass
        elif scope["path"] == "/long":
            for _ in range(LONG // 100_000):
                await send(
                    {"type": "http.response.body", "body": bytes(100_000), "more_body": True}
                )
        await send({"type": "http.response.body", "body": b"here"})
        self.done.set()


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def call(house: House) -> Iterator[Callable[..., socket.socket]]:
    """Connects to a server with such bounds, which is one for all calls."""
    with ExitStack() as stack:
        places: list[Any] = []

        def call(**bounds: float) -> socket.socket:
            if not places:
                kind = type("Hasty", (LimitedConnection,), {"limits": ConnectionLimits(**bounds)})
                listener = socket.create_server(("127.0.0.1", 0))
                config = uvicorn.Config(
                    house, http=kind, ws="none", lifespan="off", timeout_graceful_shutdown=1
                )
                server = uvicorn.Server(config)
                thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
                thread.start()
                stack.callback(thread.join)
                stack.callback(setattr, server, "should_exit", True)
                stack.callback(house.go_on.set)
                places.append(listener.getsockname())
            return stack.enter_context(socket.create_connection(places[0], timeout=300))

        yield call


def heard(client: socket.socket) -> bytes:
    """All that comes until the connection ends."""
    said = b""
    try:
        while part := client.recv(1 << 20):
            said += part
    except ConnectionResetError:
        pass
    return said


def dripped(client: socket.socket) -> bytes:
    """All that comes of one who goes on and on, byte by byte."""
    said = b""
    for _ in range(30_000):
        try:
            client.sendall(b"a")
            if select.select([client], [], [], 0.01)[0]:
                part = client.recv(1 << 20)
                if not part:
                    return said
                said += part
        except (ConnectionResetError, BrokenPipeError):
            return said
    raise AssertionError("He is still heard.")


def test_who_says_nothing_is_left(call):
    assert heard(call(request=0.1)) == b""


def test_a_header_that_drips_is_cut_off(call):
    client = call(request=0.3)
    client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
    assert dripped(client) == b""


def test_what_still_drips_in_after_the_answer_is_cut_off(call):
    client = call(request=0.3)
    client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
    assert b"here" in dripped(client)


def test_a_second_request_has_its_time_too(call, house):
    client = call(request=300)
    for _ in range(3):
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        said = b""
        while b"here" not in said:
            said += client.recv(1 << 16)
    client.sendall(b"GET /long HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert len(heard(client)) > LONG


def test_an_answer_that_nobody_takes_is_broken_off(call, house):
    client = call(answer=0.1)
    client.sendall(b"GET /long HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert house.done.wait(300)  # the rest of it went nowhere
    assert 0 < len(heard(client)) < LONG


def test_one_connection_too_many_is_told_so(call):
    first, second = call(connections=2), call()
    assert heard(call()).startswith(b"HTTP/1.1 503 ")
    for client in (first, second):
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert b"here" in heard(client)


def test_one_address_does_not_take_all_connections(call, monkeypatch):
    first = call(each=1)
    second = call()
    for client in (first, second):  # of this machine, on which a proxy may be
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(10) == b"HTTP/1.1 2"
    monkeypatch.setattr(server, "is_loopback", lambda _: False)
    assert heard(call()).startswith(b"HTTP/1.1 503 ")


REQUEST = b"POST /read HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    "said",
    [
        REQUEST + b"\r\n" + b"1\r\na\r\n" * 5000,
        REQUEST + b"Content-Length: 5\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"a: b\r\n" * 20_000,
        b"GET /" + b"a" * 100_000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=["powder", "two lengths", "many headers", "long address", "TLS"],
)
def test_what_is_no_honest_http_ends_the_connection(call, said, caplog):
    client = call()
    client.sendall(said)
    said = heard(client)
    assert said.count(b"HTTP/1.1 ") <= 1
    assert b"here" not in said
    assert all(record.levelname != "ERROR" for record in caplog.records)


def test_a_body_in_parts_of_a_sensible_size_is_read(call):
    client = call()
    part = b"3e8\r\n" + bytes(1000) + b"\r\n"
    client.sendall(REQUEST + b"Connection: close\r\n\r\n" + part * 5000 + b"0\r\n\r\n")
    assert b"here" in heard(client)


def test_nonsense_in_the_midst_of_an_answer_ends_the_connection(call, house, caplog):
    client = call()
    client.sendall(b"POST /slow HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert house.begun.wait(300)
    client.sendall(b"nonsense\r\n")
    assert b"here" not in heard(client)
    house.go_on.set()
    assert house.done.wait(300)
    assert all(record.levelname != "ERROR" for record in caplog.records)
