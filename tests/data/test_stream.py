from __future__ import annotations

import itertools
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photochrom.data import cache, stream
from photochrom.data.decode import decode
from photochrom.data.shards import PhotoSource, find_sources
from photochrom.data.stream import StreamedPhotos, shuffle_by_shard
from photochrom.errors import BadData, BadOption, BadPhoto


def sources(*counts: int) -> list[PhotoSource]:
    """So many photos in each of several shards."""
    return [
        PhotoSource(Path(f"{shard}.tar"), f"{i}.jpg", 512 * i, 9)
        for shard, count in enumerate(counts)
        for i in range(count)
    ]


@pytest.fixture
def folder(tmp_path, encoded, fill, pack_tar):
    """Two shards of six photos, and two photos of their own."""
    path = fill(tmp_path / "photos", {"7.jpg": 7, "8.jpg": 8})
    for shard in (1, 2):
        members = {f"{i}.png": encoded(10 * shard + i, 60 + i, kind="PNG") for i in range(6)}
        pack_tar(path / f"{shard}.tar", members)
    return path


# --- the order --------------------------------------------------------------------------------

COUNTS = st.lists(st.integers(1, 9), max_size=6)


@given(COUNTS, st.integers(0, 2**40), st.integers(0, 3), st.integers(1, 20))
def test_a_photo_moves_less_than_the_buffer_and_shards_stay_together(counts, seed, epoch, buffer):
    photos = sources(*counts)
    still = shuffle_by_shard(photos, seed, epoch, buffer=1)  # moved by less than one: not at all
    assert sorted(still) == list(range(len(photos)))
    paths = [photos[i].path for i in still]
    assert sum(a != b for a, b in itertools.pairwise(paths)) == max(0, len(counts) - 1)
    moved = shuffle_by_shard(photos, seed, epoch, buffer)
    places = {photo: place for place, photo in enumerate(still)}
    assert all(abs(places[photo] - place) < buffer for place, photo in enumerate(moved))


def test_epochs_and_seeds_differ_and_are_the_same_each_time():
    photos = sources(*[50] * 6)
    orders = [shuffle_by_shard(photos, seed, epoch) for seed in range(3) for epoch in range(3)]
    assert len({tuple(order) for order in orders}) == 9
    assert np.array_equal(shuffle_by_shard(photos, 2, 1), orders[7])


def test_every_photo_comes_everywhere_about_as_often():
    photos = sources(*[5] * 8)
    places = [np.argsort(shuffle_by_shard(photos, seed, 0, buffer=20)) for seed in range(600)]
    assert np.allclose(np.mean(places, 0), 19.5, atol=2.5)  # 11.5 / √600 · 5


# --- photos by their numbers ------------------------------------------------------------------


def streamed(folder: Path, readers: int = 2) -> StreamedPhotos:
    return StreamedPhotos(find_sources([folder]), 32, readers)


def test_streamed_photos_are_as_the_cache_has_them(folder, tmp_path):
    decoded = cache.load([folder], 32, tmp_path / "kept", quiet=True)
    photos = streamed(folder)
    assert len(photos) == len(decoded) == 14
    assert photos.names == decoded.names
    assert all(np.array_equal(photos[i], decoded[i]) for i in range(14))
    pairs = zip(photos.read_photos([9, 2, 5]), decoded.read_photos([9, 2, 5]), strict=True)
    assert all(np.array_equal(*pair) for pair in pairs)


def test_what_is_held_out_is_the_same_wherever_the_photos_lie(folder, tmp_path):
    elsewhere = shutil.copytree(folder, tmp_path / "elsewhere")
    here, there = streamed(folder), streamed(elsewhere)
    assert here.digests == there.digests
    assert len(set(here.digests)) == 14
    for one, other in zip(here.split(0.4), there.split(0.4), strict=True):
        assert np.array_equal(one, other)
        assert len(one)
    assert sorted(np.concatenate(here.split(0.4))) == list(range(14))


def test_an_epoch_goes_through_the_chosen_photos(folder):
    photos, chosen = streamed(folder), np.array([1, 2, 3, 4, 7, 8, 9, 13])
    orders = [chosen[photos.shuffle(chosen, 5, epoch)].tolist() for epoch in range(6)]
    assert all(sorted(order) == chosen.tolist() for order in orders)
    assert len({tuple(order) for order in orders}) > 1


def test_photos_of_a_step_are_read_once_and_ahead(folder, monkeypatch):
    read, main = [], threading.get_ident()

    def noted(data):
        assert threading.get_ident() != main
        read.append(len(data))
        return decode(data)

    monkeypatch.setattr(stream, "decode", noted)
    photos = streamed(folder)
    photos.prefetch([3, 4, 5])
    assert len(photos.read_step([3, 4, 5, 3])) == 4
    assert len(read) == 3
    assert not photos._coming


def test_another_photo_stands_in_for_one_that_cannot_be_read(folder, bad, fill):
    fill(folder, bad)
    photos = streamed(folder)
    (folder / "7.jpg").unlink()
    lost = {*bad, "7.jpg"}
    broken = [i for i, name in enumerate(photos.names) if name.rpartition("/")[2] in lost]
    good = next(i for i in range(len(photos)) if i not in broken)
    taken = photos.read_step([broken[0], good, *broken[1:]])
    assert all(np.array_equal(photo, photos[good]) for photo in taken)
    assert set(photos.unreadable) == {photos.names[i] for i in broken}
    assert "cannot be opened" in photos.unreadable[str(folder / "7.jpg")]
    assert len(list(photos.read_photos(range(len(photos))))) == 13
    with pytest.raises(BadPhoto):
        photos[broken[0]]
    with pytest.raises(BadData, match=r"None of the photos of a step can be read; .*--resume"):
        photos.read_step(broken)


def test_no_readers_is_one_sentence(folder):
    with pytest.raises(BadOption, match="--readers is 0: give at least 1"):
        streamed(folder, readers=0)
