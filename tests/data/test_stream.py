from __future__ import annotations

import io
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from photochrom.data import shards, stream
from photochrom.data.shards import Source
from photochrom.data.stream import Stream
from photochrom.errors import BadData, BadOption, BadPhoto


def sources(*counts: int) -> list[Source]:
    """So many photos in each of several shards."""
    return [
        Source(Path(f"{shard}.tar"), f"{i}.jpg", 512 * i, 9)
        for shard, count in enumerate(counts)
        for i in range(count)
    ]


@pytest.fixture
def album(tmp_path, encoded, pack):
    """Two shards and two photos of their own."""
    for shard in range(2):
        photos = {f"{i}.jpg": encoded(10 * shard + i, 60 + i) for i in range(7)}
        pack(tmp_path / f"{shard}.tar", photos)
    for i in range(2):
        (tmp_path / f"{i}.png").write_bytes(encoded(50 + i, kind="PNG"))
    return shards.find([tmp_path])


COUNTS = st.lists(st.integers(1, 9), max_size=6)


@given(COUNTS, st.integers(1, 5), st.integers(1, 4), st.integers(0, 3), st.integers(1, 20))
def test_all_ranks_and_workers_together_have_each_photo_once(counts, world, workers, epoch, buffer):
    photos = sources(*counts)
    pieces = [
        Stream(photos, buffer=buffer, rank=r, world=world, worker=w, workers=workers)
        for r in range(world)
        for w in range(workers)
    ]
    orders = [piece.order(epoch) for piece in pieces]
    assert sorted(np.concatenate(orders)) == list(range(len(photos)))
    assert [len(piece) for piece in pieces] == [len(order) for order in orders]
    assert max(map(len, orders)) - min(map(len, orders)) <= 1


@given(COUNTS, st.integers(0, 2**40), st.integers(1, 20))
def test_a_photo_moves_less_than_the_buffer_and_shards_stay_together(counts, seed, buffer):
    photos = sources(*counts)
    still = Stream(photos, seed=seed, buffer=1).order(0)  # moved by less than one: not at all
    paths = [photos[i].path for i in still]
    assert sum(a != b for a, b in itertools.pairwise(paths)) == max(0, len(counts) - 1)
    moved = Stream(photos, seed=seed, buffer=buffer).order(0)
    places = {photo: place for place, photo in enumerate(still)}
    assert all(abs(places[photo] - place) < buffer for place, photo in enumerate(moved))


def test_epochs_and_seeds_differ_and_are_the_same_each_time():
    photos = sources(*[50] * 6)
    orders = [Stream(photos, seed=s).order(e) for s in range(3) for e in range(3)]
    assert len({tuple(order) for order in orders}) == 9
    assert np.array_equal(Stream(photos, seed=2).order(1), orders[7])


def test_every_photo_comes_everywhere_about_as_often():
    photos = sources(*[5] * 8)
    places = np.array([np.argsort(Stream(photos, seed=s, buffer=20).order(0)) for s in range(600)])
    assert np.allclose(places.mean(0), 19.5, atol=2.5)  # 11.5 / √600 · 5


@pytest.mark.parametrize("threads", [0, 3])
def test_photos_are_decoded_and_scaled(album, threads):
    got = dict(Stream(album, threads=threads))
    assert set(got) == {source.name for source in album}
    for source in album:
        assert np.array_equal(got[source.name], shards.decode(source.read()))
    assert {min(p.shape[:2]) for _, p in Stream(album, side=20, threads=threads)} == {20}


@pytest.mark.parametrize("threads", [0, 2])
@given(st.integers(0, 16), st.integers(0, 2))
@settings(max_examples=12, deadline=None)
def test_going_on_gives_what_would_have_come(album_names, threads, stop, epochs):
    album = album_names
    whole = Stream(album, seed=3, buffer=5, threads=threads)
    expected = [[name for name, _ in whole] for _ in range(4)]
    first = Stream(album, seed=3, buffer=5, threads=threads)
    got = [[name for name, _ in first] for _ in range(epochs)]
    got.append([])
    state = first.state()
    for name, _ in first:
        if len(got[-1]) == stop:
            break
        got[-1].append(name)
        state = json.loads(json.dumps(first.state()))
    second = Stream(album, seed=3, buffer=5)
    second.restore(state)
    got[-1] += [name for name, _ in second]
    got += [[name for name, _ in second] for _ in range(3 - epochs)]
    assert got == expected


@pytest.fixture(scope="module")
def album_names(tmp_path_factory):
    from PIL import Image

    folder = tmp_path_factory.mktemp("album")
    for i in range(17):
        Image.new("RGB", (20, 16), (i, 0, 0)).save(folder / f"{i:02d}.png")
    return shards.find([folder])


def test_a_bad_photo_is_left_out_and_noted(tmp_path, encoded, pack, bad):
    good = {f"{i}.jpg": encoded(i) for i in range(5)}
    found = shards.find([pack(tmp_path / "p.tar", bad | good)])
    one = Stream(found)
    names = {name.partition(".tar/")[2] for name, _ in one}
    assert names == set(good)
    assert {name.partition(".tar/")[2] for name in one.unreadable} == set(bad)
    assert one.epoch == 1


def test_another_set_is_not_gone_on_with(album):
    state = Stream(album, seed=1).state()
    Stream(album, seed=1).restore(state)
    for other in (
        Stream(album, seed=2),
        Stream(album[1:], seed=1),
        Stream(album, seed=1, world=2),
        Stream(album, seed=1, buffer=3),
    ):
        with pytest.raises(BadData, match="begin the epoch anew"):
            other.restore(state)


def test_bad_numbers_are_refused(album):
    for wrong in ({"rank": 1}, {"rank": -1}, {"worker": 2, "workers": 2}):
        with pytest.raises(BadOption, match="they count from 0"):
            Stream(album, **wrong)
    for wrong in ({"buffer": 0}, {"threads": -1}):
        with pytest.raises(BadOption, match="give at least"):
            Stream(album, **wrong)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
def test_the_fast_way_gives_the_same_pixels(encoded, kind):
    for seed in range(5):
        data = encoded(seed, kind=kind, quality=80)
        assert np.array_equal(stream.decode(data), shards.decode(data))


def test_the_fast_way_is_not_taken_where_something_has_to_be_heeded(encoded):
    from PIL import Image

    turned = Image.Exif()
    turned[0x0112] = 6
    for kind in ("JPEG", "WEBP"):
        assert stream._plain(encoded(1, kind=kind))
        data = encoded(1, kind=kind, exif=turned)
        assert not stream._plain(data)
        assert stream.decode(data).shape == (60, 40, 3)
        for short in (data[:-50], encoded(1, kind=kind)[:-50], b""):
            with pytest.raises(BadPhoto):
                stream.decode(short)


def test_what_asks_for_much_is_not_decoded_the_quick_way(monkeypatch):
    def reached(*_):
        raise AssertionError("a decoder was reached")

    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, "JPEG", progressive=True)
    small = file.getvalue()
    frame, scan = small.index(b"\xff\xc2"), small.rindex(b"\xff\xda")
    wide = small[: frame + 5] + b"\xff\xdc\xff\xdc" + small[frame + 9 :]
    many = small[:-2] + small[scan:-2] * 5000 + small[-2:]
    monkeypatch.setattr(stream.cv2, "imdecode", reached)
    for hostile in (wide, many):
        with pytest.raises(BadPhoto):
            stream.decode(hostile)
