import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from photochrom.color import rgb_to_lab
from photochrom.errors import BadData, BadModel, BadOption, BadPhoto
from photochrom.evaluation import metrics
from photochrom.evaluation.metrics import PerceptualScores
from photochrom.evaluation.protocol import HINT_COUNTS, HINT_PATCH, MEAN_AB, draw_hints
from photochrom.evaluation.results import HISTOGRAM
from photochrom.evaluation.rows import GREY, TRUTH, Row
from studies import measure as measure_photos
from studies import pink, scene


def photos(n=3):
    return [(f"{i}.png", scene(i)) for i in range(n)]


def measure(colorizers=None, *, of=None, **options):
    return measure_photos(photos() if of is None else of, colorizers or {}, **options)


def lab_of(photo):
    return rgb_to_lab(photo.transpose(2, 0, 1).astype(np.float32) / 255)


def cheat(of):
    """A colorizer that knows the photos, in the order in which it will be asked."""
    truths = iter([lab_of(photo) for _, photo in of])
    return lambda lightness: next(truths)[None, 1:]


class Recorder:
    """A colorizer that keeps what it was asked, and then writes into it."""

    def __init__(self):
        self.asked = []

    def __call__(self, lightness, spots=None):
        self.asked.append((lightness.copy(), None if spots is None else spots.copy()))
        lightness[:] = 0
        if spots is not None:
            spots[:] = 0
        return pink(lightness)


# --- what is measured -----------------------------------------------------------------------


def test_grey_has_no_colour_and_the_constant_is_the_one_given():
    results = measure({"pink": pink}, constant_ab=(20, 20))
    grey, constant, ours = results.summary
    assert grey.colorfulness_ratio == pytest.approx(0, abs=0.01)
    assert constant.psnr_mean == ours.psnr_mean
    assert results.constant_ab == (20, 20)
    assert measure().constant_ab == MEAN_AB


def test_the_true_colours_score_full_marks():
    of = photos()
    results = measure({"cheat": cheat(of)}, of=of)
    best = results.summary[-1]
    assert best.psnr_mean == best.psnr_median == metrics.PSNR_CAP
    assert best.psnr_interval == (metrics.PSNR_CAP, metrics.PSNR_CAP)
    assert best.ssim == pytest.approx(1)
    assert best.delta_e == pytest.approx(0, abs=1e-3)
    assert best.colorfulness_ratio == pytest.approx(1)
    assert best.psnr_mean > results.summary[0].psnr_mean


def test_a_score_is_what_the_metrics_say_of_the_rounded_output():
    photo = scene(7)
    score = measure(of=[("7.png", photo)]).scores[0]
    truth = photo.transpose(2, 0, 1) / 255
    lightness = rgb_to_lab(truth)[0]
    # Grey by hand: the luminance Y of CIE Lab, gamma-encoded, in whole 8-bit steps.
    y = np.where(lightness > 8, ((lightness + 16) / 116) ** 3, lightness / 903.3)
    grey = np.where(y > 0.0031308, 1.055 * y ** (1 / 2.4) - 0.055, 12.92 * y)
    output = np.stack([np.round(grey * 255) / 255] * 3)
    assert score.psnr == pytest.approx(metrics.psnr(truth, output), abs=0.01)
    assert score.ssim == pytest.approx(metrics.ssim(truth, output), abs=1e-3)
    expected = metrics.ciede2000(rgb_to_lab(truth), rgb_to_lab(output))
    assert score.delta_e == pytest.approx(expected, abs=0.01)
    assert score.truth_colorfulness == pytest.approx(metrics.colorfulness(truth), rel=1e-5)
    assert (score.photo, score.row) == ("7.png", GREY)


def test_the_summary_is_the_mean_over_photos():
    results = measure({"pink": pink})
    psnr = [score.psnr for score in results.scores if score.row == Row("pink")]
    row = results.summary[-1]
    assert row.psnr_mean == pytest.approx(np.mean(psnr))
    assert row.psnr_median == pytest.approx(np.median(psnr))
    low, high = row.psnr_interval
    assert min(psnr) - 1e-9 <= low <= row.psnr_mean <= high <= max(psnr) + 1e-9
    assert row.milliseconds >= 0


def test_colours_beyond_srgb_keep_their_lightness():
    grey, _, ours = measure({"neon": lambda L: 6 * pink(L)}, of=photos(1)).summary
    assert math.isfinite(ours.psnr_mean)
    assert ours.colorfulness_ratio > grey.colorfulness_ratio


# --- how colorizers are asked ---------------------------------------------------------------


def test_photos_are_read_as_they_come_and_opencvs_threads_are_given_back():
    before = cv2.getNumThreads()
    assert len(measure(of=iter(photos(7))).scores) == 14
    assert cv2.getNumThreads() == before


@pytest.mark.parametrize(
    ("protocol", "shape"), [("crop256", (256, 256)), ("crop512", (512, 512)), ("native", (37, 53))]
)
def test_a_colorizer_gets_lightness_and_nothing_else(protocol, shape):
    ask = Recorder()
    measure({"ask": ask}, of=[("a", scene(0, 37, 53))], protocol=protocol)
    ((lightness, _),) = ask.asked
    assert lightness.shape == (1, 1, *shape)
    assert lightness.dtype == np.float32
    assert 0 <= lightness.min() < lightness.max() <= 100.001


def test_a_colorizer_that_writes_into_what_it_gets_spoils_nothing():
    vandal = Recorder()
    spoiled = measure({"a": vandal, "b": pink}, hinted={"c": vandal, "d": patcher})
    clean = measure({"a": pink, "b": pink}, hinted={"c": pink, "d": patcher})
    for row in clean.rows:
        assert figures(spoiled, row) == figures(clean, row)


# --- hints ----------------------------------------------------------------------------------


def patcher(lightness, spots):
    """A hinted colorizer that paints each patch in the colour it was told, and nothing else."""
    ab = np.zeros((1, 2, *lightness.shape[2:]), np.float32)
    for y, x, *colour in spots:
        top, left = int(y) - HINT_PATCH // 2, int(x) - HINT_PATCH // 2
        ab[0, :, top : top + HINT_PATCH, left : left + HINT_PATCH] = np.reshape(colour, (2, 1, 1))
    return ab


def test_a_hinted_colorizer_has_a_row_for_every_count():
    results = measure({"pink": pink}, hinted={"patcher": patcher})
    names = [f"patcher, {n} hints" if n != 1 else "patcher, 1 hint" for n in HINT_COUNTS]
    assert list(map(str, results.rows)) == ["grey", "constant", "pink", *names]
    assert [row.hints for row in results.rows] == [None] * 3 + list(HINT_COUNTS)
    assert all(score.row.hints == 5 for score in results.rows[Row("patcher", hints=5)])
    assert len(results.scores) == 3 * 11
    assert all(len(scores) == 3 for scores in results.rows.values())


def figures(results, row):
    return [replace(s, milliseconds=0, row=GREY) for s in results.rows[row]]


def test_positions_depend_on_the_seed_and_the_photos_number_alone():
    row = Row("patcher", hints=5)
    results = measure({"pink": pink}, hinted={"patcher": patcher, "zero": patcher})
    fewer = measure(hinted={"zero": patcher, "patcher": patcher}, hint_counts=(5, 0))
    assert figures(results, row) == figures(fewer, row) == figures(results, Row("zero", hints=5))
    renamed = measure(of=[(f"x{n}", p) for n, p in photos()], hinted={"patcher": patcher})
    assert [s.psnr for s in renamed.rows[row]] == [s.psnr for s in results.rows[row]]
    other = measure(hinted={"patcher": patcher}, seed=1)
    assert figures(other, row) != figures(results, row)
    assert (results.seed, other.seed) == (0, 1)


def test_the_truth_in_patches_gains_and_more_of_it_gains_more():
    results = measure(hinted={"patcher": patcher})
    grey, _, *ours = (row.psnr_mean for row in results.summary)
    assert ours[0] == grey
    assert ours == sorted(ours)
    assert ours[-1] > grey + 3


def test_hinted_colorizers_get_the_true_hints_of_their_photo_the_fewer_first():
    ask = Recorder()
    measure(of=photos(2), hinted={"ask": ask}, hint_counts=(0, 3, 10))
    for number, (_, photo) in enumerate(photos(2)):
        for count in (0, 3, 10):
            lightness, spots = ask.asked.pop(0)
            assert spots.dtype == np.float32
            np.testing.assert_allclose(lightness[0], lab_of(photo)[:1], atol=1e-4)
            expected = draw_hints(lab_of(photo), 10, (0, number))[:count]
            np.testing.assert_allclose(spots, expected, atol=1e-4)


# --- what goes wrong ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("photo", "message"),
    [
        (scene()[..., 0], "x.png is uint8 .40, 50."),
        (scene() / 255, "x.png is float64"),
        (scene()[:0], "x.png is uint8 .0, 50, 3."),
        (scene(0, 10, 40), "x.png is under 11 pixels"),
    ],
)
def test_a_photo_that_cannot_be_measured_is_named(photo, message):
    with pytest.raises(BadPhoto, match=message):
        measure(of=[("x.png", photo)])


def test_of_many_photos_those_that_cannot_be_measured_are_told_and_left_out():
    def judge(rgb):
        if rgb.shape[-1] == 21:
            raise BadPhoto("too small to judge.")
        return PerceptualScores([{} for _ in rgb[1:]], {})

    troubles = []
    odd = [("x.png", scene(0, 10, 40)), ("y.png", scene()[..., 0]), ("z.png", scene(0, 20, 21))]
    results = measure(of=[*odd, *photos()], troubles=troubles, perceptual=[judge])
    assert [reason[:5] for reason in sorted(troubles)] == ["x.png", "y.png", "z.png"]
    assert {score.photo for score in results.rows[GREY]} == {name for name, _ in photos()}


def shy(lightness, spots):
    if len(spots) == 2:
        raise RuntimeError("two is a crowd")
    return pink(lightness)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"colorizers": {"x": lambda L: [][0]}}, "x failed on 0.png: list index out of"),
        ({"colorizers": {"x": lambda lightness: "blue"}}, "x failed on 0.png"),
        ({"colorizers": {"x": lambda lightness: lightness}}, "x on 0.png: answer finite numbers"),
        ({"colorizers": {"x": lambda L: pink(L) * np.nan}}, "x on 0.png: answer finite numbers"),
        ({"hinted": {"shy": shy}}, "shy, 2 hints failed on 0.png: two is a crowd"),
    ],
)
def test_a_failure_names_the_row_and_the_photo(rows, message):
    with pytest.raises(BadModel, match=message):
        measure(**rows)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"protocol": "crop224"}, "crop224 is no protocol: choose one of crop96, crop256"),
        ({"hint_counts": (0, -1)}, "Hint counts and the seed start at 0"),
        ({"seed": -1}, "Hint counts and the seed start at 0"),
        ({"hint_counts": (5, 5)}, "p, 5 hints is the name of two rows: rename a colorizer"),
        ({"colorizers": {"p, 1 hint": pink}}, "p, 1 hint is the name of two rows"),
        ({"colorizers": {"grey": pink}}, "grey is the name of two rows"),
        ({"colorizers": {"truth": pink}}, "truth is the name of two rows"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(options, message):
    with pytest.raises(BadOption, match=message):
        measure(hinted={"p": patcher}, **options)


def test_an_error_that_nobody_foresaw_names_the_photo(monkeypatch):
    monkeypatch.setattr(metrics, "smooth", lambda lab: 1 / 0)
    with pytest.raises(BadPhoto, match=r"0\.png cannot be measured \(ZeroDivisionError.*report"):
        measure()


def test_photos_without_colour_are_no_measure():
    for of in ([], [("grey.png", np.full((20, 20, 3), 90, np.uint8))]):
        with pytest.raises(BadData, match="some photos that have colour"):
            measure(of=of)


# --- colours over the whole set, painters of RGB, rows of several evaluations ---------------


def test_one_who_paints_lightness_too_is_measured_as_it_paints():
    of = photos()
    truths = iter([p.transpose(2, 0, 1)[None].astype(np.float32) / 255 for _, p in of])
    black = lambda L: np.zeros((1, 3, *L.shape[2:]), np.float32)  # noqa: E731
    results = measure({"perfect": lambda L: next(truths), "black": black}, of=of)
    *_, perfect, dark = results.summary
    assert perfect.psnr_mean == metrics.PSNR_CAP
    assert perfect.balanced_10 == 1
    assert dark.psnr_mean < results.summary[0].psnr_mean - 3


def test_the_tallies_count_every_pixel_once():
    of = photos(4)
    results = measure({"cheat": cheat(of), "pink": pink}, of=of)
    pixels = 4 * 40 * 50
    for row, tally in results.tallies.items():
        assert sum(tally.histogram) == pixels
        assert sum(tally.within_10) <= sum(tally.within_20) <= pixels
        assert row == TRUTH or tally.within_10 <= results.tallies[TRUTH].within_10
    truth, pinks = results.tallies[TRUTH], results.tallies[Row("pink")]
    assert truth.within_10 == truth.within_20
    known = results.tallies[Row("cheat")].histogram
    assert known == pytest.approx(truth.histogram, abs=pixels // 100)
    near = [int(HISTOGRAM.index(np.float64(a), np.float64(b))) for a in (18, 21) for b in (18, 21)]
    assert sum(pinks.histogram[cell] for cell in near) > 0.6 * pixels  # 20 is on the edge of all


def test_accuracy_weighs_true_bins_alike():
    photo = np.full((20, 20, 3), 128, np.uint8)
    photo[:2, :10] = (200, 40, 40)  # 5 % of it red
    grey, *_ = measure(of=[("one", photo)]).summary
    assert grey.balanced_20 == pytest.approx(0.5)


def test_steps_are_told_where_there_is_something_smooth():
    sky = np.zeros((40, 60, 3), np.uint8)
    sky[...] = np.linspace((90, 120, 160), (150, 180, 220), 60).round()
    stairs = lambda L: np.repeat(np.round(L / 5) % 2 * 20, 2, axis=1)  # noqa: E731
    noise = np.random.default_rng(0).integers(0, 255, (30, 30, 3), np.uint8)
    results = measure({"stairs": stairs}, of=[("sky", sky), ("noise", photos(1)[0][1])])
    assert results.rows[GREY][0].truth_steps.jump < 5
    stepping = results.summary[-1]
    assert stepping.jump > 5
    assert measure(of=[("noise", noise)]).summary[0].jump is None
