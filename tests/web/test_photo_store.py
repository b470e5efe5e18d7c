"""How long photos are kept, and how many."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from album import halves, picture, send
from PIL import Image

from photochrom.errors import BadOption
from photochrom.image.photo import Photo
from photochrom.inference.hints import Hint
from photochrom.web import photo_store
from photochrom.web.photo_store import MOST_PAGES, KeptPhoto, PhotoLimits, PhotoStore, PhotoSummary
from photochrom.web.problems import RequestProblem


def session(name: str, width=8, height=8, size=(8, 8), data=b"", owner="me") -> KeptPhoto:
    sight = PhotoSummary(width, height, 1, "grey", Photo(np.zeros(size, np.uint8)))
    return KeptPhoto(name, data, sight, owner, id=name)


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(photo_store.time, "monotonic", lambda: now[0])
    return now


def there(kept: PhotoStore, name: str) -> bool:
    try:
        return kept[name].name == name
    except RequestProblem as error:
        return error.code != "expired"


def test_a_photo_is_forgotten_so_long_after_its_last_use(clock):
    kept = PhotoStore(9, 10**9, 60)
    for name in "ab":
        kept.add(session(name))
    clock[0] += 50
    assert there(kept, "a")
    clock[0] += 50
    assert not there(kept, "b")
    assert there(kept, "a")
    clock[0] += 61
    kept.evict()
    assert len(kept) == 0


def test_the_least_recently_used_make_room_by_number_and_by_bytes():
    kept = PhotoStore(2, 10**9, 60)
    for name in "ab":
        kept.add(session(name))
    assert there(kept, "a")
    kept.add(session("c"))
    assert [there(kept, name) for name in "abc"] == [True, False, True]
    kept = PhotoStore(9, 3000, 60)
    for name in "abc":
        kept.add(session(name, data=bytes(1200)))
    assert [there(kept, name) for name in "abc"] == [False, True, True]
    kept.add(session("large", data=bytes(9000)))
    assert [there(kept, name) for name in ("b", "c", "large")] == [False, False, True]


def test_who_keeps_most_makes_room_with_his_oldest():
    kept = PhotoStore(4, 10**9, 60)
    kept.add(session("mine", owner="me"))
    for n in "0123456":
        kept.add(session(n, owner="greedy"))
    assert [name for name in ("mine", *"0123456") if there(kept, name)] == ["mine", *"456"]
    kept.add(session("another", owner="you"))
    assert [name for name in ("mine", "another", *"456") if there(kept, name)] == [
        *("mine", "another", "5", "6")
    ]
    kept = PhotoStore(9, 3000, 60)  # and by bytes
    kept.add(session("mine", owner="me", data=bytes(600)))
    for n in "0123":
        kept.add(session(n, owner="greedy", data=bytes(1000)))
    assert [name for name in ("mine", *"0123") if there(kept, name)] == ["mine", *"23"]
    kept.add(session("large", owner="you", data=bytes(2000)))
    assert [name for name in ("mine", *"23", "large") if there(kept, name)] == ["mine", "large"]


def test_what_has_just_come_does_not_go_at_once():
    kept = PhotoStore(9, 3000, 60)
    for n in "012":
        kept.add(session(n, owner=n, data=bytes(700)))
    kept.add(session("large", owner="new", data=bytes(1500)))
    assert [name for name in (*"012", "large") if there(kept, name)] == ["2", "large"]


def test_hints_fit_the_preview_to_the_last_pixel():
    for (width, height), (w, h) in itertools.product(
        [(7919, 1087), (1281, 961), (10007, 3)], [(1280, 176), (1280, 960), (640, 1)]
    ):
        photo = session("a", width, height, (h, w))
        corners = [Hint(x, y, (10.0, -20.0)) for x in (0, width) for y in (0, height)]
        scaled = photo.to_preview(corners)
        assert [(s.x, s.y) for s in scaled] == [(0, 0), (0, h), (w, 0), (w, h)]
        back = photo.from_preview(scaled)
        assert [(s.x, s.y) for s in back] == [(c.x, c.y) for c in corners]
        with pytest.raises(BadOption, match=f"{width} pixels wide"):
            photo.to_preview([Hint(width + 1, 0, "red")])


def test_ids_cannot_be_guessed_and_open_one_photo_only(house):
    client = house(limits={"photos": 2})
    ids = [send(client, picture(halves()), f"{n}.png")["id"] for n in range(3)]
    assert len({key[:6] for key in ids}) == 3
    names = [client.get(f"/api/photos/{key}") for key in ids[1:]]
    assert [answer.json()["name"] for answer in names] == ["1.png", "2.png"]
    for key in (ids[0], ids[1][:-1], ids[1].swapcase(), "x", "..", "%2e%2e", "\x00", "a" * 5000):
        for ask in (
            lambda k: client.get(f"/api/photos/{k}"),
            lambda k: client.get(f"/api/photos/{k}/grey"),
            lambda k: client.get(f"/api/photos/{k}/original"),
            lambda k: client.post(f"/api/photos/{k}/colorize", json={}),
        ):
            assert ask(key.replace("\x00", "%00")).status_code in (404, 405, 422)


def test_pages_count_however_small_they_are():
    def pages(many: int) -> bytes:
        file, page = io.BytesIO(), Image.new("L", (1, 1))
        page.save(file, "TIFF", save_all=True, append_images=[page] * (many - 1))
        return file.getvalue()

    allowed = PhotoLimits(megapixels=1, megabytes=10)
    photo_store.check_size(pages(MOST_PAGES), allowed)
    with pytest.raises(RequestProblem) as refused:
        photo_store.check_size(pages(MOST_PAGES + 1), allowed)
    assert (refused.value.status, refused.value.code) == (413, "too-large")
