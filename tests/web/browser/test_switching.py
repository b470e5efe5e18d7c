"""From one photo to another and Back: nothing is lost, and nothing of the one before is seen."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from pictures import TOY_AB, encode, halves
from PIL import Image
from visitor import SPOT, ab, expect


class Held:
    """Requests of one kind that are held up until they are let go."""

    def __init__(self, visitor: Any, what: str) -> None:
        self.visitor = visitor
        self.routes: list[Any] = []
        visitor.page.route(f"**/{what}", lambda route: self.routes.append(route))

    def wait(self) -> None:
        while not self.routes:
            self.visitor.page.wait_for_timeout(10)

    def release(self) -> None:
        """Lets them go; what the page still waits for is answered first."""
        for route in self.routes:
            route.continue_()
        self.visitor.page.evaluate("fetch('api/health').then((answer) => answer.text())")


@pytest.fixture
def both(come, photo, tmp_path) -> Any:
    """One who has brought two photos and opened the first."""
    other = tmp_path / "mirror.png"
    other.write_bytes(encode(halves()[:, ::-1]))
    visitor = come()
    visitor.bring(photo, other)
    expect(visitor.at(".tile img")).to_have_count(2)
    visitor.at(".tile").first.click()
    visitor.ready()
    return visitor


def turn(visitor: Any, way: str) -> None:
    visitor.page.click(f"#{way}")
    visitor.ready()


def test_nothing_of_the_photo_before_is_seen(both):
    turn(both, "next")
    own = both.pixel(0.7, 0.3)
    turn(both, "previous")
    both.point_at(*SPOT)
    both.choose(2)
    both.page.click("#palette [data-do=more]")
    both.at(".plane").press("ArrowRight")  # which is chosen only after a while
    turn(both, "next")
    expect(both.at("#palette")).to_be_hidden()
    expect(both.at(".point")).to_have_count(0)
    expect(both.at(".ring")).to_be_hidden()
    expect(both.at("#undo")).to_be_disabled()
    turn(both, "previous")
    expect(both.at(".point")).to_have_count(1)
    both.page.click("#unsure")
    held = [Held(both, what) for what in ("chroma", "palette", "unsure")]
    both.page.mouse.click(*both.place(0.7, 0.7))
    both.at("#hex").evaluate("(field) => field.closest('.any').hidden = false")
    both.page.fill("#hex", "#30a040")
    both.at("#hex").press("Enter")
    for kind in held[:2]:
        kind.wait()
    both.page.unroute("**/chroma")  # the next photo's is not to be held up
    turn(both, "next")
    thumbnail = both.at("#looks img").nth(1)
    for kind in held:
        kind.release()
    assert np.allclose(both.pixel(0.7, 0.3), own, atol=2)
    for gone in ("#palette", ".mark", "#areas", "#pill", "#notice"):
        expect(both.at(gone)).to_be_hidden()
    expect(thumbnail).to_be_visible()
    both.page.click("#all-photos")
    shown = Image.open(io.BytesIO(both.at(".tile img").nth(1).screenshot())).convert("RGB")
    assert np.allclose(ab(np.asarray(shown).mean((0, 1)).tolist()), TOY_AB, atol=3)


def test_back_closes_what_is_open_and_then_leads_back_and_loses_nothing(visitor):
    visitor.point_at(*SPOT)
    visitor.choose(1)
    visitor.page.go_back()
    expect(visitor.at("#palette")).to_be_hidden()
    expect(visitor.at("#editor")).to_be_visible()
    visitor.page.click("#versions")
    visitor.page.go_back()
    expect(visitor.at("#others")).to_be_hidden()
    visitor.page.go_back()
    expect(visitor.at("#welcome")).to_be_visible()
    visitor.page.go_forward()
    visitor.ready()
    expect(visitor.at(".point")).to_have_count(1)
    expect(visitor.at("#undo")).to_be_enabled()


@pytest.mark.parametrize("kept", [True, False])
def test_leaving_warns_only_of_a_photo_that_would_be_lost(come, photo, kept):
    visitor = come()
    if not kept:
        visitor.page.add_init_script("indexedDB.open = () => { throw new Error('private'); }")
        visitor.page.reload()
    visitor.upload(photo)
    visitor.point_at(*SPOT)
    visitor.choose(1)
    warnings = []
    visitor.page.on("dialog", lambda dialog: (warnings.append(dialog.type), dialog.accept()))
    visitor.page.reload()
    expect(visitor.at("#editor" if kept else "#welcome")).to_be_visible()
    assert warnings == ([] if kept else ["beforeunload"])
