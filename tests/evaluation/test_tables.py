import io
from dataclasses import replace

import numpy as np
from rich.console import Console

from photochrom.evaluation import tables
from photochrom.evaluation.metrics import PerceptualScores
from studies import measure


def judge(rgb):
    return PerceptualScores([{"taste": float(i)} for i, _ in enumerate(rgb[1:])], {})


def measured(**options):
    noise = (np.random.default_rng(i).integers(0, 255, (20, 30, 3), np.uint8) for i in (0, 1))
    return measure([(f"{i}.png", photo) for i, photo in enumerate(noise)], {}, **options)


def headings(rows):
    return list(tables.filled_columns(rows))


def test_the_terminal_and_documents_show_the_same_figures():
    results = measured(perceptual=[judge])
    grey, constant = results.summary
    columns = tables.filled_columns(results.summary)
    lines = tables.markdown_table(results.summary, columns).splitlines()
    assert lines[0].startswith("| colorizer | PSNR, dB |")
    assert lines[0].endswith("| taste |")
    assert len({line.count("|") for line in lines}) == 1
    assert [line.split()[1] for line in lines[2:]] == ["grey", "constant"]
    assert f"{grey.psnr_mean:.2f}" in lines[2]
    assert "| 1.000 |" in lines[2]  # the ab error as a share of its own
    assert lines[3].endswith("| 1.000 |")
    console = Console(width=160, file=io.StringIO())
    console.print(tables.terminal_table(results))
    shown = console.file.getvalue()
    assert results.caption in shown
    assert f"{constant.ssim:.4f}" in shown
    assert "taste" in shown
    assert shown.count(" – ") >= 2  # the time that doing nothing takes says nothing


def test_what_a_row_lacks_is_a_dash_where_another_has_it():
    plain, (judged, _) = measured().summary[0], measured(perceptual=[judge]).summary
    rows = [replace(plain, ab_error=None), judged]
    lines = tables.markdown_table(rows, tables.filled_columns(rows)).splitlines()
    assert "| – | 0.00 |" in lines[2]  # ab error, before colourfulness
    assert lines[2].endswith("| –, – | – |")  # no smooth region in noise, no perceptual metric
    assert lines[3].endswith("| 0.000 |")


def test_columns_that_no_row_fills_are_left_out():
    old = [replace(row, ab_error=None) for row in measured().summary]
    assert {"ab error", "dCF"}.isdisjoint(headings(old))
    paper = [replace(row, cf=20.0, dcf=5.0, dcf_per_photo=8.0) for row in old]
    assert headings(paper)[-3:] == ["CF", "dCF", "dCF, per photo"]
    table = tables.markdown_table(paper, tables.filled_columns(paper))
    assert table.count("20.00 | 5.00 | 8.00") == 2
