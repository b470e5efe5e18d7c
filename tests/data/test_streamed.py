from __future__ import annotations

import shutil
import threading

import numpy as np
import pytest

from photochrom.data import cache, shards, streamed
from photochrom.data.streamed import Streamed
from photochrom.errors import BadData, BadOption, BadPhoto


@pytest.fixture
def folder(tmp_path, encoded, pack):
    """Two shards of six photos, and two photos of their own."""
    path = tmp_path / "photos"
    path.mkdir()
    for shard in (1, 2):
        members = {f"{i}.png": encoded(10 * shard + i, kind="PNG") for i in range(6)}
        pack(path / f"{shard}.tar", members)
    for i in (7, 8):
        (path / f"{i}.jpg").write_bytes(encoded(i))
    return path


def make(folder, **given) -> Streamed:
    return Streamed(shards.find([folder]), **{"side": 32, "readers": 2} | given)


def test_photos_are_as_the_cache_has_them(folder, tmp_path):
    decoded = cache.load([folder], 32, tmp_path / "kept", quiet=True)
    photos = make(folder)
    assert len(photos) == len(decoded) == 14
    assert photos.names == decoded.names
    for i in range(14):
        assert np.array_equal(photos[i], decoded[i])
    for one, other in zip(photos.each([9, 2, 5]), decoded.each([9, 2, 5]), strict=True):
        assert np.array_equal(one, other)


def test_what_is_held_out_is_the_same_wherever_the_photos_lie(folder, tmp_path):
    elsewhere = shutil.copytree(folder, tmp_path / "elsewhere")
    here, there = make(folder), make(elsewhere)
    assert here.digests == there.digests
    assert len(set(here.digests)) == 14
    for one, other in zip(here.split(0.4), there.split(0.4), strict=True):
        assert np.array_equal(one, other)
        assert len(one)
    assert sorted(np.concatenate(here.split(0.4))) == list(range(14))


def test_an_epoch_goes_through_one_shard_after_another(folder):
    photos = make(folder)
    chosen = np.array([1, 2, 3, 4, 7, 8, 9, 13])
    stream = photos.order(chosen, seed=5)
    orders = [chosen[stream.order(epoch)].tolist() for epoch in range(6)]
    assert all(sorted(order) == chosen.tolist() for order in orders)
    assert len({tuple(order) for order in orders}) > 1


def test_photos_are_read_once_and_ahead(folder, monkeypatch):
    read, main = [], threading.get_ident()
    decode = streamed.decode

    def noted(data):
        assert threading.get_ident() != main
        read.append(len(data))
        return decode(data)

    monkeypatch.setattr(streamed, "decode", noted)
    photos = make(folder)
    photos.expect([3, 4, 5])
    assert len(photos.take([3, 4, 5])) == 3
    assert len(read) == 3
    assert not photos._coming


def test_of_many_only_a_few_wait_in_memory(folder):
    photos, most = make(folder), 0
    for _ in photos.each(list(range(14)) * 3):
        most = max(most, len(photos._coming))
    assert 1 <= most <= 2 * photos.readers + 1


def test_another_photo_stands_in_for_one_that_cannot_be_read(folder, bad):
    for name, data in bad.items():
        (folder / name).write_bytes(data)
    photos = make(folder)
    broken = [i for i, name in enumerate(photos.names) if name.rpartition("/")[2] in bad]
    assert len(broken) == len(bad)
    good = next(i for i in range(len(photos)) if i not in broken)
    taken = photos.take([broken[0], good, *broken[1:]])
    assert all(np.array_equal(photo, photos[good]) for photo in taken)
    assert set(photos.unreadable) == {photos.names[i] for i in broken}
    assert len(list(photos.each(range(len(photos))))) == 14
    with pytest.raises(BadPhoto):
        photos[broken[0]]
    with pytest.raises(BadData, match=r"None of the photos of a step can be read; .*--resume"):
        photos.take(broken)


def test_photos_that_go_are_noted(folder):
    photos = make(folder)
    (folder / "7.jpg").unlink()
    gone = photos.names.index(str(folder / "7.jpg"))
    assert len(photos.take([0, gone])) == 2
    assert "cannot be opened" in photos.unreadable[str(folder / "7.jpg")]


def test_no_readers_is_one_sentence(folder):
    with pytest.raises(BadOption, match="--readers is 0: give at least 1"):
        make(folder, readers=0)
