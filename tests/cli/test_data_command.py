"""`photochrom data`, as a user meets it."""

from __future__ import annotations

import json
from functools import partial

import pytest

import commands
from photochrom.data import shards
from photochrom.data.decode import decode

run = partial(commands.run, "data")


@pytest.fixture
def album(tmp_path, encoded):
    folder = tmp_path / "album"
    folder.mkdir()
    for i in range(5):
        (folder / f"{i}.jpg").write_bytes(encoded(i, 300, 200))
    return folder


def test_from_photos_to_shards(album, tmp_path, capsys):
    assert run("curate", album, "-o", tmp_path / "clean") == 0
    assert run("pack", tmp_path / "clean" / "kept.txt", "-o", tmp_path / "out", "--side", 64) == 0
    said = capsys.readouterr()
    assert "5 photos in 1 shard," in said.err
    assert said.out.splitlines()[-1] == str(tmp_path / "out")
    found = shards.find_sources([tmp_path / "out"])
    assert {min(decode(s.read()).shape[:2]) for s in found} == {64}
    assert json.loads((tmp_path / "out" / "index.json").read_text())["how"]["side"] == 64
    for _ in range(2):  # the second time its own results are among them, and are not packed again
        assert run("pack", album, "-o", album / "out") == 0


def test_a_bad_photo_is_named_and_the_others_are_packed(album, tmp_path, capsys):
    (album / "bad.jpg").write_bytes(b"text")
    assert run("pack", album, "-o", tmp_path / "out", "--kind", "jpg") == 1
    said = capsys.readouterr().err
    assert "bad.jpg: the photo is not a picture" in said
    assert "5 photos in 1 shard," in said


@pytest.mark.parametrize(
    ("asked", "code", "words"),
    [
        ("pack album -o o --side 5", 2, "--side is 5"),
        ("pack -o o", 2, "There are no photos"),
        ("pack no -o o", 1, "no does not exist"),
        ("pack album -o album", 1, "no photos but those in"),
        ("pack album -o s3://bucket/o", 2, "choose a folder on this machine"),
        ("pack memory://nothing -o o", 1, "cannot be looked at"),
    ],
)
def test_bad_requests_have_a_sentence(album, asked, code, words, capsys, monkeypatch):
    monkeypatch.chdir(album.parent)
    assert run(*asked.split()) == code
    assert words in capsys.readouterr().err
