import base64
import io

import numpy as np
import pytest
from PIL import Image

from photochrom.color import rgb_to_lab
from photochrom.evaluation.rows import Row
from photochrom.report import examples
from photochrom.report.examples import Gallery
from studies import finder

FLAT, STEPPED, RGB = map(Row, ("flat", "stepped", "rgb"))


@pytest.fixture
def find(album):
    return finder(album)


@pytest.fixture
def painters(paints):
    return {FLAT: paints.flat(10, 20), STEPPED: paints.stepped, RGB: paints.own_rgb}


@pytest.fixture
def show(measured, painters):
    """A gallery of what was measured, of photos that ``find`` finds."""

    def made(find, **options):
        by_name = {str(row): paint for row, paint in painters.items()}
        return Gallery(measured(by_name, **options), painters, find)

    return made


@pytest.fixture
def gallery(show, find):
    return show(find)


def pixels(shot):
    kind, _, text = shot.source.partition(";base64,")
    assert kind == "data:image/webp"
    image = Image.open(io.BytesIO(base64.b64decode(text, validate=True)))
    assert image.size == shot.size
    return np.asarray(image.convert("RGB")).astype(int)


def test_photos_are_found_again_as_they_were_measured(gallery, album):
    assert [view.name for view in gallery.sheet] == sorted(map(str, album.iterdir()))
    assert gallery.sheet[0].lab.shape == (3, 64, 80)


def test_the_sheet_is_spread_over_all_photos(show, find, monkeypatch, album):
    monkeypatch.setattr(examples, "PLATES", 2)
    assert [view.name for view in show(find).sheet] == [
        str(album / "0.png"),
        str(album / "ramp.png"),
    ]


def test_a_photo_that_is_another_now_is_not_shown(show, find, album):
    def swapped(name):
        return find(name)[..., ::-1] // 2 if name.endswith("1.png") else find(name)

    views = show(swapped).sheet
    assert str(album / "1.png") not in [view.name for view in views]
    assert len(views) == 3
    assert show(lambda name: None).sheet == ()


def test_a_plate_goes_from_grey_to_the_truth(gallery):
    view = gallery.sheet[0]
    plate = gallery.plate(view, {FLAT: "a note", RGB: ""})
    assert plate.title == "0.png"
    assert [shot.label for shot in plate.shots] == ["grey", "flat", "rgb", "truth"]
    assert plate.shots[1].note == "a note"
    grey, flat, rgb, truth = map(pixels, plate.shots)
    assert np.ptp(grey, axis=2).max() < 8
    assert flat[..., 0].mean() > flat[..., 2].mean() + 10  # b = 20: yellowish
    assert np.ptp(rgb, axis=2).max() < 8
    assert rgb.mean() < grey.mean()
    assert np.abs(truth - view.pixels).mean() < 12


def test_extremes_are_those_of_the_figures(gallery):
    best, median, worst = gallery.extremes(FLAT)
    errors = sorted(score.delta_e for score in gallery.results.rows[FLAT])
    for plate, word, i in ((best, "best", 0), (median, "median", 2), (worst, "worst", 3)):
        assert plate.title == f"{word}, ΔE00 {errors[i]:.1f}"
    assert [shot.label for shot in best.shots] == ["flat", "truth"]


def test_close_ups_are_of_what_is_smooth_and_bear_the_jump_that_was_measured(gallery):
    (close_up,) = gallery.close_ups([STEPPED, FLAT])
    assert close_up.whole.label == "ramp.png"
    assert [shot.label for shot in close_up.plain] == ["truth", "stepped", "flat"]
    ramp = [score for score in gallery.results.scores if score.photo.endswith("ramp.png")]
    scores = {str(score.row): score for score in ramp}
    assert close_up.plain[0].note == f"jump {scores['flat'].truth_steps.jump:.1f}"
    assert close_up.plain[1].note == f"jump {scores['stepped'].steps.jump:.1f}"
    assert scores["stepped"].steps.jump > 8
    assert close_up.plain[0].size == (32, 32)  # half the short side
    assert [shot.note for shot in close_up.loud] == [shot.note for shot in close_up.plain]
    # Lossless: the picture has as few colours as were painted.
    stepped, flat = (pixels(shot) for shot in close_up.loud[1:])
    assert len(np.unique(stepped.reshape(-1, 3), axis=0)) < 40
    assert np.ptp(flat, axis=(0, 1)).max() < np.ptp(stepped, axis=(0, 1)).max()


def test_the_window_is_where_most_of_it_is():
    even = np.zeros((40, 60), bool)
    even[5:20, 33:50] = True
    rows, columns = examples._evenest(even)
    assert (rows.stop - rows.start, columns.stop - columns.start) == (20, 20)
    assert even[rows, columns].sum() == even.sum()


def test_amplified_is_chroma_alone():
    rng = np.random.default_rng(0)
    piece = (120 + rng.integers(-4, 5, (20, 20, 3))).astype(np.uint8)
    lab, loud = (
        rgb_to_lab(p.transpose(2, 0, 1).astype(np.float32) / 255)
        for p in (piece, examples.amplified(piece))
    )
    assert np.ptp(loud[0]) < 1.5
    assert loud[1:].std() == pytest.approx(4 * lab[1:].std(), rel=0.1)


def test_a_large_photo_is_made_small():
    shot = examples.shot("x", np.zeros((300, 900, 3), np.uint8), 90)
    assert shot.size == (90, 30)


def test_a_view_has_the_lightness_that_was_measured(show, find):
    levels = show(find, protocol="colormf").sheet[0].lab[0] * 2.55
    np.testing.assert_allclose(levels, levels.round(), atol=1e-3)
