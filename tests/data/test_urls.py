from __future__ import annotations

import sys
from pathlib import Path

import fsspec
import numpy as np
import pytest

from photochrom.data import cache, members
from photochrom.data.pack import Packing, pack
from photochrom.data.shards import find_shards, find_sources
from photochrom.data.stream import StreamedPhotos
from photochrom.errors import BadData, BadPhoto, MissingExtra
from photochrom.storage.remote import Remote, parse_place


@pytest.fixture
def album(tmp_path, encoded, fill, pack_tar):
    fill(tmp_path, {f"in/{i}.jpg": i for i in range(3)})
    pack_tar(tmp_path / "p.tar", {f"{i}.jpg": encoded(10 + i) for i in range(4)})
    return tmp_path


@pytest.fixture
def far(album):
    """The same in memory."""
    fs = fsspec.filesystem("memory")
    fs.put(str(album), "/album", recursive=True)
    yield "memory://album"
    fs.rm("/album", recursive=True)


def data(sources) -> list[bytes]:
    return [source.read() for source in sources]


def test_a_url_gives_what_the_path_gives(album, far):
    here = data(find_sources([album]))
    assert data(find_sources([far])) == here
    assert data(find_sources([f"file://{album}"])) == here
    assert data(find_sources([f"{far}/p.tar"])) == here[3:]
    assert data(find_sources([f"{far}/in/1.jpg", f"{far}/in"])) == [here[1], *here[:3]]
    names = [source.name for source in find_sources([far])]
    assert names[0].endswith("album/in/0.jpg")
    assert names[-1].endswith("album/p.tar/3.jpg")


def test_what_is_left_out_of_folders_is_left_out_at_urls(album, far, encoded):
    fs = fsspec.filesystem("memory")
    for name in ("in/@eaDir/0.jpg", "in/._0.jpg", "in/0.color.jpg", ".photochrom/0.jpg", "._p.tar"):
        fs.pipe(f"/album/{name}", encoded(99))
    assert data(find_sources([far])) == data(find_sources([album]))


def test_a_url_that_went_through_a_path_is_still_one(album, far):
    assert data(find_sources([Path(far)])) == data(find_sources([far]))
    assert data(find_sources([Path(f"file://{album}")])) == data(find_sources([album]))
    assert parse_place(Path("s3://bucket/a/b")) == Remote("s3://bucket/a/b")
    assert parse_place("S3://bucket/a") == Remote("s3://bucket/a")
    assert parse_place("photos/a") == Path("photos/a")
    assert parse_place("C:/photos") == Path("C:/photos")
    assert parse_place(Remote("s3://x")) == Remote("s3://x")


def test_the_cache_takes_urls_and_sees_when_they_change(album, far, tmp_path_factory, encoded):
    kept = tmp_path_factory.mktemp("kept")
    photos = cache.load([Path(far)], 32, kept, quiet=True)
    here = cache.load([album], 32, kept, quiet=True)
    assert np.array_equal(photos.pixels, here.pixels)
    assert photos.digests == here.digests
    fsspec.filesystem("memory").pipe("/album/in/0.jpg", encoded(99))
    assert not np.array_equal(cache.load([far], 32, kept, quiet=True).pixels, here.pixels)


def test_a_stream_reads_urls(album, far):
    here, there = (StreamedPhotos(find_shards([place]), 16) for place in (album, far))
    pairs = zip(here.read_photos(range(7)), there.read_photos(range(7)), strict=True)
    assert sum(np.array_equal(*pair) for pair in pairs) == 7


def test_packed_shards_are_not_gone_through(album, tmp_path_factory, monkeypatch):
    out = tmp_path_factory.mktemp("out") / "shards"
    list(pack(find_sources([album]), out, Packing(side=20), 1))
    here = find_sources([out])
    monkeypatch.setattr(members, "scan_tar", lambda _: pytest.fail("the tar was read"))
    assert data(find_sources([f"file://{out}"])) == data(here)


def test_bad_addresses_have_a_sentence(far, monkeypatch):
    fs = fsspec.filesystem("memory")
    fs.pipe({"/album/text.md": b"text", "/album/bad.tar": b"text" * 500})
    for url, sentence in (
        ("memory://nowhere", r"memory://nowhere cannot be looked at .*check the address"),
        ("nonsense://x", r"nonsense://x cannot be looked at"),
        (f"{far}/text.md", r"text\.md is neither a folder nor a \.tar"),
        (f"{far}/bad.tar", r"bad\.tar is not a readable tar"),
    ):
        with pytest.raises(BadData, match=sentence):
            find_sources([url])
    source = find_sources([f"{far}/in"])[0]
    fs.rm("/album/in/0.jpg")
    with pytest.raises(BadPhoto, match="cannot be opened"):
        source.read()
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingExtra, match=r"fsspec.*pip install 'photochrom\[ray\]'"):
        find_sources([far])
