"""A crowd at the page, on real sockets: ``benchmarks/web.py`` with the toy.

PHOTOCHROM_LOAD_SECONDS=60 makes it last.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "web.py"
HOSTILE = BENCHMARK.with_name("hostile.py")


@pytest.mark.slow
@pytest.mark.skipif(not BENCHMARK.exists(), reason="the benchmarks are in the repository")
def test_32_users_at_once_are_served_or_turned_away_and_it_stays_well(toy, tmp_path):
    seconds = os.environ.get("PHOTOCHROM_LOAD_SECONDS", "8")
    out = tmp_path / "figures.json"
    options = ["--model", str(toy), "--seconds", seconds, "--json", str(out)]
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), *options], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    sys.stdout.write(done.stdout)  # the figures, for who runs it with -s
    told = json.loads(out.read_text())
    assert set(told["statuses"]) <= {"200", "201", "204", "409", "503"}
    assert told["statuses"]["200"] > 0
    # On a machine of any speed: that it is well is not told after all the work, but before.
    assert told["health, median"] < told["preview in the crowd, median"]
    # What is kept is bounded, and so is what two pieces of work take at a time.
    assert told["memory, most"] < 1000


@pytest.mark.slow
@pytest.mark.skipif(not HOSTILE.exists(), reason="the benchmarks are in the repository")
def test_users_get_their_results_among_attackers(toy, tmp_path):
    seconds = os.environ.get("PHOTOCHROM_LOAD_SECONDS", "12")
    out = tmp_path / "figures.json"
    options = ["--model", str(toy), "--clients", "16", "--seconds", seconds, "--json", str(out)]
    done = subprocess.run([sys.executable, str(HOSTILE), *options], capture_output=True, text=True)
    sys.stdout.write(done.stdout)
    assert out.exists(), done.stderr  # its exit status also tells of times, which are the machine's
    told = json.loads(out.read_text())
    for figure in ("answers of 500", "users' requests without a result", "work left 10 s later"):
        assert told[figure]["measured"] == "0", done.stdout
