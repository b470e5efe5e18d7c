"""The benchmark of the dial beside a gain: both are compared at equal colourfulness."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from photochrom import color

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "dial.py"
pytestmark = pytest.mark.skipif(not SCRIPT.is_file(), reason="the benchmarks are in the repository")


@pytest.fixture(scope="module")
def dial() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dial", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPT.parent)  # as where Python runs a script
        spec.loader.exec_module(module)
    return module


def tinted(a: float, b: float) -> np.ndarray:
    """Pixels (256, 256, 3) from dark to light, all of one ab."""
    lab = np.empty((3, 256, 256), np.float32)
    lab[0], lab[1], lab[2] = np.linspace(40, 60, 256), a, b
    return np.rint(color.lab_to_rgb(lab).transpose(1, 2, 0) * 255).astype(np.uint8)


def test_the_strength_that_makes_half_the_colour_whole_is_two(dial):
    rgb = tinted(16, 12).transpose(2, 0, 1)
    photo = dial.Photo("", rgb, color.rgb_to_lab(rgb.astype(np.float32) / 255))
    half = [np.float16(photo.lab[1:] / 2)]
    assert dial.colour_share([photo], half, 2) == pytest.approx(1, abs=0.01)
    strength = dial.find_strength([photo], half, 1)
    assert strength == pytest.approx(2, abs=0.02)
    figures = dial.measure([photo], half, strength)
    assert figures.psnr[0] > 45
    assert figures.squared[0] < 0.5
    # What has no colour gets none, however strong.
    assert dial.find_strength([photo], [half[0] * 0], 1) == dial.MOST_STRENGTH


def test_what_a_row_is_over_the_dial_is_told_photo_by_photo(dial):
    rgb = tinted(16, 12).transpose(2, 0, 1)
    photos = [dial.Photo("", rgb, color.rgb_to_lab(rgb.astype(np.float32) / 255))] * 2
    one = dial.Figures(np.array([20.0, 30.0]), np.array([400.0, 400.0]), np.ones(2))
    other = dial.Figures(np.array([21.0, 31.0]), np.array([100.0, 100.0]), np.ones(2))
    told = dial.told(other, one, photos)
    assert told["PSNR, dB"] == "26.00"
    assert told["over the dial"] == "+1.00 (+1.00 to +1.00)"
    assert float(told["ab error"]) == pytest.approx(10 / 20, abs=0.01)
    low, high = told["error over the dial's"].split(" to ")
    assert low == high == "-0.500"
    assert dial.told(one, one, photos)["over the dial"] == ""


def test_all_rows_are_as_colourful_and_each_folder_is_told(dial, make_model, monkeypatch, tmp_path):
    for folder, ab in (("one", (15.5, 15.5)), ("two", (20.5, 20.5))):
        (tmp_path / folder).mkdir()
        Image.fromarray(tinted(*ab)).save(tmp_path / folder / "photo.png")
    # It answers 15 + vivid for a and for b.
    model = make_model(offset=(15, 15), vivid=[], metadata={"default_vivid": "0"})
    out = tmp_path / "figures.json"
    asked = ["--data", tmp_path / "one", tmp_path / "two", "--models", model, "--json", out]
    monkeypatch.setattr(sys, "argv", ["dial", *map(str, asked)])
    dial.main()
    table = json.loads(out.read_text("utf-8"))
    assert list(table) == ["the dial", *(f"vivid {v:g}" for v in dial.VIVIDS)]
    for row in table.values():
        assert (row["photos"], row["one: photos"]) == ("2", "1")
        for share in (0.75, 1):
            for head in ("", "one: ", "two: "):
                told = float(row[f"{head}colourfulness, {share:.2f}"])
                assert told == pytest.approx(share, abs=0.01)
    # ab of 15.5 is what vivid 0.5 answers; 20.5 and three quarters lie beyond the dial's ends.
    vivid = table["the dial"]["one: at, 1.00"].removeprefix("vivid ")
    assert float(vivid) == pytest.approx(0.5, abs=0.1)
    for head, ab, end in (("one: at, 0.75", 0.75 * 15.5, 0), ("two: at, 1.00", 20.5, 1)):
        setting, strength = table["the dial"][head].split(" × ")
        assert setting == f"vivid {end:.2f}"
        assert float(strength) == pytest.approx(ab / (15 + end), abs=0.03)


def test_a_model_without_a_dial_is_refused(dial, make_model, monkeypatch, tmp_path, capsys):
    (tmp_path / "one").mkdir()
    Image.fromarray(tinted(5, 5)).save(tmp_path / "one" / "photo.png")
    asked = ["--data", tmp_path / "one", "--models", make_model()]
    monkeypatch.setattr(sys, "argv", ["dial", *map(str, asked)])
    with pytest.raises(SystemExit):
        dial.main()
    assert "has no dial" in capsys.readouterr().err
