"""How long photos are kept, how many, and how large."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from pictures import send

from photochrom.errors import BadOption
from photochrom.image.photo import Photo
from photochrom.inference.hints import Hint
from photochrom.web import photo_store
from photochrom.web.photo_store import MOST_PAGES, KeptPhoto, PhotoLimits, PhotoStore, PhotoSummary
from photochrom.web.problems import RequestProblem
from pixels import png


def photo(name: str, width=8, height=8, preview=(8, 8), size=0, owner="me") -> KeptPhoto:
    summary = PhotoSummary(width, height, 1, "PNG", "grey", Photo(np.zeros(preview, np.uint8)))
    return KeptPhoto(name, bytes(size), summary, owner, id=name)


def filled(store: PhotoStore, names: Iterable[str], **facts: Any) -> PhotoStore:
    for name in names:
        store.add(photo(name, **facts))
    return store


def kept(store: PhotoStore) -> list[str]:
    return list(store._kept)


def test_photo_is_forgotten_so_long_after_its_last_use(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(photo_store.time, "monotonic", lambda: now[0])
    store = filled(PhotoStore(9, 10**9, 60), "ab")
    now[0] += 50
    assert store["a"].name == "a"
    now[0] += 50
    with pytest.raises(RequestProblem) as problem:
        store["b"]
    assert problem.value.code == "expired"
    assert kept(store) == ["a"]
    now[0] += 61
    store.evict()
    assert kept(store) == []


def test_least_recently_used_make_room_by_number_and_by_bytes():
    store = filled(PhotoStore(2, 10**9, 60), "ab")
    assert store["a"]
    assert kept(filled(store, "c")) == ["a", "c"]
    store = filled(PhotoStore(9, 3000, 60), "abc", size=1200)
    assert kept(store) == ["b", "c"]
    assert kept(filled(store, ["large"], size=9000)) == ["large"]


def test_who_keeps_most_makes_room_with_his_oldest():
    store = filled(filled(PhotoStore(4, 10**9, 60), ["mine"]), "0123456", owner="greedy")
    assert kept(store) == ["mine", *"456"]
    assert kept(filled(store, ["another"], owner="you")) == ["mine", "5", "6", "another"]
    store = filled(PhotoStore(9, 3000, 60), ["mine"], size=600)  # and by bytes
    assert kept(filled(store, "0123", size=1000, owner="greedy")) == ["mine", *"23"]
    assert kept(filled(store, ["large"], size=2000, owner="you")) == ["mine", "large"]


def test_newest_photo_stays():
    store = PhotoStore(9, 3000, 60)
    for n in "012":
        filled(store, n, size=700, owner=n)
    assert kept(filled(store, ["large"], size=1500, owner="new")) == ["2", "large"]


@pytest.mark.parametrize(
    ("extent", "preview"),
    [*itertools.product([(7919, 1087), (1281, 961), (10007, 3)], [(1280, 176), (640, 1)])],
)
def test_hints_fit_the_preview_to_the_last_pixel(extent, preview):
    (width, height), (w, h) = extent, preview
    large = photo("a", width, height, (h, w)).summary
    corners = [Hint(x, y, (10.0, -20.0), "small") for x in (0, width) for y in (0, height)]
    scaled = large.to_preview(corners)
    assert [(s.x, s.y) for s in scaled] == [(0, 0), (0, h), (w, 0), (w, h)]
    back = large.from_preview(scaled)
    assert back == tuple(corners)
    with pytest.raises(BadOption, match=f"{width} pixels wide"):
        large.to_preview([Hint(width + 1, 0, "red")])


def test_ids_cannot_be_guessed_and_open_one_photo_only(make_client):
    client = make_client(limits={"photos": 2})
    ids = [send(client, name=f"{n}.png")["id"] for n in range(3)]
    assert len({key[:6] for key in ids}) == 3
    assert min(map(len, ids)) >= 24
    names = [client.get(f"/api/photos/{key}").json()["name"] for key in ids[1:]]
    assert names == ["1.png", "2.png"]
    for key in (ids[0], ids[1][:-1], ids[1].swapcase(), "x", "..", "%2e%2e", "%00", "a" * 5000):
        for path in ("", "/grey", "/original", "/colorize"):
            method = "POST" if path == "/colorize" else "GET"
            answer = client.request(method, f"/api/photos/{key}{path}", json={})
            assert answer.status_code in (404, 405, 422)


def test_check_size_counts_pages_however_small():
    pages, limits = [np.zeros((1, 1), np.uint8)] * MOST_PAGES, PhotoLimits(megapixels=1)
    photo_store.check_size(png(pages[0], "TIFF", pages[1:]), limits)
    with pytest.raises(RequestProblem) as problem:
        photo_store.check_size(png(pages[0], "TIFF", pages), limits)
    assert (problem.value.status, problem.value.code) == (413, "too-large")
