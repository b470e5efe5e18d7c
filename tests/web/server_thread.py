"""A server in a thread of the tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

uvicorn = pytest.importorskip("uvicorn")


class ServerThread:
    """It can be stopped, and started again at the same port."""

    def __init__(self, make_app: Callable[[], Any], **options: Any) -> None:
        self.make_app, self.options, self.port = make_app, options, 0
        self.start()

    def start(self) -> None:
        self.app = self.make_app()
        config = uvicorn.Config(
            self.app, host="127.0.0.1", port=self.port, log_level="error",
            timeout_graceful_shutdown=1, **self.options,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
            time.sleep(0.01)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(300)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"
