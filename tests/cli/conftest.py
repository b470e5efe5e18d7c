"""An album of two photos, and models that can little and much."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def model(make_model) -> Path:
    return make_model(vivid=[], metadata={"default_vivid": "0"})


@pytest.fixture
def able(make_model) -> Path:
    """A model that tells everything and takes hints."""
    return make_model("able", hints=0.1, tells=("logits", "features"))


@pytest.fixture
def two_photos(tmp_path: Path, scene) -> Path:
    """A folder of two grey photos, one in a sub-folder, and a note that is no photo."""
    folder = tmp_path / "album"
    (folder / "summer").mkdir(parents=True)
    Image.fromarray(scene).save(folder / "one.png")
    Image.fromarray(scene.T).save(folder / "summer" / "two.jpg")
    (folder / "notes.txt").write_text("not a photo")
    return folder


@pytest.fixture
def photo(two_photos) -> Path:
    return two_photos / "one.png"
