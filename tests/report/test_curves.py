import builtins

import numpy as np
import pytest
from PIL import Image

from photochrom.errors import BadData, BadOption, CannotWrite, MissingExtra
from photochrom.evaluation.results import Results, Score, Tally, hinted_name
from photochrom.report import curves

DRAWINGS = [curves.tradeoff, curves.hint_curve]


def made_up(rows, photos=8):
    """Results whose rows are name -> (PSNR, colourfulness ratio) or (PSNR, ratio, hints)."""
    offsets = np.linspace(-2, 2, photos)
    scores = [
        Score(f"{i}.png", name, psnr + offset, 0.9, 5.0, 40 * ratio, 40.0, 1.0, *hints)
        for i, offset in enumerate(offsets)
        for name, (psnr, ratio, *hints) in rows.items()
    ]
    counts = (1,) * 676
    tally = Tally(counts, counts, (1,) * 4096)
    return Results("crop256", (1.0, 7.0), tuple(scores), dict.fromkeys(["truth", *rows], tally))


BASELINES = {"grey": (22.5, 0.0), "constant": (22.8, 0.2)}
VIVID = {f"ours, vivid {v:g}": (24 - 2 * v * v, 0.5 + v / 2) for v in (1, 0.05, 0, 0.5)}
HINTED = {hinted_name("ours", n): (24 + 2 * np.log1p(n), 0.6, n) for n in (0, 1, 2, 10, 100)}
OTHER = {hinted_name("theirs, or so", n): (23 + np.log1p(n), 0.6, n) for n in (0, 1, 50)}


@pytest.fixture
def results():
    return made_up(BASELINES | VIVID | {"single": (23, 1.1)} | HINTED | OTHER)


def lines(figure):
    """What is drawn with a marker: a list of x and y for each line."""
    (axes,) = figure.axes
    return [line.get_xydata() for line in axes.lines if line.get_marker() != "None"]


def words(figure):
    return [text.get_text() for text in figure.axes[0].texts]


# --- files ----------------------------------------------------------------------------------


@pytest.mark.parametrize("draw", DRAWINGS)
@pytest.mark.parametrize("suffix", [".png", ".svg", ".PNG"])
def test_a_figure_is_one_file_the_same_each_time(draw, suffix, results, tmp_path):
    path = tmp_path / f"figure{suffix}"
    draw(results, path)
    first = path.read_bytes()
    draw(results, str(path))
    assert path.read_bytes() == first
    assert list(tmp_path.iterdir()) == [path]
    if suffix == ".svg":
        assert b"<svg" in first
    else:
        with Image.open(path) as image:
            assert image.format == "PNG"
            assert image.size == (1440, 900)


def test_a_figure_does_not_depend_on_the_users_settings(results, tmp_path):
    import matplotlib as mpl

    path = tmp_path / "figure.png"
    curves.tradeoff(results, path)
    first = path.read_bytes()
    with mpl.rc_context({"savefig.bbox": "tight", "savefig.dpi": 30, "font.size": 20}):
        curves.tradeoff(results, path)
        assert mpl.rcParams["font.size"] == 20  # and leaves them as they were
    assert path.read_bytes() == first


@pytest.mark.parametrize("draw", DRAWINGS)
def test_a_figure_drawn_from_the_file_is_the_same(draw, results, tmp_path):
    results.write(tmp_path / "figures.json")
    draw(results, tmp_path / "now.svg")
    draw(Results.read(tmp_path / "figures.json"), tmp_path / "later.svg")
    assert (tmp_path / "now.svg").read_bytes() == (tmp_path / "later.svg").read_bytes()


@pytest.mark.parametrize("draw", DRAWINGS)
@pytest.mark.parametrize("name", ["figure.pdf", "figure", "figure.json"])
def test_only_names_of_figures_are_taken(draw, name, results, tmp_path):
    with pytest.raises(BadOption, match=rf"{name} is no name for a figure: end it in .png or .svg"):
        draw(results, tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("draw", DRAWINGS)
def test_a_folder_that_is_missing_is_named_and_nothing_left(draw, results, tmp_path):
    with pytest.raises(CannotWrite, match=r"figure\.png cannot be written"):
        draw(results, tmp_path / "missing" / "figure.png")
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(CannotWrite):
        draw(results, tmp_path / "taken.png")
    assert [p.name for p in tmp_path.iterdir()] == ["taken.png"]


@pytest.mark.parametrize("draw", DRAWINGS)
def test_without_matplotlib_the_extra_is_named(draw, results, tmp_path, monkeypatch):
    found = builtins.__import__

    def without(name, *rest):
        if name.split(".")[0] == "matplotlib":
            raise ImportError(name)
        return found(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"matplotlib.*pip install 'photochrom\[study\]'"):
        draw(results, tmp_path / "figure.png")


# --- colour against accuracy ----------------------------------------------------------------


def test_the_tradeoff_joins_a_models_rows_in_order_of_vivid(results):
    grey, constant, ours, single = lines(curves.draw_tradeoff(results))
    np.testing.assert_allclose(grey, [[0, 22.5]])
    np.testing.assert_allclose(constant, [[0.2, 22.8]])
    expected = [[0.5 + v / 2, 24 - 2 * v * v] for v in (0, 0.05, 0.5, 1)]
    np.testing.assert_allclose(ours, expected)
    np.testing.assert_allclose(single, [[1.1, 23]])


def test_the_tradeoff_names_what_it_shows(results):
    figure = curves.draw_tradeoff(results)
    labels = ["grey", "constant", "ours, vivid 0", "0.05", "0.5", "1", "single"]
    assert sorted(words(figure)) == sorted(labels)
    axes = figure.axes[0]
    assert axes.get_legend() is None
    assert "PSNR" in axes.get_ylabel()
    assert "colourfulness" in axes.get_xlabel()
    assert axes.get_title() == results.caption


def test_the_tradeoff_draws_greys_psnr_across(results):
    axes = curves.draw_tradeoff(results).axes[0]
    level = [line.get_ydata() for line in axes.lines if list(line.get_xdata()) == [0, 1]]
    np.testing.assert_allclose(level, [[22.5, 22.5]])


def test_a_row_without_vivid_is_no_part_of_the_models_line():
    results = made_up(BASELINES | {"ours": (23.9, 0.6)} | VIVID | {"ours, vivid best": (23, 0.9)})
    assert [len(line) for line in lines(curves.draw_tradeoff(results))] == [1, 1, 1, 4, 1]


def test_the_baselines_alone_can_be_drawn(tmp_path):
    curves.tradeoff(made_up(BASELINES), tmp_path / "figure.png")


# --- what hints gain ------------------------------------------------------------------------


def test_the_hint_curve_is_the_gain_over_the_same_model_without(results):
    ours, theirs = lines(curves.draw_hint_curve(results))
    np.testing.assert_allclose(ours, [[n, 2 * np.log1p(n)] for n in (0, 1, 2, 10, 100)], atol=1e-9)
    np.testing.assert_allclose(theirs, [[n, np.log1p(n)] for n in (0, 1, 50)], atol=1e-9)


def test_the_hint_curve_names_its_lines_and_counts(results):
    figure = curves.draw_hint_curve(results)
    assert sorted(words(figure)) == ["ours", "theirs, or so"]
    (axes,) = figure.axes
    assert axes.get_xscale() == "symlog"
    ticks = [tick.get_text() for tick in axes.get_xticklabels()]
    assert ticks == ["0", "1", "2", "10", "50", "100"]
    assert axes.get_title().startswith(results.caption)


def test_the_interval_is_of_the_gains_photo_by_photo(results):
    # Every photo gains the same, however much photos differ: an interval of width 0.
    (axes,) = curves.draw_hint_curve(results).axes
    (outline,) = axes.collections[0].get_paths()
    heights = {}
    for count, gain in outline.vertices:
        heights.setdefault(count, []).append(gain)
    assert all(np.ptp(gains) < 1e-9 for gains in heights.values())


def test_models_without_a_row_to_compare_with_are_left_out():
    some = {name: row for name, row in HINTED.items() if row[2]}
    drawn = curves.draw_hint_curve(made_up(BASELINES | some | OTHER))
    assert words(drawn) == ["theirs, or so"]
    for rows in (BASELINES, BASELINES | VIVID, BASELINES | some):
        with pytest.raises(BadData, match="measure a hinted colorizer, also with 0 hints"):
            curves.draw_hint_curve(made_up(rows))


# --- labels ---------------------------------------------------------------------------------


def boxes(figure):
    figure.draw_without_rendering()
    return [text.get_window_extent() for text in figure.axes[0].texts], figure.bbox


@pytest.mark.parametrize("models", [1, 3, 8])
def test_labels_keep_apart_and_on_the_page(models):
    rows = dict(BASELINES)
    for i in range(models):  # as good as equal, with names as long as they get
        name = f"a model called number {i}"
        rows |= {f"{name}, vivid {v:g}": (24 - v - i / 20, 0.5 + v / 2) for v in (0, 1)}
        rows |= {hinted_name(name, n): (24 + n / 10, 0.6, n) for n in (0, 10)}
    for draw in (curves.draw_tradeoff, curves.draw_hint_curve):
        placed, page = boxes(draw(made_up(rows)))
        assert len(placed) == (2 + 2 * models if draw is curves.draw_tradeoff else models)
        assert not any(a.count_overlaps(placed[:i]) for i, a in enumerate(placed))
        assert all(page.contains(*box.min) and page.contains(*box.max) for box in placed)


def test_equal_lines_are_named_from_the_top():
    rows = dict(BASELINES)
    for i, name in enumerate("abcd"):
        rows |= {hinted_name(name, n): (24 + (1 - i / 100) * n, 0.6, n) for n in (0, 10)}
    figure = curves.draw_hint_curve(made_up(rows))
    placed, _ = boxes(figure)
    heights = dict(zip(words(figure), (box.y0 for box in placed), strict=True))
    assert sorted(heights, key=lambda name: -heights[name]) == list("abcd")


def test_a_dollar_in_a_name_is_a_dollar(tmp_path):
    curves.tradeoff(made_up(BASELINES | {r"a$\b$": (23, 1)}), tmp_path / "figure.png")
