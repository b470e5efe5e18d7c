"""The page when things go wrong, and for everybody: by touch, by keyboard."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from server_thread import ServerThread
from visitor import PHONE, SPOT, Visitor, ab, expect

from photochrom.color import fit_gamut, lab_to_rgb, rgb_to_lab
from photochrom.inference.color_names import name_color
from photochrom.web import create_app

STILL = """() => document.getAnimations().every(
  (a) => a.playState !== "running" || a.effect.getComputedTiming().iterations === Infinity)"""
"""Nothing fades any more."""


# --- when things go wrong ---------------------------------------------------------------------


def test_nothing_is_lost_by_a_reload(visitor):
    expect(visitor.at("#vivid-word")).to_have_text("natural")
    visitor.point_at(*SPOT)
    visitor.choose(1)
    visitor.page.keyboard.press("Escape")
    with visitor.colored_anew():
        visitor.page.fill("#strength", "0.5")
    shown = visitor.pixel(*SPOT)
    visitor.page.reload()
    visitor.ready()
    expect(visitor.at(".point")).to_have_count(1)
    expect(visitor.at("#strength")).to_have_value("0.5")
    expect(visitor.at("#name")).to_have_text("garden.png")
    assert np.allclose(visitor.pixel(*SPOT), shown, atol=1)
    visitor.menu("remove")
    expect(visitor.at("#welcome")).to_be_visible()
    visitor.page.reload()
    expect(visitor.at("#samples img").first).to_be_visible()
    expect(visitor.at("#welcome")).to_be_visible()


def test_server_that_comes_back_with_nothing_in_mind_is_sent_all_again(visitor, server, photo):
    server.stop()
    visitor.page.fill("#vivid", "1")
    expect(visitor.at("#vivid")).to_have_attribute("aria-valuetext", "bold")
    expect(visitor.at("#banner")).to_contain_text("Reconnecting")
    expect(visitor.at("body.ready")).to_be_visible()  # the last picture stays
    with visitor.colored_anew():
        server.start()  # it knows nothing of the photo now
    expect(visitor.at("#banner")).to_be_hidden()
    assert np.allclose(ab(visitor.pixel(*SPOT)), (7, 11), atol=3)


def test_busy_server_is_waited_for(come, photo):
    visitor = come()
    busy = {"detail": "There is much to do.", "code": "busy"}
    waiting = []
    answers = [
        lambda route: route.fulfill(status=503, headers={"Retry-After": "1"}, json=busy),
        waiting.append,
    ]
    visitor.page.route("**/api/photos", lambda route: answers.pop(0)(route), times=2)
    visitor.bring(photo)
    expect(visitor.at("#banner")).to_contain_text("queue")
    while not waiting:
        visitor.page.wait_for_timeout(10)
    # What the server answers meanwhile says nothing of the photo.
    visitor.page.evaluate("import('/static/api.js').then((api) => api.request('models'))")
    expect(visitor.at("#banner")).to_contain_text("queue")
    waiting[0].continue_()
    visitor.ready()
    expect(visitor.at("#banner")).to_be_hidden()
    assert answers == []


def test_token_leaves_the_address_and_opens_the_door(chromium, toy, photo):
    server = ServerThread(lambda: create_app(model=toy, token="open sesame"))
    room = chromium.new_context()
    visitor = Visitor(room.new_page(), server)
    expect(visitor.at("#refusal")).to_contain_text("token")
    visitor.page.goto(f"{server.address}/?token=open%20sesame")
    visitor.upload(photo)
    assert visitor.page.url == f"{server.address}/"
    visitor.page.reload()
    visitor.ready()
    room.close()
    server.stop()


def test_what_is_no_photo_is_told_in_words(come, photo, tmp_path):
    path = tmp_path / "letter.jpg"
    path.write_text("Dear all")
    visitor = come()
    visitor.bring(path)
    expect(visitor.at("#notice p")).to_contain_text("is a text file, not a photo")
    expect(visitor.at("#notice button").first).to_contain_text("Choose another")
    visitor.at("#notice button").nth(1).click()
    expect(visitor.at("#welcome")).to_be_visible()
    large = {"detail": "The photo has more than 64 megabytes.", "code": "too-large"}
    visitor.page.route("**/api/photos", lambda route: route.fulfill(status=413, json=large))
    visitor.bring(photo)
    expect(visitor.at("#notice p")).to_have_text(large["detail"])


def test_photo_in_colour_is_asked_about(come, tmp_path):
    rgb = np.random.default_rng(1).integers(0, 255, (6, 8, 3)).astype(np.uint8)
    path = tmp_path / "parrot.png"
    Image.fromarray(rgb).resize((400, 300), Image.Resampling.NEAREST).save(path)
    visitor = come()
    visitor.bring(path)
    expect(visitor.at("#notice p")).to_have_text("This photo is already in colour.")
    expect(visitor.at("#download")).to_be_disabled()
    visitor.page.get_by_role("button", name="Recolour anyway").click()
    visitor.ready()
    expect(visitor.at("#notice")).to_be_hidden()
    assert np.allclose(ab(visitor.pixel(0.44, 0.42)), (6.3, 10.3), atol=4)


# --- for everybody ----------------------------------------------------------------------------


def test_page_serves_a_small_phone_by_touch(come, photo):
    visitor = come(**PHONE)
    narrow = "document.documentElement.scrollWidth <= innerWidth && innerWidth === 320"
    expect(visitor.at("#samples img").first).to_be_visible()
    assert visitor.page.evaluate(narrow)
    visitor.upload(photo)
    assert visitor.page.evaluate(narrow)
    visitor.point_at(*SPOT, touch=True)
    assert visitor.page.evaluate(narrow)
    spot, sheet = visitor.at(".spot").bounding_box(), visitor.at("#palette").bounding_box()
    assert spot["y"] + spot["height"] < sheet["y"]  # one sees what one colours
    swatch = visitor.at(".swatches button").nth(1)
    with visitor.colored_anew():
        swatch.tap()
    visitor.at("#palette [data-do=close]").tap()
    expect(visitor.at(".point")).to_have_count(1)
    visitor.at("#turn").tap()
    expect(visitor.at("#strength")).to_be_visible()
    assert visitor.page.evaluate(narrow)


def test_two_fingers_zoom_and_point_at_nothing(come, photo):
    visitor = come(**PHONE)
    visitor.upload(photo)
    hand = visitor.page.context.new_cdp_session(visitor.page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        fingers = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)]
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    middle = visitor.place(0.5, 0.5)
    touch("touchStart", (140, middle[1]), (180, middle[1]))
    for step in range(1, 5):
        touch("touchMove", (140 - 10 * step, middle[1]), (180 + 10 * step, middle[1]))
    touch("touchEnd")
    expect(visitor.at("#stage.zoomed")).to_be_visible()
    assert visitor.at(".view").bounding_box()["width"] == pytest.approx(960, rel=0.05)
    assert np.allclose(visitor.place(0.5, 0.5), middle, atol=2)
    expect(visitor.at("#palette")).to_be_hidden()


def test_page_serves_by_keyboard_alone(visitor):
    keyboard = visitor.page.keyboard
    crosshair = visitor.at(".crosshair")
    for _ in range(12):
        keyboard.press("Tab")
        if crosshair.evaluate("(e) => e === document.activeElement"):
            break
    expect(crosshair).to_be_focused()
    for _ in range(3):
        keyboard.press("Shift+ArrowLeft")
    keyboard.press("ArrowUp")
    expect(visitor.at("#live")).to_contain_text("35 % across")
    keyboard.press("Enter")
    expect(visitor.at(".swatches button").first).to_be_focused()
    keyboard.press("Tab")
    with visitor.colored_anew():
        keyboard.press("Enter")
    keyboard.press("Escape")
    point = visitor.at(".point")
    expect(point).to_be_focused()
    x = point.bounding_box()["x"]
    with visitor.colored_anew():
        keyboard.press("Shift+ArrowLeft")
    assert point.bounding_box()["x"] < x - 10
    keyboard.press("Enter")
    expect(visitor.at("#palette")).to_be_visible()
    keyboard.press("Escape")
    with visitor.colored_anew():
        keyboard.press("Delete")
    expect(point).to_have_count(0)
    expect(crosshair).to_be_focused()


@pytest.mark.parametrize("wishes", [{}, {"color_scheme": "dark"}, PHONE], ids=["", "dark", "phone"])
def test_page_has_no_grave_barriers(come, photo, wishes):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    visitor = come(**wishes)

    def check() -> None:
        visitor.page.wait_for_function(STILL)
        found = axe.run(visitor.page).response["violations"]
        grave = [v for v in found if v["impact"] in ("serious", "critical")]
        assert not grave, json.dumps(grave, indent=1)[:4000]

    expect(visitor.at("#samples img").first).to_be_visible()
    check()
    visitor.bring(photo, photo)
    expect(visitor.at(".tile img")).to_have_count(2)
    check()
    visitor.at(".tile .opener").first.click()
    visitor.ready()
    visitor.point_at(*SPOT, touch=wishes is PHONE)
    visitor.page.click("#palette [data-do=more]")
    visitor.choose(1)
    check()
    visitor.page.keyboard.press("Escape")
    visitor.page.click("#versions")
    visitor.at("#others .grid img").nth(3).wait_for()
    check()
    visitor.page.keyboard.press("Escape")
    visitor.page.click("#more")
    check()


def test_page_and_engine_call_colours_the_same(come):
    visitor = come()
    labs = np.random.default_rng(3).uniform([3, -60, -60], [97, 60, 60], (300, 3))
    script = """async (all) => {
      const { loadNames, nameOf } = await import("/static/names.js");
      await loadNames();
      return all.map(([lightness, ...ab]) => nameOf(lightness, ab));
    }"""
    assert visitor.page.evaluate(script, labs.tolist()) == [name_color(lab) for lab in labs]


def test_page_and_engine_mean_the_same_colours(come):
    visitor = come()
    steps = np.array([0, 1, 3, 40, 128, 200, 254, 255])
    cube = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3)
    script = "async (all) => { const m = await import('/static/lab.js'); return all.map(%s); }"
    theirs = np.array(visitor.page.evaluate(script % "m.rgbToLab", cube.tolist()))
    assert np.allclose(theirs, rgb_to_lab(cube / 255, axis=-1), atol=1e-4)
    back = visitor.page.evaluate(script % "(lab) => m.labToRgb(...lab)", theirs.tolist())
    assert np.array_equal(back, cube)
    wild = np.random.default_rng(2).uniform([5, -120, -120], [95, 120, 120], (200, 3))
    fitted = np.array(visitor.page.evaluate(script % "(lab) => m.fitGamut(...lab)", wild.tolist()))
    assert np.allclose(fitted, fit_gamut(wild, axis=1)[:, 1:], atol=0.3)
    shown = lab_to_rgb(np.column_stack([wild[:, 0], fitted]), axis=1)
    assert shown.min() > -0.01
    assert shown.max() < 1.01
