"""What a film is written as, and its parts, each encoded into a segment of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from photochrom.color import Array
from photochrom.video.options import Codec, VideoOptions

if TYPE_CHECKING:
    from photochrom.video.film import Film


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a film is written as; its fields tell whether two segments go together."""

    codec: Codec
    encoder: str
    """Of FFmpeg."""
    pix_fmt: str
    bits: int
    """Of a sample."""
    crf: int | None
    """None for a codec without."""
    container: str
    """FFmpeg's name of the muxer."""
    size: tuple[int, int]
    """Rows and columns as they are encoded: even ones where the codec needs that."""
    chroma_size: tuple[int, int]
    """Rows and columns of U and V, which :func:`write_segment` takes."""
    build: str
    """Of PyAV: another one's segments do not go with these."""
    notes: tuple[str, ...] = ()
    """What the user is to know, a clause each, such as "its 10 bits are rounded to 8"."""


def choose_target(film: Film, options: VideoOptions, output: Path) -> Target:
    """Choose how a film is written, before anything is done.

    Args:
        film: to be coloured.
        options: what is asked for.
        output: the result; its suffix chooses the container.

    Raises:
        BadOption: the encoder is not there, the container cannot hold the codec or another stream
            of the film, or a value is out of range.
    """
    raise NotImplementedError


def default_suffix(film: Film, options: VideoOptions) -> str:
    """The film's own suffix, or ".mp4" or ".mkv" where that container cannot hold the result."""
    raise NotImplementedError


def write_segment(
    path: Path, frames: Iterable[tuple[Array, Array, Array]], film: Film, target: Target
) -> int:
    """Encode frames into a file that is there whole or not at all; packet i of it is frame i.

    Args:
        path: the segment.
        frames: Y (H, W), and U and V of ``target.chroma_size``, codes of the film's own depth and
            range, uint8 or uint16; Y is not changed, unless the target has other bits.
        film: they belong to.
        target: how they are encoded.

    Returns:
        How many frames there were.

    Raises:
        CannotWrite: the folder does not take it. DiskFull: there is no room.
    """
    raise NotImplementedError
