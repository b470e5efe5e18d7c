"""Sidecars: what is written is read again, and nothing else is."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from photochrom.errors import BadData, BadPhoto
from photochrom.image.encoding import Encoding
from photochrom.image.provenance import Original
from photochrom.inference.chroma_steps import from_codes, round_ab, to_codes
from photochrom.inference.hints import Hint
from photochrom.inference.options import ColorizeOptions
from photochrom.inference.sidecar import (
    ModelFile,
    ResultFile,
    Sidecar,
    SidecarPage,
    decode_ab,
    encode_ab,
    write_sidecar,
)
from photochrom.inference.sidecar_reader import read_sidecar
from spoil import spoiled

AB = np.linspace(-128, 127.99, 2 * 5 * 7, dtype=np.float32).reshape(2, 5, 7)


def digest(letter: str) -> str:
    return letter * 64


SIDECAR = Sidecar(
    original=Original(sha256=digest("a"), name="grand\udcffmother.jpg", size=5),
    model=ModelFile("toy", "2", digest("b")),
    when="2026-11-28T09:30:00Z",
    options=ColorizeOptions(strength=0.5, vivid=0.25, caption="Kolorowane"),
    sources={"reference": Original(sha256=digest("c"), name="red.png", size=9)},
    damaged=True,
    result=ResultFile("grandmother.color.jpg", "JPEG", Encoding(quality=90), digest("d")),
    pages=(
        SidecarPage(
            size=(70, 50),
            png=encode_ab(AB),
            hints=(Hint(3, 4.5, "olive"), Hint(70, 50, (-20, 15), "small")),
            clauses=("strength 0.5", "2 hints"),
        ),
        None,
        SidecarPage(size=(1, 1), png=None),
    ),
)


@pytest.fixture
def path(tmp_path) -> Path:
    write_sidecar(SIDECAR, tmp_path / "a.photochrom.json")
    return tmp_path / "a.photochrom.json"


def test_every_step_of_16_bits_is_told_exactly():
    codes = np.arange(65536, dtype=np.uint16)
    np.testing.assert_array_equal(to_codes(from_codes(codes)), codes)
    assert from_codes(codes)[[0, 32768, 65535]].tolist() == [-128, 0, 127.99609375]
    np.testing.assert_allclose(round_ab(AB), AB, rtol=0, atol=1 / 512)
    np.testing.assert_array_equal(round_ab(round_ab(AB)), round_ab(AB))
    np.testing.assert_array_equal(round_ab(np.array([-1000.0, 1000.0])), [-128, 127.99609375])


def test_colors_are_kept_as_they_are():
    np.testing.assert_array_equal(decode_ab(encode_ab(AB)), round_ab(AB))


def test_what_was_written_is_read(path):
    read = read_sidecar(path)
    for name in ("version", "original", "model", "when", "options", "sources", "damaged", "result"):
        assert getattr(read, name) == getattr(SIDECAR, name), name
    first, kept, grey = read.pages
    assert [vars(first), kept, vars(grey)] == [
        vars(SIDECAR.pages[0]), None, vars(SIDECAR.pages[2])
    ]  # fmt: skip


def test_hints_in_it_are_a_hint_file(path):
    told = json.loads(path.read_text())["pages"][0]["hints"]
    assert told == {
        "size": [70, 50],
        "hints": [
            {"x": 3, "y": 4.5, "color": "olive"},
            {"x": 70, "y": 50, "color": [-20, 15], "reach": "small"},
        ],
    }


def png(width: int, height: int, bits: int = 16, kind: int = 0) -> str:
    """A data URL of a PNG that claims a size."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n\0\0\0\r" + head + struct.pack(">I", zlib.crc32(head))
    return "data:image/png;base64," + base64.b64encode(data).decode()


LONG = "x" * 5000


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("photochrom_sidecar", "1", "does not say that it is one"),
        ("photochrom_sidecar", True, "does not say that it is one"),
        ("photochrom_sidecar", 2, "is a sidecar of version 2"),
        ("original", [], "its original is"), ("original/sha256", "A" * 64, "its original SHA-256"),
        ("original/size", -1, "size is -1"), ("original/size", 1.5, "size is 1.5"),
        ("original/folder", "/etc", "original has 'folder', which is unknown"),
        ("model", "toy", "its model is"), ("model/name", None, "model name is None"),
        ("result/quality", 0, "quality is 0"), ("result/quality", True, "quality is True"),
        ("result/compression", "zip", "compression is 'zip'"), ("result/format", 7, "format is 7"),
        ("when", "yesterday", "its when is 'yesterday'"), ("when", None, "its when is None"),
        ("options/strength", 9, "strength is 9"), ("options/strength", "1", "strength is '1'"),
        ("options/vivid", float("nan"), "vivid is nan"), ("options/size", 10**400, "size is 1000"),
        ("options/quality", "good", "quality is 'good'"), ("options/mark", 1, "mark is 1"),
        ("options/model", "x", "options has 'model'"), ("options/caption", LONG, "caption is 'xx"),
        ("sources/model", {}, "sources hold 'model'"), ("sources/reference", 3, "reference is 3"),
        ("pages", {}, "pages are no list"), ("pages", [], "pages are no list"),
        ("pages/0", "lost", "page 1 is 'lost'"), ("pages/0/size", [0, 5], "page 1 size"),
        ("pages/0/size", [1], "page 1 has no size"), ("pages/0/size", [True, 5], "size is True"),
        ("pages/0/clauses", [LONG], "page 1 clause"), ("pages/0/clauses", ["x"] * 101, "at most"),
        ("pages/0/hints", [{"x": 90, "y": 1, "color": "red"}], "lies outside the photo"),
        ("pages/0/hints", 7, "holds no hints"), ("pages/0/colors", 7, "has no colours"),
        ("pages/0/colors", "data:image/png;base64,?", "colours that are no base64"),
        ("pages/0/colors", png(4, 3), "colours that are no 16-bit PNG"),
        ("pages/0/colors", png(4, 4, bits=8), "colours that are no 16-bit PNG"),
        ("pages/0/colors", png(4, 4, kind=2), "colours that are no 16-bit PNG"),
        ("pages/0/colors", png(2**15, 2**15), "more than any network sees"),
        ("pages/2/colors", "http://example.org/a.png", "page 3 has no colours"),
    ],
)  # fmt: skip
def test_a_field_that_is_wrong_is_named(path, place, value, words):
    told = json.loads(path.read_text())
    *way, last = [int(step) if step.isdigit() else step for step in place.split("/")]
    there = told
    for step in way:
        there = there[step]
    there[last] = value
    path.write_text(json.dumps(told))
    with pytest.raises(BadData, match=words) as error:
        read_sidecar(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    "content", [b"", b"null", b"[]", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"photochrom_sidecar":']
)
def test_what_is_no_sidecar_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(BadData, match="is no sidecar of photochrom"):
        read_sidecar(path)


def test_every_field_has_to_be_there(path):
    told = json.loads(path.read_text())
    for name in told:
        path.write_text(json.dumps({key: value for key, value in told.items() if key != name}))
        with pytest.raises(BadData, match=f"lacks {name}|does not say"):
            read_sidecar(path)


def test_a_sidecar_that_is_not_there_is_said(tmp_path):
    with pytest.raises(BadData, match="cannot be read"):
        read_sidecar(tmp_path / "none.json")
    with pytest.raises(BadData, match="cannot be read"):
        read_sidecar(tmp_path)


def test_whatever_happened_to_a_sidecar_it_is_read_or_refused(path):
    content, random, read = path.read_bytes(), np.random.default_rng(5), 0
    for _ in range(300):
        path.write_bytes(spoiled(content, random))
        try:
            pages = read_sidecar(path).pages
        except BadData:
            continue
        read += 1
        for page in filter(None, pages):
            try:
                assert page.png is None or decode_ab(page.png).dtype == np.float32
            except (BadPhoto, ValueError):
                continue
    assert read < 300
