"""The photo on its canvas: sharp, and in the colours of the result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import encode
from PIL import Image
from visitor import SPOT, ab, expect

LOSE = 'canvas.getContext("webgl2").getExtension("WEBGL_lose_context")'
COUNT = """
  const { prototype } = WebGL2RenderingContext;
  window.textures = 0;
  for (const [name, by] of [["createTexture", 1], ["deleteTexture", -1]]) {
    const plain = prototype[name];
    prototype[name] = function (texture) {
      if (by > 0 || texture) window.textures += by;
      return plain.call(this, texture);
    };
  }"""


def scene(width: int, height: int) -> np.ndarray:
    """Grey: slopes, edges, and grain so fine that nothing may be blurred."""
    y, x = np.mgrid[:height, :width]
    grey = 40 + 170 * (x / width) - 30 * ((x // 60 + y // 45) % 2) + 20 * np.sin(y / 17)
    grey += np.random.default_rng(0).normal(0, 12, grey.shape)
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


@pytest.fixture
def bring(come, tmp_path):
    """A visitor with a scene of that size, and with points of several colours on it."""

    def bring(width: int, height: int, query: str = "", **wishes: Any) -> Any:
        path = tmp_path / "scene.png"
        path.write_bytes(encode(scene(width, height)))
        visitor = come(query, **wishes)
        visitor.upload(path)
        places = [(0.4, 0.4, "#a03040"), (0.6, 0.45, "#304090"), (0.5, 0.6, "#508030")]
        hints = [{"x": x * width, "y": y * height, "color": color} for x, y, color in places]
        told = tmp_path / "hints.json"
        told.write_text(json.dumps({"size": [width, height], "hints": hints}))
        with visitor.colored_anew():
            visitor.page.set_input_files("#hint-file", told)
        visitor.page.mouse.move(5, 5)
        return visitor

    return bring


def share_alike(visitor: Any, folder: Path) -> float:
    """How many of the values seen are those of the result, to within a level."""
    visitor.page.keyboard.press("1")
    seen, x, y = visitor.photo_seen()
    path = visitor.saved(folder, lambda: visitor.page.click("#download"))
    result = np.asarray(Image.open(path))
    height, width = seen.shape[:2]
    assert min(height, width) > 300
    wanted = result[y : y + height, x : x + width].astype(int)
    assert (
        np.ptp(wanted.reshape(-1, 3) - wanted.reshape(-1, 3).mean(1, keepdims=True), 0).min() > 30
    )
    return float((np.abs(seen - wanted) <= 1).mean())


@pytest.mark.parametrize(
    ("size", "ratio", "query"),
    [
        ((1200, 900), 1, ""), ((1200, 900), 1, "?canvas=2d"), ((2400, 1800), 1, ""),
        ((2400, 1800), 2, ""),
    ],
    ids=["card", "plain", "tiles", "twice"],
)  # fmt: skip
def test_what_is_seen_is_what_is_downloaded(bring, tmp_path, size, ratio, query):
    visitor = bring(*size, query, device_scale_factor=ratio)
    assert share_alike(visitor, tmp_path) > 0.99


def test_photo_stays_when_the_card_loses_it(bring):
    visitor = bring(600, 400)
    before = visitor.look()
    visitor.at("#stage .photo").evaluate(f"(canvas) => (window.lost = {LOSE}).loseContext()")
    visitor.page.evaluate("() => new Promise((then) => setTimeout(then))")
    visitor.page.evaluate("() => window.lost.restoreContext()")
    for _ in range(100):
        if np.array_equal(after := visitor.look(), before):
            break
    assert np.array_equal(after, before)


def test_strength_and_colours_that_were_seen_before_ask_for_nothing(bring):
    visitor = bring(600, 400)
    colored = visitor.pixel(0.4, 0.4)
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    visitor.page.fill("#strength", "0")
    grey = visitor.pixel(0.4, 0.4)
    assert np.allclose(ab(grey), 0, atol=1)
    visitor.page.fill("#strength", "1")
    assert visitor.pixel(0.4, 0.4) == colored
    with visitor.colored_anew():
        visitor.menu("clear")
    assert asked.count("chroma") == 0  # as without points it was coloured first
    assert visitor.pixel(0.4, 0.4) != colored
    visitor.page.keyboard.press("Control+z")
    assert visitor.pixel(0.4, 0.4) == colored
    assert asked.count("chroma") == 0


def test_suggested_colour_is_seen_while_the_pointer_is_on_it(bring):
    visitor = bring(600, 400)
    before = visitor.pixel(*SPOT)
    visitor.point_at(*SPOT)
    swatch = visitor.at(".swatches button").nth(2)
    with visitor.colored_anew():
        swatch.hover()
    wished = swatch.locator("i").evaluate("(dot) => getComputedStyle(dot).backgroundColor")
    wished = [float(part) for part in wished[4:-1].split(",")]
    now, first = (np.hypot(*(ab(rgb) - ab(wished))) for rgb in (visitor.pixel(*SPOT), before))
    assert now < first / 2
    visitor.page.mouse.move(5, 5)
    assert visitor.pixel(*SPOT) == before
    expect(visitor.at(".point")).to_have_count(3)


def test_memory_stays_flat_over_a_hundred_hints(come, server, tmp_path):
    path = tmp_path / "large.png"
    path.write_bytes(encode(scene(6000, 4000), compress_level=1))
    visitor = come(viewport={"width": 480, "height": 360})
    visitor.page.add_init_script(COUNT)
    visitor.page.reload()
    visitor.upload(path)
    measure = visitor.page.context.new_cdp_session(visitor.page)
    measure.send("Performance.enable")

    def heap() -> float:
        measure.send("HeapProfiler.collectGarbage")
        told = measure.send("Performance.getMetrics")["metrics"]
        return {one["name"]: one["value"] for one in told}["JSHeapUsedSize"] / 1e6

    kept, pages, textures = [], [], []
    for n in range(102):
        if n % 17 == 0:
            visitor.page.keyboard.press("01"[n % 2])
            visitor.settle()
        with visitor.colored_anew():
            hint = {"x": 100 + 50 * n, "y": 2000, "color": [n - 50, 20]}
            content = json.dumps({"size": [6000, 4000], "hints": [hint]}).encode()
            file = {"name": "h.json", "mimeType": "application/json", "buffer": content}
            visitor.page.set_input_files("#hint-file", [file])
        if n % 34 == 33:
            (photo,) = server.app.state.services.photos._kept.values()
            kept.append(photo.size)
            pages.append(heap())
            textures.append(visitor.page.evaluate("window.textures"))
    assert photo.lightness.shape == (4000, 6000)
    assert kept[0] == kept[-1]
    assert textures[0] == textures[-1] < 60
    assert pages[-1] - pages[0] < 10
