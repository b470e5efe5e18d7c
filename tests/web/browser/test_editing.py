"""Colours and points on the page, and what is saved."""

from __future__ import annotations

import json

import numpy as np
from PIL import Image
from visitor import FAR, SPOT, ab, expect

from commands import run
from photochrom.inference import hints
from photochrom.video.frame_hints import read_frame_hints

# --- colouring and hints ----------------------------------------------------------------------


def test_dropped_photo_is_coloured_and_can_be_compared(come, photo):
    visitor = come()
    visitor.drop(photo)
    visitor.ready()
    assert np.allclose(ab(visitor.pixel(*SPOT)), (6.3, 10.3), atol=3)
    assert np.allclose(ab(visitor.pixel(*SPOT, before=True)), 0, atol=1)
    visitor.page.click("#compare")
    knob = visitor.at(".knob")
    expect(knob).to_be_focused()
    for key in ["PageDown", "ArrowRight"]:
        knob.press(key)
    expect(knob).to_have_attribute("aria-valuetext", "42 % before")


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
        visitor.page.click(".swatches button >> nth=0")
    assert np.allclose(ab(visitor.pixel(0.8, 0.2)), kept, atol=2)
    expect(visitor.at(".point")).to_have_count(3)


def test_version_that_is_chosen_becomes_points(visitor):
    visitor.page.click("#versions")
    faces, large = visitor.at("#others .grid button"), visitor.at("#others .seen img")
    faces.nth(4).locator("img").wait_for()
    now = large.get_attribute("src")
    faces.nth(3).hover()
    expect(large).not_to_have_attribute("src", now or "")
    visitor.at("#others .title").hover()
    expect(large).to_have_attribute("src", now or "")
    expect(visitor.at("#others [data-do=use]")).to_be_disabled()
    faces.nth(3).click()
    with visitor.colored_anew():
        visitor.page.click("#others [data-do=use]")
    expect(visitor.at("#others")).to_be_hidden()
    expect(visitor.at(".point")).not_to_have_count(0)
    visitor.page.click("#undo")
    expect(visitor.at(".point")).to_have_count(0)
    visitor.page.click("#versions")
    faces.nth(1).locator("img").wait_for()
    visitor.page.keyboard.press("Escape")
    expect(visitor.at("#others")).to_be_hidden()
    expect(visitor.at("#undo")).to_be_disabled()


def test_paste_is_taken_and_pages_are_not_pointed_at(come, photo, tmp_path):
    page = Image.open(photo)
    page.save(tmp_path / "album.tif", save_all=True, append_images=[page])
    visitor = come()
    visitor.drop(tmp_path / "album.tif", by="paste")
    visitor.ready()
    visitor.page.mouse.click(*visitor.place(*SPOT))
    expect(visitor.at("#toast")).to_contain_text("2 pages")
    path = visitor.saved(tmp_path, lambda: visitor.page.click("#download"))
    assert Image.open(path).n_frames == 2


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
    assert run("colorize", photo, "--hints", told, "--model", toy, "-o", repeated) == 0
    assert shown.name == "garden.color.png"
    assert np.array_equal(np.asarray(Image.open(shown)), np.asarray(Image.open(repeated)))
    with visitor.colored_anew():
        visitor.menu("clear")
    told.write_text('{"size": [200, 150], "hints": [{"x": 60, "y": 45, "color": "tan"}]}')
    with visitor.colored_anew():
        visitor.page.set_input_files("#hint-file", told)
    assert np.hypot(*(ab(visitor.pixel(*SPOT)) - ab([210, 180, 140]))) < 4


def test_a_photo_comes_with_its_points_and_others_can_be_dropped_onto_it(come, photo, tmp_path):
    """As a film's shot does, with what was written beside it and what was saved here since."""
    shot, written, saved = (
        tmp_path / f"shot-0001-frame-000012{ending}" for ending in (".png", ".json", ".hints.json")
    )
    photo.rename(shot)
    written.write_text('{"frame": 12, "size": [400, 300], "hints": []}')
    saved.write_text('{"size": [200, 150], "hints": [{"x": 60, "y": 45, "color": "tan"}]}')
    visitor = come()
    visitor.drop(saved, shot, written)
    visitor.ready()
    expect(visitor.at(".point")).to_have_count(1)
    assert np.hypot(*(ab(visitor.pixel(*SPOT)) - ab([210, 180, 140]))) < 4
    visitor.point_at(*FAR)
    visitor.choose(1)
    visitor.page.keyboard.press("Escape")
    again = visitor.saved(tmp_path / "Downloads", lambda: visitor.menu("save"))
    assert again.name == saved.name
    told = read_frame_hints(again.parent)[12]
    assert told.size == (400, 300)
    assert len(told) == 2
    with visitor.colored_anew():
        visitor.drop(saved)
    expect(visitor.at(".point")).to_have_count(1)
    with visitor.colored_anew():
        visitor.page.click("#undo")
    expect(visitor.at(".point")).to_have_count(2)
    visitor.page.reload()
    visitor.ready()
    expect(visitor.at(".point")).to_have_count(2)


def test_points_without_their_photo_are_named(come, tmp_path):
    points = tmp_path / "garden.hints.json"
    points.write_text('{"hints": [{"x": 60, "y": 45, "color": "tan"}]}')
    visitor = come()
    visitor.drop(points)
    expect(visitor.at("#refusal")).to_contain_text("no photo called garden")
