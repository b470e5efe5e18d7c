"""What archives add to results: captions, maps of uncertainty, signatures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageSequence

from commands import digests, run
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


# --- maps of uncertainty ----------------------------------------------------------------------


def test_maps_stand_beside_results_and_missing_ones_are_made(two_photos, able, out):
    asked = ("colorize", two_photos, "-o", out, "--model", able)
    maps = out / "one.uncertainty.png", out / "summer" / "two.uncertainty.png"
    assert run(*asked) == 0
    before = digests(out)
    assert run(*asked, "--uncertainty-map") == 0
    made = digests(out)
    assert made.items() > before.items()
    assert {str(path.relative_to(out)) for path in maps} == made.keys() - before.keys()
    for path, photo in zip(maps, ("one.png", "summer/two.jpg"), strict=True):
        assert Image.open(path).size == Image.open(out / photo).size
    maps[0].unlink()
    changed = maps[1].stat().st_mtime_ns
    assert run(*asked, "--uncertainty-map") == 0
    assert digests(out) == made
    assert maps[1].stat().st_mtime_ns == changed


def test_the_map_is_that_of_the_command_and_hints_count(photo, able, out):
    asked = ("--model", able, "--hint", "5,5,#ff0000")
    assert run("uncertainty", photo, "-o", out / "expected.png", *asked) == 0
    assert run("colorize", photo, "-o", f"{out}/", "--uncertainty-map", *asked) == 0
    drawn = np.asarray(Image.open(out / f"{photo.stem}.uncertainty.png"))
    np.testing.assert_array_equal(drawn, np.asarray(Image.open(out / "expected.png")))


def test_a_map_that_is_there_is_not_overwritten(photo, able, out, capsys):
    out.mkdir()
    there = out / f"{photo.stem}.uncertainty.png"
    there.write_bytes(b"mine")
    asked = ("colorize", photo, "-o", f"{out}/", "--uncertainty-map", "--model", able)
    assert run(*asked) == 1
    assert "exists already" in capsys.readouterr().err
    assert digests(out).keys() == {there.name}
    assert there.read_bytes() == b"mine"
    assert run(*asked, "--force") == 0
    assert Image.open(there).size == Image.open(photo).size


def test_photos_of_one_stem_have_maps_of_their_own_and_maps_are_no_photos(tmp_path, scene, able):
    for name in ("a.png", "a.tif"):
        Image.fromarray(scene).save(tmp_path / name)
    asked = ("colorize", tmp_path, "--uncertainty-map", "--model", able, "--recolor")
    assert run(*asked) == 0
    made = digests(tmp_path)
    assert {name for name in made if ".uncertainty." in name} == {
        "a.color.png.uncertainty.png",
        "a.color.tif.uncertainty.png",
    }
    assert run(*asked) == 0
    assert digests(tmp_path).keys() == made.keys()


def test_a_model_without_a_distribution_draws_no_map_and_nothing_is_done(photo, model, out, capsys):
    assert run("colorize", photo, "-o", out, "--uncertainty-map", "--model", model) == 2
    assert "tells no distribution" in capsys.readouterr().err
    assert not out.exists() or digests(out) == {}


def test_a_lone_photo_that_is_done_gets_the_map_that_is_missing(photo, able):
    asked = ("colorize", photo, "--model", able)
    assert run(*asked) == 0
    before = digests(photo.parent)
    assert run(*asked, "--uncertainty-map") == 0
    made = digests(photo.parent)
    assert made.keys() - before.keys() == {f"{photo.stem}.color.uncertainty.png"}
    assert made.items() > before.items()
