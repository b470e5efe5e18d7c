"""The server: how long a client may take over a request or an answer, and how many there are."""

from __future__ import annotations

import asyncio
import logging
import socket
import warnings
from dataclasses import dataclass
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from photochrom.web.access import Proxies
from photochrom.web.services import Services

_HEADER, _BODY = 1 << 14, 1 << 16
"""Bytes read at a time, so that nobody keeps the others waiting."""
_FINE, _FREE = 64, 1000
"""Bytes that the parts of a body have to have in the mean, after so many parts."""
PATIENCE = 10
"""Seconds that work under way may take after the server was told to stop."""
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)


@dataclass(frozen=True)
class ConnectionLimits:
    """What clients are allowed."""

    request: float = 20
    """Seconds for the header of a request, and for what still comes of one that is answered."""
    answer: float = 30
    """Seconds in which a piece of an answer has to be taken."""
    connections: int = 256
    each: int = 64
    """Connections of one address; of this machine and of other proxies, all of them."""


class _StrictHttp(h11.Connection):
    """HTTP, save bodies of two lengths, and those cut so fine that reading them is work."""

    _parts = _size = 0

    def next_event(self) -> Any:
        """What comes next, as in h11."""
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._parts = self._size = 0
            if {b"content-length", b"transfer-encoding"} <= {name for name, _ in event.headers}:
                raise h11.RemoteProtocolError("A proxy may have gone by the other length.")
        elif isinstance(event, h11.Data):
            self._parts += 1
            self._size += len(event.data)
            if self._parts > _FREE + self._size // _FINE:
                raise h11.RemoteProtocolError("The body is cut too fine.")
        return event


class LimitedConnection(H11Protocol, asyncio.BufferedProtocol):
    """One client, who is cut off when he neither asks nor listens in time.

    The time for the body of a request is the guard's matter, who can answer; that between two
    requests is uvicorn's.
    """

    limits = ConnectionLimits()
    proxies = Proxies()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.conn = _StrictHttp(h11.SERVER)
        self._buffer = bytearray(_BODY)
        self._request_deadline = _Deadline(self, self.limits.request)
        self._answer_deadline = _Deadline(self, self.limits.answer)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # paused means: the client has not taken it all
        if self._crowded():
            transport.write(_FULL)
            transport.close()
        self._update_deadline()

    def _crowded(self) -> bool:
        here = self.client[0] if self.client else ""
        same = 0
        for other in self.connections:
            same += isinstance(other, LimitedConnection) and (other.client or ("",))[0] == here
        crowd = same > self.limits.each and here not in self.proxies
        return crowd or len(self.connections) > self.limits.connections

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's
        """Where to put what comes."""
        size = _HEADER if self.conn.their_state is h11.IDLE else _BODY
        return memoryview(self._buffer)[:size]

    def buffer_updated(self, nbytes: int) -> None:
        """Something has come."""
        try:
            self.data_received(bytes(self._buffer[:nbytes]))
        except h11.ProtocolError:  # nonsense in the midst of an answer, which cannot be answered
            self.transport.abort()
        self._update_deadline()

    def on_response_complete(self) -> None:
        """All of an answer was given."""
        super().on_response_complete()
        self._update_deadline()

    def pause_writing(self) -> None:
        """Some of the answer waits for the client."""
        super().pause_writing()
        self._answer_deadline.start()
        self._update_deadline()

    def resume_writing(self) -> None:
        """The client has taken it."""
        super().resume_writing()
        self._answer_deadline.stop()
        self._update_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        super().connection_lost(exc)
        self._answer_deadline.stop()
        self._request_deadline.stop()

    def _update_deadline(self) -> None:
        """Let the time run while the client owes a request, or the rest of one."""
        answered = self.cycle is None or self.cycle.response_complete
        owes = answered and self.conn.their_state in (h11.IDLE, h11.SEND_BODY)
        if owes and not self.flow.write_paused:
            self._request_deadline.start()
        else:
            self._request_deadline.stop()


class _Deadline:
    """Ends a connection, unless it is stopped in time; started again, it does not begin anew."""

    def __init__(self, connection: LimitedConnection, seconds: float) -> None:
        self._connection, self._seconds = connection, seconds
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        if self._timer is None:
            end = self._connection.transport.abort
            self._timer = self._connection.loop.call_later(self._seconds, end)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def run_server(app: FastAPI, listener: socket.socket, proxies: Proxies | None = None) -> None:
    """Serve an application until the process is told to stop; ``proxies`` as in its making."""
    app.state.services.on_start.append(Services.load_engines)
    config = uvicorn.Config(
        app,
        http=type("Connection", (LimitedConnection,), {"proxies": proxies or Proxies()}),
        loop="asyncio",
        ws="none",
        access_log=False,  # what photos are called is nobody's business
        log_level="error",  # what clients do wrong is told them
        timeout_graceful_shutdown=PATIENCE,
        server_header=False,
        proxy_headers=False,  # the guard looks at them, and wants to see who has sent them
    )
    # Who has asked for what is cancelled is told; nobody else has to be.
    logging.getLogger("uvicorn.error").addFilter(lambda said: "graceful" not in said.getMessage())
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="PIL")  # its remarks on files that are damaged
    uvicorn.Server(config).run(sockets=[listener])
