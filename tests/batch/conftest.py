"""An album, and a model that tells all that is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from commands import PLACES


@pytest.fixture
def model(make_model) -> Path:
    return make_model(hints=0.1, tells=("logits", "features"))


@pytest.fixture
def album(tmp_path: Path, scene) -> Path:
    """Six grey photos, two of them in sub-folders, and a note."""
    folder = tmp_path / "album"
    (folder / "summer" / "sea").mkdir(parents=True)
    for i, name in enumerate(PLACES):
        Image.fromarray(np.roll(scene, 5 * i)).save(folder / name)
    (folder / "notes.txt").write_text("not a photo")
    return folder
