"""The whole page below a path, behind a reverse proxy."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from reverse_proxy import ReverseProxy
from server_thread import ServerThread
from visitor import SPOT, Visitor, expect

from photochrom.web import create_app

KEPT = """async () => [
  ...(await indexedDB.databases()).map(({ name }) => name),
  ...Object.keys(localStorage), ...Object.keys(sessionStorage)]"""


@pytest.mark.parametrize("strip", [True, False], ids=["taken away", "passed on"])
def test_all_of_the_page_works_below_a_path(chromium, toy, photo, tmp_path, strip):
    server = ServerThread(lambda: create_app(model=toy, root_path="/colour", token="s3cret"))
    front = ServerThread(
        lambda: ReverseProxy(server.address, "/colour", strip=strip), lifespan="off"
    )
    room = chromium.new_context(reduced_motion="reduce", viewport={"width": 1280, "height": 800})
    try:
        visitor = Visitor(room.new_page(), front, "/colour/?token=s3cret")
        visitor.page.evaluate("localStorage.setItem('open', 'of another application')")
        visitor.upload(photo)
        before = visitor.pixel(*SPOT)
        visitor.point_at(*SPOT)
        visitor.choose(2)
        visitor.page.keyboard.press("Escape")
        visitor.settle()
        assert not np.allclose(visitor.pixel(*SPOT), before, atol=3)
        path = visitor.saved(tmp_path, lambda: visitor.page.click("#download"))
        assert Image.open(path).size == (400, 300)
        visitor.page.reload()
        visitor.ready()
        expect(visitor.at(".point")).to_have_count(1)
        kept = visitor.page.evaluate(KEPT)
        assert sorted(kept) == ["/colour/open", "/colour/photochrom", "/colour/token", "open"]
        ours = (f"{front.address}/colour/", "blob:", "data:")
        assert [address for address in visitor.visited if not address.startswith(ours)] == []
        assert visitor.complaints == []
    finally:
        room.close()
        front.stop()
        server.stop()
