"""The figures of papers: the ab error, and the protocol colormf."""

import csv
import json
import math
from typing import get_args

import cv2
import numpy as np
import pytest
from PIL import Image

from photochrom.cli import evaluate as command
from photochrom.cli import main
from photochrom.color import rgb_to_lab
from photochrom.evaluation import metrics, protocol
from photochrom.evaluation.protocol import SIDES, crop, draw_hints, file_order, shown_lightness
from photochrom.evaluation.results import Results
from photochrom.evaluation.rows import GREY, Row
from studies import measure as measure_photos
from studies import pink, scene


def planes(photo):
    return photo.transpose(2, 0, 1).astype(np.float32) / 255


def measure(colorizers=None, protocol="native", **options):
    photos = [(f"{i}.png", scene(i)) for i in range(3)]
    return measure_photos(photos, colorizers or {}, protocol=protocol, **options)


# --- the ab error ---------------------------------------------------------------------------


def test_the_ab_error_is_a_share_of_what_grey_has():
    results = measure({"pink": pink})
    grey, _, pinks = results.summary
    assert grey.ab_error == 1
    ours, greys = (
        math.sqrt(sum(score.ab_error**2 for score in results.rows[row]))
        for row in (Row("pink"), GREY)
    )
    assert pinks.ab_error == pytest.approx(ours / greys)
    root = math.sqrt(np.square(rgb_to_lab(planes(scene(0)))[1:]).sum(0).mean())
    assert results.rows[GREY][0].ab_error == pytest.approx(root, abs=0.1)


def test_the_true_colours_have_no_ab_error_however_dark_they_are_painted():
    truths = iter([planes(scene(i)) for i in range(3)])
    greys = iter([scene(i).mean(2) / 255 / 2 for i in range(3)])
    dark_grey = lambda L: np.repeat(next(greys)[None, None], 3, 1)  # noqa: E731
    results = measure({"true": lambda L: next(truths)[None], "dark grey": dark_grey})
    *_, true, dark = results.summary
    assert true.ab_error == pytest.approx(0, abs=1e-4)
    assert dark.ab_error == pytest.approx(1, abs=0.01)
    assert dark.psnr_mean < results.summary[0].psnr_mean - 2


def test_results_from_before_the_ab_error_can_be_read(tmp_path):
    path = tmp_path / "old.json"
    results = measure({"pink": pink})
    results.write_json(path)
    content = json.loads(path.read_text())
    for entry in content["scores"]:
        del entry["ab_error"], entry["cf"], entry["truth_cf"]
    path.write_text(json.dumps(content))
    old = Results.read_json(path)
    assert [row.ab_error for row in old.summary] == [None] * 3
    assert old.summary[2].psnr_mean == results.summary[2].psnr_mean
    newer = old.joined(measure({"pinker": pink}))
    assert newer.summary[-1].ab_error is None  # grey, which is kept once, has none
    old.write_csv(tmp_path / "old.csv")
    with (tmp_path / "old.csv").open(newline="") as file:
        assert {line["ab_error"] for line in csv.DictReader(file)} == {""}


# --- how photos are cut, and hints drawn ----------------------------------------------------


@pytest.mark.parametrize("size", [(256, 256), (301, 457), (999, 257), (31, 47), (1, 3), (600, 80)])
def test_a_crop_is_a_square_whatever_the_photo(size):
    photo = scene(0, *size)
    assert crop(photo, "crop256").shape == (256, 256, 3)
    assert crop(photo, "crop512").shape == (512, 512, 3)
    assert crop(photo, "native") is photo
    if size == (256, 256):
        assert (crop(photo, "crop256") == photo).all()


@pytest.mark.parametrize(
    ("protocol", "width", "left"), [("crop256", 600, 172), ("colormf", 259, 1)]
)
def test_a_crop_takes_the_middle_an_odd_margin_rounded_down(protocol, width, left):
    photo = np.zeros((256, width, 3), np.uint8)
    photo[:, left : left + 256] = 255
    assert (crop(photo, protocol) == 255).all()


@pytest.mark.parametrize("size", [(40, 50), (6, 9), (6, 6), (300, 20)])
def test_a_hint_tells_the_mean_true_ab_of_a_patch_inside_the_photo(size):
    lab = rgb_to_lab(planes(scene(1, *size)))
    for y, x, a, b in draw_hints(lab, 200, 0):
        top, left = y - 3, x - 3
        assert (top, left) == (int(top), int(left))
        assert 0 <= top <= size[0] - 6
        assert 0 <= left <= size[1] - 6
        patch = lab[1:, int(top) : int(top) + 6, int(left) : int(left) + 6]
        np.testing.assert_allclose([a, b], patch.mean((1, 2)), atol=1e-4)


def test_hints_reach_every_corner_of_the_photo():
    spots = draw_hints(rgb_to_lab(planes(scene(0, 8, 9))), 500, 0)
    assert set(spots[:, 0]) == {3, 4, 5}
    assert set(spots[:, 1]) == {3, 4, 5, 6}


# --- the protocol of papers -----------------------------------------------------------------


@pytest.mark.parametrize("size", [(301, 456), (457, 300), (256, 256), (31, 47), (1, 3)])
def test_colormf_scales_the_largest_square_once(size):
    photo = scene(0, *size)
    height, width = size
    side = min(size)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(photo[top : top + side, left : left + side])
    expected = cv2.resize(square, (256, 256), interpolation=cv2.INTER_LINEAR)
    assert (crop(photo, "colormf") == expected).all()


def test_a_colorizer_is_shown_the_lightness_of_8_bits():
    pixels = scene(3)
    lab = rgb_to_lab(planes(pixels))
    shown = shown_lightness(pixels, lab, "colormf")
    assert shown.shape == (1, 40, 50)
    assert shown.dtype == np.float32
    levels = shown * 2.55
    np.testing.assert_allclose(levels, levels.round(), atol=1e-3)
    np.testing.assert_allclose(shown, lab[:1], atol=0.6)
    for name in set(SIDES) - {"colormf"}:
        assert (shown_lightness(pixels, lab, name) == lab[:1]).all()


def test_what_is_shown_is_what_is_kept():
    seen = []
    results = measure({"curious": lambda L: seen.append(L.copy()) or pink(L)}, "colormf")
    pixels = crop(scene(0), "colormf")
    expected = shown_lightness(pixels, rgb_to_lab(planes(pixels)), "colormf")
    assert (seen[0][0] == expected).all()
    usual = measure({}, "crop256").summary[0].psnr_mean
    assert results.summary[0].psnr_mean == pytest.approx(usual, abs=1)


def test_dcf_is_told_between_means_and_photo_by_photo():
    results = measure({"pink": pink}, "colormf")
    shown = [planes(crop(scene(i), "colormf")) for i in range(3)]
    true = [metrics.colorfulness(photo, absolute=True) for photo in shown]
    scores = results.rows[Row("pink")]
    assert [score.truth_cf for score in scores] == pytest.approx(true)
    row = results.summary[-1]
    assert row.cf == pytest.approx(np.mean([score.cf for score in scores]))
    assert row.dcf == pytest.approx(abs(row.cf - np.mean(true)))
    apart = [abs(score.cf - score.truth_cf) for score in scores]
    assert row.dcf_per_photo == pytest.approx(np.mean(apart))
    assert row.dcf <= row.dcf_per_photo + 1e-9
    assert results.caption == f"Protocol colormf, 3 photos of CF {np.mean(true):.2f}"


def test_too_much_in_one_photo_does_not_make_up_for_too_little_in_another():
    pale = [(f"{i}.png", scene(i) // 8 + 110) for i in range(2)]
    answers = iter([0, 30])
    odd = {"odd": lambda L: pink(L) * 0 + next(answers)}
    row = measure_photos(pale, odd, protocol="colormf").summary[-1]
    assert row.dcf < row.dcf_per_photo - 1


def test_figures_of_papers_are_theirs_alone():
    row = measure({"pink": pink}, "crop256").summary[-1]
    assert row.cf is row.dcf is row.dcf_per_photo is None


def test_photos_are_sorted_by_their_own_names():
    names = [r"c:\\p\\0.png", "a/1.png", "b/1.png", "x.tar/c/2.png", "a/3.png"]
    assert sorted(sorted(names), key=file_order) == names


def test_the_command_takes_the_first_file_order(tmp_path, make_model):
    for i, place in enumerate(("z/val_2.png", "y/val_1.png", "x/val_3.png")):
        (tmp_path / "val" / place).parent.mkdir(parents=True)
        Image.fromarray(scene(i)).save(tmp_path / "val" / place)
    target = tmp_path / "figures.json"
    command = ["evaluate", str(make_model("toy")), "--data", str(tmp_path / "val")]
    command += ["--protocol", "colormf", "--most", "2", "--json", str(target)]
    with pytest.raises(SystemExit) as ended:
        main.main(command)
    assert not ended.value.code
    results = Results.read_json(target)
    assert [score.photo[-9:] for score in results.rows[GREY]] == ["val_1.png", "val_2.png"]
    assert results.summary[-1].dcf is not None


def test_the_command_knows_all_protocols():
    assert get_args(command.Protocol) == get_args(protocol.Protocol) == tuple(SIDES)
