"""Whatever is sent, the answer is a sentence, and the server stays well."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from pictures import encode, halves, refused, send
from PIL import Image, ImageFile

from photochrom.image.photo import Photo
from photochrom.image.writer import encode_photo
from photochrom.web.engine import safe_name
from spoil import spoiled

JSON = {"content-type": "application/json"}
KINDS = {
    "JPEG": {"quality": 90}, "PNG": {}, "TIFF": {"compression": "tiff_lzw"}, "WEBP": {}, "GIF": {},
    "BMP": {}, "JPEG2000": {}, "AVIF": {},
}  # fmt: skip


def status_of(answer: Any) -> int:
    """Of an answer that is a result, or a refusal as it is described."""
    assert answer.status_code < 500, answer.text
    return answer.status_code if answer.status_code < 400 else refused(answer)[0]


def damaged() -> Iterator[bytes]:
    """Files of all kinds cut short, changed, doubled, and nonsense."""
    random = np.random.default_rng(0)
    for kind, options in KINDS.items():
        whole = encode(halves(40, 30), kind, **options)
        for reach in (64, 1 << 20) * 12:  # the header; all of it
            yield spoiled(whole, random, reach=reach)
        yield from (whole + whole, whole[:16] + random.bytes(500))
    yield from map(random.bytes, (0, 1, 2, 16, 1000))
    yield b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>"
    yield b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run\n"
    yield from (b"P5\n0 0\n255\n", b"P5\n99999 99999\n255\n" + bytes(100), bytes(100_000))
    yield b"\0\0\1\0" + random.bytes(100)


def test_two_hundred_damaged_photos_are_refused_or_coloured(client):
    tried = list(damaged())
    assert len(tried) >= 200
    for data in tried:
        files = {"photo": ("a.jpg", data)}
        answer = client.post("/api/photos", files=files)
        assert status_of(answer) in (201, 413, 415)
        if answer.status_code == 201:
            path = f"/api/photos/{answer.json()['id']}"
            status_of(client.post(f"{path}/colorize", json={"full": True}))
            status_of(client.get(f"{path}/grey"))
            client.delete(path)
        else:
            status_of(client.post("/api/colorize", files=files))
    assert client.get("/api/health").json()["status"] == "ok"


def empty_png(width: int, height: int, rows: int) -> bytes:
    """Black, so that a megapixel takes a kilobyte; only so many rows of it are there."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes((width + 1) * rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def icon(png: bytes) -> bytes:
    """As an ICO that says to be 16 pixels wide."""
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(png), 22)
    return struct.pack("<HHH", 0, 1, 1) + entry + png


@pytest.mark.parametrize(
    ("bomb", "status"),
    [
        (empty_png(60_000, 60_000, 100), 413),
        (empty_png(2_000, 1_000, 1_000), 413),
        (icon(empty_png(2_000, 1_000, 1_000)), 415),
        (b"P5\n40000 40000\n255\n", 413),
        (encode_photo([Photo(np.zeros((500, 500), np.uint8))] * 8, "TIFF"), 413),
    ],
    ids=["huge", "flat", "icon", "announced", "pages"],
)
@pytest.mark.usefixtures("in_process")
def test_what_would_grow_too_large_is_refused_undecoded(make_client, monkeypatch, bomb, status):
    client, decoded = make_client(limits={"megapixels": 1.5}), []
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda *_: decoded.append("it was"))
    for path in ("/api/photos", "/api/colorize"):
        answer = client.post(path, files={"photo": ("a.png", bomb)})
        assert answer.status_code == status, answer.text
    assert not decoded


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


HINTS = [
    "{", "null", "7", '"red"', "[7]", "[null]", "[[]]", "{}", '{"hints": 7}',
    nested(100), nested(90_000),
    '[{"x": 1}]',
    *[f'[{{"x": {x}, "y": 1, "color": "red"}}]' for x in (
        "NaN", "Infinity", "1e400", "9" * 400, "9" * 5000, '"a"', "-1", "401")],
    *[f'[{{"x": 1, "y": 1, "color": {color}}}]' for color in (
        "null", '"nothing"', "[1]", "[1, 2, 3]", "[NaN, 2]", "[500, 2]", '"\\ud800"',
        '"hsl(1e9,1%,1%)"', '"rgb(999999999999999999999,0,0)"')],
    '{"size": [0, 0], "hints": []}', '{"size": [1], "hints": []}', '{"size": "a", "hints": []}',
    '{"size": [1e-300, 1], "hints": [{"x": 1, "y": 1, "color": "red"}]}',
    json.dumps([{"x": 1, "y": 1, "color": "red"}] * 1001), "\x00", "\ufeff[]", "x" * 300_000,
]  # fmt: skip


@pytest.mark.parametrize("hints", HINTS, ids=range(len(HINTS)))
def test_hints_that_are_none_are_refused(client, hints):
    photo = encode(halves())
    whole = client.post("/api/colorize", files={"photo": photo}, data={"hints": hints})
    assert status_of(whole) in (400, 422)
    key = send(client, photo)["id"]
    body = f'{{"hints": {hints}}}'.encode("utf-8", "surrogatepass")
    for what in ("colorize", "palette", "samples", "uncertainty", "unsure", "comparison"):
        answer = client.post(f"/api/photos/{key}/{what}", content=body, headers=JSON)
        assert status_of(answer) in (400, 413, 422)


@pytest.mark.parametrize(
    "wanted",
    [
        {"vivid": 2}, {"vivid": "NaN"}, {"strength": -1}, {"strength": 1e308}, {"size": 10**9},
        {"size": 1.5}, {"side": 0}, {"side": 10**6},
        {"model": "../../etc/passwd"}, {"model": "x" * 999}, {"model": "/tmp/toy.onnx"},
        {"model": "\ud800"}, {"model": "cnn-rgb", "vivid": 0.5},
        {"full": "perhaps"}, {"unknown": 1}, [], None, "text", {"hints": None},
    ],
)  # fmt: skip
def test_options_that_are_none_are_refused(client, wanted):
    key = send(client)["id"]
    body = json.dumps(wanted)
    for what in ("colorize", "comparison"):
        answer = client.post(f"/api/photos/{key}/{what}", content=body, headers=JSON)
        assert status_of(answer) in (400, 422)


def test_odd_forms_are_refused(client):
    photo = encode(halves(40, 30))
    field = b'--x\r\nContent-Disposition: form-data; name="photo"'
    part, end = field + b'; filename="a.png"\r\n\r\n', b"\r\n--x--\r\n"
    whole = part + photo + end
    other = b'--x\r\nContent-Disposition: form-data; name="%d"\r\n\r\n1\r\n'
    multipart, no = "multipart/form-data; boundary=x", (400, 422)
    cases = [
        (whole, multipart, (201,)), (whole, "multipart/form-data", no), (b"", multipart, no),
        (whole, "multipart/form-data; boundary=" + "y" * 500, no),
        (whole, "application/json", no), (whole, "text/plain", no),
        (b"photo=1&photo=2", "application/x-www-form-urlencoded", no),
        (part, multipart, (400, 415, 422)),
        (field + b"\r\n\r\n" + photo + end, multipart, no),
        (b"--x\r\nnonsense\r\n\r\n" + end, multipart, no),
        (b"--x\r\n" + b"A" * 100_000 + b"\r\n" + end, multipart, no),
        (part[:-2] + b"X: 1\r\n" * 5000 + b"\r\n" + photo + end, multipart, no),
        (b"".join(other % n for n in range(2000)) + whole, multipart, (201, *no)),
        (whole[:-7] * 3 + end, multipart, (201, 415, *no)),
    ]  # fmt: skip
    named = whole.replace(b"a.png", b"\\ud800a.png")
    charsets = ("unicode_escape", "utf-7", "idna", "punycode", "zlib_codec", "utf-16", "none")
    cases += [(named, f"{multipart}; charset={charset}", (201, *no)) for charset in charsets]
    for body, kind, statuses in cases:
        answer = client.post("/api/photos", content=body, headers={"content-type": kind})
        assert status_of(answer) in statuses, (body[:200], kind)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"), ("C:\\Users\\me\\a.png", "a.png"),
        ("a\x00b\r\nX: 1.png", "abX: 1.png"), ('a".png', "a.png"), ("x" * 500, "x" * 200),
        ("/", "photo"), ("über.png", "über.png"), ("\ud800", "?"),
    ],
)  # fmt: skip
def test_safe_name_is_harmless(given, kept):
    assert safe_name(given) == kept


@pytest.mark.parametrize(("width", "height"), [(3000, 1), (1, 3000), (1, 1), (2, 2)])
def test_photo_of_one_row_or_one_pixel_is_a_photo_too(client, width, height):
    key = send(client, encode(np.full((height, width), 128, np.uint8)))["id"]
    at = {"x": width, "y": height}
    asked = {"hints": [at | {"color": "red"}]}
    whats = dict.fromkeys(("colorize", "uncertainty", "comparison", "samples"), asked)
    for what, wanted in (whats | {"palette": at}).items():
        assert client.post(f"/api/photos/{key}/{what}", json=wanted).status_code == 200
    full = client.post(f"/api/photos/{key}/colorize", json=asked | {"full": True})
    assert Image.open(io.BytesIO(full.content)).size == (width, height)
