"""Crowds at the page, on real sockets: the benchmarks with the toy.

PHOTOCHROM_LOAD_SECONDS=60 makes them last.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not BENCHMARKS.exists(), reason="the benchmarks are in the repository"),
]


def run_benchmark(name: str, seconds: str, model: Path, *options: str) -> tuple[int, Any]:
    seconds = os.environ.get("PHOTOCHROM_LOAD_SECONDS", seconds)
    out = model.with_name("figures.json")
    options = ("--model", str(model), "--json", str(out), "--seconds", seconds, *options)
    done = subprocess.run([sys.executable, str(BENCHMARKS / name), *options], check=False)
    return done.returncode, json.loads(out.read_text())


def test_32_users_at_once_are_served_or_turned_away_and_it_stays_well(toy):
    status, told = run_benchmark("web.py", "8", toy, "--workers", "2")
    assert status == 0
    crowd = {name: float(row["measured"]) for name, row in told.items()}
    assert crowd["in the crowd: other failures"] == 0
    assert crowd["in the crowd: answers a second"] > 0
    # On a machine of any speed: that it is well is not told after all the work, but before.
    assert crowd["in the crowd: health, median"] < crowd["in the crowd: hint to preview, median"]
    # What is kept is bounded, and so is what the processes take at a time.
    assert crowd["in the crowd: memory, most"] < 1000


def test_users_get_their_results_among_attackers(toy):
    # Its status also tells of times, which are the machine's.
    _, told = run_benchmark("hostile.py", "12", toy, "--clients", "16")
    for figure in ("answers of 500", "users' requests without a result", "work left 10 s later"):
        assert told[figure]["measured"] == "0"
