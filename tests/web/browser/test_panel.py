"""What stands beside the photo: looks, unsure areas, before and after."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from visitor import FAR, PHONE, SPOT, Locator, ab, expect

PLACES = {"places": [{"x": 120, "y": 90, "radius": 30}, {"x": 360, "y": 270, "radius": 20}]}


def color_in(image: Locator) -> np.ndarray:
    """The ab of a thumbnail at SPOT; it is a square out of the middle of a photo of 4:3."""
    seen = np.asarray(Image.open(io.BytesIO(image.screenshot())).convert("RGB"))
    row, column = int(SPOT[1] * len(seen)), int((SPOT[0] - 1 / 8) * 4 / 3 * len(seen))
    return ab(seen[row - 1 : row + 2, column - 1 : column + 2].mean((0, 1)))


def test_looks_show_the_photo_and_one_click_chooses(visitor):
    looks = visitor.at("#looks button")
    expect(looks.locator("img:visible")).to_have_count(3)
    expect(looks.nth(1)).to_have_attribute("aria-pressed", "true")
    shown = [color_in(looks.nth(i).locator("img")) for i in (0, 2)]
    word = visitor.at("#vivid-word")
    expect(word).to_have_text("natural")  # the dial calls a look as its button does
    with visitor.colored_anew():
        looks.nth(2).click()
    expect(looks.nth(2)).to_have_attribute("aria-pressed", "true")
    expect(visitor.at("#vivid")).to_have_value("0.85")
    expect(word).to_have_text("lively")
    lively = ab(visitor.pixel(*SPOT))
    assert np.hypot(*shown[0]) < np.hypot(*shown[1])
    assert np.allclose(lively, shown[1], atol=4)
    visitor.page.click("#undo")
    expect(looks.nth(1)).to_have_attribute("aria-pressed", "true")


def test_looks_follow_the_points(visitor):
    picture = "#looks button:nth-child(2) img"
    expect(visitor.at(f"{picture}:visible")).to_be_visible()
    before = visitor.at(picture).get_attribute("src")
    visitor.point_at(*SPOT)
    chosen = ab(visitor.choose(2))
    visitor.page.keyboard.press("Escape")
    expect(visitor.at(picture)).not_to_have_attribute("src", before)
    assert np.hypot(*(color_in(visitor.at(picture)) - chosen)) < 8


def test_unsure_areas_lead_to_their_colours_and_are_ticked_off(visitor):
    visitor.page.route("**/unsure", lambda route: route.fulfill(json=PLACES))
    visitor.page.click("#unsure")
    chips, marks = visitor.at("#areas ol button"), visitor.at(".mark")
    expect(chips).to_have_text(["1", "2"])
    expect(marks).to_have_count(2)
    chips.first.click()
    visitor.at(".swatches button").first.wait_for()
    spot = visitor.at(".spot").bounding_box()
    middle = (spot["x"] + spot["width"] / 2, spot["y"] + spot["height"] / 2)
    assert np.allclose(middle, visitor.place(0.3, 0.3), atol=1.5)
    visitor.choose(1)
    visitor.page.keyboard.press("Escape")
    expect(chips.first).to_have_accessible_name("Unsure area 1, has a point")
    expect(marks.first).to_be_hidden()
    marks.nth(1).locator("button").click()
    visitor.at(".swatches button").first.wait_for()
    visitor.choose(1)
    visitor.page.keyboard.press("Escape")
    expect(visitor.at("#areas-again")).to_be_visible()
    visitor.page.click("#unsure")
    expect(visitor.at("#areas")).to_be_hidden()
    expect(marks).to_have_count(0)


def test_unsure_areas_can_be_a_veil(visitor):
    visitor.page.click("#unsure")
    visitor.page.check("#veil")
    expect(visitor.at(".guesses")).to_be_visible()
    visitor.page.click("#unsure")
    expect(visitor.at(".guesses")).to_be_hidden()


def test_original_is_seen_while_one_holds(visitor):
    knob = visitor.at(".knob")
    visitor.page.keyboard.down("b")
    expect(knob).to_have_attribute("aria-valuenow", "100")
    visitor.page.keyboard.up("b")
    expect(knob).to_have_attribute("aria-valuenow", "0")
    visitor.page.click("#compare")
    expect(knob).to_have_attribute("aria-valuenow", "50")
    expect(visitor.at("#side-before")).to_be_visible()
    visitor.at("#hold").hover()
    visitor.page.mouse.down()
    expect(knob).to_have_attribute("aria-valuenow", "100")
    visitor.page.mouse.up()
    expect(knob).to_have_attribute("aria-valuenow", "50")
    visitor.page.click("#compare")
    expect(knob).to_be_hidden()
    expect(knob).to_have_attribute("aria-valuenow", "0")


def test_sheets_leave_the_photo_in_sight(come, photo):
    visitor = come(**PHONE)
    visitor.upload(photo)
    for opener, sheet in {"#turn": "#adjust", "#unsure": "#areas"}.items():
        visitor.at(opener).tap()
        expect(visitor.at(sheet)).to_be_visible()
        visitor.page.wait_for_timeout(100)
        low = visitor.place(*FAR)[1]
        assert low < visitor.at(sheet).bounding_box()["y"]
    expect(visitor.at("#adjust")).to_be_hidden()
