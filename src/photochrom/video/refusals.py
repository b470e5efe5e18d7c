"""Why a film cannot be coloured as it is, and the line of ffmpeg that mends it."""

from __future__ import annotations

import shlex
from fractions import Fraction
from pathlib import Path

from photochrom.errors import BadFilm

LOSSLESS = "-c:v libx264 -qp 0 -c:a copy"
"""The pictures are coded anew, and stay the same to the bit."""


def no_film(path: Path) -> BadFilm:
    """Nothing recognizes the file: its head may be missing as well as its end."""
    return BadFilm(
        f"{path} is not a film that can be read: if it should be one, it is cut short or damaged; "
        "fetch it again."
    )


def unknown_codec(path: Path) -> BadFilm:
    """No decoder knows the pictures."""
    return BadFilm(
        f"{path} is coded in a way that cannot be decoded here: convert it with the program that "
        "made it, to H.264 in MP4 for example."
    )


def unknown_pixels(path: Path, kind: str) -> BadFilm:
    """The decoder gives frames that swscale cannot read."""
    line = mend(path, "-pix_fmt yuv444p10le -c:v ffv1 -c:a copy")
    return BadFilm(f"{path} has pixels of a kind ({kind}) that cannot be read: run `{line}` first.")


def too_large(path: Path, width: int, height: int, most: int) -> BadFilm:
    """Frames of such a size would not fit in memory."""
    line = mend(path, f"-vf scale=1920:-2 {LOSSLESS}")
    return BadFilm(
        f"{path} has frames of {width:,} × {height:,} pixels, and at most {most:,} can be read: "
        f"run `{line}` first."
    )


def no_frames(path: Path) -> BadFilm:
    """Nothing at all could be decoded."""
    return BadFilm(
        f"{path} has no frame that can be read: it is cut short or damaged; fetch it again."
    )


def cut_short(path: Path, readable: int, expected: int) -> BadFilm:
    """The end is missing; what is there can be coloured once the file says so."""
    of = f" of about {expected:,}" if expected > readable else ""
    return BadFilm(
        f"{path} is cut short or damaged: {readable:,} frames{of} can be read. Fetch it again, or "
        f"run `{mend(path, '-c copy')}` and colour what there is."
    )


def resized(path: Path, before: tuple[int, int], after: tuple[int, int], time: float) -> BadFilm:
    """Frames have to be of one size, width first."""
    (w, h), (w2, h2) = before, after
    line = mend(path, f"-vf scale={w}:{h} {LOSSLESS}")
    change = f"from {w} × {h} to {w2} × {h2} pixels"
    return BadFilm(
        f"{path} changes its size in the middle, {change} at {time:.1f} s: run `{line}` first."
    )


def redefined(path: Path, before: str, after: str, time: float) -> BadFilm:
    """Samples have to be of one depth and range."""
    line = mend(path, f"-pix_fmt {before} {LOSSLESS}")
    return BadFilm(
        f"{path} changes its pixels in the middle, from {before} to {after} at {time:.1f} s: "
        f"run `{line}` first."
    )


def no_time_stamps(path: Path, rate: Fraction | None) -> BadFilm:
    """Nobody knows when a frame is shown, as in a raw stream."""
    return BadFilm(
        f"{path} does not tell when its frames are shown: run `{_retime(path, rate)}` first, with "
        "the frames per second that it has."
    )


def back_in_time(path: Path, time: float, rate: Fraction | None) -> BadFilm:
    """A frame is to be shown before the one that precedes it."""
    return BadFilm(
        f"{path} goes back in time at {time:.1f} s, as when films were joined without new time "
        f"stamps: run `{_retime(path, rate)}` first, with the frames per second that it has."
    )


def high_dynamic_range(path: Path, kind: str) -> BadFilm:
    """Its luma means other light than that of the colours that are made."""
    tone = "zscale=t=linear:npl=100,tonemap=hable,zscale=t=bt709:m=bt709:p=bt709:r=tv"
    line = mend(path, f"-vf {tone},format=yuv420p10le -c:v libx265 -crf 12 -c:a copy")
    return BadFilm(
        f"{path} is HDR ({kind}), and colours are made for standard range: run `{line}` first."
    )


def interlaced(path: Path) -> BadFilm:
    """Its frames are woven of two fields, which show two moments."""
    line = mend(path, f"-vf bwdif=mode=send_frame {LOSSLESS}")
    return BadFilm(
        f"{path} is interlaced: each of its frames shows two moments, in every other line. "
        f"Colour it with --deinterlace, or run `{line}` first."
    )


def no_such_frame(path: Path) -> BadFilm:
    """A frame that was there before is not."""
    return BadFilm(
        f"{path} is not what it was when its shots were found: leave it as it is, and start again."
    )


def mend(path: Path, how: str, *, before: str = "") -> str:
    """The command line that makes a film which can be coloured.

    Args:
        path: of the film.
        how: options of what is written.
        before: options of what is read.
    """
    # Matroska holds whatever is coded anew, and every sound.
    suffix = path.suffix if how == "-c copy" else ".mkv"
    mended = path.with_name(f"{path.stem}.mended{suffix}")
    words = ("ffmpeg", before, "-i", shlex.quote(str(path)), how, shlex.quote(str(mended)))
    return " ".join(word for word in words if word)


def _retime(path: Path, rate: Fraction | None) -> str:
    plausible = rate if rate and 5 <= rate <= 240 else Fraction(25)
    return mend(path, LOSSLESS, before=f"-r {plausible}")
