"""The documents say what was measured."""

from __future__ import annotations

import importlib.util
import json
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
