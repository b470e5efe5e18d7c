"""What archives add to results: captions, maps of uncertainty, signatures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageSequence

from commands import run
from photochrom.cli.optional_values import fill_optional_values
from photochrom.image.caption import CAPTION

USUAL = f"--caption={CAPTION}"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["--caption", "a.jpg"], [USUAL, "a.jpg"]),
        (["a.jpg", "--caption"], ["a.jpg", USUAL]),
        (["--caption", "--force", "a.jpg"], [USUAL, "--force", "a.jpg"]),
        (["--caption", "album/", "-o", "out"], [USUAL, "album/", "-o", "out"]),
        (["--caption", "."], [USUAL, "."]),
        (["--caption", "scans-*"], [USUAL, "scans-*"]),
        (["--caption", "s3://bucket/scans"], [USUAL, "s3://bucket/scans"]),
        (["--caption", "Grandma, 1923", "a.jpg"], ["--caption", "Grandma, 1923", "a.jpg"]),
        (["--caption", "Grandma", "a.jpg"], ["--caption", "Grandma", "a.jpg"]),
        (["--caption=a.jpg", "a.jpg"], ["--caption=a.jpg", "a.jpg"]),
        (["--caption", "a.jpg", "--ray"], [USUAL, "a.jpg", "--ray", "local"]),
    ],
)
def test_a_caption_may_be_given_or_not(given, expected):
    assert fill_optional_values(["colorize", *given]) == ["colorize", *expected]


def test_every_page_gets_its_caption(tmp_path, scene, model):
    pages = [Image.fromarray(np.roll(scene, 9 * i)).resize((300, 200)) for i in range(3)]
    source, target = tmp_path / "pages.tif", tmp_path / "out.tif"
    pages[0].save(source, save_all=True, append_images=pages[1:])
    assert run("colorize", source, "-o", tmp_path / "plain.tif", "--model", model) == 0
    assert run("colorize", "--caption", source, "-o", target, "--model", model) == 0
    with Image.open(target) as done, Image.open(tmp_path / "plain.tif") as plain:
        sizes = []
        for page, bare in zip(
            ImageSequence.Iterator(done), ImageSequence.Iterator(plain), strict=True
        ):
            np.testing.assert_array_equal(np.asarray(page)[:200], np.asarray(bare))
            sizes.append(page.size)
    assert len(sizes) == 3
    assert {(width, height > 200) for width, height in sizes} == {(300, True)}


def test_a_caption_that_cannot_be_is_refused_before_the_work(photo, model, capsys):
    assert run("colorize", photo, "--caption=", "--model", model) == 2
    assert "The caption is empty" in capsys.readouterr().err
    assert list(photo.parent.glob("*.color.*")) == []


def test_another_caption_is_another_result(two_photos, model, out):
    asked = ("colorize", two_photos, "-o", out, "--model", model)
    assert run(*asked, "--caption") == 0
    assert run(*asked, "--caption") == 0  # which is done already
    assert run(*asked, "--caption", "Anna and her sisters") == 1
    assert run(*asked) == 1
