"""A folder of a thousand odd files ends with a list, and without a traceback."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
from test_exif import block
from test_faults import CORPUS, NOISE
from test_metadata import BLOCK, jpeg_with, packet

from photochrom.image import jpeg
from photochrom.image.photo import Photo
from photochrom.image.writer import encode_photo
from spoil import spoiled

SUFFIX = {"JPEG": "jpg", "TIFF": "tif", "JPEG2000": "jp2", "WEBP": "webp", "GIF": "gif"}
SUFFIX |= dict.fromkeys(("pages", "lzw", "fax", "jpeg in TIFF", "deep TIFF"), "tif")


def write_odd_files(folder: Path, many: int) -> list[str]:
    """So many odd files, a few of them whole; answers the names of those."""
    random = np.random.default_rng(13)
    seeds = {
        **CORPUS,
        "with EXIF": encode_photo(Photo(NOISE, exif=block("big")), "JPEG"),
        "with XMP": jpeg_with(jpeg.segment(0xE1, jpeg.XMP + packet(padding=900))),
        "with 8BIM": jpeg_with(jpeg.segment(0xED, b"Photoshop 3.0\0" + BLOCK)),
        "no picture": b"Dear diary, " * 20,
    }
    names = sorted(seeds)
    for i in range(many - len(names)):
        name = names[i % len(names)]
        suffix = SUFFIX.get(name, ("jpg", "png", "tif")[i % 3])
        (folder / f"odd {i:04}.{suffix}").write_bytes(spoiled(seeds[name], random, reach=1500))
    for i, name in enumerate(names):
        (folder / f"whole {i:02}.{SUFFIX.get(name, 'png')}").write_bytes(seeds[name])
    return [f"whole {i:02}" for i, name in enumerate(names) if name != "no picture"]


def test_a_thousand_odd_files(make_model, tmp_path: Path):
    album, report = tmp_path / "album", tmp_path / "report.csv"
    album.mkdir()
    whole = write_odd_files(album, 1000)
    command = [sys.executable, "-m", "photochrom", "colorize", album, "--model", make_model()]
    command += ["-o", tmp_path / "out", "--report", report, "--jobs", "2", "--recolor"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    with report.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1000
    states = {Path(row["photo"]).stem: row["state"] for row in rows}
    assert {states[name] for name in whole} == {"done"}
    for row in rows:
        assert row["state"] in ("done", "failed")
        if row["state"] == "failed":
            assert row["words"].endswith(".")
            assert row["error"].startswith(("BadPhoto", "CannotWrite")), row
        else:
            assert Path(row["results"]).stat().st_size > 0
    again = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "were done before" in again.stderr
