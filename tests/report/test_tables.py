import io
from dataclasses import replace

import numpy as np
from rich.console import Console

from photochrom.evaluation.evaluate import evaluate
from photochrom.evaluation.metrics import PerceptualScores
from photochrom.report import tables


def judge(rgb):
    return PerceptualScores([{"taste": float(i)} for i, _ in enumerate(rgb[1:])], {})


def measured(**options):
    photos = [
        (f"{i}", np.random.default_rng(i).integers(0, 255, (20, 30, 3), np.uint8)) for i in (0, 1)
    ]
    return evaluate(photos, {}, protocol="native", progress=False, **options)


def test_the_tables_show_the_same_figures():
    results = measured(perceptual=[judge])
    grey, constant = results.summary
    lines = tables.markdown(results.summary, tables.columns(results.summary)).splitlines()
    assert lines[0].startswith("| colorizer | PSNR, dB |")
    assert lines[0].endswith("| taste |")
    assert len({line.count("|") for line in lines}) == 1
    assert [line.split()[1] for line in lines[2:]] == ["grey", "constant"]
    assert f"{grey.psnr_mean:.2f}" in lines[2]
    assert "| 1.000 |" in lines[2]  # the ab error as a share of its own
    assert lines[3].endswith("| 1.000 |")
    console = Console(width=160, file=io.StringIO())
    console.print(tables.terminal(results))
    shown = console.file.getvalue()
    assert results.caption in shown
    assert f"{constant.ssim:.4f}" in shown
    assert "taste" in shown


def test_what_was_not_measured_is_a_dash():
    (grey, _), (judged, _) = measured().summary, measured(perceptual=[judge]).summary
    lines = tables.markdown([grey, judged], tables.columns([grey, judged])).splitlines()
    assert lines[2].endswith("| –, – | – |")  # no smooth region in noise, no judge
    assert lines[3].endswith("| 0.000 |")


def test_figures_that_old_files_lack_are_dashes_beside_new_ones():
    new, old = measured().summary[0], replace(measured().summary[1], ab_error=None)
    shown = {"ab error": tables.columns([new, old])["ab error"]}
    assert tables.markdown([new, old], shown).splitlines()[2:] == ["| 1.000 |", "| – |"]


def test_columns_that_no_row_fills_are_left_out():
    old = [replace(row, ab_error=None) for row in measured().summary]
    assert "ab error" not in tables.columns(old)
    assert "dCF" not in tables.columns(old)
    paper = [replace(row, cf=20.0, dcf=5.0, dcf_per_photo=8.0) for row in old]
    shown = {head: tables.columns(paper)[head] for head in ("CF", "dCF", "dCF, per photo")}
    assert tables.markdown(paper, shown).splitlines()[2] == "| 20.00 | 5.00 | 8.00 |"
