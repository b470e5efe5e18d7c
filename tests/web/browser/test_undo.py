"""What was done to a photo on the page, undone and done again."""

from __future__ import annotations

import numpy as np
from visitor import SPOT, ab, expect


def test_points_and_dials_are_undone_in_one_order_and_after_a_reload(visitor):
    undo, redo, live = visitor.at("#undo"), visitor.at("#redo"), visitor.at("#live")
    visitor.point_at(*SPOT)
    visitor.choose(1)
    visitor.page.keyboard.press("Escape")
    dial = visitor.at("#vivid")
    dial.focus()
    for _ in range(3):
        dial.press("ArrowRight")  # one step
    visitor.page.fill("#strength", "0.5")
    visitor.page.wait_for_function("""async () => {
      const { recall } = await import("/static/store.js");
      return (await recall())[0].notes.strength === 0.5;
    }""")
    visitor.page.reload()
    visitor.ready()
    undo.click()
    expect(visitor.at("#strength")).to_have_value("1")
    undo.click()
    expect(visitor.at("#vivid")).to_have_value("0.3")
    expect(visitor.at(".point")).to_have_count(1)
    undo.click()
    expect(visitor.at(".point")).to_have_count(0)
    expect(undo).to_be_disabled()
    for _ in range(3):
        redo.click()
    expect(redo).to_be_disabled()
    expect(visitor.at(".point")).to_have_count(1)
    expect(visitor.at("#vivid")).to_have_value("0.45")
    expect(visitor.at("#strength")).to_have_value("0.5")
    expect(live).not_to_be_empty()


def test_colour_that_is_only_looked_at_leaves_no_trace(visitor):
    before = visitor.pixel(*SPOT)
    visitor.point_at(*SPOT)
    with visitor.colored_anew():
        visitor.at(".swatches button").nth(1).hover()
    assert np.hypot(*(ab(visitor.pixel(*SPOT)) - ab(before))) > 10
    with visitor.colored_anew():
        visitor.at("#palette .caption").hover()
    assert visitor.pixel(*SPOT) == before
    expect(visitor.at(".point")).to_have_count(0)
    expect(visitor.at("#undo")).to_be_disabled()
