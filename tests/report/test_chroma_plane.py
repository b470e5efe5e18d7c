import numpy as np
import pytest

from photochrom.color import STUDY_GRID
from photochrom.evaluation.results import HISTOGRAM, Results, Score, Tally
from photochrom.evaluation.rows import TRUTH, Row
from photochrom.report import chroma_plane


def results(**rows):
    """Rows are lists of (a, b, pixels); all of the truth within reach of a row that is "same"."""
    tallies = {}
    for name, spots in rows.items():
        histogram, bins = np.zeros(HISTOGRAM.side**2, int), np.zeros(STUDY_GRID.side**2, int)
        for a, b, pixels in spots:
            histogram[HISTOGRAM.index(a, b)] += pixels
            bins[STUDY_GRID.index(a, b)] += pixels
        tallies[Row(name)] = Tally(tuple(bins), tuple(bins), tuple(histogram))
    scores = tuple(Score("p", row, 20, 1, 1, 1, 1, 1) for row in tallies if row != TRUTH)
    return Results("native", (0, 0), scores, tallies)


SPREAD = [(60, 0, 100), (0, 60, 100), (-50, 0, 100), (0, -60, 100), (1, 1, 600)]


def test_each_colour_lies_where_its_ab_is():
    (truth,) = chroma_plane.clouds(results(truth=[(60, 0, 5), (0, 60, 5), (1, 1, 5)], grey=[]), [])
    lit = truth.picture.sum(2) > 0
    side = len(lit)
    assert lit.shape == (side, side)
    assert lit.sum() == 3
    rows, columns = np.nonzero(lit)
    places = set(zip(rows - side / 2, columns - side / 2, strict=True))
    assert (-1, 15) in places  # +a: 15 cells of 4 to the right, at the height of grey
    assert (-16, 0) in places  # +b: up
    r, g, b = truth.picture[lit & (np.arange(side) > side / 2 + 10)].ravel().astype(int)
    assert r > g
    assert r > b  # red, in its own colour


def test_all_clouds_are_on_the_truths_scale():
    of = results(truth=SPREAD, grey=[(1, 1, 1000)], shy=[(1, 1, 900), (20, 20, 100)])
    truth, grey, shy = chroma_plane.clouds(of, [Row("grey"), Row("shy")])
    assert [str(cloud.row) for cloud in (truth, grey, shy)] == ["truth", "grey", "shy"]
    assert truth.picture.shape == grey.picture.shape == shy.picture.shape
    assert (grey.picture.sum(2) > 0).sum() == 1
    assert grey.nearly_grey == 1
    assert truth.nearly_grey == pytest.approx(0.6)
    middle = len(truth.picture) // 2
    here = np.s_[middle - 1, middle]
    assert (grey.picture[here] >= truth.picture[here]).all()  # more pixels, no darker


def test_an_empty_row_is_dark():
    _, empty = chroma_plane.clouds(results(truth=SPREAD, empty=[]), [Row("empty")])
    assert not empty.picture.any()
    assert empty.nearly_grey == 0


def test_the_truth_finds_every_hue_that_occurs():
    found = chroma_plane.hues(results(truth=SPREAD, same=SPREAD), Row("same"))
    assert len(found) == chroma_plane.SECTORS
    occurring = [hue for hue in found if hue.pixels]
    # Bins are ten wide: their middles may fall into the next sector, never further.
    assert sum(hue.pixels for hue in found) == 400  # without what passes for grey
    assert all(hue.recall == 1 for hue in occurring)
    assert all(hue.recall is None for hue in found if not hue.pixels)
    assert chroma_plane.balanced_recall(found) == 1


def test_a_row_that_knows_red_only():
    found = chroma_plane.hues(results(truth=SPREAD, red=[(60, 0, 50)]), Row("red"))
    (red,) = [hue for hue in found if hue.found]
    assert red.angle == 0
    assert red.recall == 0.5
    assert chroma_plane.balanced_recall(found) == pytest.approx(0.5 / 4)
    assert int(red.color[1:3], 16) > int(red.color[3:5], 16)


def test_a_wedge_points_where_its_hue_is():
    up = chroma_plane.Hue("#ffcc00", 90, 10, 5)
    numbers = [float(n) for n in chroma_plane.wedge(up).replace("M0 0L", "").split("A")[0].split()]
    assert np.hypot(*numbers) == pytest.approx(25, abs=0.01)  # half of 50
    assert numbers[1] < 0  # up, in a picture's coordinates
    assert "nan" not in chroma_plane.wedge(chroma_plane.Hue("#000000", 0, 0, 0))
