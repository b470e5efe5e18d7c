from __future__ import annotations

import os

import numpy as np
import pytest

from photochrom.data import cache
from photochrom.data.decode import decode, digest, scale_short_side
from photochrom.data.photo_set import Chosen
from photochrom.data.shards import find_sources
from photochrom.errors import BadData, CannotWrite


@pytest.fixture
def folder(tmp_path, encoded, fill):
    """Five photos of three shapes."""
    sizes = enumerate([(60, 40), (40, 60), (50, 50), (90, 40), (60, 40)])
    return fill(tmp_path / "photos", {f"{i}.jpg": encoded(i, *size) for i, size in sizes})


@pytest.fixture
def load(tmp_path):
    return lambda *paths, side=32: cache.load(paths, side, tmp_path / "kept", quiet=True)


@pytest.fixture
def decoded(monkeypatch):
    """How many photos have been decoded so far."""
    count = []
    monkeypatch.setattr(cache, "decode", lambda data: count.append(1) or decode(data))
    return count


@pytest.mark.parametrize("side", [32, 40, 70])  # smaller, as it is, and enlarged
def test_the_pixels_are_those_of_decoding_anew(folder, load, side):
    photos = load(folder, side=side)
    assert photos.names == [f"{folder}/{i}.jpg" for i in range(5)]
    for i, source in enumerate(find_sources([folder])):
        assert np.array_equal(photos[i], scale_short_side(decode(source.read()), side))
        assert min(photos[i].shape[:2]) == side
        assert photos.digests[i] == digest(source.read())


@pytest.mark.parametrize("change", ["", "content", "time", "more", "fewer", "renamed"])
def test_only_a_changed_set_is_decoded_anew(folder, load, encoded, decoded, change):
    before = load(folder)
    first = folder / "0.jpg"
    if change == "content":
        first.write_bytes(encoded(77, 50, 40))
    elif change == "time":
        os.utime(first, ns=(1, 1))
    elif change == "more":
        (folder / "9.jpg").write_bytes(encoded(9))
    elif change == "fewer":
        first.unlink()
    elif change == "renamed":
        first.rename(folder / "x.jpg")
    photos = load(folder)
    assert len(decoded) == 5 + (len(photos) if change else 0)
    assert photos.names == [source.name for source in find_sources([folder])]
    if not change:
        assert np.array_equal(before.pixels, photos.pixels)
        assert np.array_equal(before.table, photos.table)
        assert before.digests == photos.digests
    assert min(load(folder, side=40)[0].shape[:2]) == 40  # another side is another set


def test_names_are_those_of_the_paths_given(folder, load, monkeypatch):
    load(folder)
    monkeypatch.chdir(folder.parent)
    assert load(folder.relative_to(folder.parent)).names[0] == "photos/0.jpg"


def test_the_pixels_cannot_be_changed_on_disk(folder, load):
    photos = load(folder)
    before = photos[0].copy()
    photos[0][:] = 0
    assert np.array_equal(load(folder)[0], before)


def test_an_interrupted_build_leaves_nothing(folder, load, tmp_path, monkeypatch):
    calls = []

    def stopped(data):
        calls.append(1)
        if len(calls) > 2:
            raise KeyboardInterrupt
        return decode(data)

    monkeypatch.setattr(cache, "decode", stopped)
    with pytest.raises(KeyboardInterrupt):
        load(folder)
    assert list((tmp_path / "kept").iterdir()) == []
    monkeypatch.undo()
    assert len(load(folder)) == 5


def test_two_processes_may_build_the_same_set(folder, load, tmp_path, monkeypatch):
    rival = []

    def while_another_builds(sources, side, target, quiet):
        if not rival:
            rival.append(1)
            load(folder)
        return decode_all(sources, side, target, quiet)

    decode_all = cache._decode_all
    monkeypatch.setattr(cache, "_decode_all", while_another_builds)
    assert len(load(folder)) == 5
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_bad_photos_are_reported_by_name_and_the_rest_is_kept(folder, load, bad, fill):
    fill(folder, bad)
    for photos in (load(folder), load(folder)):  # built, and kept
        assert len(photos) == 5
        assert set(photos.unreadable) == {f"{folder}/{name}" for name in bad}
        assert all(photos.unreadable.values())


def test_nothing_readable_is_one_sentence(tmp_path, load, bad, fill):
    fill(tmp_path, bad)
    with pytest.raises(BadData, match=r"None of the photos can be read; the first, .*empty\.jpg"):
        load(tmp_path)
    assert list((tmp_path / "kept").iterdir()) == []


def test_the_split_is_the_same_whatever_the_path_and_the_order(
    tmp_path, load, encoded, fill, pack_tar
):
    photos = {f"{i}.png": encoded(i, 8, 8, "PNG") for i in range(60)}
    folder = fill(tmp_path / "somewhere", photos)
    tar = pack_tar(tmp_path / "else.tar", {f"in/{n}": photos[n] for n in reversed(photos)})

    def held(set_):
        left_out, val = set_.split(0.3)
        assert np.array_equal(left_out, val)
        return {set_.digests[i] for i in val}

    assert held(load(folder, side=8)) == held(load(tar, side=8))
    assert 8 <= len(held(load(folder, side=8))) <= 28


def test_an_index_decides_and_leaves_out_what_it_does_not_name(
    tmp_path, load, encoded, fill, pack_tar
):
    tar = pack_tar(tmp_path / "a.tar", {f"{n}.jpg": encoded(i) for i, n in enumerate("abcd")})
    folder = fill(tmp_path / "folder", {"e.jpg": 10, "f.jpg": 11, "g.jpg": 12})
    photos = load(tar, folder)
    index = {
        "a.jpg": "train",  # as it is called inside its tar
        f"{tar}/b.jpg": "val",  # whole
        "c.jpg": "test",
        "e.jpg": "val",  # a file's own name
        f"{folder}/f.jpg": "train",
    }
    left_out, val = photos.split(0.5, index)
    train = Chosen(len(photos), left_out)[:]
    assert [photos.names[i][-5:] for i in train] == ["a.jpg", "f.jpg"]
    assert [photos.names[i][-5:] for i in val] == ["b.jpg", "e.jpg"]
    everything, _ = photos.split(0.5, {})
    assert len(everything) == len(photos)


def test_sets_are_kept_where_the_user_says(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("PHOTOCHROM_CACHE", str(tmp_path / "mine"))
    cache.load([folder], 32, quiet=True)
    assert len(list((tmp_path / "mine").iterdir())) == 1


def test_a_full_disk_is_not_taken_for_another_process(folder, load, tmp_path, monkeypatch):
    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.rename", full)
    with pytest.raises(CannotWrite, match="No space"):
        load(folder)
    assert list((tmp_path / "kept").iterdir()) == []
