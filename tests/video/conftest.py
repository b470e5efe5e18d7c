"""Films to colour, and a colorizer that is quick."""

from __future__ import annotations

from pathlib import Path

import pytest

from photochrom.inference.colorizer import Colorizer


@pytest.fixture
def model(make_model) -> Path:
    """A toy that takes hints, and whose colours depend on lightness."""
    return make_model(hints=0.1, tells=("logits", "features"), slope=(0.2, -0.1))


@pytest.fixture
def colorizer(model: Path) -> Colorizer:
    return Colorizer(model)
