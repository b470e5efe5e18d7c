"""Visitors of the page, in a browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pictures import encode, halves

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
ROOT = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
QUIET = ["--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.slow)
            if not CHROMIUM:
                item.add_marker(pytest.mark.skip(reason="no browser: apt-get install chromium"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=[*ROOT, *QUIET])
        yield browser
        browser.close()


@pytest.fixture
def server(toy) -> Iterator[Any]:
    from server_thread import ServerThread

    from photochrom.web import create_app

    server = ServerThread(lambda: create_app(model=toy))
    yield server
    server.stop()


@pytest.fixture
def come(chromium, server) -> Iterator[Callable[..., Any]]:
    """Lets visitors in; at the end none may have complained, or been led elsewhere."""
    from visitor import Visitor

    visitors, rooms = [], []

    def come(query: str = "", **wishes: Any) -> Any:
        quick = {"reduced_motion": "reduce", "viewport": {"width": 1280, "height": 800}}
        rooms.append(chromium.new_context(**quick | wishes))
        visitors.append(Visitor(rooms[-1].new_page(), server, query))
        return visitors[-1]

    yield come
    for room in rooms:
        room.close()
    for visitor in visitors:
        assert visitor.complaints == []
        ours = (server.address, "blob:", "data:")
        assert [address for address in visitor.visited if not address.startswith(ours)] == []


@pytest.fixture
def photo(tmp_path) -> Path:
    path = tmp_path / "garden.png"
    path.write_bytes(encode(halves(), dpi=(300, 300)))
    return path


@pytest.fixture
def visitor(come: Callable[..., Any], photo: Path) -> Any:
    """One who has brought that photo."""
    visitor = come()
    visitor.upload(photo)
    return visitor
