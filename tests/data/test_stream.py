from __future__ import annotations

import shutil
import threading
from pathlib import Path

import fsspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photochrom.data import cache, members, stream
from photochrom.data.decode import decode, digest
from photochrom.data.members import Members, Shard
from photochrom.data.order import Part
from photochrom.data.pack import Packing, pack
from photochrom.data.photo_set import Chosen, is_held_out
from photochrom.data.shards import find_shards, find_sources
from photochrom.data.steps import StreamedSteps
from photochrom.data.stream import StreamedPhotos
from photochrom.errors import BadData, BadOption, BadPhoto

NONE = np.array([], np.int64)


@pytest.fixture
def folder(tmp_path, encoded, fill, pack_tar):
    """Two shards of six photos, and two photos of their own."""
    path = fill(tmp_path / "photos", {"7.jpg": 7, "8.jpg": 8})
    for shard in (1, 2):
        photos = {f"{i}.png": encoded(10 * shard + i, 60 + i, kind="PNG") for i in range(6)}
        pack_tar(path / f"{shard}.tar", photos)
    return path


def streamed(folder: Path, readers: int = 2, **given) -> StreamedPhotos:
    return StreamedPhotos(find_shards([folder]), 32, readers, **given)


def steps(photos, part: Part, seed: int = 5, left_out=NONE) -> StreamedSteps:
    return StreamedSteps(photos, Chosen(len(photos), left_out), seed, part)


# --- photos by their numbers ------------------------------------------------------------------


def test_streamed_photos_are_as_the_cache_has_them(folder, tmp_path):
    decoded = cache.load([folder], 32, tmp_path / "kept", quiet=True)
    photos = streamed(folder)
    assert len(photos) == len(decoded) == 14
    assert [photos.name(i) for i in range(14)] == decoded.names
    assert all(np.array_equal(photos[i], decoded[i]) for i in range(14))
    pairs = zip(photos.read_photos([9, 2, 5]), decoded.read_photos([9, 2, 5]), strict=True)
    assert all(np.array_equal(*pair) for pair in pairs)


def test_what_is_held_out_is_the_same_wherever_the_photos_lie(folder, tmp_path):
    elsewhere = shutil.copytree(folder, tmp_path / "elsewhere")
    here, there = streamed(folder), streamed(elsewhere)
    assert here.fingerprint() == there.fingerprint()
    held, _ = here.split(0.4)
    assert np.array_equal(held, there.split(0.4)[0])
    keys = [f"{s.path.name}/{s.member}\t{s.size}" for s in find_sources([folder])]
    expected = [i for i, key in enumerate(keys) if is_held_out(digest(key.encode()), 0.4)]
    assert 0 < len(expected) < 14
    assert held.tolist() == expected
    parts = [here.split(0.4, part=slice(rank, None, 3))[0] for rank in range(3)]
    assert sorted(np.concatenate(parts)) == held.tolist()


def test_an_index_decides_of_streamed_photos_too(folder):
    index = {"7.jpg": "val", f"{folder}/1.tar/2.png": "train", "4.png": "train"}
    left_out, validation = streamed(folder).split(0.4, index)
    assert Chosen(14, left_out)[:].tolist() == [2, 4, 10]
    assert validation.tolist() == [12]


def test_of_a_large_set_only_some_shards_are_looked_at(folder, monkeypatch):
    photos = streamed(folder)
    every, _ = photos.split(0.4)
    monkeypatch.setattr(stream, "LOOKED_AT", 7)
    held, _ = photos.split(0.4)
    assert 0 < len(held) < len(every)
    assert set(held) < set(every)
    looked_at = {number for number, *_ in photos.look(slice(None), whole=False)}
    assert 7 <= len(looked_at) < 14
    assert len(list(photos.look(slice(None), whole=True))) == 14


def test_shards_are_told_apart_by_name_photos_and_bytes(folder):
    before = streamed(folder).fingerprint()
    (folder / "1.tar").rename(folder / "0.tar")
    renamed = streamed(folder).fingerprint()
    (folder / "8.jpg").unlink()
    assert len({before, renamed, streamed(folder).fingerprint()}) == 3


def test_a_tar_is_gone_through_once(folder, tmp_path, monkeypatch):
    scan, gone_through = members.scan_tar, []
    monkeypatch.setattr(members, "scan_tar", lambda path: gone_through.append(path) or scan(path))
    kept = tmp_path / "kept"
    first = streamed(folder, cache=kept)
    assert len(gone_through) == 2
    again = streamed(folder, cache=kept)
    assert [again.name(i) for i in range(14)] == [first.name(i) for i in range(14)]
    assert len(gone_through) == 2
    shutil.copy(folder / "2.tar", folder / "1.tar")  # which is another file now
    assert np.array_equal(streamed(folder, cache=kept)[0], again[6])
    assert len(gone_through) == 3
    for file in kept.iterdir():
        file.write_text("[1")
    streamed(folder, cache=kept)
    assert len(gone_through) == 5


def test_no_readers_is_one_sentence(folder):
    with pytest.raises(BadOption, match="--readers is 0: give at least 1"):
        streamed(folder, readers=0)


def test_shards_without_photos_are_one_sentence(tmp_path, pack_tar):
    pack_tar(tmp_path / "1.tar", {"read.me": b"?"})
    with pytest.raises(BadData, match=r"No photos in .*1\.tar"):
        streamed(tmp_path)


# --- step by step -----------------------------------------------------------------------------


def same(one, other) -> bool:
    return all(np.array_equal(*pair) for pair in zip(one, other, strict=True))


@pytest.mark.parametrize("world", [1, 2, 3])
def test_a_step_is_the_same_wherever_it_is_begun_and_however_many_share_it(folder, world):
    photos, left_out = streamed(folder), np.array([0, 5, 13])
    one = steps(photos, Part(11, 6), left_out=left_out)
    seen = [one(step) for step in range(5)]  # over five epochs of a step each
    assert len({photo.tobytes() for photo in seen[0]}) == 6
    for rank in range(world):
        ranked = steps(streamed(folder, 1), Part(11, 6, rank, world), left_out=left_out)
        for step in (3, 4, 0, 1, 2):
            assert same(ranked(step), seen[step][rank::world])
            assert same(ranked(step), [photos[i] for i in ranked.numbers(step)])
            assert not set(ranked.numbers(step)) & set(left_out)
        ranked.close()
    one.close()


class Counted:
    """A stand-in for photos, that keeps what is asked for; a photo's bytes are its number."""

    def __init__(self, counts: list[int], block: int) -> None:
        self.starts, self.block, self.asked, self.readers = (
            np.cumsum([0, *counts])[:-1],
            block,
            [],
            1,
        )
        self.total = sum(counts)

    def __len__(self) -> int:
        return self.total

    def block_size(self) -> int:
        return self.block

    def read_encoded(self, numbers):
        self.asked.append(numbers.tolist())
        return numbers.tolist()

    def decode(self, data):
        return np.array(data)


@settings(max_examples=40)
@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=7).filter(any),
    *(st.integers(1, most) for most in (9, 5, 6)),
    st.integers(0, 12),
)
def test_a_resumed_epoch_reads_nothing_again(counts, block, world, many, resumed):
    """By any number of processes: what they read from a step on is what was still to come."""
    total = sum(counts)
    batch = min(world * many, total) // world * world
    if not batch:
        return
    steps_left = Part(total, batch).steps - resumed
    if steps_left < 1:
        return
    epoch = [
        i for step in range(resumed, resumed + steps_left)
        for i in steps(Counted(counts, block), Part(total, batch)).numbers(step).tolist()
    ]  # fmt: skip
    read, seen = [], []
    for rank in range(world):
        photos = Counted(counts, block)
        mine = StreamedSteps(photos, Chosen(total, NONE), 5, Part(total, batch, rank, world))
        for step in range(resumed, resumed + steps_left):
            seen += [int(number) for number in mine(step)]
        mine.close()
        asked = [number for numbers in photos.asked for number in numbers]
        read += asked[: steps_left * batch // world]
    assert sorted(seen) == sorted(read) == sorted(epoch)
    assert len(set(read)) == len(read)


def test_neighbours_are_read_by_one_request(tmp_path, encoded, fill, monkeypatch):
    album = fill(tmp_path / "album", {f"{i:02d}.jpg": i for i in range(40)})
    list(pack(find_sources([album]), tmp_path / "packed", Packing(side=32), 1))
    photos, asked = streamed(tmp_path / "packed"), []
    monkeypatch.setattr(photos, "read", lambda stretch: asked.append(stretch) or stretch.read())
    assert photos.block_size() > 40
    numbers = [9, 3, 4, 5, 20]
    found = photos.read_encoded(np.array(numbers))
    every = find_sources([tmp_path / "packed"])
    assert found == [every[i].read() for i in numbers]
    assert [s.size for s in asked] == [every[20].offset + every[20].size - every[3].offset]
    asked.clear()
    monkeypatch.setattr(stream, "_GAP", 0)  # headers and what is told of each lie between
    assert photos.read_encoded(np.array(numbers)) == found
    assert [s.size for s in asked] == [every[i].size for i in sorted(numbers)]


def test_photos_of_a_step_are_decoded_once_and_ahead(folder, monkeypatch):
    read, main = [], threading.get_ident()

    def noted(data):
        assert threading.get_ident() != main
        read.append(data)
        return decode(data)

    monkeypatch.setattr(stream, "decode", noted)
    reader = steps(streamed(folder), Part(14, 4))
    for step in range(3):
        assert len(reader(step)) == 4
    reader.close()
    assert 12 <= len(read) <= 12 + 2 * 4 + 1


def test_another_photo_stands_in_for_one_that_cannot_be_read(folder, bad, fill):
    fill(folder, bad)
    photos = streamed(folder)
    (folder / "7.jpg").unlink()
    lost = {*bad, "7.jpg"}
    broken = [i for i in range(len(photos)) if photos.name(i).rpartition("/")[2] in lost]
    total = len(photos)
    for step, numbers in enumerate(
        steps(photos, Part(total, total)).numbers(step).tolist() for step in range(2)
    ):
        taken = steps(photos, Part(total, total))(step)
        good = [k for k, i in enumerate(numbers) if i not in broken]
        assert all(np.array_equal(taken[k], photos[numbers[k]]) for k in good)
        right = {taken[k].tobytes() for k in good}
        assert all(photo.tobytes() in right for photo in taken)
    assert set(photos.unreadable) == {photos.name(i) for i in broken}
    assert "cannot be opened" in photos.unreadable[str(folder / "7.jpg")]
    assert len(list(photos.read_photos(range(total)))) == 13
    with pytest.raises(BadPhoto):
        photos[broken[0]]
    left_out = np.setdiff1d(np.arange(total), broken)
    with pytest.raises(BadData, match=r"None of the photos of a step can be read; .*--resume"):
        steps(photos, Part(len(broken), 3), left_out=left_out)(0)


def test_a_shard_that_has_gone_or_changed_costs_its_photos_alone(folder, encoded, pack_tar):
    photos = streamed(folder)
    (folder / "1.tar").unlink()
    pack_tar(folder / "2.tar", {"0.png": encoded(1)})
    assert len(list(photos.read_photos(range(14)))) == 2
    assert len(photos.unreadable) == 12
    reasons = set(photos.unreadable.values())
    assert any("has changed" in reason for reason in reasons)


def test_of_a_shard_that_has_changed_nothing_is_held_out(folder, encoded, pack_tar):
    """Its photos would have the numbers of others."""
    photos = streamed(folder)
    pack_tar(folder / "1.tar", {f"{i}.png": encoded(i) for i in range(9)})
    with pytest.raises(BadData, match=r"1\.tar has changed: pack it anew"):
        photos.split(0.4)


def test_shards_at_urls_are_streamed_alike(folder, tmp_path):
    list(pack(find_sources([folder]), tmp_path / "packed", Packing(side=32), 1))
    fs = fsspec.filesystem("memory")
    fs.put(str(tmp_path / "packed"), "/packed", recursive=True)
    try:
        far = StreamedPhotos(find_shards(["memory://packed"]), 32)
        assert far.fingerprint() == streamed(tmp_path / "packed").fingerprint()
        here = steps(streamed(tmp_path / "packed"), Part(14, 7))
        there = steps(far, Part(14, 7))
        assert same(here(1), there(1))
    finally:
        fs.rm("/packed", recursive=True)


def test_what_is_held_of_a_shard_in_memory_is_small():
    rows = [(f"{i:08d}.webp", 512 + 22_000 * i, 20_000) for i in range(3000)]
    table = Members.from_rows(rows)
    held = len(table.names) + table.ends.nbytes + table.places.nbytes
    assert held / len(table) < 40
    assert table[2999] == (*rows[-1], "")
    again = Members.from_json(table.to_json(), 10**9)
    assert [again[i] for i in again] == [table[i] for i in table]
    shard = Shard(Path("s.tar"), 10**9, 3000, table)
    assert shard.source(table, 7).name == "s.tar/00000007.webp"
