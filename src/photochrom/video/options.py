"""How a film is to be coloured: keyword arguments of :func:`colorize_video`, flags of
``photochrom video``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypedDict

from photochrom.image.photo import Photo
from photochrom.image.reader import PhotoSource
from photochrom.inference.options import ColorizeOptions
from photochrom.video.frame_hints import FrameHints

Codec = Literal["h264", "hevc", "av1", "prores", "ffv1"]


@dataclass(frozen=True, kw_only=True)
class VideoOptions:
    """What is asked for of a film.

    Raises:
        BadOption: a value is out of range.
    """

    size: int | None = None
    """Short side in pixels at which the network sees a frame; as in :class:`.ColorizeOptions`."""
    strength: float = 1.0
    """How much of the colour, 0..1.5: 0 is grey, 1 is what the network says."""
    vivid: float | None = None
    """0 most accurate .. 1 most colourful; by default the model's."""
    hints: FrameHints = ()
    """Hints for frames: a file, a folder of files, what they hold, or hints by the frame's number;
    see :mod:`.frame_hints`."""
    reference: PhotoSource | Photo | None = None
    """A colour photo: what is seen in it and in a shot takes its colour."""
    recolor: bool = False
    """Colour a film that is in colour already, too: its luma is kept."""
    deinterlace: bool = False
    """Make whole frames of an interlaced film's fields first (bwdif); its luma changes by that."""
    mark: bool = True
    """Note in the result's metadata that it was colorized, and by which model."""
    codec: Codec = "h264"
    """Of the result."""
    crf: int | None = None
    """Quality of h264, hevc and av1: the less, the better; by default the codec's own good one."""
    bits: Literal[8, 10] | None = None
    """Of a sample of the result: by default 8 for h264, which plays everywhere, and the film's own
    for the others."""

    def __post_init__(self) -> None:
        _ = self.colorize_options

    @property
    def colorize_options(self) -> ColorizeOptions:
        """The part that speaks of colours alone, without hints and reference."""
        return ColorizeOptions(size=self.size, strength=self.strength, vivid=self.vivid)


class VideoKeywords(TypedDict, total=False):
    """The fields of :class:`VideoOptions` as keyword arguments."""

    size: int | None
    strength: float
    vivid: float | None
    hints: FrameHints
    reference: PhotoSource | Photo | None
    recolor: bool
    deinterlace: bool
    mark: bool
    codec: Codec
    crf: int | None
    bits: Literal[8, 10] | None
