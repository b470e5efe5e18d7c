"""Lists, shards and stores that were made to harm whoever reads them."""

from __future__ import annotations

import io
import json
import os
import struct
import tarfile
from pathlib import Path

import fsspec
import pytest

from photochrom.cli import main
from photochrom.data import cache, curate
from photochrom.data.members import list_members
from photochrom.data.pack import Packing, pack
from photochrom.data.photo_source import MOST_BYTES, PhotoSource
from photochrom.data.shards import decode_sources, find_shards, find_sources
from photochrom.data.stream import StreamedPhotos
from photochrom.errors import BadData, BadPhoto, CannotWrite
from photochrom.storage.remote import KINDS, Remote, connect, places_below, why_refused


def run(*arguments) -> int:
    with pytest.raises(SystemExit) as ended:
        main.main([str(argument) for argument in arguments])
    return ended.value.code


def troubles(sources) -> dict[str, str]:
    return {source.name: source.trouble for source in sources if source.trouble}


def listed(path: Path, *names: str) -> Path:
    path.write_bytes(b"".join(os.fsencode(name) + b"\n" for name in names))
    return path


# --- names ------------------------------------------------------------------------------------


def test_a_member_does_not_become_a_line_of_its_own(tmp_path, encoded, fill, pack_tar, capsys):
    secret = fill(tmp_path / "home", {"secret.jpg": encoded(7, 300, 240)}) / "secret.jpg"
    name = f"a.jpg\n{secret}"
    tar = pack_tar(tmp_path / "p.tar", {name: encoded(1, 300, 240), "b.jpg": encoded(2, 300, 240)})
    out = tmp_path / "out"
    assert run("data", "curate", tar, "-o", out, "--saturation", 0, "--toned", 0) == 0
    assert (out / "kept.txt").read_text() == f"{tar}/b.jpg\n"
    dropped = (out / "dropped.csv").read_text()
    assert "unreadable" in dropped
    assert "control characters" in dropped
    assert "secret" not in (out / "looks.jsonl").read_text()
    assert run("data", "pack", tar, "-o", tmp_path / "shards") == 1
    told = capsys.readouterr().err
    assert f"p.tar/a.jpg\\n{secret}: its name holds control characters" in told
    assert len(find_sources([tmp_path / "shards"])) == 1


@pytest.mark.parametrize("sign", ["\n", "\r", "\t", "\x1b", "\x7f", "\x9b", "\u2028", "\u202e"])
def test_names_with_control_characters_are_left_out_alone(tmp_path, fill, sign):
    album = fill(tmp_path / "album", {f"a{sign}b.jpg": 1, "c.jpg": 2})
    sources = find_sources([album])
    assert list(troubles(sources)) == [f"{album}/a{sign}b.jpg"]
    bad, good = (photo for _, photo in decode_sources(sources))
    assert isinstance(bad, BadPhoto)
    assert good.shape == (40, 60, 3)
    photos = cache.load([album], 32, tmp_path / "cache", quiet=True)
    assert photos.names == [f"{album}/c.jpg"]
    assert list(photos.unreadable) == [f"{album}/a{sign}b.jpg"]


def test_what_was_seen_before_does_not_let_a_name_in(tmp_path, encoded, pack_tar):
    (source,) = find_sources([pack_tar(tmp_path / "p.tar", {"a\n/b.jpg": encoded(1)})])
    looks = curate.Looks(tmp_path)
    looks.known = {looks._key(source): curate.Look()}
    (seen,) = looks.take([source], 1)
    assert "control characters" in seen.trouble


# --- lists ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        *("reference://::file:///{album}/refs.jpg", "reference://x/a.jpg"),
        *("http://127.0.0.1:1/a.jpg", "https://example.org/a.jpg", "sftp://example.org/a.jpg"),
        *("zip://a.jpg::file:///{album}/a.zip", "simplecache::file:///{album}/0.jpg"),
        *("s3://bucket/x.jpg::memory://y", "reference://::file:///{album}/refs.tar/a.jpg"),
        *("file:///{album}/0.jpg\tx", "{album}/0.jpg\r{album}/1.jpg"),
        *("{album}/pipe.jpg", "{album}"),
    ],
)
def test_what_a_list_may_not_name_is_left_out_alone(tmp_path, fill, line, monkeypatch):
    fill(tmp_path, {"0.jpg": 0, "1.jpg": 1})
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.jpg")
    line = line.format(album=tmp_path)
    kept = listed(tmp_path / "kept.txt", f"{tmp_path}/0.jpg", line, f"file://{tmp_path}/1.jpg")
    asked = []
    url_to_fs = fsspec.url_to_fs
    monkeypatch.setattr(fsspec, "url_to_fs", lambda url: asked.append(url) or url_to_fs(url))
    if line.startswith("simplecache"):  # no URL, and no file of that name
        with pytest.raises(BadData, match="which is not there"):
            find_sources([kept])
        return
    sources = find_sources([kept])
    assert [bool(source.trouble) for source in sources] == [False, True, False]
    assert not isinstance(next(iter(decode_sources(sources[:1])))[1], BadPhoto)
    assert isinstance(next(iter(decode_sources(sources[1:2])))[1], BadPhoto)
    *_, index = pack(sources, tmp_path / "out", Packing(side=20), 1)
    assert (index.count, list(index.unreadable)) == (2, [sources[1].name])
    assert len(cache.load([kept], 32, tmp_path / "cache", quiet=True)) == 2
    assert len(list(curate.Looks(tmp_path / "looks").take(sources, 1))) == 3
    assert set(asked) <= {f"file://{tmp_path}/1.jpg"}


def test_a_list_may_name_paths_and_stores(tmp_path, encoded, pack_tar):
    tar = pack_tar(tmp_path / "p.tar", {"a::b.jpg": encoded(1)})
    (tmp_path / "c::d.jpg").write_bytes(encoded(2))
    fs = fsspec.filesystem("memory")
    fs.pipe("/album/e.jpg", encoded(3))
    names = [f"{tar}/a::b.jpg", f"{tmp_path}/c::d.jpg", "memory://album/e.jpg"]
    try:
        kept = listed(tmp_path / "kept.txt", *names)
        found = find_sources([kept])
        kept.write_bytes(kept.read_bytes().replace(b"\n", b"\r\n"))  # the line ends of Windows
        assert find_sources([kept]) == found
        assert [source.read() for source in found] == [encoded(1), encoded(2), encoded(3)]
    finally:
        fs.rm("/album", recursive=True)


# --- URLs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        *("reference://x", "reference://::file:///x.jpg", "simplecache::s3://b/x"),
        *("zip://x::memory://y", "file:///x::y.jpg", "github://a:b@/x"),
        *("jupyter://x", "dask://x", "smb://host/x"),
    ],
)
def test_urls_that_are_never_asked(url, monkeypatch):
    monkeypatch.setattr(fsspec, "url_to_fs", lambda url: pytest.fail(f"{url} was asked"))
    assert why_refused(url, KINDS)
    ways = [connect, lambda url: find_sources([url])]
    if "://" not in url.partition("::")[0]:  # no URL but for a Remote
        ways = [lambda url: Remote(url).is_dir()]
    for ask in ways:
        with pytest.raises(BadData, match="cannot be looked at"):
            ask(url)


@pytest.mark.parametrize(
    "url", ["s3://b/x", "gs://b/x", "https://h/x", "file:///x", "S3://b", "hf://datasets/a/b"]
)
def test_what_the_user_names_may_be_asked(url):
    assert not why_refused(url, KINDS)


def test_a_path_is_no_url_whatever_is_in_it(tmp_path, fill):
    fs, place = connect(str(fill(tmp_path, {"reference::x": b"plain"}) / "reference::x"))
    assert fs.cat_file(place) == b"plain"


def test_what_a_store_tells_does_not_lead_out_of_it():
    names = ["/a/b/c.jpg", "/a/b/../../d.jpg", "/a/b/in/../e.jpg", "/f.jpg", "/a/b/in/g.jpg"]
    assert places_below(names, "/a/b") == {
        "c.jpg": "/a/b/c.jpg",
        "e.jpg": "/a/b/in/../e.jpg",
        "in/g.jpg": "/a/b/in/g.jpg",
    }
    web = ["https://h/dir/a.jpg", "https://h/dir/../../b.jpg", "https://h/c.jpg"]
    assert list(places_below(web, "https://h/dir")) == ["a.jpg"]


def test_an_index_is_believed_within_its_shard_only(tmp_path, fill):
    out = tmp_path / "out"
    list(pack(find_sources([fill(tmp_path / "album", {"0.jpg": 0})]), out, Packing(side=20), 1))
    right = [source.read() for source in find_sources([out])]
    index, table = json.loads((out / "index.json").read_text()), out / "members.jsonl"
    shard = index["shards"][0]
    name, at, size = json.loads(table.read_bytes())[0]
    bad = [name, at, 10**15], [name, -5, size], [name, at, -1], [name, 1e999, 1], 5, [[]]

    def check():
        for place in (out, f"file://{out}"):
            assert [source.read() for source in find_sources([place])] == right

    tables = [json.dumps(told).encode() for told in ([photo] for photo in bad)]
    for told in (*tables, b"[" * 100_000, b"[]", b"{}", b"\xff"):
        table.write_bytes(told)
        (out / "index.json").write_text(
            json.dumps(index | {"shards": [shard | {"members": [0, len(told)]}]})
        )
        check()
    lies = [{"members": where} for where in ([-1, 5], [0, 10**15], [1e999, 1], 5, [9, 9, 9])]
    lies += [{"count": count} for count in (-1, 7, "x")]
    lies += [{"members": None, "photos": [photo]} for photo in bad]
    lies.append({"bytes": 7, "photos": [["x.webp", 0, 5]]})
    texts = [json.dumps(index | {"shards": [shard | lie]}) for lie in lies]
    old = {key: shard[key] for key in ("name", "count", "bytes")}
    texts += [json.dumps(index | {"shards": [old | {"photos": [photo]}]}) for photo in bad]
    texts += ["[" * 100_000, "[]", "text", '{"shards": 5}', f'{{"shards": [{{"name": "{name}"}}]}}']
    for text in texts:
        (out / "index.json").write_text(text)
        check()


FOREIGN = [{"shards": given} for given in (5, [5], [{"name": "../x"}], [{}])]


@pytest.mark.parametrize("change", [*FOREIGN, {"taken": "1"}])
def test_an_index_to_go_on_with_is_our_own(tmp_path, fill, change):
    sources, out = find_sources([fill(tmp_path, {"0.jpg": 0})]), tmp_path / "out"
    list(pack(sources, out, Packing(side=20), 1))
    index = json.loads((out / "index.json").read_text())
    (out / "index.json").write_text(json.dumps(index | change))
    with pytest.raises(CannotWrite, match="choose a new folder for --out"):
        list(pack(sources, out, Packing(side=20), 1))


# --- shards -----------------------------------------------------------------------------------


def header(name: str, size: int, kind: bytes = b"0", rest: bytes = b"") -> bytes:
    """A tar header that says what it likes; ``rest`` is what follows the magic of old GNU tars."""
    told = b"%011o\0" % size if 0 <= size < 8**11 else b"\xff" * 4 + struct.pack(">q", size)
    if size >= 8**11:
        told = b"\x80\0\0\0" + struct.pack(">q", size)
    block = bytearray(512)
    block[:100] = name.encode().ljust(100, b"\0")
    block[100:124] = b"0000644\0" * 3
    block[124:136] = told
    block[136:148] = b"00000000000\0"
    block[156:157] = kind
    block[257:265] = b"ustar  \0" if rest else b"ustar\x0000"
    block[345 : 345 + len(rest)] = rest
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def member(name: str, data: bytes) -> bytes:
    return header(name, len(data)) + data + bytes(-len(data) % 512)


def sparse(name: str, size: int) -> bytes:
    """A member of the old GNU kind, of holes alone."""
    rest = bytearray(150)  # from offset 345: times, offset, names, then the map from 386 on
    rest[386 - 345 : 398 - 345] = b"%011o\0" % 0
    rest[398 - 345 : 410 - 345] = b"%011o\0" % 0
    rest[483 - 345 : 495 - 345] = b"\x80\0\0\0" + struct.pack(">q", size)
    return header(name, 0, b"S", bytes(rest))


def test_members_of_a_size_that_is_only_told_are_named_and_left_out(tmp_path, encoded):
    tar = tmp_path / "p.tar"
    tar.write_bytes(
        member("a.jpg", encoded(1)) + sparse("holes.jpg", 10**12) + member("b.jpg", encoded(2))
        + sparse("small.jpg", 1000) + bytes(1024)
    )  # fmt: skip
    sources = find_sources([tar])
    assert list(troubles(sources)) == [f"{tar}/holes.jpg", f"{tar}/small.jpg"]
    read = [photo for _, photo in decode_sources(sources)]
    assert [isinstance(photo, BadPhoto) for photo in read] == [False, True, False, True]
    assert "1,000,000,000,000 bytes" in str(read[1])
    assert "holes" in str(read[3])
    assert len(list(StreamedPhotos(find_shards([tar]), 16).read_photos(range(4)))) == 2


def test_a_photo_that_is_too_large_is_not_read(tmp_path):
    huge = tmp_path / "huge.jpg"
    with huge.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    (source,) = find_sources([tmp_path])
    with pytest.raises(BadPhoto, match=r"said to have 1,000,000,001 bytes"):
        source.read()


def test_whatever_reading_runs_into_costs_one_photo(tmp_path):
    source = PhotoSource(Remote("nonsense://x/a.jpg"), size=5)
    with pytest.raises(BadPhoto, match="cannot be looked at"):
        source.read()
    assert "cannot be looked at" in curate._look(source).trouble


@pytest.mark.parametrize(
    "data",
    [
        header("x", 10**12, b"x"),
        header("x", 10**12, b"L"),
        header("x", 1 << 20, b"x") + bytes(1 << 20),
        header("a.jpg", -512) + bytes(1024),
        header("a.jpg", -1024) + bytes(1024),
        header("long", 1, b"L") + b"n".ljust(512, b"\0"),
        b"".join(header("long", 1, b"L") + b"n".ljust(512, b"\0") for _ in range(2000)),
        header("pax", 40, b"x") + b"20 GNU.sparse.map=1,2,".ljust(512, b"\0"),
    ],
    ids=["pax", "name", "large", "negative", "back", "alone", "chain", "map"],
)
def test_headers_that_lie_are_one_sentence(tmp_path, encoded, data):
    tar = tmp_path / "p.tar"
    tar.write_bytes(member("a.jpg", encoded(1)) + data)
    with pytest.raises(BadData, match=r"p\.tar is not a readable tar .*: pack it anew\.$"):
        find_sources([tar])


def test_headers_of_honest_tars_are_read(tmp_path, encoded):
    tar = tmp_path / "p.tar"
    names = ["ü" * 200 + ".jpg", "d/" * 100 + "a.jpg"]
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        with tarfile.open(tar, "w", format=form) as file:
            for name in names:
                told = tarfile.TarInfo(name)
                told.size = len(encoded(1))
                told.pax_headers = {"SCHILY.xattr.user.note": "n" * 5000}
                file.addfile(told, io.BytesIO(encoded(1)))
        with tar.open("rb") as read:
            assert [found.name for found in list_members(read)] == names
        assert [source.read() for source in find_sources([tar])] == [encoded(1)] * 2
