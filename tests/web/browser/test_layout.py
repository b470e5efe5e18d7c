"""Room for the photo, and nothing clipped or too small to hit, in windows of all sizes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from visitor import SPOT, expect

TOUCH = {"has_touch": True, "is_mobile": True}
WINDOWS = {
    "laptop": {"viewport": {"width": 1366, "height": 768}},
    "zoomed": {"viewport": {"width": 683, "height": 384}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, **TOUCH},
    "turned": {"viewport": {"width": 844, "height": 390}, **TOUCH, "color_scheme": "dark"},
}
PLACES = {"places": [{"x": 120, "y": 90, "radius": 30}, {"x": 300, "y": 200, "radius": 20}]}

CLIPPED = """(least) => {
  const wrong = [];
  for (const element of document.querySelectorAll("button, input, h1, h2, a")) {
    if (!element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    if (element.closest(".hidden, .points, .marks")) continue;
    const box = (element.closest("label") ?? element).getBoundingClientRect();
    const name = element.id || element.ariaLabel || element.textContent;
    if (box.left < -1 || box.right > innerWidth + 1) wrong.push(`${name} is outside`);
    if (element.scrollWidth > element.clientWidth + 1) wrong.push(`${name} is cut off`);
    const small = Math.min(box.width, box.height) < least;
    if (small && element.matches("button, input")) wrong.push(`${name} is small`);
  }
  if (document.documentElement.scrollWidth > innerWidth) wrong.push("it scrolls sideways");
  return wrong;
}"""
STILL = """() => document.getAnimations().every(
  (a) => a.playState !== "running" || a.effect.getComputedTiming().iterations === Infinity)"""


def grey(folder: Path, width: int, height: int) -> Path:
    path = folder / f"{width}x{height}.png"
    levels = np.random.default_rng(3).integers(30, 220, (6, 9), np.uint8)
    Image.fromarray(levels).resize((width, height), Image.Resampling.BICUBIC).save(path)
    return path


@pytest.mark.parametrize("size", [(600, 400), (400, 300)], ids=["3:2", "4:3"])
def test_photo_has_most_of_the_window(come, tmp_path, size):
    visitor = come(**WINDOWS["laptop"])
    visitor.upload(grey(tmp_path, *size))
    photo = visitor.at(".view").bounding_box()
    assert photo["width"] * photo["height"] > 0.6 * 1366 * 768
    panel = visitor.at("#panel").bounding_box()
    assert photo["x"] + photo["width"] <= panel["x"]
    visitor.point_at(*SPOT)
    palette = visitor.at("#palette").bounding_box()
    assert (palette["x"], palette["width"]) == (panel["x"], panel["width"])
    assert visitor.at(".view").bounding_box() == photo  # it stays where it was


@pytest.mark.parametrize("window", WINDOWS)
def test_everything_fits_and_has_no_barriers(come, photo, window):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    touch = "has_touch" in WINDOWS[window]
    visitor: Any = come(**WINDOWS[window])
    visitor.page.route("**/unsure", lambda route: route.fulfill(json=PLACES))

    def check(state: str) -> None:
        visitor.page.wait_for_function(STILL)
        assert visitor.page.evaluate(CLIPPED, 40 if touch else 24) == [], state
        found = axe.run(visitor.page).response["violations"]
        assert not found, f"{state}: {json.dumps(found, indent=1)[:3000]}"

    expect(visitor.at("#samples img").first).to_be_visible()
    check("welcome")
    visitor.upload(photo)
    check("editor")
    if window == "phone":
        visitor.page.click("#turn")
        check("looks")
    visitor.page.click("#unsure")
    expect(visitor.at("#areas ol button")).to_have_count(2)
    check("unsure areas")
    visitor.page.click("#compare")
    check("compare")
    visitor.page.click("#compare")
    visitor.point_at(*SPOT, touch=touch)
    visitor.page.click("#palette [data-do=more]")
    check("palette")
    visitor.page.keyboard.press("Escape")
    visitor.page.click("#versions")
    visitor.at("#others .grid img").nth(3).wait_for()
    check("versions")
    visitor.page.keyboard.press("Escape")
    visitor.page.click("#more")
    check("menu")
    visitor.page.click("#menu [data-do=keys]")
    check("keys")
