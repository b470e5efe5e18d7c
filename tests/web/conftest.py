"""The server, with a toy for a model."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pictures import TOY_AB


@pytest.fixture
def toy(make_model: Callable[..., Path]) -> Path:
    """A model that colours all alike, and obeys hints."""
    return make_model(
        offset=TOY_AB, hints=1, vivid=[], tells=("logits",), metadata={"default_vivid": "0.3"}
    )


@pytest.fixture
def make_client(toy: Path) -> Iterator[Callable[..., Any]]:
    """Opens servers: with limits, and with options of ``create_app``."""
    from fastapi.testclient import TestClient

    from photochrom.web import create_app
    from photochrom.web.services import ServerLimits

    with ExitStack() as stack:

        def make(limits: dict[str, Any] | None = None, **options: Any) -> TestClient:
            app = create_app(**{"model": toy, "limits": ServerLimits(**(limits or {}))} | options)
            return stack.enter_context(TestClient(app, "http://localhost"))

        yield make


@pytest.fixture
def client(make_client: Callable[..., Any]) -> Any:
    """A server as it is by default."""
    return make_client()


@pytest.fixture
def fifo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipe that photos hang at."""
    path = tmp_path_factory.mktemp("pipe") / "fifo"
    os.mkfifo(path)
    return path


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def queue() -> AsyncIterator[Any]:
    """One works, two may wait; in the end nobody does."""
    from photochrom.web.work_queue import WorkQueue

    queue = WorkQueue(1, 2, 600)
    yield queue
    queue.close()
    assert (queue.working, queue.waiting) == (0, 0)


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Photos are worked on in this process, where it can be seen and disturbed."""
    from photochrom.web.process_pool import WorkerTask

    monkeypatch.setattr(
        WorkerTask, "run", lambda _, function, *args, **kwargs: function(*args, **kwargs)
    )
