"""Make the pictures of the page in docs/images anew: python docs/screenshots.py.

It needs playwright and Chromium, and shows sample photos only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import Page, sync_playwright

import photochrom.web

SAMPLES = Path(photochrom.web.__file__).with_name("static") / "samples"
WINDOW = {"width": 1366, "height": 768}
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
ARGS = ["--enable-unsafe-swiftshader", *(["--no-sandbox"] if os.geteuid() == 0 else [])]


@contextmanager
def serve() -> Iterator[str]:
    """Serve the page; gives its address."""
    config = uvicorn.Config(photochrom.web.create_app(), port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def rest(page: Page) -> None:
    """Wait until the colours are there, and the looks."""
    page.wait_for_selector(".photo[aria-busy=false]")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1500)


def bring(page: Page, photo: str) -> None:
    """Open a sample."""
    page.set_input_files("#files", SAMPLES / photo)
    page.wait_for_selector("body.ready")
    rest(page)


def point_at(page: Page, x: float, y: float) -> None:
    """Open the palette at a place, in shares of the photo's width and height."""
    box = page.locator(".view").bounding_box()
    assert box
    page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.wait_for_selector(".swatches button")
    rest(page)


def show_comparison(page: Page) -> None:
    """The photo between before and after, its looks and dials."""
    bring(page, "astronaut.jpg")
    page.click("#compare")
    rest(page)


def show_palette(page: Page) -> None:
    """A colour that is chosen, of those likely at a place."""
    bring(page, "coffee.jpg")
    point_at(page, 0.22, 0.58)
    page.locator(".swatches button").last.click()
    page.get_by_role("radio", name="Large").check()
    rest(page)


def show_unsure(page: Page) -> None:
    """Where a colour helps most, as numbers."""
    bring(page, "coffee.jpg")
    page.click("#unsure")
    page.wait_for_selector(".mark button")
    rest(page)


PICTURES = {"serve": show_palette, "compare": show_comparison, "unsure": show_unsure}


def main() -> None:
    """Write them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("images"))
    folder = parser.parse_args().output
    with serve() as address, sync_playwright() as started:
        browser: Any = started.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        for name, show in PICTURES.items():
            page = browser.new_page(viewport=WINDOW, reduced_motion="reduce")
            page.goto(address)
            show(page)
            page.screenshot(path=folder / f"{name}.jpg", quality=82)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
