"""Bulk work that is killed: is the result that of an undisturbed run?

    python benchmarks/interrupted.py --data photos.tar --photos 2000 --bad 40 --kills 5

Makes a folder with sub-folders of photos in mixed formats, a few in colour and some that are
broken, colours it once undisturbed and once killed with SIGKILL at random moments and started
again, and holds both results against each other byte by byte.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from photochrom.data import shards
from photochrom.data.decode import decode

KINDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("jpg", {"quality": 90}),
    ("jpg", {"quality": 75}),
    ("png", {}),
    ("tif", {"compression": "tiff_lzw"}),
    ("webp", {"quality": 85}),
)


def album(folder: Path, data: list[Path], photos: int, bad: int) -> None:
    """Fill a folder: of every 25 photos one stays in colour, one is toned, one has 16 bits."""
    dice = random.Random(0)  # noqa: S311
    sources = shards.find_sources(data)
    for i in range(photos):
        pixels = decode(sources[i % len(sources)].read())
        grey = np.asarray(Image.fromarray(pixels).convert("L"))
        place = folder / f"box {i % 7}" / f"year {1900 + i % 11}"
        place.mkdir(parents=True, exist_ok=True)
        kind, options = KINDS[i % len(KINDS)]
        path = place / f"photo {i:04d}.{kind}"
        if i >= photos - bad:
            whole = Image.fromarray(grey)
            whole.save(path, **options)
            content = path.read_bytes()
            path.write_bytes(
                (b"", b"no picture at all", content[: len(content) // 2], content[:40])[i % 4]
            )
        elif i % 25 == 3:
            Image.fromarray(pixels).save(path, **options)
        elif i % 25 == 7:
            ink = grey[..., None] / 255 * np.array([1.0, 0.87, 0.68]) * 255
            Image.fromarray(ink.astype(np.uint8)).save(path, **options)
        elif i % 25 == 12:
            deep = grey.astype(np.uint16) * 257 + dice.randrange(128)
            Image.fromarray(np.minimum(deep, 65535)).save(path.with_suffix(".png"))
        else:
            Image.fromarray(grey).save(path, **options)


def digests(folder: Path) -> dict[str, str]:
    """Every file below a folder but the journal's, each with the digest of its content."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".photochrom" not in path.parts
    }


def start(folder: Path, out: Path, report: Path) -> subprocess.Popen[bytes]:
    """Colour a folder, in a process group of its own."""
    command = [sys.executable, "-m", "photochrom", "colorize", str(folder), "-o", str(out)]
    report.unlink(missing_ok=True)
    command += ["--report", str(report)]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdout=quiet, stderr=quiet, start_new_session=True)


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--bad", type=int, default=40)
    parser.add_argument("--kills", type=int, default=5)
    asked = parser.parse_args()
    work = Path(tempfile.mkdtemp())
    try:
        photos, plain, killed = work / "album", work / "plain", work / "killed"
        album(photos, asked.data, asked.photos, asked.bad)
        before = digests(photos)
        begun = time.monotonic()
        code = start(photos, plain, work / "plain.csv").wait()
        seconds = time.monotonic() - begun
        print(f"undisturbed: exit {code}, {seconds:.0f} s, {asked.photos / seconds:.1f} photos/s")
        dice = random.Random(1)  # noqa: S311
        for i in range(asked.kills):
            process = start(photos, killed, work / "killed.csv")
            time.sleep(seconds / (asked.kills + 1) * dice.uniform(0.5, 1.2) + 1)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            print(f"kill {i + 1}: {len(digests(killed))} results so far")
        last = start(photos, killed, work / "killed.csv").wait()
        left = sorted((killed / ".photochrom").glob("*.part"))
        expected, found = digests(plain), digests(killed)
        print(f"resumed: exit {last}, {len(found)} results, {len(left)} unfinished files left")
        print(f"photos untouched: {digests(photos) == before}")
        print(f"equal to the undisturbed run: {expected == found} ({len(expected)} files)")
        if not (expected == found and code == last == 1 and not left and digests(photos) == before):
            sys.exit(1)
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
