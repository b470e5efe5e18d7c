"""Captions: what they leave as it is, how they are set, and what they refuse."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from photochrom.errors import BadOption
from photochrom.image import fonts
from photochrom.image.caption import CAPTION, MOST, add_caption, clean_caption
from photochrom.image.fonts import BUNDLED
from photochrom.image.photo import Photo
from photochrom.image.typesetting import Face, wrap

CHINESE = "着色"  # which the bundled font lacks


def even(level: float, height: int = 120, width: int = 400, dtype: type = np.uint8) -> Photo:
    """A photo of one level, 0..1, but for a line across its middle."""
    top = np.iinfo(dtype).max
    pixels = np.full((height, width, 3), round(level * top), dtype)
    pixels[height // 2] = top - pixels[height // 2]
    return Photo(pixels)


def face(*, size: int = 20, direction: str = "ltr") -> Face:
    return Face((BUNDLED,), size, direction)


# --- the picture ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("level", [0.05, 0.9])
def test_below_every_row_of_the_picture_stays_and_the_strip_is_readable(dtype, level):
    photo = even(level, dtype=dtype)
    done = add_caption(photo, CAPTION)
    assert done.pixels.dtype == dtype
    assert done.pixels.shape[1:] == (400, 3)
    np.testing.assert_array_equal(done.pixels[:120], photo.pixels)
    strip = done.pixels[120:] / np.iinfo(dtype).max
    assert 15 < len(strip) < 60
    assert strip[0, 0] == pytest.approx(level, abs=0.01)  # as the border is even, it goes on
    assert abs(strip.min() - strip.max()) > 0.7


def test_the_corner_alone_is_covered():
    photo = even(0.5, height=300)
    done = add_caption(photo, "Anna, 1923", "corner")
    changed = (done.pixels != photo.pixels).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert done.pixels.shape == photo.pixels.shape
    assert rows.min() > 270
    assert columns.max() < 200
    right = add_caption(photo, "שלום", "corner").pixels != photo.pixels
    assert np.nonzero(right.any(axis=2))[1].min() > 200


def test_what_would_cover_most_of_the_picture_stands_below():
    done = add_caption(even(0.5, height=64, width=64), CAPTION, "corner")
    assert len(done.pixels) > 64
    assert done.notes == (
        "the caption stands below, as it would cover more than half of the picture",
    )


def test_a_picture_without_room_has_none_and_this_is_said():
    photo = even(0.5, height=64, width=40)
    done = add_caption(photo, CAPTION)
    assert done.pixels is photo.pixels
    assert done.notes == ("the caption was left out, as the picture is only 40 pixels wide",)


def test_a_caption_is_never_transparent():
    photo = replace(even(0.5), alpha=np.zeros((120, 400), np.uint8))
    below = add_caption(photo, CAPTION).alpha
    assert below is not None
    assert not below[:120].any()
    assert (below[120:] == 255).all()
    corner = add_caption(photo, "Anna", "corner").alpha
    assert corner is not None
    assert corner[-1, 0] == 255
    assert not corner[0].any()


def test_faces_stay_where_they_are():
    packet = (
        b'<mwg-rs:AppliedToDimensions stDim:w="400" stDim:h="120"/>'
        b'<mwg-rs:Area stArea:x="0.5" stArea:y="0.5" stArea:w="0.1" stArea:h="0.25"/>'
        b"<MPReg:Rectangle>0.1, 0.5, 0.2, 0.25</MPReg:Rectangle>"
    )
    done = add_caption(replace(even(0.5), xmp=packet), CAPTION)
    share = 120 / len(done.pixels)
    assert re.findall(rb'stDim:h="(\d+)"', done.xmp) == [b"%d" % len(done.pixels)]
    for y, h in (
        re.findall(rb'stArea:y="([\d.]+)" .*stArea:h="([\d.]+)"', done.xmp)[0],
        re.findall(rb">0.100000, ([\d.]+), 0.200000, ([\d.]+)<", done.xmp)[0],
    ):
        assert [float(y), float(h)] == pytest.approx([0.5 * share, 0.25 * share], abs=1e-5)


# --- the text ---------------------------------------------------------------------------------


def test_lines_fit_and_nothing_is_lost():
    text = "Grandmother Anna in the garden, https://example.org/archive/1923/0001 and-so-on"
    for width in (60, 150, 300):
        lines = wrap(text, width, face())
        assert all(face().width(line) <= width for line in lines)
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert wrap("one two\nthree", 1000, face()) == ["one two", "three"]
    assert wrap("aaa aaa aaa aaa", face().width("aaa aaa aaa "), face()) == ["aaa aaa"] * 2
    assert wrap("black-and-white", face().width("black-and-"), face()) == ["black-and-", "white"]


@pytest.mark.skipif(not fonts.can_shape(), reason="without FriBiDi")
def test_arabic_is_joined_and_runs_from_right_to_left():
    joined = face(direction="rtl").width("سلام")
    apart = sum(face(direction="rtl").width(sign) for sign in "سلام")
    assert joined < 0.9 * apart
    ink = face(direction="rtl").draw(["ا ....."], 200, "left")
    columns = np.nonzero(ink[:12].any(axis=0))[0]  # the first letter is high, the dots are not
    assert columns.min() > 25


def test_signs_of_another_script_come_from_a_font_of_the_system(monkeypatch, tmp_path):
    other = tmp_path / "other.ttf"
    monkeypatch.setattr(fonts, "_system_fonts", lambda: (other,))
    monkeypatch.setattr(fonts, "has_glyph", lambda path, s: (path == other) == (s in CHINESE))
    assert fonts.choose_fonts(f"{CHINESE}, 1923") == ([BUNDLED, other], "")
    assert fonts.choose_fonts("1923") == ([BUNDLED], "")
    runs = Face((BUNDLED, other), 20, "ltr").runs(f"by 1 {CHINESE}.")
    assert list(runs) == [("by 1 ", BUNDLED), (CHINESE, other), (".", BUNDLED)]


def test_what_no_font_shows_is_refused_rather_than_drawn_as_boxes(monkeypatch):
    monkeypatch.setattr(fonts, "_system_fonts", tuple)
    assert clean_caption("Ångström, Ελλάς, Россия, ישראל, سلام") != ""
    with pytest.raises(BadOption, match=f"can show {CHINESE} in the caption"):
        clean_caption(f"photochrom: {CHINESE}")


def test_a_caption_without_the_means_to_shape_it_is_refused(monkeypatch):
    monkeypatch.setattr(fonts, "can_shape", lambda: False)
    assert clean_caption("Zürich") == "Zürich"
    with pytest.raises(BadOption, match="needs FriBiDi"):
        clean_caption("سلام")


def test_captions_are_lines_of_a_bounded_length():
    assert clean_caption(" a\t b \r\n\n c\x07") == "a b\nc"
    for text in ("", " \n ", "\x00"):
        with pytest.raises(BadOption, match="empty"):
            clean_caption(text)
    with pytest.raises(BadOption, match="at most 500"):
        clean_caption("a" * (MOST + 1))
