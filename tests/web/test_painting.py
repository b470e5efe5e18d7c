"""What the page paints a photo from: its colours as lines over its lightness, and that in tiles."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from pictures import decode, encode, halves, refused, send
from PIL import Image

from photochrom.image.photo import Photo
from photochrom.inference import chroma_upsampling
from photochrom.inference.chroma_upsampling import ChromaLines
from photochrom.web import lightness, photo_store
from photochrom.web.photo_store import KeptPhoto, PhotoStore, PhotoSummary


@pytest.fixture
def ask(client):
    """Sends a photo; the answer asks for parts of it."""

    def ask(pixels: np.ndarray) -> Any:
        path = f"/api/photos/{send(client, encode(pixels))['id']}"
        return lambda what, **json: (
            client.post(f"{path}/{what}", json=json) if json else client.get(f"{path}/{what}")
        )

    return ask


def tile(x: int, y: int, width: int, height: int, **more: int) -> str:
    place = {"x": x, "y": y, "width": width, "height": height} | more
    return "lightness?" + "&".join(f"{name}={value}" for name, value in place.items())


def test_chroma_is_what_the_photo_is_coloured_with(ask):
    pixels = halves(300, 200)
    photo = ask(pixels)
    asked = {"hints": [{"x": 40, "y": 60, "color": [30, -20]}], "vivid": 0.2}
    answer = photo("chroma", **asked)
    facts = json.loads(answer.headers["x-photochrom-chroma"])
    assert set(facts) == {"width", "height", "low", "high"}
    shape = facts["height"], facts["width"], 4
    planes = np.frombuffer(answer.content, "<f2").reshape(shape).astype(np.float32)
    slope, offset = np.split(planes.transpose(2, 0, 1), 2)
    low, high = (np.reshape(facts[end], (2, 1, 1)).astype(np.float32) for end in ("low", "high"))
    chroma = ChromaLines(slope, offset, low, high, slope).widen(pixels.shape)
    painted = chroma_upsampling.recombine(Photo(pixels).lightness, chroma)
    whole = decode(photo("colorize", **asked, full=True))
    assert np.ptp(whole.reshape(-1, 3).astype(int), axis=0).min() > 20
    assert np.abs(painted.astype(int) - whole).max() <= 1


@pytest.mark.parametrize("kind", ["grey", "sixteen", "toned"])
def test_tiles_are_the_photos_own_lightness(ask, kind):
    grey = halves(90, 70)
    given = {
        "grey": grey, "sixteen": grey.astype(np.uint16) * 257,
        "toned": np.stack([grey, grey - 20, grey - 40], -1),
    }[kind]  # fmt: skip
    photo = ask(given)
    want = grey if kind != "toned" else chroma_upsampling.to_grey_levels(Photo(given).lightness())
    assert np.array_equal(decode(photo(tile(0, 0, 90, 70))), want)
    assert np.array_equal(decode(photo(tile(50, 60, 40, 10))), want[60:, 50:])
    small = decode(photo(tile(8, 4, 80, 64, shrink=4)))
    assert np.abs(small - want[4:68, 8:88].reshape(16, 4, 20, 4).mean((1, 3))).max() <= 0.5
    assert decode(photo(tile(8, 4, 82, 66, shrink=4))).shape == (17, 21)
    if kind == "grey":
        assert np.array_equal(decode(photo("grey")), grey)


def test_tile_lies_upright(client):
    rotated = Image.fromarray(halves(40, 30)).getexif()
    rotated[0x0112] = 6
    photo = send(client, encode(halves(40, 30), "PNG", exif=rotated))
    answer = decode(client.get(f"/api/photos/{photo['id']}/{tile(0, 0, 30, 40)}"))
    assert np.array_equal(answer, np.rot90(halves(40, 30), -1))


@pytest.mark.parametrize(
    "wanted",
    [
        tile(0, 0, 401, 10), tile(399, 0, 2, 1), tile(0, 300, 1, 1), tile(-1, 0, 9, 9),
        tile(0, 0, 0, 9), tile(0, 0, 9, 9, shrink=0), tile(0, 0, 10**9, 9), tile(0, 0, 9, 9, z=1),
        "lightness", "lightness?x=0&y=0&width=9", "lightness?x=nan&y=0&width=9&height=9",
    ],
)  # fmt: skip
def test_places_that_the_photo_does_not_have_are_refused(ask, wanted):
    status, code = refused(ask(halves())(wanted))
    assert status in (400, 422)
    assert code == "bad-request"


def test_tile_has_at_most_so_many_pixels(ask):
    photo = ask(np.zeros((1100, 1100), np.uint8))
    assert refused(photo(tile(0, 0, 1025, 1)))[0] == 400
    assert decode(photo(tile(0, 0, 1024, 1024))).shape == (1024, 1024)
    assert decode(photo(tile(0, 0, 1100, 1100, shrink=2))).shape == (550, 550)


def test_file_is_read_once_for_all_tiles(ask, in_process, monkeypatch):
    read, count = lightness.read_lightness, []
    monkeypatch.setattr(
        "photochrom.web.services.read_lightness",
        lambda data, limits: count.append(1) or read(data, limits),
    )
    photo = ask(halves())
    for _ in range(3):
        assert decode(photo(tile(0, 0, 9, 9))).shape == (9, 9)
    assert len(count) == 1


def test_lightness_gives_way_before_photos_do():
    def photo(name: str) -> KeptPhoto:
        summary = PhotoSummary(8, 8, 1, "PNG", "grey", Photo(np.zeros((8, 8), np.uint8)))
        return KeptPhoto(name, bytes(936), summary, id=name)

    store, large = PhotoStore(9, 4000, 60), np.zeros((30, 50), np.uint8)
    for name in "ab":
        store.add(photo(name))
    for name in "ab":
        store.keep_lightness(store[name], large)
    assert store["a"].lightness is None
    assert store["b"].size == 2500
    store.add(photo("c"))
    assert store["b"].lightness is None
    assert list(store._kept) == ["a", "c", "b"]
    store.keep_lightness(store["a"], np.zeros((90, 90), np.uint8))  # there is no room for it
    assert store["a"].lightness is None
    assert len(store._kept) == 3


def test_limits_hold_for_lightness_as_for_photos():
    with pytest.raises(photo_store.RequestProblem):
        lightness.read_lightness(encode(halves()), photo_store.PhotoLimits(0.1))
