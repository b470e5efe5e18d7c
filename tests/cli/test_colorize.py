"""``photochrom colorize`` as a user meets it: where results go, what they are, what is said."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image

import photochrom
from commands import digests, raising, run, run_without
from photochrom.batch import counterparts
from photochrom.batch.options import BatchOptions
from photochrom.color import lab_to_rgb, rgb_to_lab
from photochrom.image import pillow, writer
from photochrom.inference.colorizer import Colorizer
from photochrom.inference.hints import Hint, HintSet


def hint_file(folder: Path, *hints: dict[str, object], **more: object) -> Path:
    file = folder / "hints.json"
    file.write_text(json.dumps({"hints": hints} | more))
    return file


def ab_at(path: Path, x: int, y: int) -> np.ndarray:
    return rgb_to_lab(np.asarray(Image.open(path))[y, x] / 255, axis=-1)[1:]


# --- where a result goes ----------------------------------------------------------------------


def test_results_are_not_overwritten_unless_forced(two_photos, model, out, capsys):
    asked = ("colorize", two_photos, "-o", out, "--model", model)
    assert run(*asked) == 0
    before = digests(out)
    assert list(before) == ["one.png", "summer/two.jpg"]
    assert run(*asked, "--strength", 0) == 1
    assert digests(out) == before
    assert "2 of 2 photos failed" in capsys.readouterr().err
    assert run(*asked, "--strength", 0, "--force") == 0
    assert np.ptp(np.asarray(Image.open(out / "one.png")), axis=2).max() == 0


def test_a_folder_of_one_photo_that_is_done_says_so(photo, model, out, tmp_path, capsys):
    album = tmp_path / "album of one"
    album.mkdir()
    photo.rename(album / photo.name)
    asked = ("colorize", album, "-o", out, "--model", model)
    assert (run(*asked), run(*asked)) == (0, 0)
    assert "1 of 1 photo was done before." in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["txt", "svg", "pdf", "foo", "jpgg", "docx"])
def test_a_name_that_is_no_pictures_makes_no_folder(photo, model, tmp_path, suffix, capsys):
    target = tmp_path / f"x.{suffix}"
    assert run("colorize", photo, "-o", target, "--model", model) == 2
    assert "or in / to make a folder of that name" in capsys.readouterr().err
    assert not target.exists()
    assert run("colorize", photo, "-o", f"{target}/", "--model", model) == 0
    assert (target / "one.png").exists()
    assert run("colorize", photo, "-o", target, "--model", model) == 0  # as it is there


def test_a_folder_of_many_may_have_a_dot_but_not_the_name_of_a_document(
    two_photos, model, tmp_path
):
    for name, code in (("out.2024", 0), ("x.pdf", 2)):
        assert run("colorize", two_photos, "-o", tmp_path / name, "--model", model) == code
        assert (tmp_path / name / "one.png").exists() is (code == 0)


@pytest.mark.parametrize("suffix", ["gif", "pgm", "heic"])
def test_a_format_that_is_not_written_is_refused_with_what_to_choose(
    photo, model, tmp_path, suffix, capsys, monkeypatch
):
    words = "end it in .jpg, .png"
    if suffix == "heic":
        words = "pip install 'photochrom[heif]'"
        monkeypatch.setattr(pillow, "heif_available", lambda: False)
        monkeypatch.setattr(writer, "_format_of", lambda _: None)
    target = tmp_path / f"x.{suffix}"
    assert run("colorize", photo, "-o", target, "--model", model) == 1
    assert words in capsys.readouterr().err
    assert not target.exists()


# --- options ----------------------------------------------------------------------------------


def test_the_quality_reaches_the_colorizer(two_photos, model, tmp_path, monkeypatch):
    asked, find_colors = [], Colorizer.find_colors

    def spied(self, photo, options):
        asked.append(options.quality)
        return find_colors(self, photo, options)

    monkeypatch.setattr(Colorizer, "find_colors", spied)
    for name, given in (("a", ()), ("b", ("--quality", "fast")), ("c", ("--quality", "best"))):
        assert run("colorize", two_photos, "--model", model, "-o", tmp_path / name, *given) == 0
    assert asked == ["fast"] * 4 + ["best"] * 2
    sheet = ("sheet", two_photos, "--model", model, "-o", tmp_path / "s.jpg", "--quality", "best")
    assert run(*sheet) == 0
    assert asked.count("best") == 4


def test_hints_are_moved_to_the_size_of_the_photo_and_met(photo, able, tmp_path):
    given = hint_file(tmp_path, {"x": 20, "y": 50, "color": [-20, 15]}, size=[128, 96])
    assert run("colorize", photo, "--model", able, "--hints", given) == 0
    np.testing.assert_allclose(ab_at(photo.with_name("one.color.png"), 10, 25), [-20, 15], atol=5)


def test_hints_are_given_in_a_file_and_one_by_one(photo, able, tmp_path):
    file = hint_file(tmp_path, {"x": 20, "y": 50, "color": [-20, 15]}, size=[128, 96])
    flags = ("--hint", "40,10,dark olive green", "--hint", "50.5,40,rgb(200, 80, 60),small")
    out = tmp_path / "new.png"
    assert run("colorize", photo, "--model", able, "-o", out, "--hints", file, *flags) == 0
    expected = Colorizer(able).colorize(
        photo,
        hints=[
            (10, 25, (-20, 15)), (40, 10, "darkolivegreen"), (50.5, 40, "#c8503c", "small")
        ],
    )  # fmt: skip
    assert out.read_bytes() == expected.read_bytes()
    for flag in ("40,10", "40", "", "40,10,", "40,10,red,"):
        assert run("colorize", photo, "--model", able, "-o", out, "--force", "--hint", flag) == 2


def test_other_hints_are_another_job(able):
    red, blue, far = (
        BatchOptions(hints=HintSet((), None, (Hint(9, 9, color, reach),))).digest(able)
        for color, reach in (("red", "normal"), ("blue", "normal"), ("red", "large"))
    )
    assert len({red, blue, far, BatchOptions().digest(able)}) == 4
    assert BatchOptions(hints=HintSet((), None, (Hint(9, 9, "red"),))).digest(able) == red


@pytest.mark.parametrize("ray", [(), ("--ray",)])
def test_hints_are_for_one_photo(two_photos, photo, able, tmp_path, capsys, ray):
    if ray:
        pytest.importorskip("ray")
    other = two_photos / "summer" / "two.jpg"
    asked = ("--model", able, "--hints", hint_file(tmp_path, {"x": 1, "y": 1, "color": "red"}))
    before = digests(two_photos)
    for photos in ([two_photos], [photo, other]):
        assert run("colorize", *photos, *asked, *ray) == 2
        assert "Hints are for one photo, but there are 2: name that one" in capsys.readouterr().err
    assert digests(two_photos) == before
    other.unlink()
    if not ray:
        assert run("colorize", two_photos, *asked) == 0  # of one


def test_samples_are_numbered_files_that_differ_by_seed_and_are_no_photos(
    photo, able, out, tmp_path, capsys
):
    found = []
    for name, seed in (("a", 4), ("b", 4), ("c", 5)):
        asked = ("-o", tmp_path / name / "new.jpg", "--samples", 2, "--seed", seed)
        assert run("colorize", photo, "--model", able, *asked) == 0
        files = [tmp_path / name / f"new-{i}.jpg" for i in (1, 2)]
        assert capsys.readouterr().out.split() == [str(file) for file in files]
        found.append([file.read_bytes() for file in files])
    assert found[0] == found[1] != found[2]
    assert found[0][0] != found[0][1]
    assert run("colorize", photo.parent, "--model", able, "--samples", 2) == 0
    assert run("colorize", photo.parent, "--model", able, "-o", out) == 0
    assert list(digests(out)) == ["one.png", "summer/two.jpg"]


def test_samples_overwrite_nothing_unless_forced(photo, able, capsys):
    taken = photo.with_name("one.color-3.png")
    taken.write_bytes(b"mine")
    command = ("colorize", photo, "--model", able, "--samples", 3)
    assert run(*command) == 1
    assert "one.color-3.png exists already" in capsys.readouterr().err
    assert taken.read_bytes() == b"mine"
    assert not photo.with_name("one.color-1.png").exists()  # found out before the work
    assert run(*command, "--force") == 0
    assert Image.open(taken).size == (64, 48)


def test_a_reference_lends_its_colours(photo, able, out, tmp_path, capsys):
    blobs = np.random.default_rng(0).uniform(0, 1, (24, 32))  # that differ from each other
    L = 30 * np.clip(cv2.resize(blobs, (256, 192), interpolation=cv2.INTER_CUBIC), 0, 1) + 45
    lab = np.dstack([L, np.full_like(L, -20), np.full_like(L, 20)])
    rgb = np.rint(np.clip(lab_to_rgb(lab, axis=-1), 0, 1) * 255).astype(np.uint8)
    Image.fromarray(rgb).save(tmp_path / "green.png")
    Image.fromarray(rgb).convert("L").save(photo)
    asked = ("colorize", photo, "-o", out, "--model", able, "--reference", tmp_path / "green.png")
    assert run(*asked) == 0
    assert capsys.readouterr().err == ""
    coloured = rgb_to_lab(np.asarray(Image.open(out / "one.png")) / 255, axis=-1)[..., 1:]
    assert np.abs(coloured - [-20, 20]).mean() < 6


def test_a_reference_that_shows_something_else_is_said(photo, able, tmp_path, capsys):
    for path in (photo, tmp_path / "red.png"):
        Image.new("RGB", (40, 40), "red").save(path)
    asked = ("--model", able, "--reference", tmp_path / "red.png", "--recolor")
    assert run("colorize", photo, *asked) == 0
    assert "shows nothing that it does" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("reference", "out", "code", "words"),
    [
        ("missing.png", (), 1, "does not exist"),
        ("grey.png", (), 2, "The reference has no colour"),
        ("red.png", ("-o", "red.png", "--force"), 1, "is the photo itself"),
    ],
)
def test_references_that_lend_nothing_or_would_be_written_over(
    photo, able, tmp_path, capsys, monkeypatch, reference, out, code, words
):
    monkeypatch.chdir(tmp_path)
    Image.new("L", (40, 40), 99).save("grey.png")
    Image.new("RGB", (40, 40), "red").save("red.png")
    before = digests(tmp_path)
    assert run("colorize", photo, "--model", able, "--reference", reference, *out) == code
    assert words in capsys.readouterr().err
    assert digests(tmp_path) == before


def test_too_little_memory_for_the_reference_is_said(photo, able, capsys, monkeypatch):
    monkeypatch.setattr(counterparts, "read_photo", raising(MemoryError()))
    assert run("colorize", photo, "--model", able, "--reference", photo) == 1
    assert "needs more memory than there is" in capsys.readouterr().err


# --- what is coloured, and what is said of it -------------------------------------------------


def test_a_photo_in_colour_is_passed_over_loudly_and_counted(
    two_photos, model, out, capsys, color_scene
):
    beach = two_photos / "beach.png"
    Image.fromarray(color_scene).save(beach)
    assert run("colorize", beach, "--model", model) == 0
    said = capsys.readouterr()
    assert "beach.png is in colour already, so it was passed over: see --recolor." in said.err
    assert not said.out
    assert not beach.with_name("beach.color.png").exists()
    assert run("colorize", two_photos, "-o", out, "--model", model) == 0
    assert "1 of 3 photos was in colour already" in capsys.readouterr().err
    assert not (out / "beach.png").exists()
    assert run("colorize", beach, "--model", model, "--recolor") == 0
    assert beach.with_name("beach.color.png").exists()


def test_results_say_that_they_were_colorized(photo, model, tmp_path):
    named = tmp_path / "out.png"
    note = f"colorized by photochrom {photochrom.__version__}, model toy"
    asked = ("colorize", photo, "-o", named, "--force", "--model", model)
    for options, told in [((), True), (("--no-mark",), False), (("--strength", 0), False)]:
        assert run(*asked, *options) == 0
        image = Image.open(named)
        image.load()
        assert (note in image.text.get("Software", "")) is told
        assert (b"compositeWithTrainedAlgorithmicMedia" in named.read_bytes()) is told


def test_strip_leaves_out_what_the_file_said(photo, model, tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Artist], exif[ExifTags.Base.Orientation] = "Ansel", 6
    Image.open(photo).save(photo, exif=exif, dpi=(300, 300))
    asked = ("colorize", photo, "-o", tmp_path / "out.jpg", "--model", model)
    assert run(*asked) == 0
    assert Image.open(tmp_path / "out.jpg").getexif()[ExifTags.Base.Artist] == "Ansel"
    assert run(*asked, "--strip", "--force") == 0
    image = Image.open(tmp_path / "out.jpg")
    assert image.size == (48, 64)
    assert ExifTags.Base.Artist not in image.getexif()
    assert "photochrom" in image.getexif()[ExifTags.Base.Software]
    assert run(*asked, "--strip", "--no-mark", "--force") == 0
    assert not Image.open(tmp_path / "out.jpg").getexif()


def test_pages_are_coloured_but_those_in_colour(tmp_path, able, capsys, scene, color_scene):
    pages = [Image.fromarray(page) for page in (color_scene, scene, scene)]
    scan = tmp_path / "scan.tif"
    pages[0].save(scan, save_all=True, append_images=pages[1:])
    assert run("colorize", scan, "--model", able) == 0
    with Image.open(scan) as before, Image.open(tmp_path / "scan.color.tif") as after:
        assert after.n_frames == 3
        assert np.array_equal(np.asarray(before), np.asarray(after))
        after.seek(2)
        assert np.ptp(np.asarray(after), axis=2).max() > 10
    for asked, words in (
        (("-o", tmp_path / "one.jpg"), "JPEG holds one page"),
        (("--samples", 2), "has 3 pages, but samples are of one"),
    ):
        capsys.readouterr()
        assert run("colorize", scan, "--model", able, *asked) == 1
        assert words in capsys.readouterr().err
    assert not (tmp_path / "one.jpg").exists()


def test_a_damaged_page_leaves_nothing(tmp_path, model, capsys, scene):
    pages, scan = [Image.fromarray(scene), Image.fromarray(255 - scene)], tmp_path / "scan.tif"
    pages[0].save(scan, save_all=True, append_images=pages[1:])
    with Image.open(scan) as image:
        image.seek(1)
        strip = image.tag_v2[273][0].to_bytes(4, "little")
    scan.write_bytes(scan.read_bytes().replace(strip, (1 << 30).to_bytes(4, "little")))
    assert run("colorize", scan, "--model", model) == 1
    assert "Page 2 of" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scan.tif", "toy.onnx"]


@pytest.mark.parametrize("asked", [["s3://a/b"], [".", "-o", "s3://a/b"]])
def test_urls_are_for_a_cluster(asked, model, two_photos, capsys, monkeypatch):
    monkeypatch.chdir(two_photos)
    assert run("colorize", *asked, "--model", model) == 2
    said = capsys.readouterr().err
    assert "s3://a/b is not on this machine: fetch it first, or use --ray." in said


def test_without_ray_the_extra_is_named(two_photos, model):
    status, said = run_without("ray", "colorize", two_photos, "--model", model, "--ray")
    assert status == 1
    assert "This needs ray, which is not installed: pip install 'photochrom[ray]'." in said


# --- sidecars ---------------------------------------------------------------------------------

XMP = "<rdf:RDF>{}</rdf:RDF>"


@pytest.fixture
def sidecars(tmp_path, scene, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.jpg", "b.png"):
        Image.fromarray(scene).save(name)
    for name in ("a.png.xmp", "a.xmp", "b.jpg.xmp", "b.xmp"):
        Path(name).write_text(XMP.format(name))


def copied() -> dict[str, str]:
    return {
        path.name: re.sub("<[^>]*>", "", path.read_text())
        for path in sorted(Path("out").glob("*.xmp"))
    }


def test_sidecars_go_with_the_result_where_it_is_clear_whose_they_are(sidecars, model, capsys):
    assert run("colorize", ".", "-o", "out", "--model", model) == 0
    assert copied() == {name: name for name in ("a.png.xmp", "a.xmp", "b.jpg.xmp")}
    assert "sidecar" not in capsys.readouterr().err
    assert run("colorize", "a.png", "--model", model) == 0
    assert Path("a.color.png.xmp").read_text() == XMP.format("a.png.xmp")
    assert Path("a.color.xmp").read_text() == XMP.format("a.xmp")


@pytest.mark.parametrize("strip", [(), ("--strip",)])
def test_sidecars_of_a_raw_photo_and_where_all_is_left_out_stay(sidecars, model, strip):
    if not strip:
        Path("a.png.xmp").unlink()
        Path("a.CR2").write_bytes(b"raw")
    assert run("colorize", "a.png", "-o", "out", "--model", model, *strip) == 0
    assert copied() == {}


def test_a_sidecar_that_exists_is_kept_unless_forced(sidecars, model, capsys):
    Path("out").mkdir()
    Path("out/a.xmp").write_text("mine")
    asked = ("colorize", "a.png", "-o", "out", "--model", model)
    assert run(*asked) == 0
    assert "out/a.xmp exists already" in capsys.readouterr().err
    assert copied() == {"a.png.xmp": "a.png.xmp", "a.xmp": "mine"}
    Path("out/a.png").unlink()
    assert run(*asked, "--force") == 0
    assert copied() == {"a.png.xmp": "a.png.xmp", "a.xmp": "a.xmp"}


@pytest.mark.parametrize("said", ["no XMP", "larger than"])
def test_what_is_no_sidecar_is_not_copied(photo, model, out, capsys, tmp_path, said):
    """As where an album from elsewhere has a link of such a name to somebody's keys."""
    secret = tmp_path / "id_rsa"
    secret.write_text("-----BEGIN OPENSSH PRIVATE KEY-----")
    if said == "larger than":
        secret.write_text(XMP)
        os.truncate(secret, 2**31)  # which takes no room on the disk
    Path(f"{photo}.xmp").symlink_to(secret)
    os.mkfifo(photo.with_suffix(".xmp"))
    assert run("colorize", photo, "-o", out, "--model", model) == 0
    assert said in capsys.readouterr().err
    assert list(out.glob("*.xmp")) == []
