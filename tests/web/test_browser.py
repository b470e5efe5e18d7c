"""The page as people use it: by mouse, by touch, by keyboard, and when things go wrong."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import TOY_AB, encode, halves
from PIL import Image

from photochrom.cli.main import main
from photochrom.color import fit_gamut, lab_to_rgb, rgb_to_lab
from photochrom.inference import hints

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no browser: apt-get install chromium"),
]
playwright = pytest.importorskip("playwright.sync_api")
pytest.importorskip("uvicorn")

from browser.visitor import PageServer, Visitor  # noqa: E402

from photochrom.web import create_app  # noqa: E402

expect = playwright.expect
expect.set_options(timeout=120_000)
ROOT = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
QUIET = ["--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
PHONE = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}
WINDOW = {"viewport": {"width": 1280, "height": 800}}
Come = Callable[..., Visitor]

STILL = """() => document.getAnimations().every(
  (a) => a.playState !== "running" || a.effect.getComputedTiming().iterations === Infinity)"""
"""Nothing fades any more."""
SPOT = (0.3, 0.3)
"""On the dark half of the photo."""
FAR = (0.9, 0.9)
"""On the bright one, where a hint at SPOT hardly reaches: but a little, as light is shared."""


# --- what is needed ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=[*ROOT, *QUIET])
        yield browser
        browser.close()


@pytest.fixture
def toy(make_model) -> Path:
    return make_model(
        offset=TOY_AB, hints=1, vivid=[], tells=("logits",), metadata={"default_vivid": "0.3"}
    )


@pytest.fixture
def server(toy) -> Iterator[PageServer]:
    server = PageServer(lambda: create_app(model=toy))
    yield server
    server.stop()


@pytest.fixture
def come(chromium, server) -> Iterator[Come]:
    """Lets visitors in; at the end none may have complained, or been led elsewhere."""
    visitors, rooms = [], []

    def come(**wishes: Any) -> Visitor:
        quick = {"reduced_motion": "reduce", "accept_downloads": True}
        rooms.append(chromium.new_context(**WINDOW | quick | wishes))
        visitors.append(Visitor(rooms[-1].new_page(), server))
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
def visitor(come: Come, photo: Path) -> Visitor:
    """One who has brought that photo."""
    visitor = come()
    visitor.upload(photo)
    return visitor


def ab(rgb: list[float]) -> np.ndarray:
    return rgb_to_lab(np.array(rgb) / 255, axis=0)[1:]


# --- colouring and hints ----------------------------------------------------------------------


def test_dropped_photo_is_coloured_and_can_be_compared(come, photo):
    visitor = come()
    visitor.drop(photo)
    visitor.ready()
    assert np.allclose(ab(visitor.pixel(*SPOT)), (6.3, 10.3), atol=3)
    assert np.allclose(ab(visitor.pixel(*SPOT, picture=".before")), 0, atol=1)
    knob = visitor.at(".knob")
    knob.focus()
    for key in ["PageUp"] * 4 + ["ArrowRight"]:
        knob.press(key)
    expect(knob).to_have_attribute("aria-valuetext", "42 % before")
    for key in ("+", "+", "-", "0"):
        visitor.page.keyboard.press(key)
        boxes = [visitor.at(side).bounding_box() for side in (".before", ".after")]
        assert boxes[0] == boxes[1]


def test_zoom_and_pan_keep_the_photo_under_the_pointer(visitor):
    whole = visitor.at(".view").bounding_box()
    x, y = visitor.place(0.25, 0.25)
    visitor.page.mouse.move(x, y)
    visitor.page.mouse.wheel(0, -600)
    expect(visitor.at("#stage.zoomed")).to_be_visible()
    assert np.allclose(visitor.place(0.25, 0.25), (x, y), atol=1)
    visitor.page.keyboard.down(" ")
    visitor.page.mouse.down()
    visitor.page.mouse.move(x + 40, y + 30, steps=3)
    visitor.page.mouse.up()
    visitor.page.keyboard.up(" ")
    assert np.allclose(visitor.place(0.25, 0.25), (x + 40, y + 30), atol=1)
    expect(visitor.at("#palette")).to_be_hidden()  # it was no click
    visitor.page.keyboard.press("0")
    assert visitor.at(".view").bounding_box() == whole


def test_chosen_colour_is_there_and_stays_where_it_belongs(visitor):
    before, far = ab(visitor.pixel(*SPOT)), ab(visitor.pixel(*FAR))
    visitor.point_at(*SPOT)
    assert visitor.at(".swatches button").count() >= 4
    chosen = ab(visitor.choose(1))
    now = ab(visitor.pixel(*SPOT))
    assert np.hypot(*(now - before)) > 10
    assert np.hypot(*(now - chosen)) < 4
    assert np.hypot(*(ab(visitor.pixel(*FAR)) - far)) < np.hypot(*(now - before)) / 4
    with visitor.colored_anew():
        visitor.page.keyboard.press("Control+z")
    assert np.allclose(ab(visitor.pixel(*SPOT)), before, atol=2)
    expect(visitor.at(".point")).to_have_count(0)
    expect(visitor.at("#palette")).to_be_hidden()
    with visitor.colored_anew():
        visitor.page.keyboard.press("Control+Shift+Z")
    assert np.allclose(ab(visitor.pixel(*SPOT)), now, atol=2)


def test_points_are_dragged_hidden_removed_and_cleared(visitor):
    visitor.point_at(*SPOT)
    visitor.choose(2)
    visitor.page.keyboard.press("Escape")
    dragged = visitor.place(0.2, 0.7)
    visitor.page.mouse.move(*visitor.place(*SPOT))
    visitor.page.mouse.down()
    visitor.page.mouse.move(*dragged, steps=4)
    with visitor.colored_anew():
        visitor.page.mouse.up()
    box = visitor.at(".point").bounding_box()
    assert np.allclose((box["x"] + box["width"] / 2, box["y"] + box["height"] / 2), dragged, atol=2)
    visitor.page.click("#show")
    expect(visitor.at(".point")).to_be_hidden()
    visitor.page.click("#show")
    visitor.at(".point").click()
    with visitor.colored_anew():
        visitor.page.click("#palette [data-do=remove]")
    expect(visitor.at(".point")).to_have_count(0)
    visitor.page.click("#undo")
    expect(visitor.at(".point")).to_have_count(1)
    visitor.menu("clear")
    expect(visitor.at(".point")).to_have_count(0)


def test_palette_gives_any_colour_one_from_elsewhere_and_the_present_one(visitor):
    visitor.point_at(*SPOT)
    visitor.page.click("#palette [data-do=more]")
    visitor.page.fill("#hex", "#zzz")
    visitor.at("#hex").press("Enter")
    expect(visitor.at("#wrong")).to_be_visible()
    visitor.page.fill("#hex", "8a4b30")
    with visitor.colored_anew():
        visitor.at("#hex").press("Enter")
    wished = ab([0x8A, 0x4B, 0x30])
    assert np.hypot(*(ab(visitor.pixel(*SPOT)) - wished)) < 4
    with visitor.colored_anew():
        visitor.at(".plane").click(position={"x": 100, "y": 60})
    assert np.hypot(*(ab(visitor.pixel(*SPOT)) - wished)) > 4
    visitor.page.fill("#hex", "#505f50")  # such as bright places can have, too
    with visitor.colored_anew():
        visitor.at("#hex").press("Enter")
    visitor.page.keyboard.press("Escape")
    visitor.point_at(*FAR)
    visitor.page.click("#palette [data-do=pipette]")
    with visitor.colored_anew():
        visitor.page.mouse.click(*visitor.place(0.32, 0.32))
    spot, far = ab(visitor.pixel(*SPOT)), ab(visitor.pixel(*FAR))
    assert spot[0] < -3
    assert np.hypot(*(spot - far)) < 4
    visitor.page.keyboard.press("Escape")
    visitor.point_at(0.8, 0.2)
    kept = ab(visitor.pixel(0.8, 0.2))
    with visitor.colored_anew():
        visitor.page.click("#palette [data-do=keep]")
    assert np.allclose(ab(visitor.pixel(0.8, 0.2)), kept, atol=2)
    expect(visitor.at(".point")).to_have_count(3)


def test_dials_colour_anew(visitor):
    expect(visitor.at("#vivid-word")).to_have_text("natural")
    with visitor.colored_anew():
        visitor.page.fill("#strength", "0")
    assert np.allclose(ab(visitor.pixel(*SPOT)), 0, atol=1)
    expect(visitor.at("#strength")).to_have_attribute("aria-valuetext", "none")


def test_version_that_is_chosen_becomes_points(visitor, tmp_path):
    visitor.page.click("#versions")
    third = visitor.at("#others .grid button").nth(2)
    third.locator("img").wait_for()
    with visitor.colored_anew():
        third.click()
    expect(visitor.at("#others")).to_be_hidden()
    expect(visitor.at(".point")).to_have_count(3)
    visitor.page.click("#undo")
    expect(visitor.at(".point")).to_have_count(0)


def test_guesses_are_shown_and_hidden(visitor):
    visitor.page.click("#guesses")
    expect(visitor.at(".guesses")).to_be_visible()
    expect(visitor.at("#pill")).to_contain_text("guesses")
    visitor.page.click("#guesses")
    expect(visitor.at(".guesses")).to_be_hidden()


def test_paste_is_taken_and_pages_are_not_pointed_at(come, photo, tmp_path):
    page = Image.open(photo)
    page.save(tmp_path / "album.tif", save_all=True, append_images=[page])
    visitor = come()
    visitor.drop(tmp_path / "album.tif", by="paste")
    visitor.ready()
    visitor.page.mouse.click(*visitor.place(*SPOT))
    expect(visitor.at("#pill")).to_contain_text("2 pages")
    path = visitor.saved(tmp_path, lambda: visitor.page.click("#download"))
    with Image.open(path) as image:
        assert (image.format, image.n_frames, image.mode) == ("TIFF", 2, "RGB")


# --- results ----------------------------------------------------------------------------------


def test_saved_points_repeat_the_result_on_the_command_line(visitor, photo, toy, tmp_path):
    visitor.point_at(*SPOT)
    visitor.choose(1)
    visitor.page.keyboard.press("Escape")
    told = visitor.saved(tmp_path, lambda: visitor.menu("save"))
    assert json.loads(told.read_text())["size"] == [400, 300]
    (hint,) = hints.read_hints(told, (400, 300))
    assert np.allclose((hint.x, hint.y), (120, 90), atol=1)
    shown = visitor.saved(tmp_path, lambda: visitor.page.click("#download"))
    repeated = tmp_path / "repeated.png"
    command = ["colorize", photo, "--hints", told, "--model", toy, "-o", repeated]
    with pytest.raises(SystemExit) as end:
        main([str(part) for part in command])
    assert end.value.code == 0
    assert np.array_equal(np.asarray(Image.open(shown)), np.asarray(Image.open(repeated)))

    with visitor.colored_anew():
        visitor.menu("clear")
    told.write_text('{"size": [200, 150], "hints": [{"x": 60, "y": 45, "color": "tan"}]}')
    with visitor.colored_anew():
        visitor.page.set_input_files("#hint-file", told)
    assert np.hypot(*(ab(visitor.pixel(*SPOT)) - ab([210, 180, 140]))) < 4


def test_download_has_the_size_and_metadata_of_the_photo(come, tmp_path):
    exif = Image.Exif()
    exif[0x010E] = "Grandmother, 1931"
    grey = Image.linear_gradient("L").resize((2000, 1500))
    grey.save(tmp_path / "grandmother.jpg", exif=exif, dpi=(600, 600), quality=95)
    visitor = come()
    visitor.upload(tmp_path / "grandmother.jpg")
    path = visitor.saved(tmp_path, lambda: visitor.page.click("#download"))
    assert path.name == "grandmother.color.jpg"
    with Image.open(path) as image:
        assert image.format == "JPEG"
        assert image.size == (2000, 1500)
        assert image.getexif()[0x010E] == "Grandmother, 1931"
        assert [round(side) for side in image.info["dpi"]] == [600, 600]
        assert np.asarray(image).std(-1).max() > 5
    pair = visitor.saved(tmp_path, lambda: visitor.menu("comparison"))
    with Image.open(pair) as image:
        assert image.format == "JPEG"
        assert image.width > image.height * 2


def test_several_photos_wait_in_line_and_leave_in_one_zip(come, photo, tmp_path):
    names = ["one.png", "two.png", "drei ü.png", "one.jpg"]
    for name in names:
        Image.open(photo).save(tmp_path / name)
    (tmp_path / "letter.png").write_text("Dear all")
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(photo, other / "one.png")
    visitor = come()
    visitor.drop(*[tmp_path / name for name in names], tmp_path / "letter.png", other / "one.png")
    visitor.ready()
    expect(visitor.at(".tile")).to_have_count(6)
    expect(visitor.at(".tile img")).to_have_count(5)
    expect(visitor.at("#progress")).to_have_text("6 of 6")
    archive = visitor.saved(tmp_path, lambda: visitor.page.click("#all"))
    with zipfile.ZipFile(archive) as file:
        assert file.testzip() is None
        wanted = {"one.color.png", "one.color (2).png", "two.color.png", "drei ü.color.png"}
        assert set(file.namelist()) == wanted | {"one.color.jpg"}
        for name in file.namelist():
            assert Image.open(io.BytesIO(file.read(name))).size == (400, 300)
    visitor.at(".tile").nth(1).click()
    expect(visitor.at("#name")).to_have_text("two.png")
    visitor.ready()
    single = visitor.at("#strip li").nth(2)
    single.hover()
    path = visitor.saved(tmp_path, lambda: single.locator("button").nth(1).click())
    assert path.name == "drei ü.color.png"


# --- when things go wrong ---------------------------------------------------------------------


def test_nothing_is_lost_by_a_reload(visitor):
    visitor.point_at(*SPOT)
    visitor.choose(1)
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
    visitor.page.fill("#strength", "0")
    expect(visitor.at("#banner")).to_contain_text("does not answer")
    assert np.hypot(*ab(visitor.pixel(*SPOT))) > 5  # the last picture stays
    server.start()  # it knows nothing of the photo now
    with visitor.colored_anew():
        pass
    expect(visitor.at("#banner")).to_be_hidden()
    assert np.allclose(ab(visitor.pixel(*SPOT)), 0, atol=1)


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
    expect(visitor.at("#banner")).to_contain_text("waits its turn")
    while not waiting:
        visitor.page.wait_for_timeout(10)
    waiting[0].continue_()
    visitor.ready()
    expect(visitor.at("#banner")).to_be_hidden()
    assert answers == []


def test_token_leaves_the_address_and_opens_the_door(chromium, toy, photo):
    server = PageServer(lambda: create_app(model=toy, token="open sesame"))
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
    expect(visitor.at("#notice button").first).to_have_text("Choose another")
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
    expect(visitor.at("#notice p")).to_have_text("This photo is in colour already.")
    expect(visitor.at("#download")).to_be_disabled()
    visitor.page.get_by_role("button", name="Colour it anew").click()
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
