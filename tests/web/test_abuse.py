"""Whatever is sent, the answer is a sentence, and the server stays well."""

from __future__ import annotations

import io
import json
import random
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from album import halves, picture, send
from PIL import Image, ImageFile

from photochrom.image.photo import Photo
from photochrom.image.writer import encode_photo

KINDS = {
    "JPEG": {"quality": 90},
    "PNG": {},
    "TIFF": {"compression": "tiff_lzw"},
    "WEBP": {},
    "GIF": {},
    "BMP": {},
    "JPEG2000": {},
    "AVIF": {},
}


def well(answer) -> None:
    """A result, or a refusal as it is described."""
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        told = answer.json()
        assert set(told) == {"detail", "code"}
        assert told["detail"].endswith((".", ")"))


def damaged(seed: int) -> Iterator[bytes]:
    """Files of all kinds cut short, with bits flipped, parts doubled, and nonsense."""
    dice = random.Random(seed)
    grey = halves(40, 30)
    for kind, options in KINDS.items():
        whole = picture(grey, kind, **options)
        for _ in range(6):
            yield whole[: dice.randrange(len(whole))]
        for _ in range(16):
            bad = bytearray(whole)
            for _ in range(dice.choice((1, 3, 30))):
                bad[dice.randrange(min(len(bad), dice.choice((64, 1 << 20))))] ^= (
                    1 << dice.randrange(8)
                )
            yield bytes(bad)
        cut = dice.randrange(len(whole))
        yield whole[:cut] + whole
        yield whole + whole[cut:]
        yield whole[:16] + dice.randbytes(500)
    for length in (0, 1, 2, 16, 1000):
        yield dice.randbytes(length)
    yield b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>"
    yield b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run\n"
    yield b"P5\n0 0\n255\n"
    yield b"P5\n99999 99999\n255\n" + bytes(100)
    yield bytes(100_000)
    yield b"\0\0\1\0" + dice.randbytes(100)


def test_two_hundred_damaged_photos_are_refused_or_coloured(client):
    tried = list(damaged(0))
    assert len(tried) >= 200
    for data in tried:
        kept = client.post("/api/photos", files={"photo": ("a.jpg", data)})
        well(kept)
        assert kept.status_code in (201, 413, 415)
        if kept.status_code == 201:
            key = kept.json()["id"]
            well(client.post(f"/api/photos/{key}/colorize", json={"full": True}))
            well(client.get(f"/api/photos/{key}/grey"))
            client.delete(f"/api/photos/{key}")
        else:
            well(client.post("/api/colorize", files={"photo": ("a.jpg", data)}))
    assert client.get("/api/health").json()["status"] == "ok"


def empty_png(width: int, height: int, rows: int) -> bytes:
    """Black, so that a megapixel takes a kilobyte; only so many rows of it are there."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes((width + 1) * rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def icon(png: bytes) -> bytes:
    """As an ICO that says to be 16 pixels wide."""
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(png), 22)
    return struct.pack("<HHH", 0, 1, 1) + entry + png


def many_pages() -> bytes:
    return encode_photo([Photo(np.zeros((500, 500), np.uint8))] * 8, "TIFF")


@pytest.mark.parametrize(
    ("bomb", "status"),
    [
        (empty_png(60_000, 60_000, 100), 413),
        (empty_png(2_000, 1_000, 1_000), 413),
        (icon(empty_png(2_000, 1_000, 1_000)), 415),
        (b"P5\n40000 40000\n255\n", 413),
        (many_pages(), 413),
    ],
    ids=["huge", "flat", "icon", "announced", "pages"],
)
@pytest.mark.usefixtures("at_home")
def test_what_would_grow_too_large_is_refused_undecoded(house, monkeypatch, bomb, status):
    client, decoded = house(limits={"megapixels": 1.5}), []
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
    '[{"x": 1}]', '[{"x": 1, "y": 1, "color": null}]', '[{"x": 1, "y": 1, "color": "nothing"}]',
    '[{"x": NaN, "y": 1, "color": "red"}]', '[{"x": Infinity, "y": 1, "color": "red"}]',
    '[{"x": 1e400, "y": 1, "color": "red"}]', f'[{{"x": {"9" * 400}, "y": 1, "color": "red"}}]',
    f'[{{"x": {"9" * 5000}, "y": 1, "color": "red"}}]', '[{"x": "a", "y": 1, "color": "red"}]',
    '[{"x": -1, "y": 1, "color": "red"}]', '[{"x": 401, "y": 1, "color": "red"}]',
    '[{"x": 1, "y": 1, "color": [1]}]', '[{"x": 1, "y": 1, "color": [1, 2, 3]}]',
    '[{"x": 1, "y": 1, "color": [NaN, 2]}]', '[{"x": 1, "y": 1, "color": [500, 2]}]',
    '[{"x": 1, "y": 1, "color": "\\ud800"}]', '[{"x": 1, "y": 1, "color": "hsl(1e9,1%,1%)"}]',
    '[{"x": 1, "y": 1, "color": "rgb(999999999999999999999,0,0)"}]',
    '{"size": [0, 0], "hints": []}', '{"size": [1], "hints": []}', '{"size": "a", "hints": []}',
    '{"size": [1e-300, 1], "hints": [{"x": 1, "y": 1, "color": "red"}]}',
    json.dumps([{"x": 1, "y": 1, "color": "red"}] * 1001), "\x00", "\ufeff[]", "x" * 300_000,
]  # fmt: skip


@pytest.mark.parametrize("hints", HINTS, ids=range(len(HINTS)))
def test_hints_that_are_none_are_refused(client, hints):
    photo = picture(halves())
    form = {"photo": ("a.png", photo)}
    whole = client.post("/api/colorize", files=form, data={"hints": hints})
    well(whole)
    assert whole.status_code in (400, 422)
    key = send(client, photo)["id"]
    body = f'{{"hints": {hints}}}'.encode("utf-8", "surrogatepass")
    kind = {"content-type": "application/json"}
    for what in ("colorize", "palette", "samples", "uncertainty", "comparison"):
        answer = client.post(f"/api/photos/{key}/{what}", content=body, headers=kind)
        well(answer)
        assert answer.status_code in (400, 413, 422)


@pytest.mark.parametrize(
    "wish",
    [
        {"vivid": 2}, {"vivid": "NaN"}, {"strength": -1}, {"strength": 1e308}, {"size": 10**9},
        {"size": 1.5}, {"side": 0}, {"side": 10**6},
        {"model": "../../etc/passwd"}, {"model": "x" * 999}, {"model": "/tmp/toy.onnx"},
        {"model": "\ud800"}, {"model": "cnn-rgb", "vivid": 0.5},
        {"full": "perhaps"}, {"unknown": 1}, [], None, "text", {"hints": None},
    ],
)  # fmt: skip
def test_wishes_that_cannot_be_met_are_refused(client, wish):
    key = send(client, picture(halves(40, 30)))["id"]
    body = json.dumps(wish).encode()
    for what in ("colorize", "comparison"):
        answer = client.post(
            f"/api/photos/{key}/{what}", content=body, headers={"content-type": "application/json"}
        )
        well(answer)
        assert answer.status_code in (400, 422)


def test_odd_forms_are_refused(client):
    photo = picture(halves(40, 30))
    field = b'Content-Disposition: form-data; name="photo"'

    def post(body: bytes, kind: str = "multipart/form-data; boundary=x", path="/api/photos"):
        answer = client.post(path, content=body, headers={"content-type": kind})
        well(answer)
        return answer.status_code

    part = b"--x\r\n" + field + b'; filename="a.png"\r\n\r\n'
    whole = part + photo + b"\r\n--x--\r\n"
    assert post(whole) == 201
    assert post(whole, "multipart/form-data") in (400, 422)
    assert post(whole, "multipart/form-data; boundary=" + "y" * 500) in (400, 422)
    assert post(whole, "application/json") in (400, 422)
    assert post(whole, "text/plain") in (400, 422)
    assert post(b"") in (400, 422)
    assert post(part) in (400, 415, 422)
    assert post(b"--x\r\n" + field + b"\r\n\r\n" + photo + b"\r\n--x--\r\n") in (400, 422)
    assert post(b"--x\r\nnonsense\r\n\r\n\r\n--x--\r\n") in (400, 422)
    assert post(b"--x\r\n" + b"A" * 100_000 + b"\r\n\r\n--x--\r\n") in (400, 422)
    assert post(part[:-2] + b"X: 1\r\n" * 5000 + b"\r\n" + photo + b"\r\n--x--\r\n") in (400, 422)
    other = b'--x\r\nContent-Disposition: form-data; name="%d"\r\n\r\n1\r\n'
    assert post(b"".join(other % n for n in range(2000)) + whole) in (201, 400, 422)
    assert post(whole[:-7] * 3 + b"\r\n--x--\r\n") in (201, 400, 415, 422)
    assert post(b"photo=1&photo=2", "application/x-www-form-urlencoded") in (400, 422)
    for charset in ("unicode_escape", "utf-7", "idna", "punycode", "zlib_codec", "utf-16", "none"):
        named = whole.replace(b"a.png", b"\\ud800a.png")
        assert post(named, f"multipart/form-data; boundary=x; charset={charset}") in (201, 400, 422)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"), ("C:\\Users\\me\\a.png", "a.png"),
        ("a\x00b\r\nX: 1.png", "abX: 1.png"),
        ('a".png', "a.png"), ("x" * 500, "x" * 200), ("/", "photo"), ("über.png", "über.png"),
    ],
)  # fmt: skip
def test_names_are_made_harmless(given, kept):
    from photochrom.web.engine import safe_name

    assert safe_name(given) == kept
    assert safe_name("\ud800") == "?"


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd",
        "/static/%00", "/static/a%00b", "/static/%5c..%5capp.py", "/static", "/static/",
        "/static/" + "a/" * 999, "/static/%ff", "/static/samples", "/%00", "/api/photos/%ff",
        "/api/photos//grey",
    ],
)  # fmt: skip
def test_no_path_leads_to_other_files(client, path):
    answer = client.get(path, follow_redirects=False)
    assert answer.status_code in (307, 404, 405)
    assert "def create_app" not in answer.text


def test_a_photo_of_one_row_and_one_of_one_pixel_are_photos_too(client):
    for width, height in ((3000, 1), (1, 3000), (1, 1), (2, 2)):
        key = send(client, picture(np.full((height, width), 128, np.uint8)))["id"]
        corner = {"x": width, "y": height, "color": "red"}
        asked = {"hints": [corner]}
        for what in ("colorize", "uncertainty", "comparison", "samples"):
            answer = client.post(f"/api/photos/{key}/{what}", json=asked)
            assert answer.status_code == 200, answer.text
        at = {"x": width, "y": height}
        assert client.post(f"/api/photos/{key}/palette", json=at).status_code == 200
        full = client.post(f"/api/photos/{key}/colorize", json=asked | {"full": True})
        assert Image.open(io.BytesIO(full.content)).size == (width, height)
