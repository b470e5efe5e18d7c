"""Which photos there are, and where their results go."""

from __future__ import annotations

import errno
import os
from collections import Counter
from pathlib import Path

import pytest

from photochrom.batch import planning
from photochrom.errors import BadData, BadOption


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.fixture
def album(tmp_path: Path) -> Path:
    return touch(tmp_path / "album", "b.jpg", "a.PNG", "sub/c.tif", "notes.txt")


def test_folders_are_mirrored_and_a_photo_that_is_named_too_is_coloured_once(album, out):
    targets = [job.target for job in planning.jobs([album, album / "b.jpg"], out)]
    assert targets == [out / "a.PNG", out / "b.jpg", out / "sub" / "c.tif"]
    assert len(planning.jobs([album, album / "b.jpg"], None)) == 3
    (job,) = planning.jobs([album / "b.jpg", album / "b.jpg"], None)
    assert job == (album / "b.jpg", album / "b.color.jpg", None, "", False)


def test_one_photo_may_name_its_file(album, tmp_path):
    (job,) = planning.jobs([album / "b.jpg"], tmp_path / "x.png")
    assert job == (album / "b.jpg", tmp_path / "x.png", None, "", True)
    with pytest.raises(BadOption, match="name a folder"):
        planning.jobs([album], tmp_path / "x.png")


def test_versions_are_numbered_from_one():
    target = Path("out") / "a.color.jpg"
    assert planning.numbered(target, None) == [target]
    numbered = [path.name for path in planning.numbered(target, 2)]
    assert numbered == ["a.color-1.jpg", "a.color-2.jpg"]


def test_nothing_to_do_is_said_with_what_there_is(tmp_path):
    with pytest.raises(BadOption, match="at least one"):
        planning.jobs([], None)
    with pytest.raises(BadData, match="No photos in"):
        planning.jobs([tmp_path], None)
    with pytest.raises(BadData, match=r"No photos in .*, but 1 \.cr2: photochrom looks for"):
        planning.jobs([touch(tmp_path, "a.cr2")], None)


def test_folders_may_have_the_names_of_photos_and_be_hidden(album):
    touch(album, "x.jpg/y.jpg", ".hidden/z.jpg", ".photochrom/w.jpg", ".v.jpg")
    found = [job.photo.relative_to(album).as_posix() for job in planning.jobs([album], None)]
    assert found == ["a.PNG", "b.jpg", "sub/c.tif", "x.jpg/y.jpg"]
    assert [job.target.name for job in planning.jobs([album / "x.jpg"], None)] == ["y.color.jpg"]


def test_a_folder_that_does_not_open_is_told_of(album, monkeypatch):
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("sub"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    words = f"{album / 'sub'} cannot be searched (Permission denied): check its permissions."
    *photos, trouble = planning.jobs([album], None)
    assert [job.photo.name for job in photos] == ["a.PNG", "b.jpg"]
    assert trouble.trouble == words
    assert [job.trouble for job in planning.jobs([album / "sub"], None)] == [words]


def test_a_name_that_is_too_long_is_no_folder(tmp_path):
    photo = tmp_path / f"{'n' * 300}.jpg"
    assert [job.photo for job in planning.jobs([photo], tmp_path / ("m" * 300))] == [photo]


# --- a name for each result -------------------------------------------------------------------


def test_two_formats_of_one_name_become_two_results(tmp_path):
    def targets(*photos: Path, out: Path | None = None) -> list[str]:
        return [job.target.name for job in planning.jobs(photos, out)]

    touch(tmp_path, "p.gif", "p.png")
    expected = ["p.gif.color.png", "p.color.png"]
    assert targets(tmp_path) == expected
    touch(tmp_path, *expected)
    assert targets(tmp_path) == expected
    assert targets(tmp_path / "p.png", tmp_path / "p.gif") == expected[::-1]
    assert targets(tmp_path, out=tmp_path / "out") == ["p.gif.png", "p.png"]


def test_two_albums_with_the_same_names_become_one_folder_of_all(tmp_path, out):
    expected = {
        "one/b.jpg": "b.jpg", "one/sub/b.jpg": "sub/b.jpg", "two/b.jpg": "b-two.jpg",
        "two/c.jpg": "c.jpg", "two/sub/b.jpg": "sub/b-two.jpg",
    }  # fmt: skip
    touch(tmp_path, *expected)

    def found() -> dict[str, str]:
        jobs = planning.jobs([tmp_path / "one", tmp_path / "two"], out)
        return {
            job.photo.relative_to(tmp_path).as_posix(): job.target.relative_to(out).as_posix()
            for job in jobs
        }

    assert found() == expected
    (tmp_path / "two" / "c.jpg").unlink()
    assert found().items() <= expected.items()


@pytest.mark.parametrize(
    ("at", "photos", "targets", "expected"),
    [
        (Path, [f"{a}/sub/b.jpg" for a in "vwx"], ["b.jpg"] * 3, ["b.jpg", "b-w.jpg", "b-x.jpg"]),
        (Path, [f"{a}/{b}/b.jpg" for a in "xy" for b in "cd"], ["b.jpg"] * 4,
         ["b.jpg", "b-d.jpg", "b-y.jpg", "b-d-2.jpg"]),
        (str, ["s3://x/one/b.jpg", "s3://x/two/b.jpg"], ["b.jpg"] * 2, ["b.jpg", "b-two.jpg"]),
        (Path, ["a/p.jpg", "a/P.JPG"], ["p.jpg", "P.JPG"], ["p.jpg", "P.JPG.JPG"]),
        (Path, ["a/\u00fc.jpg", "a/u\u0308.jpg"], ["\u00fc.jpg", "u\u0308.jpg"],
         ["\u00fc.jpg", "u\u0308.jpg.jpg"]),
    ],
)  # fmt: skip
def test_photos_of_one_name_are_told_apart_as_are_those_that_some_disks_take_for_one(
    at, photos, targets, expected
):
    out = "s3://out" if at is str else "out"
    pairs = zip(photos, targets, strict=True)
    jobs = [planning.Job(at(photo), at(f"{out}/{target}"), out) for photo, target in pairs]
    names = [str(job.target).removeprefix(f"{out}/") for job in planning.set_apart(jobs)]
    assert names == expected


def test_a_result_never_takes_the_place_of_a_photo(album, tmp_path, monkeypatch):
    touch(album, "album/b.jpg", "b.color.jpg")
    monkeypatch.chdir(tmp_path)
    for given, out in ((album, tmp_path), (Path("album"), Path()), (album, album / "sub/../..")):
        targets = {job.target.resolve() for job in planning.jobs([given], out)}
        assert len(targets) == 4
        assert not targets & {album / "album" / "b.jpg", album / "b.jpg"}
        assert "b-album.jpg" in {path.name for path in targets}
    # Each result of a folder coloured into itself has a photo's name, and is refused when written.
    assert len(planning.jobs([album], album)) == 4
    # Who names a result among the photos gets it coloured, too.
    assert len(planning.jobs([album / "b.jpg", album / "b.color.jpg"], None)) == 2


# --- what is said -----------------------------------------------------------------------------


def test_what_is_left_out_is_counted(album):
    touch(album, "x.cr2", "y.CR2", "z.jxl0", "plain")
    others: Counter[str] = Counter()
    assert len(planning.jobs([album], None, ["*.tif"], others)) == 2
    assert planning.name_kinds(others) == "2 .cr2, 1 .jxl0, 1 without a suffix"


def test_patterns_are_expanded_and_one_that_matches_nothing_stops_no_other(album):
    jobs = planning.jobs([album / "*.gif", album / "[ab].*", album / "sub*"], None)
    assert [job.photo.name for job in jobs if not job.trouble] == ["a.PNG", "b.jpg", "c.tif"]
    (trouble,) = (job.trouble for job in jobs if job.trouble)
    assert f"No photo is called {album / '*.gif'}" in trouble
    with pytest.raises(BadOption, match="name a folder"):
        planning.jobs([album / "[ab].*"], album / "x.jpg")
    (job,) = planning.jobs([album / "b*"], album / "x.jpg")
    assert job.target == album / "x.jpg"
