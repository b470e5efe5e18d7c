"""Make the pictures of docs/video.md: python benchmarks/video_pictures.py docs/images.

film-strip.jpg   six moments of a clip: grey, frame by frame, and with colours that hold still
film-hints.jpg   four moments of a shot, without hints and with hints in two of its frames
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import clips
import numpy as np
from PIL import Image

from photochrom import Colorizer, colorize_video
from photochrom.inference.options import ColorizeOptions
from video import Bytes, Clip, Film, read_film

GAP = 6
ORANGE = "#d9622b"
HINTS = [
    {
        "frame": frame,
        "size": [384, 288],
        "hints": [{"x": x, "y": y, "color": ORANGE} for x, y in points],
    }
    for frame, points in {0: [(110, 262), (310, 262)], 48: [(85, 262), (225, 262)]}.items()
]
"""On the suit: in the first frame of the pan, and in one in which more of it is seen."""


def lay_out(rows: Sequence[Sequence[Bytes]], width: int) -> Image.Image:
    """Frames (H, W, 3) in rows, on white, each so many pixels wide."""
    height = round(width * rows[0][0].shape[0] / rows[0][0].shape[1])
    across = len(rows[0]) * (width + GAP) - GAP
    sheet = Image.new("RGB", (across, len(rows) * (height + GAP) - GAP), "white")
    for y, row in enumerate(rows):
        for x, frame in enumerate(row):
            picture = Image.fromarray(frame).resize((width, height), Image.Resampling.LANCZOS)
            sheet.paste(picture, (x * (width + GAP), y * (height + GAP)))
    return sheet


def show_strip(colorizer: Colorizer, name: str = "pan", many: int = 6) -> Image.Image:
    """A clip in grey, coloured frame by frame, and coloured along the motion."""
    film = Film(Clip(name, list(clips.CLIPS[name](clips.SIZE)), (0,)), colorizer, ColorizeOptions())
    moments = np.linspace(0, len(film.truth) - 1, many).astype(int)
    ways = film.no_color(), film.color_by_frame(), film.color_by_motion()
    return lay_out([[list(film.frames(way))[t] for t in moments] for way in ways], 190)


def show_hints(colorizer: Colorizer, many: int = 4) -> Image.Image:
    """A film without hints and with some."""
    frames = list(islice(clips.pan(), 49))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        film, result = Path(folder) / "film.mp4", Path(folder) / "result.mp4"
        clips.write_film(film, map(clips.to_grey, frames))
        for hints in ((), HINTS):
            colorize_video(film, output=result, hints=hints, colorizer=colorizer, force=True)
            found = read_film(result, len(frames))
            moments = np.linspace(0, len(found) - 1, many).astype(int)
            rows.append([found[t] for t in moments])
    return lay_out(rows, 260)


def main() -> None:
    """Write them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    colorizer = Colorizer()
    for name, picture in (
        ("film-strip", show_strip(colorizer)),
        ("film-hints", show_hints(colorizer)),
    ):
        picture.save(asked.folder / f"{name}.jpg", quality=88, optimize=True)


if __name__ == "__main__":
    main()
