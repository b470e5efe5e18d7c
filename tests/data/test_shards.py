from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from photochrom.data import cache, curate, shards
from photochrom.data import decode as decoding
from photochrom.data import pack as packing
from photochrom.data.decode import decode, digest
from photochrom.data.stream import StreamedPhotos
from photochrom.errors import BadData, BadPhoto, MissingExtra
from photochrom.image.reader import read_photo


def test_a_folder_is_searched_whole_and_in_a_fixed_order(tmp_path, encoded, pack):
    deep = tmp_path / "b" / "c"
    deep.mkdir(parents=True)
    for path in (tmp_path / "z.JPG", tmp_path / "a.png", deep / "m.jpeg"):
        path.write_bytes(encoded(1))
    (tmp_path / "notes.txt").write_text("no photo")
    pack(tmp_path / "b" / "s.tar", {"2.jpg": encoded(2), "read.me": b"?", "in/1.jpg": encoded(3)})
    names = [source.name for source in shards.find_sources([tmp_path])]
    inside = ("a.png", "b/c/m.jpeg", "b/s.tar/2.jpg", "b/s.tar/in/1.jpg", "z.JPG")
    assert names == [f"{tmp_path}/{name}" for name in inside]
    assert names == [source.name for source in shards.find_sources([tmp_path])]


def test_several_paths_come_in_the_order_given(tmp_path, encoded, pack):
    tar = pack(tmp_path / "one.tar", {"1.jpg": encoded(1)})
    folder = tmp_path / "two"
    folder.mkdir()
    (folder / "2.jpg").write_bytes(encoded(2))
    members = [s.member or s.path.name for s in shards.find_sources([folder, tar])]
    assert members == ["2.jpg", "1.jpg"]
    assert [s.member or s.path.name for s in shards.find_sources([tar, folder])] == members[::-1]


def test_a_member_is_read_in_place(tmp_path, encoded, pack):
    photos = {f"{i}.jpg": encoded(i) for i in range(3)}
    sources = shards.find_sources([pack(tmp_path / "p.tar", photos)])
    assert [source.read() for source in sources] == list(photos.values())


def test_what_is_no_photo_set_is_one_sentence(tmp_path, encoded):
    photo = tmp_path / "one.jpg"
    photo.write_bytes(encoded(1))
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(BadData, match=r"missing does not exist: name a folder or a \.tar"):
        shards.find_sources([tmp_path / "missing"])
    with pytest.raises(BadData, match=r"one\.jpg is neither a folder nor a \.tar"):
        shards.find_sources([photo])
    with pytest.raises(BadData, match=r"No photos in .*empty: photochrom looks for .*\.jpg"):
        shards.find_sources([empty])


@pytest.mark.parametrize("damage", ["text", "nothing", "cut in a photo", "cut in a name", "holed"])
def test_a_broken_tar_is_one_sentence(tmp_path, encoded, pack, damage):
    photo = encoded(1)
    tar = pack(tmp_path / "broken.tar", {f"{i}.jpg": photo for i in range(3)})
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
        shards.find_sources([tar])


def test_bad_photos_are_reported_and_the_others_come(tmp_path, encoded, pack, bad):
    good = {f"{i}.jpg": encoded(i) for i in range(2)}
    sources = shards.find_sources([pack(tmp_path / "p.tar", bad | good)])
    answers = {name.partition(".tar/")[2]: photo for name, photo in shards.decode_sources(sources)}
    assert {name for name, photo in answers.items() if isinstance(photo, BadPhoto)} == set(bad)
    assert all(answers[name].shape == (40, 60, 3) for name in good)
    assert not any("0x" in str(answers[name]) for name in bad)  # the same words each time


def test_a_photo_that_has_gone_is_reported(tmp_path, encoded):
    for i in range(2):
        (tmp_path / f"{i}.jpg").write_bytes(encoded(i))
    sources = shards.find_sources([tmp_path])
    (tmp_path / "0.jpg").unlink()
    (_, gone), (_, photo) = shards.decode_sources(sources)
    assert isinstance(gone, BadPhoto)
    assert "cannot be opened" in str(gone)
    assert photo.shape == (40, 60, 3)


FOREIGN = ["._0.jpg", ".photochrom/0.jpg", "@eaDir/0.jpg", "in/#recycle/0.jpg", "._p.tar"]
RESULTS = ["0.color.jpg", "in/1.color-2.png"]


def test_what_is_nobodys_photo_and_what_we_have_painted_is_no_training_photo(
    tmp_path, encoded, pack
):
    photos = {"0.jpg": encoded(0), "in/1.png": encoded(1)}
    everything = photos | dict.fromkeys(FOREIGN + RESULTS, encoded(2))
    for name, data in everything.items():
        (tmp_path / "album" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "album" / name).write_bytes(data)
    found = shards.find_sources([tmp_path / "album"])
    assert [source.read() for source in found] == list(photos.values())
    del everything["._p.tar"]
    found = shards.find_sources([pack(tmp_path / "p.tar", everything)])
    assert [source.member for source in found] == list(photos)


def test_patterns_are_taken_for_what_they_match(tmp_path, encoded, pack):
    for i in range(2):
        pack(tmp_path / f"p-{i}.tar", {f"{i}.jpg": encoded(i)})
    assert [source.member for source in shards.find_sources([tmp_path / "p-*.tar"])] == [
        "0.jpg",
        "1.jpg",
    ]
    with pytest.raises(BadData, match=r"q-\*\.tar does not exist"):
        shards.find_sources([tmp_path / "q-*.tar"])


def test_a_link_to_nothing_is_reported_and_the_others_come(tmp_path, encoded):
    album = tmp_path / "album"
    album.mkdir()
    (album / "0.jpg").write_bytes(encoded(0))
    (album / "1.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(album / "2.jpg")  # which would be waited for
    (_, photo), (name, gone) = shards.decode_sources(shards.find_sources([album]))
    assert photo.shape == (40, 60, 3)
    assert name.endswith("1.jpg")
    assert "cannot be opened" in str(gone)
    assert list(cache.load([album], 16, tmp_path / "kept", quiet=True).unreadable) == [name]


def test_a_folder_that_does_not_open_makes_another_set_and_is_an_error(
    tmp_path, encoded, monkeypatch
):
    (tmp_path / "shut").mkdir()
    (tmp_path / "0.jpg").write_bytes(encoded(0))
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "shut":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(BadData, match="shut cannot be searched"):
        shards.find_sources([tmp_path])


@pytest.mark.parametrize(
    "error", [IndexError("bytes"), MissingExtra("pillow_heif", "heif"), MemoryError(), OSError(5)]
)
def test_whatever_one_photo_provokes_costs_that_one_alone(tmp_path, encoded, monkeypatch, error):
    album = tmp_path / "album"
    album.mkdir()
    for i in range(3):
        (album / f"{i}.jpg").write_bytes(encoded(i))
    bad = encoded(1)

    def provoked(source, **options):
        if source == bad:
            raise error
        return read_photo(source, **options)

    monkeypatch.setattr(decoding, "read_photo", provoked)
    monkeypatch.setattr(decoding, "_is_plain", lambda _: False)
    sources = shards.find_sources([album])
    assert [isinstance(p, BadPhoto) for _, p in shards.decode_sources(sources)] == [
        False,
        True,
        False,
    ]
    assert len(cache.load([album], 16, tmp_path / "kept", quiet=True)) == 2
    streamed = StreamedPhotos(sources, 16)
    assert len(list(streamed.read_photos(range(3)))) == 2
    *_, index = packing.pack(sources, tmp_path / "out", packing.Packing(side=16), 1)
    assert index.count == 2
    monkeypatch.setattr(decoding, "_draft_jpeg", lambda *_: None)
    looks = list(curate.Looks(tmp_path / "clean").take(sources, 1))
    assert [bool(seen.trouble) for seen in looks] == [False, True, False]
    for told in (streamed.unreadable, index.unreadable):
        assert list(told) == [str(album / "1.jpg")]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "AVIF", "JPEG2000"])
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_whatever_the_bytes_say_a_photo_is_bad_or_good(encoded, kind):
    data = encoded(1, kind=kind)
    draw = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(data)
        for place in draw.integers(0, len(data), 4):
            damaged[place] = draw.integers(256)
        with contextlib.suppress(BadPhoto):
            assert decode(bytes(damaged)).dtype == np.uint8


def test_photos_are_decoded_to_upright_8_bit_srgb(encoded):
    def saved(image: Image.Image, **how) -> bytes:
        file = io.BytesIO()
        image.save(file, "PNG", **how)
        return file.getvalue()

    grey = np.arange(48, dtype=np.uint8).reshape(6, 8)
    assert np.array_equal(decode(saved(Image.fromarray(grey))), np.repeat(grey[..., None], 3, 2))
    deep = np.linspace(0, 65535, 48).astype(np.uint16).reshape(6, 8)
    assert np.abs(decode(saved(Image.fromarray(deep)))[..., 1] - deep / 257).max() <= 1
    turned = Image.Exif()
    turned[0x0112] = 6
    assert decode(encoded(1, exif=turned)).shape == (60, 40, 3)
    rgb = np.random.default_rng(0).integers(60, 200, (6, 8, 3), dtype=np.uint8)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = decode(saved(Image.fromarray(rgb), icc_profile=profile))
    assert np.abs(same.astype(int) - rgb).max() <= 1


def test_a_photo_is_recognised_by_its_bytes(encoded):
    assert digest(b"abc") == hashlib.sha256(b"abc").hexdigest()
    assert digest(encoded(1)) != digest(encoded(2))


@given(st.binary(max_size=40))
def test_the_split_is_a_fact_of_the_bytes(data):
    key = digest(data)
    assert not shards.is_held_out(key, 0)
    assert shards.is_held_out(key, 1)
    held = [shards.is_held_out(key, share / 10) for share in range(11)]
    assert held == sorted(held)  # once held out, held out for every larger share


def test_the_share_held_out_is_about_what_was_asked_for():
    digests = [digest(str(i).encode()) for i in range(4000)]
    for share in (0.03, 0.1, 0.5):
        got = np.mean([shards.is_held_out(digest, share) for digest in digests])
        assert got == pytest.approx(share, abs=4 * (share * (1 - share) / 4000) ** 0.5)
    assert shards.is_held_out("0" * 64, 1e-9)  # the same on every machine, by definition
    assert not shards.is_held_out("f" * 64, 1 - 1e-9)


def test_an_index_is_read(tmp_path):
    path = tmp_path / "index.csv"
    path.write_text("name,width,split\na.jpg,3,train\nb/c.jpg,4,val\n", encoding="utf-8")
    assert shards.read_split_index(path) == {"a.jpg": "train", "b/c.jpg": "val"}
    path.write_text("\ufeffname,split\nä.jpg,val\n", encoding="utf-8")  # as spreadsheets write it
    assert shards.read_split_index(path) == {"ä.jpg": "val"}


@pytest.mark.parametrize("content", [None, b"photo,part\na.jpg,train\n", b"name,split\n\xff,val\n"])
def test_what_is_no_index_is_one_sentence(tmp_path, content):
    path = tmp_path / "index.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadData, match=r"is no index: it needs the columns name and split\.$"):
        shards.read_split_index(path)
