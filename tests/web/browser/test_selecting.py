"""Points on the page: chosen, moved, hidden, and how far they reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from server_thread import ServerThread
from visitor import SPOT, Visitor, expect

from photochrom.color import rgb_to_lab
from photochrom.web import create_app


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
    for _ in range(2):
        keyboard.press("Control+z")  # both bits are one step
    box = point.bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert middle == pytest.approx(pointed.place(*SPOT), abs=1)
    pointed.page.mouse.click(*pointed.place(*SPOT))
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
    reach = pointed.at(".handle")
    reach.hover()
    mouse.down()
    x, y = pointed.place(*SPOT)
    with pointed.colored_anew():  # while it is dragged
        mouse.move(x, y - 2.2 * radius, steps=3)
    expect(reach).to_have_attribute("aria-valuetext", "large")
    mouse.up()
    pointed.at("#undo").click()
    expect(reach).to_have_attribute("aria-valuetext", "small")
    pointed.page.locator("#reach label").nth(1).click()
    expect(reach).to_have_attribute("aria-valuetext", "normal")
    reach.press("ArrowUp")
    saved = pointed.saved(tmp_path, lambda: pointed.menu("save"))
    pointed.menu("clear")
    pointed.page.set_input_files("#hint-file", saved)
    pointed.at(".point").click()
    expect(pointed.at("#reach [value=large]")).to_be_checked()
    pointed.page.click("#undo")
    expect(pointed.at(".point")).to_have_count(0)


def test_one_colour_changes_what_it_lies_on_and_nothing_far_away(chromium):
    server = ServerThread(lambda: create_app())
    room = chromium.new_context(reduced_motion="reduce", viewport={"width": 1000, "height": 600})
    visitor = Visitor(room.new_page(), server)
    visitor.at("#samples img[alt*=coffee]").click()
    visitor.page.get_by_role("button", name="Colour it anew").or_(visitor.at(".ready")).click()
    visitor.ready()
    x, y = (0.7, 0.55)  # on the saucer
    before = visitor.look()
    visitor.point_at(x, y)
    visitor.page.click("#palette [data-do=more]")
    visitor.page.fill("#hex", "#b03a2e")
    with visitor.colored_anew():
        visitor.at("#hex").press("Enter")
    there, after = rgb_to_lab(np.stack([before, visitor.look()]) / 255, axis=-1)[..., 1:]
    moved = np.hypot(*np.moveaxis(after - there, -1, 0))
    stage, at = visitor.at("#stage").bounding_box(), visitor.place(x, y)
    rows, columns = np.indices(moved.shape)
    away = np.hypot(columns - (at[0] - stage["x"]), rows - (at[1] - stage["y"])) / moved.shape[1]
    assert moved[away < 0.02].mean() > 30
    assert (moved[away > 0.4] > 5).mean() < 0.02
    room.close()
    server.stop()
