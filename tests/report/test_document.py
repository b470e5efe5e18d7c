import base64
import io
import json
import re
from functools import partial
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from photochrom.errors import BadOption, CannotWrite
from photochrom.evaluation.metrics import PerceptualScores
from photochrom.evaluation.rows import GREY, Row
from photochrom.report import document
from photochrom.report.examples import Gallery
from photochrom.report.runs import read_run, read_study
from studies import PRESETS, finder


class Page(HTMLParser):
    """Its elements, the text of its tables' cells, and all its text."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.tables, self.text = [], {}, ""
        self._table = self._cell = None
        self._hidden = ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        known = dict(attributes)
        self.elements.append((tag, known))
        if tag == "table":
            self._table = self.tables.setdefault(known["id"], [])
        elif tag == "tr":
            self._table.append([])
        elif tag in ("td", "th"):
            self._cell = True
            self._table[-1].append("")
        elif tag in ("small", "span") and self._cell:
            self._table[-1][-1] += "|"
        elif tag == "style":
            self._hidden = tag

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._cell = None
        elif tag == "style":
            self._hidden = ""

    def handle_data(self, data):
        if self._cell:
            self._table[-1][-1] += data
        if not self._hidden:
            self.text += data

    def all(self, tag):
        return [known for name, known in self.elements if name == tag]


def page_of(*paths):
    """The page of runs without pictures."""
    return Page(document.render_report(read_study(paths, PRESETS), document.Pictures()))


def by_heading(page, name):
    """The cells of a row under the headings of their columns."""
    return dict(zip(page.tables["measured"][0][1:], rows(page)[name][1], strict=True))


def rows(page, table="measured"):
    """Name -> its line under the head: what stands beside the name, and the cells."""
    told = {}
    for first, *cells in page.tables[table][1:]:
        name, *beside = first.split("|")
        told[name] = ([*filter(None, beside)], cells)
    return told


def the_four(run, folder, paints):
    """The study's presets, one of them reduced, with an ablation."""
    short = [{"step": i, "epoch": 0.13 * i, "loss": 1 / i} for i in range(1, 11)]
    colourful = [{"step": 9, "epoch": 20, "loss": 1, "val_psnr": 22, "val_colourfulness": 0.9}]
    return [
        run(folder / "cnn-rgb", paints.flat(2, 6), rgb=paints.own_rgb),
        run(folder / "unet-rgb", paints.flat(4, 8), rgb=paints.own_rgb),
        run(folder / "unet-lab", paints.flat(3, 9), size=64, log=short),
        run(folder / "lab-mse", paints.flat(1, 5), model="unet-lab", alpha=1.0, size=64),
        run(folder / "unet-bins", paints.stepped, log=colourful),
    ]


@pytest.fixture
def four(workshop, album, tmp_path, paints):
    return the_four(partial(workshop.run, album), tmp_path, paints)


def the_painters(paints):
    return {
        Row("cnn-rgb"): paints.flat(2, 6),
        Row("cnn-rgb", own_rgb=True): paints.own_rgb,
        Row("unet-lab"): paints.flat(3, 9),
        Row("lab-mse"): paints.flat(1, 5),
        Row("unet-bins"): paints.stepped,
    }


@pytest.fixture(scope="module")
def written(workshop, tmp_path_factory):
    """A page with pictures, and the study it tells of."""
    folder = tmp_path_factory.mktemp("study")
    album = workshop.album(folder / "album")
    study = read_study(the_four(partial(workshop.run, album), folder, workshop.paints), PRESETS)
    gallery = Gallery(study.results, the_painters(workshop.paints), finder(album))
    document.write_report(study, folder / "r.html", gallery)
    html = (folder / "r.html").read_text("utf-8")
    return study, html, Page(html)


# --- what the tables say --------------------------------------------------------------------


def test_the_figures_are_those_of_the_files(written):
    study, _, page = written
    told = rows(page)
    assert list(told)[:2] == ["grey", "constant"]
    for run in study.runs:
        content = json.loads((run.path / "evaluation.json").read_text())
        for row in content["summary"]:
            cells = told[row["name"]][1]
            low, high = row["psnr_interval"]
            assert cells[:7] == [
                f"{row['psnr_mean']:.2f}",
                f"{low:.2f}–{high:.2f}",
                f"{row['psnr_median']:.2f}",
                f"{row['ssim']:.4f}",
                f"{row['delta_e']:.2f}",
                f"{row['ab_error']:.3f}",
                f"{row['colourfulness_ratio']:.2f}",
            ]
            assert cells[8] == f"{row['colours']:.2f}, {row['jump']:.2f}"
    cells, grey = by_heading(page, "unet-lab"), by_heading(page, "grey")
    assert (cells["parameters"], cells["GFLOP"]) == ("20.55 M", "120.3")
    assert grey["parameters"] == grey["GFLOP"] == grey["ms"] == "–"


def test_figures_from_before_the_ab_error_have_no_column_of_it(four):
    for folder in four:
        path = folder / "evaluation.json"
        content = json.loads(path.read_text())
        for score in content["scores"]:
            del score["ab_error"], score["cf"], score["truth_cf"]
        path.write_text(json.dumps(content))
    assert {"ab error", "dCF"}.isdisjoint(by_heading(page_of(*four), "grey"))


def test_figures_as_papers_have_them_are_told_where_they_were_measured(make_run, paints):
    run = make_run("unet-lab", paints.flat(3, 9), protocol="colormf")
    page = page_of(run)
    cells = by_heading(page, "grey")
    assert float(cells["CF"]) == pytest.approx(0, abs=0.1)
    assert cells["dCF"] == cells["dCF, per photo"]  # grey falls short of every photo
    true = np.mean([score.truth_cf for score in read_run(run).results.rows[GREY]])
    assert f"4 photos of CF {true:.2f}" in page.text
    assert float(cells["dCF"]) == pytest.approx(true, abs=0.1)
    assert "DDColor" in page.text


def test_reduced_runs_are_marked_in_their_row_and_nobody_else(written):
    _, _, page = written
    told = {name: beside for name, (beside, _) in rows(page).items()}
    assert told["unet-lab"][1:] == ["reduced: 64 px instead of 512, 1.3 of 15 epochs"]
    assert told["cnn-rgb"] == ["96 px · batch 512 · 20 epochs · 0.7 MSE + 0.3 L1"]
    assert told["unet-bins"] == ["512 px · batch 16 · 20 epochs · class-weighted cross-entropy"]
    assert told["lab-mse"] == [
        "unet-lab · 64 px · batch 16 · 15 epochs · MSE alone",
        "reduced: 64 px instead of 512",
    ]
    assert told["cnn-rgb, own RGB"][0].endswith("the picture the network paints")
    original = {name: beside for name, (beside, _) in rows(page, "original").items()}
    assert original["unet-lab"][1:] == ["reduced: 64 px instead of 512, 1.3 of 15 epochs"]


def test_the_original_stands_beside_its_repetition(written):
    study, _, page = written
    told = {name: cells for name, (_, cells) in rows(page, "original").items()}
    assert list(told) == ["grey", "constant", "cnn-rgb", "unet-rgb", "unet-lab", "unet-bins"]
    assert [cells[0] for cells in told.values()] == ["–", "–", "11.2", "13.5", "19.0", "18.2"]
    summary = {str(row.row): row for row in study.results.summary}
    assert told["cnn-rgb"][1] == f"{summary['cnn-rgb, own RGB'].psnr_mean:.2f}"
    assert told["unet-lab"][1] == f"{summary['unet-lab'].psnr_mean:.2f}"


def test_what_was_not_trained_is_said(make_run):
    page = page_of(make_run("unet-lab"))
    told = {name: cells for name, (_, cells) in rows(page, "original").items()}
    assert told["unet-bins"][1:3] == ["–", "not trained here"]
    assert "photochrom train unet-bins" in page.text


def test_rows_with_hints_are_a_curve_and_not_in_the_table(measured, paints, tmp_path):
    hinted = {"ours": lambda L, spots: paints.flat(0, 6 + len(spots))(L)}
    results = measured({"ours": paints.flat(0, 6)}, hinted=hinted, hint_counts=(0, 5))
    results.write_json(tmp_path / "ours.json")
    page = page_of(tmp_path / "ours.json")
    assert list(rows(page)) == ["grey", "constant", "ours"]
    assert rows(page)["ours"][0] == ["not trained here"]
    assert "What hints gain" in page.text
    assert "hints-figure_1" in {known.get("id") for _, known in page.elements}
    assert "None of these runs has reported its training" in page.text


def test_judged_figures_have_columns_where_there_are_any(make_run):
    def judge(rgb):
        return PerceptualScores([{"lite2 distance": 0.25 + i} for i in range(len(rgb) - 1)], {})

    page = page_of(make_run("cnn-rgb", perceptual=[judge]), make_run("unet-rgb"))
    told = {name: by_heading(page, name)["lite2 distance"] for name in rows(page)}
    assert told == {"grey": "0.250", "constant": "1.250", "cnn-rgb": "2.250", "unet-rgb": "–"}


# --- one file that asks for nothing ---------------------------------------------------------


def test_the_page_asks_for_nothing(written):
    _, html, page = written
    assert "http" not in html.replace("http-equiv", "")
    policy = next(m for m in page.all("meta") if "http-equiv" in m)
    assert policy["content"] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "iframe", "object", "embed", "form", "video", "audio"}
    for tag, known in page.elements:
        assert not any(name.startswith("on") for name in known)
        assert known.get("src", "data:image/").startswith("data:image/"), tag
        assert known.get("href", "#").startswith("#"), tag
    assert not re.search(r"@import|url\((?!#)", html)


def test_every_picture_decodes_and_says_what_it_is(written):
    _, _, page = written
    pictures = page.all("img")
    assert len(pictures) > 40
    for known in pictures:
        kind, _, text = known["src"].partition(";base64,")
        image = Image.open(io.BytesIO(base64.b64decode(text, validate=True)))
        image.load()
        assert kind == f"data:image/{image.format.lower()}"
        assert image.size == (int(known["width"]), int(known["height"]))
        assert known["alt"]
    labels = {known["alt"] for known in pictures}
    assert {"grey", "truth", "unet-bins", "cnn-rgb, own RGB", "lab-mse, MSE alone"} <= labels
    assert any(alt.startswith("Colours of unet-bins: ") for alt in labels)


def test_ids_are_unique_and_links_lead_somewhere(written):
    _, html, page = written
    ids = [known["id"] for _, known in page.elements if "id" in known]
    assert len(ids) == len(set(ids))
    links = [known["href"][1:] for _, known in page.elements if known.get("href")]
    used = re.findall(r"url\(#([^)\"]+)\)", html)
    assert links
    assert {*links, *used} <= set(ids)


def test_headings_go_down_one_step_at_a_time(written):
    _, _, page = written
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_charts_take_the_pages_colours(written):
    _, html, page = written
    charts = html[html.index('<figure class="chart') :]
    svgs = [svg for svg in re.findall(r"<svg.*?</svg>", charts, re.DOTALL) if "figure_1" in svg]
    assert len(svgs) == 6  # gains, mixes, loss, two of validation, trade-off
    for svg in svgs:
        assert "var(--muted)" in svg
        assert not re.search(r"#(0072b2|555555|bbbbbb|ffffff)", svg)
        assert "DejaVu" not in svg
    assert "unet-bins" in page.text


NASTY = "a<script>alert(1)</script>&\"'{{ 7*7 }}$x$"


def test_names_are_text_and_nothing_else(measured, make_run, paints, presets, tmp_path, album):
    path = tmp_path / "nasty.json"
    results = measured({NASTY: paints.flat(1, 6), f"{NASTY}, vivid 1": paints.flat(1, 9)})
    results.write_json(path)
    study = read_study([path, make_run("unet-lab")], presets)
    gallery = Gallery(study.results, {Row(NASTY): paints.flat(1, 6)}, finder(album))
    html = document.render_report(study, document.choose_pictures(study, gallery), [f"No {NASTY}."])
    page = Page(html)
    assert "script" not in {tag for tag, _ in page.elements}
    assert NASTY in rows(page)
    assert f"No {NASTY}." in page.text
    assert "<script" not in html
    assert not any(name.startswith("on") for _, known in page.elements for name in known)


# --- pictures -------------------------------------------------------------------------------


def test_without_photographs_the_rest_still_comes(four, presets, tmp_path):
    study = read_study(four, presets)
    document.write_report(study, tmp_path / "r.html", None, ["No photographs: give --data."])
    page = Page((tmp_path / "r.html").read_text("utf-8"))
    assert page.text.count("No photographs: give --data.") == 2  # photographs, banding
    assert len(page.all("img")) == len(rows(page)) - 1  # clouds: the truth's, not the baselines'
    assert rows(page)["unet-lab"]


def test_a_model_that_has_gone_is_left_out_of_the_pictures_alone(four, presets, paints, album):
    study = read_study(four, presets)
    find = finder(album)
    shown = document.choose_pictures(
        study, Gallery(study.results, {Row("unet-lab"): paints.flat(3, 9)}, find)
    )
    assert list(shown.extremes) == [Row("unet-lab")]
    assert [shot.label for shot in shown.plates[0].shots] == ["grey", "unet-lab", "truth"]
    bare = document.choose_pictures(study, Gallery(study.results, {}, find))
    assert [shot.label for shot in bare.plates[0].shots] == ["grey", "truth"]
    assert "No pictures" in document.render_report(study, bare, ["No pictures by unet-lab."])


def test_what_is_shown(written, paints):
    study, _, _ = written
    chosen = document.choose_rows(study, list(the_painters(paints)))
    # The ablation has a place of its own.
    assert list(map(str, chosen)) == ["cnn-rgb", "cnn-rgb, own RGB", "unet-lab", "unet-bins"]


def test_of_many_settings_the_ends_and_the_middle_are_shown(measured, paints, presets, tmp_path):
    painters = {f"ours, vivid {v:g}": paints.flat(1, 6 + v) for v in np.linspace(0, 1, 6)}
    measured(painters).write_json(tmp_path / "ours.json")
    study = read_study([tmp_path / "ours.json"], presets)
    shown = document.choose_rows(study, list(map(Row.parse, painters)))
    assert list(map(str, shown)) == ["ours, vivid 0", "ours, vivid 0.6", "ours, vivid 1"]


# --- the file -------------------------------------------------------------------------------


def test_the_same_study_is_the_same_page(four, presets, tmp_path):
    for name in ("a.html", "b.html"):
        document.write_report(read_study(four[:1], presets), tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


@pytest.mark.parametrize("name", ["report", "report.htm", "report.pdf", "report.html.zip"])
def test_only_pages_are_written(four, presets, tmp_path, name):
    with pytest.raises(BadOption, match=f"{name} is no name for a page: end it in .html"):
        document.write_report(read_study(four[:1], presets), tmp_path / name)
    assert not (tmp_path / name).exists()


def test_half_a_page_is_never_left(four, presets, tmp_path, monkeypatch):
    study = read_study(four[:1], presets)
    with pytest.raises(CannotWrite):
        document.write_report(study, tmp_path / "missing" / "r.html")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "r.html").write_text("before")
    monkeypatch.setattr("photochrom.report.toy.predict_world", lambda world: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        document.write_report(study, tmp_path / "out" / "r.html")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["r.html"]
    assert (tmp_path / "out" / "r.html").read_text() == "before"
