"""The real reader at a hundred million photos: memory, and seconds to the first batch.

    photochrom data pack photos/ -o packed/ --side 256
    python benchmarks/hundred_million.py --data packed/ --keep

A folder is made of as many shards as hold so many photos: hard links to the few in ``packed/``,
with an index that names each of them. So names, bytes, index and order are those of a hundred
million photos, and only the disk is not: it reads the same few files, which lie in memory.

Then a process, alone or one of several, does what training does before and during its steps: it
finds the shards, holds photos out, and takes batches. Memory is the most that the process ever had
resident (VmHWM of Linux), all counted: Python, numpy, the decoders, the index, encoded and decoded
photos. torch is not in it; a row says what the process has once it has imported what it needs.
``--keep`` writes docs/figures/scale.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from photochrom.data.order import LANES, Part
from photochrom.data.photo_set import Chosen
from photochrom.data.shards import INDEX, MEMBERS, find_shards
from photochrom.data.steps import StreamedSteps
from photochrom.data.stream import StreamedPhotos

FIGURES = Path(__file__).parents[1] / "docs" / "figures" / "scale.json"
BATCH, STEPS = 256, 40
"""Photos of a step for each process, and steps."""


def make(packed: Path, photos: int, target: Path) -> None:
    """A folder of so many photos, by links to the shards of another."""
    index = json.loads((packed / INDEX).read_text())
    shards, held = index["shards"], 0
    found: list[dict[str, Any]] = []
    while held < photos:
        real = shards[len(found) % len(shards)]
        name = f"photos-{len(found):06d}.tar"
        os.link(packed / real["name"], target / name)
        found.append(real | {"name": name})
        held += real["count"]
    shutil.copy(packed / MEMBERS, target / MEMBERS)
    (target / INDEX).write_text(json.dumps(index | {"shards": found}, separators=(",", ":")))


def resident() -> float:
    """Megabytes that this process had at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))


def read(folder: Path, rank: int, world: int) -> dict[str, Any]:
    """What one of several processes needs, until the first batch and after some more."""
    imported, begun = resident(), time.perf_counter()
    shards = find_shards([folder])
    photos = StreamedPhotos(shards, 256)
    left_out, _ = photos.split(0.03)
    chosen = Chosen(len(photos), left_out)
    indexed, known = resident(), time.perf_counter()
    steps = StreamedSteps(photos, chosen, 0, Part(len(chosen), BATCH * world, rank, world))
    steps(0)
    first, going = time.perf_counter(), resident()
    for step in range(1, STEPS):
        steps(step)
    steps.close()
    return {
        "photos": f"{len(photos):,}",
        "shards": f"{len(shards):,}",
        "held out": f"{len(left_out):,}",
        "imported, MB": f"{imported:.0f}",
        "shards known, MB": f"{indexed:.0f}",
        "first batch, MB": f"{going:.0f}",
        f"{STEPS} batches, MB": f"{resident():.0f}",
        "shards known, s": f"{known - begun:.1f}",
        "first batch, s": f"{first - begun:.1f}",
    }


def main() -> None:
    """Make the folder, read it in processes of their own, and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a folder of packed shards")
    parser.add_argument("--photos", type=float, default=1e8)
    parser.add_argument("--keep", action="store_true", help="write the JSON")
    parser.add_argument("--read", type=int, nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.read:
        print(json.dumps(read(given.data, *given.read)))
        return
    rows = {}
    with tempfile.TemporaryDirectory(
        dir=given.data.parent
    ) as target:  # on the same disk, for links
        make(given.data, int(given.photos), Path(target))
        for name, rank, world in (("alone", 0, 1), (f"one of {LANES}", 7, LANES)):
            command = [sys.executable, __file__, "--data", target, "--read", str(rank), str(world)]
            answer = subprocess.run(command, check=True, capture_output=True, text=True)
            rows[name] = json.loads(answer.stdout)
    print(f"{platform.platform()}, Python {platform.python_version()}, numpy {np.__version__}")
    print(json.dumps(rows, indent=1))
    if given.keep:
        FIGURES.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
