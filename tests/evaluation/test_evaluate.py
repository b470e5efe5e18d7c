import csv
import json
import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from photochrom.color import rgb_to_lab
from photochrom.errors import BadData, BadModel, BadOption, BadPhoto, CannotWrite
from photochrom.evaluation import metrics
from photochrom.evaluation.metrics import PerceptualScores
from photochrom.evaluation.protocol import HINT_COUNTS, HINT_PATCH, MEAN_AB, crop, draw_hints
from photochrom.evaluation.results import HISTOGRAM, Results
from photochrom.evaluation.rows import GREY, TRUTH, Row
from studies import measure as measure_photos


def scene(seed=0, height=40, width=50):
    """A colourful photo, (H, W, 3) uint8."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def photos(n=3):
    return [(f"{i}.png", scene(i)) for i in range(n)]


def measure(colorizers=None, *, of=None, **options):
    return measure_photos(photos() if of is None else of, colorizers or {}, **options)


def cheat(of):
    """A colorizer that knows the photos, in the order in which it will be asked."""
    truths = iter([rgb_to_lab(p.transpose(2, 0, 1).astype(np.float32) / 255) for _, p in of])
    return lambda lightness: next(truths)[None, 1:]


def pink(lightness):
    return np.full((1, 2, *lightness.shape[2:]), 20, np.float32)


# --- what is measured -----------------------------------------------------------------------


def test_the_baselines_come_first_even_alone():
    assert [str(row.row) for row in measure().summary] == ["grey", "constant"]
    rows = measure({"b": pink, "a": pink}).summary
    assert [str(row.row) for row in rows] == ["grey", "constant", "b", "a"]
    assert all(row.n == 3 for row in rows)


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
    def neon(lightness):
        return np.full((1, 2, *lightness.shape[2:]), 120, np.float32)

    of = photos(1)
    grey, _, ours = measure({"neon": neon}, of=of).summary
    assert math.isfinite(ours.psnr_mean)
    assert ours.colorfulness_ratio > grey.colorfulness_ratio


# --- how colorizers are asked ---------------------------------------------------------------


@pytest.mark.parametrize(("protocol", "side"), [("crop256", 256), ("crop512", 512)])
def test_a_colorizer_gets_lightness_and_nothing_else(protocol, side):
    seen = []

    def curious(lightness):
        seen.append((lightness.shape, lightness.dtype, lightness.min(), lightness.max()))
        return pink(lightness)

    measure({"curious": curious}, of=photos(1), protocol=protocol)
    (shape, dtype, low, high) = seen[0]
    assert shape == (1, 1, side, side)
    assert dtype == np.float32
    assert 0 <= low < high <= 100.001


def test_a_colorizer_that_writes_into_its_input_spoils_nothing():
    def vandal(lightness):
        lightness[:] = 0
        return pink(lightness)

    rows = measure({"vandal": vandal, "pink": pink}).summary
    spoiled, clean = (replace(summary, milliseconds=0, row=GREY) for summary in rows[2:])
    assert spoiled == clean


def test_photos_are_read_as_they_come_and_opencvs_threads_are_given_back():
    before = cv2.getNumThreads()
    assert len(measure(of=iter(photos(7))).scores) == 14
    assert cv2.getNumThreads() == before


# --- hints ----------------------------------------------------------------------------------


def lab_of(photo):
    return rgb_to_lab(photo.transpose(2, 0, 1).astype(np.float32) / 255)


def patcher(lightness, spots):
    """A hinted colorizer that paints each patch in the colour it was told, and nothing else."""
    ab = np.zeros((1, 2, *lightness.shape[2:]), np.float32)
    for y, x, *colour in spots:
        top, left = int(y) - HINT_PATCH // 2, int(x) - HINT_PATCH // 2
        ab[0, :, top : top + HINT_PATCH, left : left + HINT_PATCH] = np.reshape(colour, (2, 1, 1))
    return ab


class Recorder:
    """A hinted colorizer that keeps what it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, lightness, spots):
        self.asked.append((lightness.copy(), spots.copy()))
        return pink(lightness)


def test_a_hinted_colorizer_has_a_row_for_every_count():
    results = measure({"pink": pink}, hinted={"patcher": patcher})
    names = [f"patcher, {n} hints" if n != 1 else "patcher, 1 hint" for n in HINT_COUNTS]
    assert [str(row.row) for row in results.summary] == ["grey", "constant", "pink", *names]
    assert [row.row.hints for row in results.summary] == [None] * 3 + list(HINT_COUNTS)
    assert all(score.row.hints == 5 for score in results.rows[Row("patcher", hints=5)])
    assert len(results.scores) == 3 * 11
    assert all(len(scores) == 3 for scores in results.rows.values())


def test_hints_are_as_many_as_asked_and_more_are_the_fewer_and_some_more():
    ask = Recorder()
    measure(of=photos(2), hinted={"ask": ask}, hint_counts=(0, 3, 10))
    for photo in range(2):
        spots = [spots for _, spots in ask.asked[3 * photo : 3 * photo + 3]]
        assert [s.shape for s in spots] == [(0, 4), (3, 4), (10, 4)]
        assert all(s.dtype == np.float32 for s in spots)
        assert (spots[1] == spots[2][:3]).all()
    assert not np.array_equal(ask.asked[2][1][:, :2], ask.asked[5][1][:, :2])  # of another photo


def test_a_hint_tells_the_mean_true_ab_of_a_patch_inside_the_photo():
    for photo in (scene(1), scene(2, 6, 9), scene(3, 6, 6), scene(4, 300, 20)):
        height, width = photo.shape[:2]
        lab = lab_of(photo)
        for y, x, a, b in draw_hints(lab, 200, 0):
            top, left = y - 3, x - 3
            assert top == int(top)
            assert left == int(left)
            assert 0 <= top <= height - 6
            assert 0 <= left <= width - 6
            patch = lab[1:, int(top) : int(top) + 6, int(left) : int(left) + 6]
            np.testing.assert_allclose([a, b], patch.mean((1, 2)), atol=1e-4)


def test_hints_reach_every_corner_of_the_photo():
    spots = draw_hints(lab_of(scene(0, 8, 9)), 500, 0)
    assert set(spots[:, 0]) == {3, 4, 5}
    assert set(spots[:, 1]) == {3, 4, 5, 6}


def test_what_is_revealed_is_the_photo_that_is_asked():
    ask, photo = Recorder(), scene(5)
    measure(of=[("5.png", photo)], hinted={"ask": ask}, hint_counts=(7,))
    (lightness, spots) = ask.asked[0]
    lab = lab_of(photo)
    np.testing.assert_allclose(lightness[0], lab[:1], atol=1e-4)
    np.testing.assert_allclose(spots, draw_hints(lab, 7, (0, 0)), atol=1e-4)


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


def test_a_hinted_colorizer_that_writes_into_its_spots_spoils_nothing():
    def vandal(lightness, spots):
        lightness[:], spots[:] = 0, 0
        return pink(lightness)

    spoiled = measure(hinted={"vandal": vandal, "patcher": patcher})
    clean = measure(hinted={"patcher": patcher})
    row = Row("patcher", hints=100)
    assert figures(spoiled, row) == figures(clean, row)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hint_counts": (0, -1)}, "Hint counts and the seed start at 0"),
        ({"seed": -1}, "Hint counts and the seed start at 0"),
        ({"hint_counts": (5, 5)}, "p, 5 hints is the name of two rows: rename a colorizer"),
        ({"colorizers": {"p, 1 hint": pink}}, "p, 1 hint is the name of two rows"),
    ],
)
def test_hints_that_cannot_be_given_are_refused(options, message):
    with pytest.raises(BadOption, match=message):
        measure(hinted={"p": patcher}, **options)


def test_a_photo_without_room_for_a_patch_is_named():
    with pytest.raises(BadPhoto, match=r"x\.png is under 11 pixels: measure it in a crop"):
        measure(of=[("x.png", scene(0, 5, 40))], hinted={"p": patcher})


def test_a_hinted_failure_names_the_count():
    def shy(lightness, spots):
        if len(spots) == 2:
            raise RuntimeError("two is a crowd")
        return pink(lightness)

    with pytest.raises(BadModel, match=r"shy, 2 hints failed on 0\.png: two is a crowd"):
        measure(hinted={"shy": shy})


# --- protocols ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(256, 256), (301, 457), (999, 257), (31, 47), (1, 3), (600, 80)])
def test_a_crop_is_a_square_whatever_the_photo(size):
    photo = scene(0, *size)
    assert crop(photo, "crop256").shape == (256, 256, 3)
    assert crop(photo, "crop512").shape == (512, 512, 3)
    assert crop(photo, "native") is photo


def test_a_crop_takes_the_middle():
    photo = np.zeros((256, 600, 3), np.uint8)
    photo[:, 172:428] = 255
    assert (crop(photo, "crop256") == 255).all()


def test_a_photo_of_the_right_size_is_untouched():
    photo = scene(0, 256, 256)
    assert (crop(photo, "crop256") == photo).all()


def test_native_measures_odd_sizes_whole():
    shapes = []

    def curious(lightness):
        shapes.append(lightness.shape)
        return pink(lightness)

    measure({"curious": curious}, of=[("a", scene(0, 37, 53)), ("b", scene(1, 11, 11))])
    assert shapes == [(1, 1, 37, 53), (1, 1, 11, 11)]


# --- what goes wrong ------------------------------------------------------------------------


def failing(lightness):
    raise RuntimeError("out of paint")


@pytest.mark.parametrize(
    ("colorizer", "message"),
    [
        (failing, "mine failed on 0.png: out of paint"),
        (lambda lightness: lightness, "mine on 0.png: answer finite numbers"),
        (lambda lightness: pink(lightness) * np.nan, "mine on 0.png: answer finite numbers"),
        (lambda lightness: "blue", "mine failed on 0.png"),
    ],
)
def test_a_failure_names_the_colorizer_and_the_photo(colorizer, message):
    with pytest.raises(BadModel, match=message):
        measure({"mine": colorizer})


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


def test_the_request_is_checked():
    with pytest.raises(BadOption, match="crop224 is no protocol: choose one of crop96, crop256"):
        measure(protocol="crop224")
    with pytest.raises(BadOption, match="grey is the name of two rows"):
        measure({"grey": pink})


def test_photos_without_colour_are_no_measure():
    with pytest.raises(BadData, match="some photos that have colour"):
        measure(of=[])
    with pytest.raises(BadData, match="some photos that have colour"):
        measure(of=[("grey.png", np.full((20, 20, 3), 90, np.uint8))])


# --- results --------------------------------------------------------------------------------


def test_json_holds_everything_and_only_finite_numbers(tmp_path):
    def not_a_number(text):
        raise AssertionError(text)

    of, path = photos(), tmp_path / "figures.json"
    results = measure({"cheat": cheat(of)}, of=of, hinted={"p": patcher}, hint_counts=(3,), seed=4)
    results.write_json(path)
    content = json.loads(path.read_text("utf-8"), parse_constant=not_a_number)
    assert content["protocol"] == "native"
    assert content["photos"] == 3
    assert [row["name"] for row in content["summary"]] == [
        "grey",
        "constant",
        "cheat",
        "p, 3 hints",
    ]
    assert [row["hints"] for row in content["summary"]] == [None, None, None, 3]
    assert len(content["scores"]) == 12
    assert content["seed"] == 4
    assert Results.read_json(path) == results
    assert Results.read_json(path).summary == results.summary
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_says_so_and_leaves_nothing(tmp_path):
    with pytest.raises(CannotWrite, match=r"figures.json cannot be written"):
        measure().write_json(tmp_path / "missing" / "figures.json")
    (tmp_path / "folder").mkdir()
    with pytest.raises(CannotWrite):
        measure().write_json(tmp_path / "folder")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("text", ["", "{}", '{"constant_ab": 3}', "[1]", None])
def test_what_are_no_results_is_refused(tmp_path, text):
    path = tmp_path / "figures.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BadData, match=r"figures.json holds no results"):
        Results.read_json(path)


@pytest.mark.parametrize("damage", [{"tallies": []}, {"tallies": {}}, {"scores": []}])
def test_results_that_are_half_there_are_refused(tmp_path, damage):
    path = tmp_path / "figures.json"
    measure({"pink": pink}).write_json(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    with pytest.raises(BadData, match=r"figures.json holds no results"):
        Results.read_json(path)


# --- colours over the whole set, painters of RGB, rows of several evaluations ---------------


def test_one_who_paints_lightness_too_is_measured_as_it_paints():
    of = photos()
    truths = iter([p.transpose(2, 0, 1)[None].astype(np.float32) / 255 for _, p in of])
    results = measure({"perfect": lambda L: next(truths), "black": black}, of=of)
    *_, perfect, dark = results.summary
    assert perfect.psnr_mean == metrics.PSNR_CAP
    assert perfect.balanced_10 == 1
    assert dark.psnr_mean < results.summary[0].psnr_mean - 3


def black(lightness):
    return np.zeros((1, 3, *lightness.shape[2:]), np.float32)


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
    assert results.tallies[Row("cheat")].histogram == pytest.approx(
        truth.histogram, abs=pixels // 100
    )
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
    results = measure({"stairs": stairs}, of=[("sky", sky), ("noise", photos(1)[0][1])])
    assert results.rows[GREY][0].truth_steps.jump < 5
    stepping = results.summary[-1]
    assert stepping.jump > 5
    assert (
        measure(of=[("noise", np.random.default_rng(0).integers(0, 255, (30, 30, 3), np.uint8))])
        .summary[0]
        .jump
        is None
    )


def stairs(lightness):
    return np.repeat(np.round(lightness / 5) % 2 * 20, 2, axis=1)


def test_rows_can_be_left_out_and_put_together_again():
    both = measure({"pink": pink, "stairs": stairs})
    one, other = both.only([Row("pink")]), both.only([Row("stairs")])
    assert [str(row.row) for row in one.summary] == ["grey", "constant", "pink"]
    joined = one.joined(other)
    assert joined.summary == both.summary
    assert joined.tallies == both.tallies


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"protocol": "crop96"}, "they differ in their protocol: native and crop96"),
        ({"seed": 3}, "they differ in their seed: 0 and 3"),
        ({"of": photos(2)}, "they differ in their photos"),
        ({"constant_ab": (1, 1)}, "they differ in their constant colour"),
        ({}, "both have a row pink"),
    ],
)
def test_what_was_not_measured_alike_is_not_put_together(options, sentence):
    with pytest.raises(BadData, match=sentence):
        measure({"pink": pink}).joined(measure({"pink": pink}, **options))


def test_facts_and_sources_are_kept(tmp_path):
    path = tmp_path / "figures.json"
    results = measure(
        {"pink": pink},
        models={"pink": {"parameters": "3"}},
    )
    results.write_json(path)
    assert Results.read_json(path).models == {Row("pink"): {"parameters": "3"}}
    assert Results.read_json(path).sources == results.sources


def test_csv_has_a_line_for_each_row_of_each_photo(tmp_path):
    results = measure({"pink": pink}, hinted={"p": patcher}, hint_counts=(2,))
    results.write_csv(tmp_path / "figures.csv")
    with (tmp_path / "figures.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 12
    for line, score in zip(lines, results.scores, strict=True):
        assert float(line["psnr"]) == score.psnr
        assert line["name"] == str(score.row)
        assert line["jump"] == ("" if score.steps is None else str(score.steps.jump))
