"""Where photos are found, and what is left out."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from photochrom.storage import search
from photochrom.storage.search import find_photos, photos_among


@pytest.fixture
def album(tmp_path: Path) -> Path:
    return make(tmp_path / "album", "b.jpg", "a.PNG", "sub/c.tif", "notes.txt")


def make(folder: Path, *files: str) -> Path:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def names(found: list[Path], below: Path) -> list[str]:
    return [path.relative_to(below).as_posix() for path in found]


def test_a_folder_is_searched_whole_in_a_fixed_order(album):
    assert names(find_photos(album).photos, album) == ["a.PNG", "b.jpg", "sub/c.tif"]


def test_results_are_not_photos(album):
    (album / "b.color.jpg").touch()
    (album / "true.color.jpg").touch()
    (album / "out").mkdir()
    (album / "out" / "b.jpg").touch()
    expected = ["a.PNG", "b.jpg", "sub/c.tif", "true.color.jpg"]
    assert names(find_photos(album, out=album / "out").photos, album) == expected


@pytest.mark.parametrize("suffix", [".jpg", ".JPG", ".Jpg"])
def test_results_of_a_photo_are_known_by_its_name(tmp_path, suffix):
    for stem in ("a", "a.color", "a.color-2", "a.color-12", "a.color-b", "b.color-1"):
        (tmp_path / f"{stem}{suffix}").touch()
    found = {path.stem for path in find_photos(tmp_path).photos}
    assert found == {"a", "a.color-b", "b.color-1"}


def test_links_are_followed_but_never_in_circles(album):
    (album / "here").symlink_to(".")
    (album / "sub" / "up").symlink_to("..")
    (album / "sub" / "again").symlink_to("../sub")
    (album / "self").symlink_to("self")
    (album / "twin").symlink_to("sub")
    (album / "link.jpg").symlink_to("b.jpg")
    (album / "dangling.jpg").symlink_to("nowhere")
    found = names(find_photos(album).photos, album)
    assert found == ["a.PNG", "b.jpg", "dangling.jpg", "link.jpg", "sub/c.tif"]


def test_a_link_may_lead_out_of_the_album_and_to_the_results(album, tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "d.jpg").touch()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x.jpg").touch()
    (album / "more").symlink_to(tmp_path / "more")
    (album / "results").symlink_to(tmp_path / "out")
    found = names(find_photos(album, out=tmp_path / "out").photos, album)
    assert found == ["a.PNG", "b.jpg", "more/d.jpg", "sub/c.tif"]


def test_any_depth_is_searched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(1200):
        Path("a").mkdir()
        os.chdir("a")
    Path("x.jpg").touch()
    monkeypatch.chdir(tmp_path)
    try:
        (found,) = find_photos(Path("a")).photos
        assert len(found.parts) == 1201
    finally:
        subprocess.run(["rm", "-r", "a"], check=True)


FOREIGN = [
    *("@eaDir/b.jpg/SYNOPHOTO_THUMB_XL.jpg", "#recycle/old.jpg", "#snapshot/then/b.jpg"),
    *("@Recycle/x.jpg", ".@__thumb/s100b.jpg", "$RECYCLE.BIN/S-1/$R1.jpg", "$Recycle.Bin/x.jpg"),
    *("System Volume Information/x.png", "Thumbs.db", "desktop.ini", "sub/THUMBS.DB"),
    *("Catalog Previews.lrdata/0/x.jpg", "My.LRDATA/x.jpg", "Catalog.lrcat-data/x.jpg"),
    *(".thumbnails/x.jpg", ".photochrom/x.jpg", "__MACOSX/sub/b.jpg", "._b.jpg", ".x.png"),
    *("sub/@eaDir/c.jpg", "b.color.jpg", "b.color-2.jpg", "b.color.png", "a.color.jpg"),
    "sub/c.tif.color.png",
]


@pytest.mark.parametrize("name", FOREIGN)
def test_what_others_keep_for_themselves_is_left_out_and_not_counted(album, name):
    make(album, name)
    found = find_photos(album)
    assert names(found.photos, album) == ["a.PNG", "b.jpg", "sub/c.tif"]
    assert not found.others


def test_the_same_is_left_out_of_what_was_listed_elsewhere():
    files = ["b.jpg", "./a.PNG", "sub/c.tif", "notes.txt", *FOREIGN]
    assert photos_among(files) == ["b.jpg", "./a.PNG", "sub/c.tif"]


def test_a_folder_that_is_named_is_searched_whatever_it_is_called(tmp_path):
    for name in ("@eaDir", ".hidden", "x.lrdata"):
        folder = make(tmp_path / name, "b.jpg")
        assert names(find_photos(folder).photos, folder) == ["b.jpg"]


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("*.png", ["b.jpg", "sub/c.tif", "sub/deep/d.JPG"]),
        ("sub", ["a.PNG", "b.jpg"]),
        ("sub/", ["a.PNG", "b.jpg"]),
        ("sub/*", ["a.PNG", "b.jpg"]),
        ("sub/deep", ["a.PNG", "b.jpg", "sub/c.tif"]),
        ("deep", ["a.PNG", "b.jpg", "sub/c.tif"]),
        ("[a-c].*", ["sub/deep/d.JPG"]),
        ("nothing", ["a.PNG", "b.jpg", "sub/c.tif", "sub/deep/d.JPG"]),
    ],
)
def test_more_may_be_left_out_by_name_or_place(album, pattern, left):
    make(album, "sub/deep/d.JPG")
    assert names(find_photos(album, exclude=[pattern]).photos, album) == left
    listed = ["a.PNG", "b.jpg", "sub/c.tif", "sub/deep/d.JPG"]
    assert photos_among(listed, [pattern]) == left


def test_files_that_are_no_photos_are_counted_and_what_goes_with_photos_is_not(album):
    make(album, "1.CR2", "2.cr2", "sub/3.mov", "unnamed", "b.xmp", "b.jpg.xmp", "b.json", "no.jxm")
    make(album, ".hidden.cr2", "@eaDir/4.mov")
    assert find_photos(album).others == {".cr2": 2, ".mov": 1, "": 1, ".jxm": 1}
    assert find_photos(album, exclude=["*.cr2"]).others == {".mov": 1, "": 1, ".jxm": 1}


def test_a_pattern_that_no_shell_has_seen_to_is_expanded(album, monkeypatch):
    make(album, "d.jpg", "d.color.jpg", "d.jpg.color.png", ".e.jpg", "shard.tar")
    assert names(search.expand_pattern(album / "*.PNG"), album) == ["a.PNG"]
    assert names(search.expand_pattern(album / "*.png"), album) == []
    expanded = search.expand_pattern(album / "*")
    assert names(expanded, album) == ["a.PNG", "b.jpg", "d.jpg", "shard.tar", "sub"]
    assert names(search.expand_pattern(album / "[bd].jpg"), album) == ["b.jpg", "d.jpg"]
    assert names(search.expand_pattern(album / "?.jpg"), album) == ["b.jpg", "d.jpg"]
    assert names(search.expand_pattern(album / "*.color.jpg"), album) == ["d.color.jpg"]
    assert names(search.expand_pattern(album / "**" / "*.tif"), album) == ["sub/c.tif"]
    assert search.expand_pattern(album / "*.gif") == []
    monkeypatch.chdir(album)
    assert search.expand_pattern(Path("*.jpg")) == [Path("b.jpg"), Path("d.jpg")]


def test_a_file_that_is_called_like_a_pattern_is_that_file(album):
    make(album, "[b].jpg")
    assert search.expand_pattern(album / "[b].jpg") == [album / "[b].jpg"]
    assert search.expand_pattern(album / "missing.jpg") == [album / "missing.jpg"]
