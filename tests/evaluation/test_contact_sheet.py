import numpy as np
import pytest

from photochrom.errors import BadOption
from photochrom.evaluation.contact_sheet import WIDEST
from photochrom.evaluation.contact_sheet import make_contact_sheet as sheet

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def flat(colour, height=30, width=40):
    return np.full((height, width, 3), colour, np.uint8)


def pixels(page, colour):
    """Where a colour shows: rows and columns of its bounding box, or None."""
    rows, columns = np.nonzero((np.asarray(page) == colour).all(axis=2))
    return (rows.min(), rows.max(), columns.min(), columns.max()) if rows.size else None


def test_versions_lie_side_by_side_in_their_order():
    page = sheet([[flat(RED), flat(GREEN), flat(BLUE)]], ["grey", "coloured", "original"], 60)
    red, green, blue = (pixels(page, c) for c in (RED, GREEN, BLUE))
    assert red[3] < green[2]
    assert green[3] < blue[2]
    assert red[:2] == green[:2] == blue[:2]
    assert red[1] - red[0] + 1 == 60
    assert red[3] - red[2] + 1 == 80
    assert page.mode == "RGB"
    for corner in ((0, 0), (page.width - 1, page.height - 1)):
        assert page.getpixel(corner) == (255, 255, 255)


def test_photos_lie_below_each_other_or_across():
    rows = [[flat(RED)], [flat(GREEN)], [flat(BLUE)]]
    below = sheet(rows, ["photo"], 60)
    assert pixels(below, RED)[1] < pixels(below, GREEN)[0]
    assert pixels(below, GREEN)[1] < pixels(below, BLUE)[0]
    across = sheet(rows, ["photo"], 60, across=2)
    assert pixels(across, RED)[3] < pixels(across, GREEN)[2]
    assert pixels(across, RED)[1] < pixels(across, BLUE)[0]
    assert pixels(across, BLUE)[2:] == pixels(across, RED)[2:]
    assert across.width > below.width
    assert across.height < below.height
    right, left = pixels(across, GREEN)[3], pixels(across, RED)[2]
    assert across.width - 1 - right == left  # the same margin on both sides


def test_every_row_has_the_height_and_a_panorama_is_fitted_into_the_width():
    page = sheet([[flat(RED, 500, 300)], [flat(GREEN, 7, 5)]], ["photo"], 64)
    for colour in (RED, GREEN):
        top, bottom, *_ = pixels(page, colour)
        assert bottom - top + 1 == 64
    page = sheet([[flat(RED, 20, 400)]], ["photo"], 90)
    top, bottom, left, right = pixels(page, RED)
    assert right - left + 1 == round(90 * WIDEST)
    assert bottom - top + 1 == 8


def test_an_empty_place_stays_white():
    page = sheet([[flat(RED), None], [None, None]], ["coloured", "original"], 50)
    seen = pixels(page, RED)
    right_half = np.asarray(page)[seen[0] :, seen[3] + 1 :]
    assert (right_half == 255).all()


def test_captions_stand_over_their_columns_and_fit():
    narrow = flat(RED, 100, 20)
    page = np.asarray(sheet([[narrow, narrow]], ["a rather long caption", ""], 200))
    ink = np.nonzero((page[:20] < 200).any(axis=(0, 2)))[0]
    assert ink.size
    red = pixels(page, RED)
    assert ink.max() <= red[2] + 2 * 40  # nothing over the second, uncaptioned column's far side


def test_more_places_across_than_photos_are_not_kept_free():
    rows = [[flat(RED)]]
    assert sheet(rows, ["photo"], across=5).size == sheet(rows, ["photo"]).size


@pytest.mark.parametrize(
    ("rows", "columns", "options", "message"),
    [
        ([], ["photo"], {}, "at least one photo"),
        ([[]], [], {}, "at least one photo and one column"),
        ([[flat(RED)], [flat(RED)] * 2], ["photo"], {}, "Row 2 has 2 places for 1 columns"),
        ([[flat(RED)]], ["photo"], {"across": 0}, "across is 0: give 1"),
        ([[flat(RED)]], ["photo"], {"height": 0}, "height is 0: give 1"),
    ],
)
def test_what_cannot_be_laid_out_says_why(rows, columns, options, message):
    with pytest.raises(BadOption, match=message):
        sheet(rows, columns, **options)


def test_a_caption_stands_below_its_photo():
    rows = [[flat(RED)], [flat(GREEN)]]
    plain, told = sheet(rows, ["photo"], 60), sheet(rows, ["photo"], 60, captions=["", "a shot"])
    assert pixels(plain, GREEN)[1] < pixels(told, GREEN)[1]
    dark = np.asarray(told).min(axis=2) < 100
    dark[np.asarray(told).max(axis=2) > 200] = False
    lines = np.flatnonzero(dark.any(axis=1))
    assert lines.max() > pixels(told, GREEN)[1]
    assert not dark[pixels(told, RED)[1] : pixels(told, GREEN)[0]].any()
    with pytest.raises(BadOption, match="1 captions for 2 photos"):
        sheet(rows, ["photo"], 60, captions=["a shot"])
