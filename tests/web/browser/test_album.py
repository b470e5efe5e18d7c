"""Several photos together, what is saved of them, and what is left of them in the end."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pictures import encode, halves
from PIL import Image
from visitor import PHONE, SPOT, ab, expect

KEPT = """async () => {
  const open = indexedDB.open("photochrom");
  const db = await new Promise((resolve) => (open.onsuccess = () => resolve(open.result)));
  const counts = ["files", "notes"].map((name) => {
    const count = db.transaction(name).objectStore(name).count();
    return new Promise((resolve) => (count.onsuccess = () => resolve(count.result)));
  });
  const found = [...(await Promise.all(counts)), localStorage.length];
  db.close();
  return found;
}"""
"""How many files, notes and settings the browser keeps."""


@pytest.fixture
def paths(tmp_path, photo) -> list[Path]:
    """Three photos, two of which are called alike, and a letter."""
    found = [tmp_path / name for name in ("one.png", "drei ü.jpg", "other/one.png", "letter.png")]
    found[2].parent.mkdir()
    for path in found[:3]:
        Image.open(photo).save(path)
    found[3].write_text("Dear all")
    return found


@pytest.fixture
def album(come, paths):
    """A visitor who has brought them."""
    visitor = come()
    visitor.drop(*paths)
    settled(visitor, "3 of 4 done, 1 failed")
    return visitor


def settled(visitor, words: str) -> None:
    expect(visitor.at("#progress")).to_have_text(words)


def tile(visitor, number: int):
    return visitor.at(".tile").nth(number)


def shade(visitor, number: int) -> np.ndarray:
    """ab of the thumbnail of a tile."""
    image = tile(visitor, number).locator("img")
    image.evaluate("(image) => image.decode()")
    seen = np.asarray(Image.open(io.BytesIO(image.screenshot())).convert("RGB"))
    row, column = (int(share * side) for share, side in zip(SPOT, seen.shape, strict=False))
    return ab(seen[row - 4 : row + 5, column - 4 : column + 5].mean((0, 1)).tolist())


# --- the grid ---------------------------------------------------------------------------------


def test_several_photos_are_coloured_together_and_the_failed_one_is_named(album):
    expect(album.at("#grid")).to_be_visible()
    expect(album.at(".tile img")).to_have_count(3)
    for number in range(3):
        assert np.allclose(shade(album, number), (6.3, 10.3), atol=3)
    failed = tile(album, 3)
    expect(failed).to_contain_text("letter.png")
    expect(failed.locator(".say")).not_to_be_empty()
    expect(failed.locator("[data-do=again]")).to_have_count(0)  # it will never be a photo
    album.page.click("#clear-failed")
    expect(album.at(".tile")).to_have_count(3)
    settled(album, "3 of 3 done")
    expect(album.at("#clear-failed")).to_be_hidden()


def test_back_and_forward_lead_through_the_views(album):
    tile(album, 1).locator(".opener").click()
    album.ready()
    expect(album.at("#name")).to_have_text("drei ü.jpg")
    expect(album.at("#position")).to_have_text("2 of 4")
    album.page.keyboard.press("PageUp")
    expect(album.at("#name")).to_have_text("one.png")
    expect(album.at("#previous")).to_be_disabled()
    album.ready()
    album.page.go_back()
    expect(album.at("#grid")).to_be_visible()
    expect(album.at(".tile .opener").first).to_be_focused()
    album.page.go_forward()
    expect(album.at("#name")).to_have_text("one.png")
    album.page.reload()
    album.ready()
    expect(album.at("#name")).to_have_text("one.png")
    album.page.click("#all-photos")
    expect(album.at(".tile img")).to_have_count(3)
    album.page.go_back()
    album.page.go_back()
    album.page.go_back()
    expect(album.at("#welcome")).to_be_visible()
    album.page.click("#resume")
    expect(album.at("#grid")).to_be_visible()


def test_nothing_of_one_photo_is_left_over_the_next(album):
    tile(album, 0).locator(".opener").click()
    album.ready()
    album.point_at(*SPOT)
    album.choose(1)
    chosen = ab(album.pixel(*SPOT))
    album.page.click("#next")
    expect(album.at("#name")).to_have_text("drei ü.jpg")
    expect(album.at("#palette")).to_be_hidden()
    album.ready()
    expect(album.at(".point")).to_have_count(0)
    assert np.allclose(ab(album.pixel(*SPOT)), (6.3, 10.3), atol=3)
    album.page.click("#all-photos")
    settled(album, "3 of 4 done, 1 failed")
    assert np.hypot(*(shade(album, 0) - chosen)) < 4
    assert np.allclose(shade(album, 1), (6.3, 10.3), atol=3)


def test_dials_turn_all_photos_and_each_can_go_back(album):
    album.page.fill("#all-strength", "0")
    expect(album.at("#toast")).to_be_visible()
    settled(album, "3 of 4 done, 1 failed")
    for number in range(3):
        assert np.allclose(shade(album, number), 0, atol=1)
    tile(album, 1).locator(".opener").click()
    album.ready()
    expect(album.at("#strength")).to_have_value("0")
    with album.colored_anew():
        album.page.click("#undo")
    assert np.allclose(ab(album.pixel(*SPOT)), (6.3, 10.3), atol=3)
    album.page.click("#all-photos")
    expect(album.at("#all-strength-word")).to_have_text("mixed")
    assert np.allclose(shade(album, 0), 0, atol=1)
    assert np.allclose(shade(album, 1), (6.3, 10.3), atol=3)


def test_removed_photo_can_be_had_back(album):
    tile(album, 1).locator("[data-do=remove]").click()
    settled(album, "2 of 3 done, 1 failed")
    expect(album.at(".tile .opener").nth(1)).to_be_focused()
    album.page.click("#toast button")
    settled(album, "3 of 4 done, 1 failed")
    expect(tile(album, 1)).to_contain_text("drei ü.jpg")
    tile(album, 1).locator(".opener").click()
    album.ready()
    album.page.reload()
    album.ready()
    expect(album.at("#name")).to_have_text("drei ü.jpg")


def test_remove_everything_leaves_nothing_in_the_browser_and_on_the_server(album):
    sent, forgotten = [], []
    album.page.on("request", lambda request: sent.append(request)
                  if request.url.endswith("/api/photos") else None)  # fmt: skip
    album.page.reload()
    settled(album, "3 of 4 done, 1 failed")
    assert len(sent) == 1  # the server has the others still
    album.page.on("response", lambda answer: forgotten.append(answer)
                  if answer.request.method == "DELETE" else None)  # fmt: skip
    album.page.click("#remove-all")
    album.page.click("#removal [data-do=cancel]")
    expect(album.at(".tile")).to_have_count(4)
    album.menu("everything")
    album.page.click("#removal [data-do=remove]")
    expect(album.at("#welcome")).to_be_visible()
    expect(album.at("#toast")).to_be_visible()
    assert album.page.evaluate(KEPT) == [0, 0, 0]
    assert [answer.status for answer in forgotten] == [204] * 3
    album.page.reload()
    expect(album.at("#samples img").first).to_be_visible()
    expect(album.at("#resume")).to_be_hidden()
    assert album.page.evaluate(KEPT) == [0, 0, 0]


def test_photo_in_colour_is_recoloured_only_if_asked_for(come, photo, tmp_path):
    rgb = np.zeros((30, 40, 3), np.uint8)
    rgb[:, :20], rgb[:, 20:] = (200, 40, 30), (40, 60, 190)
    (tmp_path / "parrot.png").write_bytes(encode(rgb))
    visitor = come()
    visitor.bring(photo, tmp_path / "parrot.png")
    settled(visitor, "2 of 2 done")
    assert np.hypot(*shade(visitor, 1)) > 40
    expect(tile(visitor, 1).locator("[data-do=save]")).to_have_count(0)
    tile(visitor, 1).locator("[data-do=recolor]").click()
    expect(tile(visitor, 1).locator("[data-do=save]")).to_be_visible()
    assert np.hypot(*shade(visitor, 1)) < 20


def test_many_photos_go_up_two_at_a_time(come, tmp_path):
    paths = [tmp_path / f"{n:03}.png" for n in range(40)]
    for path in paths:
        path.write_bytes(encode(halves(40, 30)))
    visitor = come(**PHONE)
    under_way, most = set(), [0]

    def begin(request) -> None:
        if "/api/photos" in request.url:
            under_way.add(request)
            most.append(len(under_way))

    visitor.page.on("request", begin)
    visitor.page.on("requestfinished", lambda request: under_way.discard(request))
    visitor.bring(*paths)
    settled(visitor, "40 of 40 done")
    assert max(most) <= 2
    wide = visitor.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE["viewport"]["width"]


# --- what is saved ----------------------------------------------------------------------------


def test_all_photos_leave_in_one_zip_and_each_alone(album, tmp_path):
    archive = album.saved(tmp_path, lambda: album.page.click("#all"))
    expect(album.at("#toast")).to_contain_text("Downloads")
    with zipfile.ZipFile(archive) as file:
        assert file.testzip() is None
        assert set(file.namelist()) == {"one.color.png", "one.color (2).png", "drei ü.color.jpg"}
        for name in file.namelist():
            assert Image.open(io.BytesIO(file.read(name))).size == (400, 300)
    path = album.saved(tmp_path, tile(album, 1).locator("[data-do=save]").click)
    assert path.name == "drei ü.color.jpg"


def test_photo_is_saved_in_the_format_that_is_chosen(come, tmp_path):
    scan, pages = tmp_path / "scan.tif", tmp_path / "album.tif"
    image = Image.fromarray(halves())
    image.save(scan, dpi=(300, 300))
    image.save(pages, save_all=True, append_images=[image])
    visitor = come()
    visitor.upload(scan)

    def saved(command: str) -> Image.Image:
        visitor.page.click("#formats")
        return Image.open(visitor.saved(tmp_path, lambda: pick(command)))

    def pick(command: str) -> None:
        visitor.page.click(f"#formats-menu [data-do={command}]")

    expect(visitor.at("#formats-menu [data-do=own]")).to_contain_text("TIFF")
    for command, kind, suffix in (
        ("own", "TIFF", "tif"),
        ("JPEG", "JPEG", "jpg"),
        ("PNG", "PNG", "png"),
    ):
        with saved(command) as result:
            assert (result.format, Path(result.filename).name) == (kind, f"scan.color.{suffix}")
            assert np.allclose(result.info["dpi"], 300, atol=0.1)
    visitor.upload(pages)
    visitor.page.click("#formats")
    expect(visitor.at("#formats-menu [data-do=own]")).to_be_visible()
    expect(visitor.at("#formats-menu [data-do=JPEG]")).to_be_hidden()


def test_before_and_after_have_a_caption_below_if_one_is_typed(visitor, tmp_path):
    def card(caption: str) -> Image.Image:
        visitor.page.click("#formats")
        visitor.page.click("#formats-menu [data-do=card]")
        expect(visitor.at("#card canvas")).to_be_visible()
        visitor.page.fill("#caption", caption)
        path = visitor.saved(tmp_path, visitor.at("#card [data-do=save]").click)
        expect(visitor.at("#card")).to_be_hidden()
        image = Image.open(path)
        image.load()  # before another takes its place
        return image

    plain, told, long = card(""), card("Großmutter, 1931"), card("Großmutter und ihre Łódź " * 7)
    assert {image.format for image in (plain, told, long)} == {"JPEG"}
    assert plain.size == (800, 300)
    assert (told.width, long.width) == (800, 800)
    assert 300 < told.height < long.height < 450
    band = np.asarray(told.convert("L"))[302:]
    assert band[:, :100].min() > 245  # paper beside the caption, which is in the middle
    assert band[:, 300:500].min() < 120
    assert np.abs(np.asarray(told)[:300].astype(int) - np.asarray(plain)).mean() < 3


def test_photo_is_shared_where_the_browser_can(come, photo):
    visitor = come()
    visitor.page.add_init_script("""
      navigator.canShare = () => true;
      navigator.share = async ({ files }) => { window.shared = files.map(({ name }) => name); };
    """)
    visitor.page.reload()
    visitor.upload(photo)
    visitor.page.click("#formats")
    visitor.page.click("#formats-menu [data-do=share]")
    visitor.page.wait_for_function("() => window.shared")
    assert visitor.page.evaluate("window.shared") == ["garden.color.png"]
