"""``photochrom sheet`` as a user meets it."""

from __future__ import annotations

import tarfile

import pytest
from PIL import Image

from commands import run
from photochrom.inference.colorizer import Colorizer


def test_a_sheet_shows_files_folders_and_shards(two_photos, model, tmp_path, color_scene):
    Image.fromarray(color_scene).save(two_photos / "colour.png")
    shard = tmp_path / "shard.tar"
    with tarfile.open(shard, "w") as tar:
        tar.add(two_photos / "one.png", "inside/one.png")
    out = tmp_path / "sheet.jpg"
    assert run("sheet", two_photos, shard, "-o", out, "--model", model, "--height", 50) == 0
    picture = Image.open(out)
    assert picture.height > 4 * 50
    again = ("sheet", shard, "-o", out, "--model", model, "--height", 50)
    assert run(*again) == 1
    assert run(*again, "--force") == 0
    assert Image.open(out).height < picture.height


def test_a_sheet_shows_versions_too(photo, able, tmp_path):
    widths = []
    for name, versions in (("plain.png", ()), ("versions.png", ("--samples", 2))):
        out = tmp_path / name
        assert run("sheet", photo, "-o", out, "--model", able, "--height", 50, *versions) == 0
        widths.append(Image.open(out).width)
    assert widths[1] > 1.8 * widths[0]  # four pictures beside two


def test_a_sheet_never_replaces_a_photo(two_photos, photo, model):
    before = photo.read_bytes()
    for photos in (photo, two_photos):
        assert run("sheet", photos, "-o", photo, "--model", model, "--force") == 1
    assert photo.read_bytes() == before


@pytest.mark.parametrize("error", [ValueError("odd"), MemoryError(), OSError(5, "Input/output")])
def test_whatever_a_photo_provokes_the_sheet_is_made_of_the_others(
    two_photos, model, tmp_path, capsys, monkeypatch, error
):
    render = Colorizer.render
    Image.new("L", (77, 20)).save(two_photos / "odd.png")

    def provoked(self, photo, options):
        if photo.pixels.shape[1] == 77:
            raise error
        return render(self, photo, options)

    monkeypatch.setattr(Colorizer, "render", provoked)
    out = tmp_path / "s.png"
    photos = (two_photos, tmp_path / "none*.jpg")
    assert run("sheet", *photos, "-o", out, "--model", model, "--height", 50) == 1
    said = capsys.readouterr().err
    assert str(two_photos / "odd.png") in said
    assert "No photo is called" in said
    assert Image.open(out).height < 4 * 50


@pytest.mark.parametrize("wrong", [("--size", 7), ("--height", 0), ("--most", 0)])
def test_what_would_be_wrong_with_each_photo_stops_a_sheet(
    two_photos, model, tmp_path, capsys, wrong
):
    assert run("sheet", two_photos, "-o", tmp_path / "s.png", "--model", model, *wrong) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("photochrom: ")
    assert not (tmp_path / "s.png").exists()


def test_a_sheet_of_nothing_is_said(tmp_path, model, capsys):
    bad, out = tmp_path / "bad.png", tmp_path / "sheet.jpg"
    bad.write_bytes(b"bad")
    assert run("sheet", bad, "-o", out, "--model", model) == 1
    assert "None of the photos can be shown" in capsys.readouterr().err
    assert not out.exists()
