from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photochrom.data import cache, curate
from photochrom.data import decode as decoding
from photochrom.data import pack as packing
from photochrom.data.decode import digest
from photochrom.data.photo_set import is_held_out, read_split_index
from photochrom.data.shards import decode_sources, find_shards, find_sources
from photochrom.data.stream import StreamedPhotos
from photochrom.errors import BadData, BadPhoto, MissingExtra
from photochrom.image.reader import read_photo


def test_a_folder_is_searched_whole_and_in_a_fixed_order(tmp_path, encoded, fill, pack_tar):
    fill(tmp_path, {"z.JPG": 1, "a.png": 1, "b/c/m.jpeg": 1, "notes.txt": b"no photo"})
    members = {"2.jpg": encoded(2), "read.me": b"?", "in/1.jpg": encoded(3)}
    pack_tar(tmp_path / "b" / "s.tar", members)
    names = [source.name for source in find_sources([tmp_path])]
    inside = ("a.png", "b/c/m.jpeg", "b/s.tar/2.jpg", "b/s.tar/in/1.jpg", "z.JPG")
    assert names == [f"{tmp_path}/{name}" for name in inside]


def test_several_paths_come_in_the_order_given_and_members_are_read_in_place(
    tmp_path, encoded, fill, pack_tar
):
    tar = pack_tar(tmp_path / "one.tar", {f"{i}.jpg": encoded(i) for i in range(3)})
    folder = fill(tmp_path / "two", {"9.jpg": 9})
    expected = [encoded(i) for i in (9, 0, 1, 2)]
    assert [source.read() for source in find_sources([folder, tar])] == expected
    assert [source.read() for source in find_sources([tar, folder])] == [*expected[1:], expected[0]]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("missing", r"missing does not exist: name a folder or a \.tar"),
        ("one.jpg", r"one\.jpg is neither a folder nor a \.tar"),
        ("empty", r"No photos in .*empty: photochrom looks for .*\.jpg"),
        ("q-*.tar", r"q-\*\.tar does not exist"),
    ],
)
def test_what_is_no_photo_set_is_one_sentence(tmp_path, fill, name, sentence):
    fill(tmp_path, {"one.jpg": 1})
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadData, match=sentence):
        find_sources([tmp_path / name])


@pytest.mark.parametrize("damage", ["text", "nothing", "cut in a photo", "cut in a name", "holed"])
def test_a_broken_tar_is_one_sentence(tmp_path, encoded, pack_tar, damage):
    photo = encoded(1)
    tar = pack_tar(tmp_path / "broken.tar", {f"{i}.jpg": photo for i in range(3)})
    data = tar.read_bytes()
    second = 512 + -(-len(photo) // 512) * 512  # where the second member's name stands
    tar.write_bytes(
        {
            "text": b"certainly not a tar" * 100,
            "nothing": b"",
            "cut in a photo": data[: second + 600],
            "cut in a name": data[: second + 100],
            "holed": data[:second] + b"?" * 512 + data[second + 512 :],
        }[damage]
    )
    with pytest.raises(BadData, match=r"broken\.tar is not a readable tar .*: pack it anew\.$"):
        find_sources([tar])


def test_bad_photos_are_reported_and_the_others_come(tmp_path, encoded, pack_tar, bad):
    good = {f"{i}.jpg": encoded(i) for i in range(2)}
    sources = find_sources([pack_tar(tmp_path / "p.tar", bad | good)])
    answers = {name.partition(".tar/")[2]: photo for name, photo in decode_sources(sources)}
    assert {name for name, photo in answers.items() if isinstance(photo, BadPhoto)} == set(bad)
    assert all(answers[name].shape == (40, 60, 3) for name in good)
    assert not any("0x" in str(answers[name]) for name in bad)  # the same words each time


def test_what_is_nobodys_photo_and_what_we_have_painted_is_no_training_photo(
    tmp_path, encoded, fill, pack_tar
):
    photos = {"0.jpg": encoded(0), "in/1.png": encoded(1)}
    left_out = ["._0.jpg", ".photochrom/0.jpg", "@eaDir/0.jpg", "in/#recycle/0.jpg", "._p.tar"]
    left_out += ["0.color.jpg", "in/1.color-2.png"]
    everything = photos | dict.fromkeys(left_out, encoded(2))
    found = find_sources([fill(tmp_path / "album", everything)])
    assert [source.read() for source in found] == list(photos.values())
    del everything["._p.tar"]
    found = find_sources([pack_tar(tmp_path / "p.tar", everything)])
    assert [source.member for source in found] == list(photos)


def test_patterns_are_taken_for_what_they_match(tmp_path, encoded, pack_tar):
    for i in range(2):
        pack_tar(tmp_path / f"p-{i}.tar", {f"{i}.jpg": encoded(i)})
    found = find_sources([tmp_path / "p-*.tar"])
    assert [source.member for source in found] == ["0.jpg", "1.jpg"]


def test_a_photo_that_has_gone_is_reported_and_the_others_come(tmp_path, fill):
    album = fill(tmp_path / "album", {"0.jpg": 0, "2.jpg": 2})
    (album / "1.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(album / "3.jpg")  # which would be waited for
    sources = find_sources([album])
    (album / "2.jpg").unlink()
    (_, photo), (name, link), (_, gone) = decode_sources(sources)
    assert photo.shape == (40, 60, 3)
    assert name.endswith("1.jpg")
    assert "cannot be opened" in str(link)
    assert "cannot be opened" in str(gone)
    assert list(cache.load([album], 16, tmp_path / "kept", quiet=True).unreadable) == [name]


def test_a_folder_that_does_not_open_is_an_error(tmp_path, fill, monkeypatch):
    fill(tmp_path, {"0.jpg": 0, "shut/1.jpg": 1})
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "shut":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(BadData, match="shut cannot be searched"):
        find_sources([tmp_path])


@pytest.mark.parametrize(
    "error", [IndexError("bytes"), MissingExtra("pillow_heif", "heif"), MemoryError(), OSError(5)]
)
def test_whatever_one_photo_provokes_costs_that_one_alone(
    tmp_path, encoded, fill, monkeypatch, error
):
    album, bad = fill(tmp_path / "album", {f"{i}.jpg": i for i in range(3)}), encoded(1)

    def provoked(source, **options):
        if source == bad:
            raise error
        return read_photo(source, **options)

    monkeypatch.setattr(decoding, "read_photo", provoked)
    monkeypatch.setattr(decoding, "_is_plain", lambda _: False)
    sources = find_sources([album])
    assert [isinstance(p, BadPhoto) for _, p in decode_sources(sources)] == [0, 1, 0]
    assert len(cache.load([album], 16, tmp_path / "kept", quiet=True)) == 2
    streamed = StreamedPhotos(find_shards([album]), 16)
    assert len(list(streamed.read_photos(range(3)))) == 2
    *_, index = packing.pack(sources, tmp_path / "out", packing.Packing(side=16), 1)
    assert index.count == 2
    monkeypatch.setattr(decoding, "_draft_jpeg", lambda *_: None)
    looks = list(curate.Looks(tmp_path / "clean").take(sources, 1))
    assert [bool(seen.trouble) for seen in looks] == [False, True, False]
    for told in (streamed.unreadable, index.unreadable):
        assert list(told) == [str(album / "1.jpg")]


@given(st.binary(max_size=40))
def test_the_split_is_a_fact_of_the_bytes(data):
    key = digest(data)
    assert key == hashlib.sha256(data).hexdigest()
    held = [is_held_out(key, share / 10) for share in range(11)]
    assert (held[0], held[-1]) == (False, True)
    assert held == sorted(held)  # once held out, held out for every larger share


def test_the_share_held_out_is_about_what_was_asked_for():
    digests = [digest(str(i).encode()) for i in range(4000)]
    for share in (0.03, 0.1, 0.5):
        got = np.mean([is_held_out(digest, share) for digest in digests])
        assert got == pytest.approx(share, abs=4 * (share * (1 - share) / 4000) ** 0.5)
    assert is_held_out("0" * 64, 1e-9)  # the same on every machine, by definition
    assert not is_held_out("f" * 64, 1 - 1e-9)


def test_an_index_is_read(tmp_path):
    path = tmp_path / "index.csv"
    path.write_text("name,width,split\na.jpg,3,train\nb/c.jpg,4,val\n", encoding="utf-8")
    assert read_split_index(path) == {"a.jpg": "train", "b/c.jpg": "val"}
    path.write_text("\ufeffname,split\nä.jpg,val\n", encoding="utf-8")  # as spreadsheets write it
    assert read_split_index(path) == {"ä.jpg": "val"}


@pytest.mark.parametrize("content", [None, b"photo,part\na.jpg,train\n", b"name,split\n\xff,val\n"])
def test_what_is_no_index_is_one_sentence(tmp_path, content):
    path = tmp_path / "index.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadData, match=r"is no index: it needs the columns name and split\.$"):
        read_split_index(path)
