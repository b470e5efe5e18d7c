"""The documents say what was measured."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest

from studies import measure

ROOT = Path(__file__).parents[1]


@pytest.fixture
def tables():
    spec = importlib.util.spec_from_file_location("tables", ROOT / "docs" / "tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_table_is_made_of_its_figures(tables):
    for path in tables.documents():
        text = path.read_text("utf-8")
        assert tables.fill(text) == text, f"{path.name} is out of date: python docs/tables.py"


def test_a_table_is_filled_from_what_was_kept(tables, monkeypatch, tmp_path):
    monkeypatch.setattr(tables, "FIGURES", tmp_path / "figures")
    photo = np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8)
    results = measure(
        [("a", photo)],
        {},
        hinted={"p": lambda L, spots: np.full((1, 2, *L.shape[2:]), len(spots), np.float32)},
        hint_counts=(0, 3),
    )
    results.write_json(tmp_path / "all.json")
    tables.keep("mine", [str(tmp_path / "all.json"), "constant=one colour"])
    assert "0.png" not in json.dumps(json.loads((tmp_path / "figures/mine.json").read_text()))
    text = (
        "Before.\n<!-- table mine scores: colorizer; PSNR, dB -->\nold\n<!-- table end -->\n"
        "<!-- table mine hints: hints; gain -->\n<!-- table end -->\nAfter."
    )
    filled = tables.fill(text)
    assert tables.fill(filled) == filled
    assert f"| grey | {results.summary[0].psnr_mean:.2f} |" in filled
    assert "| 0 | +0.00 |\n| 3 |" in filled
    assert "| one colour |" in filled
    assert "old" not in filled
    assert filled.startswith("Before.")
    assert filled.endswith("After.")


def test_a_figure_in_a_sentence_is_filled_in_from_its_row(tables):
    text = "It has <!-- figure hintnet scores: constant; PSNR, dB -->?<!-- end --> dB."
    assert tables.fill(text).endswith("PSNR, dB -->22.80<!-- end --> dB.")
    with pytest.raises(ValueError, match=r"hintnet\.json has no row 'contsant'"):
        tables.fill(text.replace("constant", "contsant"))


def test_figures_in_sentences_do_not_begin_lines_where_they_would_be_html(tables):
    for path in tables.documents():
        assert not re.search(r"^\s*<!-- figure", path.read_text("utf-8"), re.M), path.name


def test_the_readme_says_what_matters_in_at_most_600_words_before_its_tables_of_figures():
    text = (ROOT / "README.md").read_text("utf-8")
    prose = text[: text.index("<!-- table")]
    # What is not read as prose: code blocks, pictures, the addresses of links.
    prose = re.sub(r"```.*?```|!\[.*?\]\(.*?\)|(?<=\])\(.*?\)", "", prose, flags=re.S)
    assert 300 < len(prose.split()) <= 600


def test_the_model_card_is_what_the_hub_reads_and_has_the_measured_figures(tables):
    yaml = pytest.importorskip("yaml")
    card = tables.CARD.read_text("utf-8")
    assert tables.CARD_FOR_THE_SITE.read_text("utf-8") == card, "python docs/tables.py"
    head = yaml.safe_load(card.split("---\n")[1])
    assert (head["license"], head["license_name"]) == ("other", "research-and-private-use")
    assert (tables.CARD.parent / head["license_link"]).is_file()
    (index,) = head["model-index"]
    measured = {str(row.row): row for row in tables.rows("hintnet")}
    for result in index["results"]:
        row = measured[result["task"]["name"].removeprefix("colorization: ")]
        values = [metric["value"] for metric in result["metrics"]]
        figures = [row.psnr_mean, row.ssim, row.delta_e, row.colorfulness_ratio]
        assert values == pytest.approx(figures, abs=0.005)
        assert {*result["dataset"]} == {"type", "name"}
    assert len(index["results"]) == 3
