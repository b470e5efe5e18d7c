"""Interlaced film: frames woven of two fields, each a moment of its own."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Literal

import av
import numpy as np
from av.error import BlockingIOError as Hungry
from av.error import EOFError as Ended
from av.filter import Graph

from photochrom.color import Array
from photochrom.video.raster import Frame, Raster

FieldOrder = Literal["tff", "bff"]
"""Which field is shown first: the top one, of the even rows, or the bottom one."""


def count_fields(lumas: Iterable[Array]) -> Counter[str]:
    """What libavfilter's idet says of frames that follow each other, each (H, W).

    Returns:
        How many are "tff", "bff", "progressive" and "undetermined", where nothing moves.
    """
    counts: Counter[str] = Counter()
    for frame in _filter(lumas, "idet"):
        counts[frame.metadata.get("lavfi.idet.multiple.current_frame", "undetermined")] += 1
    return counts


def find_field_order(counts: Counter[str], *, told: bool) -> FieldOrder | None:
    """Whether a film is interlaced, and which field is first; None of a progressive one.

    Files often lie about it: film on a DVD is told to be interlaced and is not. So what is measured
    counts, and what is told where nothing moved enough to be measured.

    Args:
        counts: of :func:`count_fields`, together.
        told: whether the file says that it is interlaced.
    """
    top, bottom, whole = counts["tff"], counts["bff"], counts["progressive"]
    woven = top + bottom
    if woven > whole / 4 if told else (woven > whole / 2 and woven > 4):
        return "tff" if top >= bottom else "bff"
    if told and not whole:
        return "tff"
    return None


def make_whole(frames: Iterable[Frame], raster: Raster, first: FieldOrder) -> Iterator[Frame]:
    """Make a whole frame of each, by libavfilter's bwdif; time stamps stay."""
    stamps: deque[int] = deque()

    def lumas() -> Iterator[Array]:
        for pts, luma in frames:
            stamps.append(pts)
            yield luma

    top = (1 << raster.bits) - 1
    for frame in _filter(lumas(), "bwdif", f"mode=send_frame:parity={first}:deint=all"):
        luma = np.minimum(frame.to_ndarray(), top)  # it sharpens: beyond white, too
        yield Frame(stamps.popleft(), luma)


def _filter(lumas: Iterable[Array], name: str, options: str = "") -> Iterator[av.VideoFrame]:
    """Lumas (H, W) through a filter of libavfilter, as frames of gray or gray16le."""
    graph: Graph | None = None
    for number, luma in enumerate(lumas):
        frame = av.VideoFrame.from_ndarray(
            np.ascontiguousarray(luma), format="gray" if luma.dtype == np.uint8 else "gray16le"
        )
        frame.pts, frame.time_base = number, Fraction(1, 25)
        if graph is None:
            graph = Graph()
            source = graph.add_buffer(
                width=frame.width,
                height=frame.height,
                format=frame.format,
                time_base=frame.time_base,
            )
            sink = graph.add("buffersink")
            graph.link_nodes(source, graph.add(name, options or None), sink).configure()
        graph.vpush(frame)
        yield from _pull(graph)
    if graph is not None:
        graph.vpush(None)
        yield from _pull(graph)


def _pull(graph: Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (Hungry, Ended):
            return
