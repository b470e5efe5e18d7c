from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import tarfile

import numpy as np
import pytest
from PIL import Image

from photochrom.data import pack as packing
from photochrom.data.decode import decode, digest, scale_short_side
from photochrom.data.pack import Packing
from photochrom.data.shards import find_sources
from photochrom.errors import BadData, BadOption, CannotWrite, DiskFull


@pytest.fixture
def album(tmp_path, encoded, fill):
    photos = {f"{i:02d}.jpg": encoded(i, 120, 90 if i else 30) for i in range(12)}
    return fill(tmp_path / "album", photos)


@pytest.fixture
def small(monkeypatch):
    """Shards of a few photos: a megabyte has so many bytes here."""
    monkeypatch.setattr(packing, "_MEGABYTE", 8000)


def packed(folder, out, **how):
    *_, index = packing.pack(
        find_sources([folder]), out, Packing(**{"side": 40, "megabytes": 1} | how), 2
    )
    return index


def contents(out) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir()}


def test_shards_hold_every_photo_small_and_tell_where_it_came_from(album, tmp_path, small):
    index = packed(album, tmp_path / "out")
    assert len(index.shards) > 1
    assert index.count == index.photos == index.taken == 12
    told, names = [], []
    tables = (tmp_path / "out" / "members.jsonl").read_bytes()
    for shard in index.shards:
        with tarfile.open(tmp_path / "out" / shard["name"]) as tar:
            members = tar.getnames()
            names += members
            keys = [name.partition(".")[0] for name in members]
            assert keys[::2] == keys[1::2]  # a photo and what is told of it, side by side
            told += [json.load(tar.extractfile(name)) for name in members[1::2]]
            places = [[m.name, m.offset_data, m.size] for m in tar.getmembers()][::2]
        at, size = shard["members"]
        assert json.loads(tables[at : at + size]) == places
        data = (tmp_path / "out" / shard["name"]).read_bytes()
        assert shard["sha256"] == digest(data)
        assert (shard["bytes"], shard["count"]) == (len(data), len(members) // 2)
    assert names[::2] == [f"{i:08d}.webp" for i in range(12)]
    assert {t["source"] for t in told} == {str(p) for p in album.iterdir()}
    assert {(t["width"], t["height"]) for t in told} == {(120, 90), (120, 30)}
    for source, about in zip(find_sources([tmp_path / "out"]), told, strict=True):
        photo = decode((album / about["source"]).read_bytes())
        assert about["sha256"] == digest((album / about["source"]).read_bytes())
        expected = scale_short_side(photo, min(40, about["height"]))  # none is enlarged
        got = decode(source.read())
        assert got.shape == expected.shape
        assert np.abs(got.astype(int) - expected).mean() < 5


def test_the_order_is_the_seed_s(album, tmp_path, small):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        packed(album, tmp_path / name, seed=seed)
    a, b, c = (contents(tmp_path / name) for name in "abc")
    assert a == b != c


def test_packing_goes_on_where_it_stopped(album, tmp_path, small, monkeypatch):
    packed(album, tmp_path / "whole")
    out, encode, count = tmp_path / "out", packing._encode, []

    def stopping(source, how):
        count.append(source)
        if len(count) > 6:
            raise KeyboardInterrupt
        return encode(source, how)

    monkeypatch.setattr(packing, "_encode", stopping)
    with pytest.raises(KeyboardInterrupt):
        list(packing.pack(find_sources([album]), out, Packing(side=40, megabytes=1), 1))
    assert not [name for name in contents(out) if name.endswith(".part")]
    assert 0 < len(contents(out)) < len(contents(tmp_path / "whole"))
    monkeypatch.setattr(packing, "_encode", encode)
    packed(album, out)
    assert contents(out) == contents(tmp_path / "whole")
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    assert packed(album, out).count == 12  # nothing to do
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before


def test_what_an_earlier_version_packed_is_gone_on_with(album, tmp_path, small):
    """It told in the index itself which photos a shard holds."""
    out = tmp_path / "out"
    packed(album, out)
    whole, (index, table) = contents(out), (out / "index.json", out / "members.jsonl")
    told = json.loads(index.read_text())
    for shard, line in zip(told["shards"], table.read_bytes().splitlines(), strict=True):
        del shard["members"]
        shard["photos"] = json.loads(line)
    table.unlink()
    index.write_text(json.dumps(told | {"version": 1}))
    assert [s.read() for s in find_sources([f"file://{out}"])] == [
        s.read() for s in find_sources([out])
    ]
    assert packed(album, out).count == 12
    assert contents(out) == whole


def test_a_killed_process_is_gone_on_with(album, tmp_path):
    code = (
        "import os, signal\nfrom pathlib import Path\nfrom photochrom.data import pack, shards\n"
        "pack._MEGABYTE = 8000\nencode = pack._encode\n"
        f"found = shards.find_sources([Path({str(album)!r})])\n"
        f"out = Path({str(tmp_path / 'out')!r})\n"
        "def killed(*given):\n"
        "    if list(out.glob('photos-*')): os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return encode(*given)\n"
        "pack._encode = killed\n"
        "list(pack.pack(found, out, pack.Packing(side=40, megabytes=1), 1))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    assert list(tmp_path.glob("out/photos-*"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "_MEGABYTE", 8000)
        packed(album, tmp_path / "out")
        packed(album, tmp_path / "whole")
    whole = contents(tmp_path / "whole")
    assert {n: d for n, d in contents(tmp_path / "out").items() if n in whole} == whole


def test_bad_photos_are_left_out_and_told(album, tmp_path, bad, small, fill):
    fill(album, bad)
    Image.new("RGB", (900, 20)).save(album / "strip.png")
    index = packed(album, tmp_path / "out")
    assert index.count == 12
    assert {name.rpartition("/")[2] for name in index.unreadable} == {*bad, "strip.png"}
    only = fill(tmp_path / "only", {"text.jpg": bad["text.jpg"]})
    with pytest.raises(BadData, match=r"None of the photos can be read; the first, .*text\.jpg"):
        packed(only, tmp_path / "none")


def test_a_folder_of_something_else_is_left_alone(album, out, small):
    packed(album, out)
    with pytest.raises(CannotWrite, match="holds shards of other photos or settings"):
        packed(album, out, side=50)
    (album / "00.jpg").unlink()
    with pytest.raises(CannotWrite, match="holds shards of other photos or settings"):
        packed(album, out)
    with pytest.raises(CannotWrite, match="album holds something else"):
        packed(out, album)
    (out / "index.json").write_text("{}")
    with pytest.raises(CannotWrite, match="is no index of shards"):
        packed(album, out)


def test_a_shard_that_was_changed_is_noticed(album, out, small):
    packed(album, out)
    with (out / "photos-00001.tar").open("ab") as file:
        file.write(b"x")
    with pytest.raises(CannotWrite, match=r"photos-00001\.tar has been changed"):
        packed(album, out)
    (out / "photos-00001.tar").unlink()
    with pytest.raises(CannotWrite, match=r"photos-00001\.tar has gone"):
        packed(album, out)


def test_a_full_disk_has_its_sentence_and_leaves_nothing_half(album, tmp_path, small, monkeypatch):
    def full(tar, *_):
        tar.fileobj.write(b"x")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(packing, "_add_photo", full)
    with pytest.raises(DiskFull, match="make room, then go on"):
        packed(album, tmp_path / "out")
    assert list(contents(tmp_path / "out")) == ["index.json"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"side": 3}, "--side is 3: give 16 to 4096"),
        ({"quality": 0}, "--quality is 0"),
        ({"megabytes": 0}, "--shard-megabytes is 0"),
        ({"seed": -1}, "--seed is -1"),
    ],
)
def test_bad_settings_are_refused(wrong, words):
    with pytest.raises(BadOption, match=words):
        Packing(**wrong)


def test_a_folder_that_takes_no_files(album, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite):
        packed(album, tmp_path / "file" / "out")
