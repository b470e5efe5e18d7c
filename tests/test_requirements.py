"""What pyproject.toml promises of other packages."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOWEST = ROOT / "requirements" / "lowest.txt"


@pytest.mark.skipif(not LOWEST.exists(), reason="the requirements are in the repository")
def test_the_lowest_versions_that_are_tried_are_those_that_are_promised():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    promised = [*project["dependencies"], *extras["heif"], *extras["video"]]
    tried = [line for line in LOWEST.read_text().splitlines() if not line.startswith("#")]
    assert sorted(tried) == sorted(bound.replace(">=", "==") for bound in promised)
