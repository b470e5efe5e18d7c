"""Points on the page: chosen, moved, hidden, and how far they reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from visitor import SPOT, expect


@pytest.fixture
def pointed(visitor: Any) -> Any:
    """One who has given a spot another colour, whose point is still chosen."""
    visitor.point_at(*SPOT)
    visitor.choose(1)
    return visitor


def hints_of(visitor: Any, act: Callable[[], Any]) -> list[dict[str, Any]]:
    """The hints that the photo is coloured with after that."""
    with visitor.page.expect_request("**/chroma") as asked:
        act()
    return asked.value.post_data_json["hints"]


def test_hidden_points_come_back_when_one_is_to_come(pointed):
    show = pointed.at("#show")
    show.click()
    expect(pointed.at("#palette")).to_be_hidden()
    expect(pointed.at(".point")).to_be_hidden()
    expect(pointed.at(".ring")).to_be_hidden()
    pointed.point_at(0.7, 0.7)
    expect(show).to_have_attribute("aria-pressed", "true")
    expect(pointed.at(".point")).to_be_visible()


def test_chosen_point_is_moved_and_removed_by_keys_while_its_palette_is_open(pointed):
    keyboard, point = pointed.page.keyboard, pointed.at(".point")
    keyboard.press("Escape")
    expect(pointed.at(".ring")).to_be_hidden()
    point.click()
    expect(pointed.at(".swatches button").first).to_be_visible()
    (first,) = hints_of(pointed, lambda: keyboard.press("ArrowRight"))
    (second,) = hints_of(pointed, lambda: keyboard.press("Shift+ArrowDown"))
    assert (first["x"], second["y"]) == (122, 110)
    expect(pointed.at("#palette")).to_be_visible()
    assert pointed.at(".ring").bounding_box() != pytest.approx(point.bounding_box())
    keyboard.press("Delete")
    expect(point).to_have_count(0)
    expect(pointed.at("#palette")).to_be_hidden()
    pointed.page.keyboard.press("Control+z")
    (hint,) = hints_of(pointed, lambda: pointed.page.keyboard.press("Control+z"))
    assert (hint["x"], hint["y"]) == (120, 90)  # both bits are one step
    pointed.page.mouse.click(*pointed.place(0.3, 0.3))
    expect(pointed.at("#palette")).to_be_visible()
    pointed.page.mouse.click(*pointed.place(0.5, 1.02))
    expect(pointed.at("#palette")).to_be_hidden()


def test_reach_is_changed_by_keys_by_the_ring_and_in_the_palette(pointed, tmp_path):
    keyboard, mouse, ring = pointed.page.keyboard, pointed.page.mouse, pointed.at(".ring")
    radius = ring.bounding_box()["width"] / 2
    (hint,) = hints_of(pointed, lambda: keyboard.press("]"))
    assert hint["reach"] == "large"
    expect(pointed.at("#reach [value=large]")).to_be_checked()
    assert ring.bounding_box()["width"] == pytest.approx(4 * radius, abs=1)
    keyboard.press("]")
    keyboard.press("[")
    (hint,) = hints_of(pointed, lambda: keyboard.press("["))
    assert hint["reach"] == "small"
    pointed.at(".handle").hover()
    mouse.down()
    x, y = pointed.place(*SPOT)
    with pointed.page.expect_request(lambda request: '"large"' in (request.post_data or "")):
        mouse.move(x, y - 2.2 * radius, steps=3)  # seen while it is dragged
    mouse.up()
    expect(pointed.at(".handle")).to_have_attribute("aria-valuetext", "large")
    (hint,) = hints_of(pointed, lambda: pointed.at("#undo").click())
    assert hint["reach"] == "small"
    (hint,) = hints_of(pointed, lambda: pointed.page.locator("#reach label").nth(1).click())
    assert "reach" not in hint  # as hint files have it
    pointed.at(".handle").press("ArrowUp")
    saved = pointed.saved(tmp_path, lambda: pointed.menu("save"))
    pointed.menu("clear")
    pointed.page.set_input_files("#hint-file", saved)
    pointed.at(".point").click()
    expect(pointed.at("#reach [value=large]")).to_be_checked()
    pointed.page.click("#undo")
    expect(pointed.at(".point")).to_have_count(0)
