"""Somebody at the page, in a browser that reaches this machine and no other."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from server_thread import ServerThread

from photochrom.color import rgb_to_lab

pytest.importorskip("playwright.sync_api")

from playwright.sync_api import Locator, Page, expect

expect.set_options(timeout=120_000)
PHONE = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}
SPOT = (0.3, 0.3)
"""On the dark half of the photo."""
FAR = (0.9, 0.9)
"""On the bright one, where a hint at SPOT hardly reaches: but a little, as light is shared."""

DROP = """([files, by]) => {
  const transfer = new DataTransfer();
  for (const [name, bytes] of files) {
    const content = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0));
    transfer.items.add(new File([content], name));
  }
  const common = { bubbles: true, cancelable: true };
  const events = by === "paste"
    ? [new ClipboardEvent(by, { clipboardData: transfer, ...common })]
    : ["dragenter", "dragover", "drop"].map(
      (type) => new DragEvent(type, { dataTransfer: transfer, ...common }));
  for (const event of events) document.body.dispatchEvent(event);
}"""


def ab(rgb: list[float]) -> np.ndarray:
    return rgb_to_lab(np.array(rgb) / 255, axis=0)[1:]


class Visitor:
    """Places on the photo are shares of its width and height."""

    def __init__(self, page: Page, server: ServerThread, query: str = "") -> None:
        self.page = page
        self.complaints: list[str] = []
        self.visited: set[str] = set()
        page.set_default_timeout(120_000)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._note_violation)
        page.on("request", lambda request: self.visited.add(request.url))
        page.goto(server.address + query)

    def _note_violation(self, message: Any) -> None:
        if "Security Policy" in message.text:
            self.complaints.append(message.text)

    def at(self, selector: str) -> Locator:
        return self.page.locator(selector)

    def ready(self) -> None:
        self.page.wait_for_selector("body.ready")
        expect(self.at(".knob")).to_have_attribute("aria-valuenow", "0")  # the colour has come in

    def bring(self, *paths: Path) -> None:
        self.page.set_input_files("#files", list(paths))

    def upload(self, path: Path) -> None:
        self.bring(path)
        self.ready()

    def drop(self, *paths: Path, by: str = "drop") -> None:
        files = [[path.name, base64.b64encode(path.read_bytes()).decode()] for path in paths]
        self.page.evaluate(DROP, [files, by])

    def place(self, x: float, y: float) -> tuple[float, float]:
        box = self.at(".view").bounding_box()
        assert box is not None
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def point_at(self, x: float, y: float, *, touch: bool = False) -> None:
        """Opens the palette there, and waits until it has colours."""
        place = self.place(x, y)
        (self.page.touchscreen.tap if touch else self.page.mouse.click)(*place)
        self.at(".swatches button").first.wait_for()

    def settle(self) -> None:
        """Waits until the photo is as sharp as it can be, and in its last colours."""
        self.page.evaluate("() => new Promise((then) => requestAnimationFrame(() => then()))")
        expect(self.at("#stage .photo")).to_have_attribute("aria-busy", "false")

    def look(self) -> np.ndarray:
        """What is seen of the stage, (H, W, 3), without what lies over the photo."""
        self.settle()
        over = self.at("#stage > :not(.photo)")
        show = "(all, how) => all.forEach((one) => (one.style.visibility = how))"
        over.evaluate_all(show, "hidden")
        told = self.at("#stage").screenshot()
        over.evaluate_all(show, "")
        return np.asarray(Image.open(io.BytesIO(told)).convert("RGB"))

    def photo_seen(self) -> tuple[np.ndarray, int, int]:
        """What is seen of the photo where its pixels are those of the screen, and from where on."""
        seen, stage, view = self.look(), *(self.at(s).bounding_box() for s in ("#stage", ".view"))
        assert stage is not None
        assert view is not None
        ratio = self.page.evaluate("devicePixelRatio")
        left, top = (round(ratio * (view[side] - stage[side])) for side in ("x", "y"))
        height, width = (round(ratio * view[side]) for side in ("height", "width"))
        part = seen[max(top, 0) : top + height, max(left, 0) : left + width]
        return part, max(-left, 0), max(-top, 0)

    def pixel(self, x: float, y: float, *, before: bool = False) -> list[float]:
        """Red, green and blue, 0..255, as the photo is seen there, or was before."""
        stage = self.at("#stage").bounding_box()
        assert stage is not None
        left, top = self.place(x, y)
        if before:
            self.page.keyboard.down("b")
        seen = self.look()
        if before:
            self.page.keyboard.up("b")
        column, row = int(left - stage["x"]), int(top - stage["y"])
        return seen[row - 1 : row + 2, column - 1 : column + 2].mean((0, 1)).tolist()

    @contextmanager
    def colored_anew(self) -> Iterator[None]:
        """Around what colours anew: leaves once the new colours are there."""
        photo = self.at("#stage .photo")
        before = photo.get_attribute("data-turn") or ""
        yield
        expect(photo).not_to_have_attribute("data-turn", before)
        expect(photo).to_have_attribute("aria-busy", "false")

    def choose(self, number: int) -> list[float]:
        """Takes a swatch; answers its colour."""
        swatch = self.at(".swatches button").nth(number)
        with self.colored_anew():
            swatch.click()
        text = swatch.locator("i").evaluate("(dot) => getComputedStyle(dot).backgroundColor")
        return [float(part) for part in text[4:-1].split(",")]

    def menu(self, what: str) -> None:
        self.page.click("#more")
        self.page.click(f"#menu [data-do={what}]")

    def saved(self, folder: Path, act: Any) -> Path:
        """The file that comes of it."""
        with self.page.expect_download() as waiting:
            act()
        path = folder / waiting.value.suggested_filename
        waiting.value.save_as(path)
        return path
