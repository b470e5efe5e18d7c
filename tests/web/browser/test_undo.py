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


STEPS = """async (points) => {
  const { EditHistory } = await import("/static/history.js");
  const history = new EditHistory();
  for (let vivid = 0; vivid < 300; vivid++) {
    history.leave({ points: Array(points).fill({}), vivid, strength: 1, recolor: false });
  }
  return history.kept.past.map(({ vivid }) => vivid);
}"""
NAMES = """async () => {
  const { difference } = await import("/static/history.js");
  const [one, two] = [1, 2].map((id) => ({ id, x: 1, y: 2, ab: [3, 4], reach: "normal" }));
  const state = { points: [one, two], vivid: null, strength: 1, recolor: false };
  const others = [
    { points: [] }, { points: [one] }, { points: [one, two, { ...two, id: 3 }] },
    { points: [one, { ...two, x: 5 }] }, { points: [one, { ...two, ab: [0, 0] }] },
    { points: [one, { ...two, reach: "large" }] }, { points: [{ ...one, id: 4 }] },
    { vivid: 1 }, { recolor: true },
  ];
  return others.map((changes) => difference(state, { ...state, ...changes }));
}"""


def test_steps_are_bounded_and_have_names(come):
    page = come().page
    assert page.evaluate(STEPS, 1) == list(range(100, 300))
    assert page.evaluate(STEPS, 1000) == list(range(280, 300))
    assert page.evaluate(NAMES) == [
        "removing all points", "removing point 2", "adding point 3",
        "moving point 2", "colour of point 2", "reach of point 2", "changes to several points",
        "vivid", "recolouring",
    ]  # fmt: skip
