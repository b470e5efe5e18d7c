import sys
from functools import partial

import numpy as np
import pytest
from PIL import Image

from photochrom.errors import BadData, BadOption, CannotWrite, MissingExtra
from photochrom.evaluation.results import Results, Score, Tally
from photochrom.evaluation.rows import Row
from photochrom.report import curves
from photochrom.report.plot_style import save_figure

DRAWINGS = pytest.mark.parametrize("draw", [curves.draw_tradeoff, curves.draw_hint_curve])
OFFSETS = np.linspace(-2, 2, 8)


def made_up(rows):
    """Results whose rows are name -> (PSNR, colourfulness ratio) or (PSNR, ratio, hints)."""
    rows = {Row.parse(name, *hints): figures for name, (*figures, hints) in rows.items()}
    scores = [
        Score(f"{i}.png", row, psnr + offset, 0.9, 5.0, 40 * ratio, 40.0, 1.0)
        for i, offset in enumerate(OFFSETS)
        for row, (psnr, ratio) in rows.items()
    ]
    counts = (1,) * 676
    tallies = dict.fromkeys([Row("truth"), *rows], Tally(counts, counts, (1,) * 4096))
    return Results("crop256", (1.0, 7.0), tuple(scores), tallies)


def plain(psnr, ratio):
    return psnr, ratio, ()


def hinted(model, psnr, counts):
    """Rows of a model whose PSNR is ``psnr(number of hints)``."""
    return {str(Row(model, hints=n)): (psnr(n), 0.6, (n,)) for n in counts}


BASELINES = {"grey": plain(22.5, 0.0), "constant": plain(22.8, 0.2)}
VIVID = {f"ours, vivid {v:g}": plain(24 - 2 * v * v, 0.5 + v / 2) for v in (1, 0.05, 0, 0.5)}
HINTED = hinted("ours", lambda n: 24 + 2 * np.log1p(n), (0, 1, 2, 10, 100))
OTHER = hinted("theirs, or so", lambda n: 23 + np.log1p(n), (0, 1, 50))


@pytest.fixture
def results():
    return made_up(BASELINES | VIVID | {"single": plain(23, 1.1)} | HINTED | OTHER)


def lines(figure):
    """What is drawn with a marker: a list of x and y for each line."""
    (axes,) = figure.axes
    return [line.get_xydata() for line in axes.lines if line.get_marker() != "None"]


def names(figure):
    (legend,) = figure.legends
    return [text.get_text() for text in legend.get_texts()]


# --- files ----------------------------------------------------------------------------------


@DRAWINGS
@pytest.mark.parametrize("suffix", [".png", ".svg", ".PNG"])
def test_a_figure_is_one_file_the_same_each_time(draw, suffix, results, tmp_path):
    path = tmp_path / f"figure{suffix}"
    save_figure(partial(draw, results), path)
    first = path.read_bytes()
    save_figure(partial(draw, results), str(path))
    assert path.read_bytes() == first
    assert list(tmp_path.iterdir()) == [path]
    if suffix == ".svg":
        assert b"<svg" in first
    else:
        with Image.open(path) as image:
            assert image.format == "PNG"
            assert image.width == 1440


def test_a_figure_does_not_depend_on_the_users_settings(results, tmp_path):
    import matplotlib as mpl

    path, draw = tmp_path / "figure.png", partial(curves.draw_tradeoff, results)
    save_figure(draw, path)
    first = path.read_bytes()
    with mpl.rc_context({"savefig.bbox": "tight", "savefig.dpi": 30, "font.size": 20}):
        save_figure(draw, path)
        assert mpl.rcParams["font.size"] == 20  # and leaves them as they were
    assert path.read_bytes() == first


@pytest.mark.parametrize("name", ["figure.pdf", "figure", "figure.json"])
def test_only_names_of_figures_are_taken(name, tmp_path):
    with pytest.raises(BadOption, match=rf"{name} is no name for a figure: end it in .png or .svg"):
        save_figure(pytest.fail, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_missing_is_named_and_nothing_left(results, tmp_path):
    draw = partial(curves.draw_tradeoff, results)
    with pytest.raises(CannotWrite, match=r"figure\.png cannot be written"):
        save_figure(draw, tmp_path / "missing" / "figure.png")
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(CannotWrite):
        save_figure(draw, tmp_path / "taken.png")
    assert [p.name for p in tmp_path.iterdir()] == ["taken.png"]


def test_without_matplotlib_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"matplotlib.*pip install 'photochrom\[study\]'"):
        save_figure(pytest.fail, tmp_path / "figure.png")


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
    assert names(figure) == ["grey", "constant", "ours, vivid 0 to 1", "single"]
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["0", "0.05", "0.5", "1"]
    assert "PSNR" in axes.get_ylabel()
    assert "colourfulness" in axes.get_xlabel()
    assert axes.get_title() == results.caption
    level = [line.get_ydata() for line in axes.lines if list(line.get_xdata()) == [0, 1]]
    np.testing.assert_allclose(level, [[22.5, 22.5]])  # grey's, all across


def test_a_row_without_vivid_is_no_part_of_the_models_line():
    rows = BASELINES | {"ours": plain(23.9, 0.6)} | VIVID | {"ours, vivid best": plain(23, 0.9)}
    assert [len(line) for line in lines(curves.draw_tradeoff(made_up(rows)))] == [1, 1, 1, 4, 1]
    assert names(curves.draw_tradeoff(made_up(BASELINES))) == ["grey", "constant"]  # alone


# --- what hints gain ------------------------------------------------------------------------


def test_the_hint_curve_is_the_gain_over_the_same_model_without(results):
    figure = curves.draw_hint_curve(results)
    ours, theirs = lines(figure)
    np.testing.assert_allclose(ours, [[n, 2 * np.log1p(n)] for n in (0, 1, 2, 10, 100)], atol=1e-9)
    np.testing.assert_allclose(theirs, [[n, np.log1p(n)] for n in (0, 1, 50)], atol=1e-9)
    assert names(figure) == ["ours", "theirs, or so"]
    (axes,) = figure.axes
    assert axes.get_xscale() == "symlog"
    ticks = [tick.get_text() for tick in axes.get_xticklabels()]
    assert ticks == ["0", "1", "2", "10", "50", "100"]
    assert axes.get_title().startswith(results.caption)
    # Every photo gains the same, however much photos differ: an interval of width 0.
    (outline,) = axes.collections[0].get_paths()
    heights = {}
    for count, gain in outline.vertices:
        heights.setdefault(count, []).append(gain)
    assert all(np.ptp(gains) < 1e-9 for gains in heights.values())


def test_settings_of_one_model_are_hint_curves_of_their_own():
    rows = hinted("ours, vivid 0", np.log1p, (0, 5)) | hinted("ours, vivid 1", np.log1p, (0, 5))
    drawn = curves.draw_hint_curve(made_up(BASELINES | rows))
    assert names(drawn) == ["ours, vivid 0", "ours, vivid 1"]


def test_models_without_a_row_to_compare_with_are_left_out():
    some = {name: row for name, row in HINTED.items() if row[2] != (0,)}
    drawn = curves.draw_hint_curve(made_up(BASELINES | some | OTHER))
    assert names(drawn) == ["theirs, or so"]
    for rows in (BASELINES, BASELINES | VIVID, BASELINES | some):
        with pytest.raises(BadData, match="measure a hinted colorizer, also with 0 hints"):
            curves.draw_hint_curve(made_up(rows))


# --- names ----------------------------------------------------------------------------------


@pytest.mark.parametrize("models", [1, 3, 8])
def test_names_stand_on_the_page_and_cover_nothing(models):
    rows = dict(BASELINES)
    for i in range(models):  # with names as long as they get
        name = f"a model with a rather long name, number {i}"
        rows |= {f"{name}, vivid {v:g}": plain(24 - v - i / 20, 0.5 + v / 2) for v in (0, 1)}
        rows |= hinted(name, lambda n: 24 + n / 10, (0, 10))
    for draw in (curves.draw_tradeoff, curves.draw_hint_curve):
        figure = draw(made_up(rows))
        figure.draw_without_rendering()
        (axes,), (legend,) = figure.axes, figure.legends
        box = legend.get_window_extent()
        assert figure.bbox.contains(*box.min)
        assert figure.bbox.contains(*box.max)
        assert not box.overlaps(axes.get_window_extent())
        assert axes.get_window_extent().height > 600  # of 900 dots, however many names


@pytest.mark.parametrize("name", [r"a$\b$", "_hidden"])
def test_a_name_is_text_and_nothing_else(name, tmp_path):
    results = made_up(BASELINES | {name: plain(23, 1)})
    assert names(curves.draw_tradeoff(results))[-1] == name
    save_figure(partial(curves.draw_tradeoff, results), tmp_path / "figure.png")
