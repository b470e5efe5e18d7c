"""Which photos there are, and where their results go."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from photochrom import batch
from photochrom.errors import BadData, BadOption, CannotWrite


@pytest.fixture
def album(tmp_path: Path) -> Path:
    for name in ("b.jpg", "a.PNG", "sub/c.tif", "notes.txt"):
        (tmp_path / "album" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "album" / name).touch()
    return tmp_path / "album"


def names(found: list[Path], below: Path) -> list[str]:
    return [path.relative_to(below).as_posix() for path in found]


def test_a_folder_is_searched_whole_in_a_fixed_order(album):
    assert names(batch.inside(album), album) == ["a.PNG", "b.jpg", "sub/c.tif"]
    assert batch.inside(album / "notes.txt") == [album / "notes.txt"]


def test_results_are_not_photos(album):
    (album / "b.color.jpg").touch()
    (album / "true.color.jpg").touch()
    (album / "out").mkdir()
    (album / "out" / "b.jpg").touch()
    expected = ["a.PNG", "b.jpg", "sub/c.tif", "true.color.jpg"]
    assert names(batch.inside(album, album / "out"), album) == expected


@pytest.mark.parametrize("suffix", [".jpg", ".JPG", ".Jpg"])
def test_results_of_a_photo_are_known_by_its_name(tmp_path, suffix):
    for stem in ("a", "a.color", "a.color-2", "a.color-12", "a.color-b", "b.color-1"):
        (tmp_path / f"{stem}{suffix}").touch()
    found = {path.stem for path in batch.inside(tmp_path)}
    assert found == {"a", "a.color-b", "b.color-1"}


def test_a_result_may_have_another_format_than_its_photo(tmp_path):
    for name in ("a.GIF", "a.color.png"):
        (tmp_path / name).touch()
    assert names(batch.inside(tmp_path), tmp_path) == ["a.GIF"]


def test_folders_are_mirrored(album, tmp_path):
    out = tmp_path / "out"
    targets = [job.target for job in batch.jobs([album, album / "b.jpg"], out)]
    assert targets == [out / "a.PNG", out / "b.jpg", out / "sub" / "c.tif"]


def test_an_out_folder_around_the_photos_hides_none_of_them(album):
    assert len(batch.jobs([album], album.parent)) == 3
    assert len(batch.jobs([album], album)) == 3


def test_two_photos_never_share_a_target(album, tmp_path):
    (album / "sub" / "b.jpg").touch()
    with pytest.raises(BadOption, match="would both become"):
        batch.jobs([album / "b.jpg", album / "sub" / "b.jpg"], tmp_path / "out")


def test_a_photo_named_twice_is_coloured_once(album):
    (job,) = batch.jobs([album / "b.jpg", album / "b.jpg"], None)
    assert job == (album / "b.jpg", album / "b.color.jpg", None, "")


def test_one_photo_may_name_its_file(album, tmp_path):
    (job,) = batch.jobs([album / "b.jpg"], tmp_path / "x.png")
    assert job == (album / "b.jpg", tmp_path / "x.png", None, "")
    with pytest.raises(BadOption, match="name a folder"):
        batch.jobs([album], tmp_path / "x.png")


def test_versions_are_numbered_from_one():
    target = Path("out") / "a.color.jpg"
    assert batch.numbered(target, None) == [target]
    assert [path.name for path in batch.numbered(target, 2)] == ["a.color-1.jpg", "a.color-2.jpg"]


def test_nothing_to_do_is_said(tmp_path):
    with pytest.raises(BadOption, match="at least one"):
        batch.jobs([], None)
    with pytest.raises(BadData, match="No photos in"):
        batch.jobs([tmp_path], None)


def test_a_folder_that_cannot_be_made(album):
    with pytest.raises(CannotWrite, match="choose another folder"):
        batch.make_room(album / "b.jpg" / "x.jpg")


# --- links, depths and other surprises --------------------------------------------------------


def test_links_are_followed_but_never_in_circles(album):
    (album / "here").symlink_to(".")
    (album / "sub" / "up").symlink_to("..")
    (album / "sub" / "again").symlink_to("../sub")
    (album / "self").symlink_to("self")
    (album / "twin").symlink_to("sub")
    (album / "link.jpg").symlink_to("b.jpg")
    (album / "dangling.jpg").symlink_to("nowhere")
    found = names(batch.inside(album), album)
    assert found == ["a.PNG", "b.jpg", "dangling.jpg", "link.jpg", "sub/c.tif"]


def test_a_link_may_lead_out_of_the_album_and_to_the_results(album, tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "d.jpg").touch()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x.jpg").touch()
    (album / "more").symlink_to(tmp_path / "more")
    (album / "results").symlink_to(tmp_path / "out")
    found = names(batch.inside(album, tmp_path / "out"), album)
    assert found == ["a.PNG", "b.jpg", "more/d.jpg", "sub/c.tif"]


def test_folders_may_have_the_names_of_photos_and_be_hidden(album):
    for name in ("x.jpg/y.jpg", ".hidden/z.jpg", ".photochrom/w.jpg", ".v.jpg"):
        (album / name).parent.mkdir(exist_ok=True)
        (album / name).touch()
    assert names(batch.inside(album), album) == ["a.PNG", "b.jpg", "sub/c.tif", "x.jpg/y.jpg"]
    assert [job.target.name for job in batch.jobs([album / "x.jpg"], None)] == ["y.color.jpg"]


def test_any_depth_is_searched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(1200):
        Path("a").mkdir()
        os.chdir("a")
    Path("x.jpg").touch()
    monkeypatch.chdir(tmp_path)
    try:
        (found,) = batch.inside(Path("a"))
        assert len(found.parts) == 1201
    finally:
        subprocess.run(["rm", "-r", "a"], check=True)


def test_a_folder_that_does_not_open_is_told_of(album, monkeypatch):
    listdir = os.listdir

    def refuse(path):
        if Path(path).name == "sub":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return listdir(path)

    monkeypatch.setattr(os, "listdir", refuse)
    *photos, trouble = batch.jobs([album], None)
    assert [job.photo.name for job in photos] == ["a.PNG", "b.jpg"]
    assert trouble.trouble == (
        f"{album / 'sub'} cannot be searched (Permission denied): check its permissions."
    )
    (trouble,) = batch.jobs([album / "sub"], None)
    assert "cannot be searched" in trouble.trouble


def test_a_name_that_is_too_long_is_no_folder(tmp_path):
    photo = tmp_path / f"{'n' * 300}.jpg"
    assert batch.inside(photo) == [photo]
    assert [job.photo for job in batch.jobs([photo], tmp_path / ("m" * 300))] == [photo]


def test_a_result_never_takes_the_place_of_a_photo(album, tmp_path, monkeypatch):
    (album / "album").mkdir()
    (album / "album" / "b.jpg").touch()
    monkeypatch.chdir(tmp_path)
    for given, out in (
        (album, tmp_path),
        (Path("album"), Path()),
        (album, album / "sub" / "../.."),
    ):
        with pytest.raises(BadOption, match=r"album/b.jpg would replace .*b.jpg, a photo, too"):
            batch.jobs([given], out)
    # Each result of a folder coloured into itself has a photo's name, and is refused when written.
    assert len(batch.jobs([album], album)) == 4
    # Who names a result among the photos gets it coloured, too.
    (album / "b.color.jpg").touch()
    assert len(batch.jobs([album / "b.jpg", album / "b.color.jpg"], None)) == 2
