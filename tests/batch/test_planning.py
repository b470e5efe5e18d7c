"""Which photos there are, and where their results go."""

from __future__ import annotations

import errno
import os
from collections import Counter
from pathlib import Path

import pytest

from photochrom.batch import planning
from photochrom.errors import BadData, BadOption


@pytest.fixture
def album(tmp_path: Path) -> Path:
    for name in ("b.jpg", "a.PNG", "sub/c.tif", "notes.txt"):
        (tmp_path / "album" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "album" / name).touch()
    return tmp_path / "album"


def names(found: list[Path], below: Path) -> list[str]:
    return [path.relative_to(below).as_posix() for path in found]


def test_folders_are_mirrored(album, tmp_path):
    out = tmp_path / "out"
    targets = [job.target for job in planning.jobs([album, album / "b.jpg"], out)]
    assert targets == [out / "a.PNG", out / "b.jpg", out / "sub" / "c.tif"]


def test_an_out_folder_around_the_photos_hides_none_of_them(album):
    assert len(planning.jobs([album], album.parent)) == 3
    assert len(planning.jobs([album], album)) == 3


def test_a_photo_named_twice_is_coloured_once(album):
    (job,) = planning.jobs([album / "b.jpg", album / "b.jpg"], None)
    assert job == (album / "b.jpg", album / "b.color.jpg", None, "")


def test_one_photo_may_name_its_file(album, tmp_path):
    (job,) = planning.jobs([album / "b.jpg"], tmp_path / "x.png")
    assert job == (album / "b.jpg", tmp_path / "x.png", None, "")
    with pytest.raises(BadOption, match="name a folder"):
        planning.jobs([album], tmp_path / "x.png")


def test_versions_are_numbered_from_one():
    target = Path("out") / "a.color.jpg"
    assert planning.numbered(target, None) == [target]
    assert [path.name for path in planning.numbered(target, 2)] == [
        "a.color-1.jpg",
        "a.color-2.jpg",
    ]


def test_nothing_to_do_is_said(tmp_path):
    with pytest.raises(BadOption, match="at least one"):
        planning.jobs([], None)
    with pytest.raises(BadData, match="No photos in"):
        planning.jobs([tmp_path], None)


# --- links, depths and other surprises --------------------------------------------------------


def test_folders_may_have_the_names_of_photos_and_be_hidden(album):
    for name in ("x.jpg/y.jpg", ".hidden/z.jpg", ".photochrom/w.jpg", ".v.jpg"):
        (album / name).parent.mkdir(exist_ok=True)
        (album / name).touch()
    jobs = planning.jobs([album], None)
    assert names([job.photo for job in jobs], album) == [
        *("a.PNG", "b.jpg", "sub/c.tif", "x.jpg/y.jpg")
    ]
    assert [job.target.name for job in planning.jobs([album / "x.jpg"], None)] == ["y.color.jpg"]


def test_a_folder_that_does_not_open_is_told_of(album, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("sub"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    *photos, trouble = planning.jobs([album], None)
    assert [job.photo.name for job in photos] == ["a.PNG", "b.jpg"]
    assert trouble.trouble == (
        f"{album / 'sub'} cannot be searched (Permission denied): check its permissions."
    )
    (trouble,) = planning.jobs([album / "sub"], None)
    assert "cannot be searched" in trouble.trouble


def test_a_name_that_is_too_long_is_no_folder(tmp_path):
    photo = tmp_path / f"{'n' * 300}.jpg"
    assert [job.photo for job in planning.jobs([photo], tmp_path / ("m" * 300))] == [photo]


# --- a name for each result -------------------------------------------------------------------


def planned(*found: tuple[str, str], root: str | None = "out") -> list[str]:
    jobs = [planning.Job(Path(a), Path(b), root and Path(root)) for a, b in found]
    return [job.target.as_posix() for job in planning.set_apart(jobs)]


def test_two_formats_of_one_name_become_two_results(tmp_path):
    for name in ("p.gif", "p.png"):
        (tmp_path / name).touch()
    targets = [job.target.name for job in planning.jobs([tmp_path], None)]
    assert targets == ["p.gif.color.png", "p.color.png"]
    for name in targets:
        (tmp_path / name).touch()
    assert [job.target.name for job in planning.jobs([tmp_path], None)] == targets
    swapped = planning.jobs([tmp_path / "p.png", tmp_path / "p.gif"], None)
    assert [job.target.name for job in swapped] == targets[::-1]
    out = [job.target.name for job in planning.jobs([tmp_path], tmp_path / "out")]
    assert out == ["p.gif.png", "p.png"]


def test_two_albums_with_the_same_names_become_one_folder_of_all(tmp_path):
    for name in ("one/b.jpg", "two/b.jpg", "two/sub/b.jpg", "one/sub/b.jpg", "two/c.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    out = tmp_path / "out"
    jobs = planning.jobs([tmp_path / "one", tmp_path / "two"], out)
    assert {
        job.photo.relative_to(tmp_path).as_posix(): job.target.relative_to(out).as_posix()
        for job in jobs
    } == {
        "one/b.jpg": "b.jpg",
        "one/sub/b.jpg": "sub/b.jpg",
        "two/b.jpg": "b-two.jpg",
        "two/c.jpg": "c.jpg",
        "two/sub/b.jpg": "sub/b-two.jpg",
    }
    (alone,) = (job for job in jobs if job.photo == tmp_path / "two" / "b.jpg")
    (tmp_path / "two" / "c.jpg").unlink()
    assert alone in planning.jobs([tmp_path / "one", tmp_path / "two"], out)


def test_names_that_some_disks_take_for_one_are_told_apart():
    assert planned(("a/p.jpg", "out/p.jpg"), ("a/P.JPG", "out/P.JPG")) == [
        *("out/p.jpg", "out/P.JPG.JPG")
    ]
    composed, decomposed = "\u00fc.jpg", "u\u0308.jpg"
    found = planned((f"a/{composed}", f"out/{composed}"), (f"a/{decomposed}", f"out/{decomposed}"))
    assert found[0] == f"out/{composed}"
    assert found[1] == f"out/{decomposed}.jpg"


def test_any_number_of_photos_of_one_name_are_told_apart():
    same = [(f"{folder}/sub/b.jpg", "out/b.jpg") for folder in "vwxyz"]
    assert planned(*same) == ["out/b.jpg", *(f"out/b-{folder}.jpg" for folder in "wxyz")]
    deep = [(f"{a}/{b}/b.jpg", "out/b.jpg") for a in "xy" for b in "cd"]
    assert planned(*deep) == ["out/b.jpg", "out/b-d.jpg", "out/b-y.jpg", "out/b-d-2.jpg"]


def test_urls_are_told_apart_as_paths_are():
    jobs = [
        planning.Job(f"s3://x/{name}.jpg", f"s3://out/{name[-1]}.jpg", "s3://out")
        for name in ("one/b", "two/b")
    ]
    assert [job.target for job in planning.set_apart(jobs)] == [
        "s3://out/b.jpg",
        "s3://out/b-two.jpg",
    ]


def test_a_result_never_takes_the_place_of_a_photo(album, tmp_path, monkeypatch):
    (album / "album").mkdir()
    (album / "album" / "b.jpg").touch()
    monkeypatch.chdir(tmp_path)
    for given, out in (
        (album, tmp_path),
        (Path("album"), Path()),
        (album, album / "sub" / "../.."),
    ):
        targets = {job.target.resolve() for job in planning.jobs([given], out)}
        assert len(targets) == 4
        assert album / "album" / "b.jpg" not in targets
        assert album / "b.jpg" not in targets
        assert {path.name for path in targets} >= {"b-album.jpg"}
    # Each result of a folder coloured into itself has a photo's name, and is refused when written.
    assert len(planning.jobs([album], album)) == 4
    # Who names a result among the photos gets it coloured, too.
    (album / "b.color.jpg").touch()
    assert len(planning.jobs([album / "b.jpg", album / "b.color.jpg"], None)) == 2


def test_a_photo_that_is_named_beside_its_folder_is_coloured_once(album):
    assert len(planning.jobs([album, album / "b.jpg"], None)) == 3


# --- what is said -----------------------------------------------------------------------------


def test_what_is_left_out_is_counted(album):
    for name in ("x.cr2", "y.CR2", "z.jxl0", "plain"):
        (album / name).touch()
    others: Counter[str] = Counter()
    assert len(planning.jobs([album], None, ["*.tif"], others)) == 2
    assert planning.name_kinds(others) == "2 .cr2, 1 .jxl0, 1 without a suffix"


def test_a_folder_of_other_files_is_told_what_it_holds(tmp_path):
    (tmp_path / "a.cr2").touch()
    with pytest.raises(BadData, match=r"No photos in .*, but 1 \.cr2: photochrom looks for"):
        planning.jobs([tmp_path], None)


def test_patterns_are_expanded_and_one_that_matches_nothing_stops_no_other(album):
    jobs = planning.jobs([album / "*.gif", album / "[ab].*", album / "sub*"], None)
    assert [job.photo.name for job in jobs if not job.trouble] == ["a.PNG", "b.jpg", "c.tif"]
    (trouble,) = (job.trouble for job in jobs if job.trouble)
    assert f"No photo is called {album / '*.gif'}" in trouble
    with pytest.raises(BadOption, match="name a folder"):
        planning.jobs([album / "[ab].*"], album / "x.jpg")
    (job,) = planning.jobs([album / "b*"], album / "x.jpg")
    assert job.target == album / "x.jpg"
