"""Clips of which the colours are known: a camera, grain and light before the samples.

    python benchmarks/clips.py pan old.mp4 [--sound] [--size 480 854] [--color]

writes one of them as a black-and-white film (needs the extra video): something to colour, where no
film is at hand. Clips: pan, zoom, still, cuts, enter, dark, fade, flash, depth.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
"""(H, W, 3), sRGB."""
Size = tuple[int, int]
"""Rows and columns of a frame."""
Picture = NDArray[np.float32]
"""(H, W, 3), sRGB, 0..255."""

SAMPLES = Path(__file__).parents[1] / "samples"
SIZE = 288, 384
RATE = 24


def load(name: str) -> Picture:
    """A sample in colour."""
    pixels = cv2.imread(str(SAMPLES / f"{name}.jpg"), cv2.IMREAD_COLOR)
    assert pixels is not None
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.float32)


def look(photo: Picture, x: float, y: float, share: float, size: Size) -> Picture:
    """What a camera sees of a photo, (H, W, 3).

    Args:
        photo: (h, w, 3).
        x: 0..1 of the way that the view can go from the left end to the right.
        y: 0..1, from the top to the bottom.
        share: of the largest view of that shape which the photo has room for.
        size: of the view.
    """
    (h, w), (rows, columns) = photo.shape[:2], size
    step = min(h / rows, w / columns) * share  # pixels of the photo for one of the view
    if step > 1:
        blurred = cv2.GaussianBlur(photo, (0, 0), 0.5 * (step**2 - 1) ** 0.5)
        photo = np.asarray(blurred, np.float32)
    left, top = x * (w - step * columns), y * (h - step * rows)
    half = (step - 1) / 2  # from corners to the middles of pixels
    way = np.array([[step, 0, left + half], [0, step, top + half]])
    seen = cv2.warpAffine(
        photo,
        way,
        (columns, rows),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(seen, np.float32)


def develop(frames: Iterable[Picture], grain: float = 1.5) -> Iterator[Frame]:
    """Frames with the grain of film, another on each; the same every time.

    Args:
        frames: (H, W, 3).
        grain: standard deviation, of 255 levels.
    """
    dice = np.random.default_rng(0)
    for frame in frames:
        noise = cv2.GaussianBlur(dice.standard_normal(frame.shape[:2], np.float32), (0, 0), 0.6)
        noise *= grain / noise.std()
        yield np.rint(np.clip(frame + noise[..., None], 0, 255)).astype(np.uint8)


def to_grey(frame: Frame) -> NDArray[np.uint8]:
    """A frame as black-and-white film has it, (H, W): Y of ITU-R BT.601-7, section 2.5.1."""
    luma = frame @ np.array([0.299, 0.587, 0.114])
    return np.asarray(np.rint(luma), np.uint8)


def pan(size: Size = SIZE) -> Iterator[Frame]:
    """60 frames across a person."""
    photo = load("astronaut")
    return develop(look(photo, t, 0.3 * t, 0.75, size) for t in np.linspace(0, 1, 60))


def zoom(size: Size = SIZE) -> Iterator[Frame]:
    """60 frames nearer and nearer to a cup."""
    photo = load("coffee")
    return develop(look(photo, 0.45, 0.5, 0.5**t, size) for t in np.linspace(0, 1, 60))


def still(size: Size = SIZE) -> Iterator[Frame]:
    """200 frames in which nothing moves but the grain."""
    photo = look(load("chelsea"), 0.5, 0.5, 1, size)
    return develop((photo for _ in range(200)), grain=4)


CUTS = (0, 14, 24, 42, 54, 70)
"""The first frame of each shot of :func:`cuts`, and how many frames there are."""


def cuts(size: Size = SIZE) -> Iterator[Frame]:
    """70 frames in five shots, each with a camera that moves; one place comes twice."""
    names = "chelsea", "astronaut", "rocket", "coffee", "astronaut"
    shots = (
        look(photo, 0.2 + 0.02 * t, 0.5 - 0.02 * t, 0.8, size)
        for photo, start, end in zip(map(load, names), CUTS, CUTS[1:], strict=False)
        for t in range(end - start)
    )
    return develop(shots)


def enter(size: Size = SIZE) -> Iterator[Frame]:
    """90 frames of a cat; from the 15th on a person goes past in front of it."""
    behind = look(load("chelsea"), 0.5, 0.5, 1, size)
    person = look(load("astronaut"), 0.35, 0, 0.72, size)
    rows, columns = size
    mask = np.zeros(size, np.float32)
    head, body = (0.46, 0.36, 0.16, 0.3), (0.46, 1.0, 0.3, 0.4)
    for x, y, width, height in (head, body):
        middle, axes = (round(x * columns), round(y * rows)), (width * columns, height * rows)
        cv2.ellipse(mask, middle, tuple(map(round, axes)), 0, 0, 360, 1, -1, cv2.LINE_AA)

    def cross() -> Iterator[Picture]:
        for t in range(90):
            yield lay_over(behind, person, mask, (t - 15) / 60 * 1.7 * columns - 0.85 * columns)

    return develop(cross(), grain=2)


def dark(size: Size = SIZE) -> Iterator[Frame]:
    """60 frames across a person in the dark, in coarse grain."""
    photo = load("astronaut") * np.float32(0.22)
    return develop((look(photo, t, 0.2, 0.85, size) for t in np.linspace(0, 1, 60)), grain=5)


def fade(size: Size = SIZE) -> Iterator[Frame]:
    """75 frames that come from black and go back to it."""
    light = np.concatenate([np.linspace(0, 1, 25), np.ones(25), np.linspace(1, 0, 25)])
    photo = load("coffee")
    return develop(
        look(photo, 0.3 + 0.004 * t, 0.5, 0.8, size) * np.float32(gain)
        for t, gain in enumerate(light)
    )


FLASHES = {20: 2.4, 21: 1.7, 22: 1.2, 40: 3.0}
"""By what the frames of :func:`flash` are lighter that are."""


def flash(size: Size = SIZE) -> Iterator[Frame]:
    """60 frames of a person, some in a flash."""
    photo = load("astronaut")
    return develop(
        look(photo, 0.4 + 0.004 * t, 0.2, 0.8, size) * np.float32(FLASHES.get(t, 1))
        for t in range(60)
    )


def depth(size: Size = SIZE) -> Iterator[Frame]:
    """60 frames past columns that are near, with a person far behind them."""
    rows, columns = size
    far, near = load("astronaut"), load("coffee")
    mask = np.zeros((rows, 3 * columns), np.float32)
    for x in range(0, 3 * columns, columns // 2):
        cv2.rectangle(mask, (x, 0), (x + columns // 7, rows), 1, -1)
    texture = look(near, 0.5, 0.5, 1, (rows, 3 * columns))

    def pass_by() -> Iterator[Picture]:
        for t in range(60):
            seen = look(far, 0.6 - 0.005 * t, 0.1, 0.8, size)
            yield lay_over(seen, texture, mask, (t / 60 - 2) * columns)

    return develop(pass_by())


def lay_over(behind: Picture, front: Picture, mask: NDArray[np.float32], x: float) -> Picture:
    """A picture over another, moved to the right by x pixels and cut out by a mask (h, w), 0..1."""
    size, way = behind.shape[1::-1], np.array([[1, 0, x], [0, 1, 0]])
    moved = cv2.warpAffine(front, way, size, flags=cv2.INTER_CUBIC)
    alpha = cv2.warpAffine(mask, way, size, flags=cv2.INTER_LINEAR)[..., None]
    return np.asarray(behind + alpha * (moved - behind), np.float32)


CLIPS: dict[str, Callable[[Size], Iterator[Frame]]] = {
    clip.__name__: clip for clip in (pan, zoom, still, cuts, enter, dark, fade, flash, depth)
}


def make(name: str, size: Size = SIZE) -> Frame:
    """All frames of a clip, (n, H, W, 3)."""
    return np.stack(list(CLIPS[name](size)))


def write_film(
    path: Path, frames: Iterable[NDArray[np.uint8]], *, sound: bool = False, crf: int = 12
) -> None:
    """Write frames as a film: H.264, 4:2:0, BT.601, 24 frames a second.

    Args:
        path: the suffix chooses the container.
        frames: (H, W) for luma without colour, or (H, W, 3); sides are even.
        sound: whether there is a beep every second.
        crf: quality; 0 loses nothing.
    """
    import av
    from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

    frames = iter(frames)
    first = next(frames)
    reformatter, many = VideoReformatter(), 0
    with av.open(str(path), "w") as film:
        options = {"crf": str(crf), "preset": "fast"}
        picture = film.add_stream("libx264", rate=RATE, options=options)
        picture.height, picture.width = first.shape[:2]
        picture.pix_fmt = "yuv420p"
        context: Any = picture.codec_context
        context.color_range, context.colorspace = ColorRange.MPEG, 6  # 6: smpte170m
        context.color_primaries, context.color_trc = 1, 1  # bt709, which sRGB's primaries are
        voice = film.add_stream("aac", rate=48_000, layout="mono") if sound else None
        for pixels in chain([first], frames):
            kind = "gray" if pixels.ndim == 2 else "rgb24"
            frame = reformatter.reformat(
                av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=kind),
                format="yuv420p",
                src_color_range=ColorRange.JPEG,
                dst_color_range=ColorRange.MPEG,
                dst_colorspace=Colorspace.SMPTE170M,
            )
            frame.pts, frame.time_base = many, Fraction(1, RATE)
            film.mux(picture.encode(frame))
            many += 1
        film.mux(picture.encode(None))
        if voice is not None:
            for wave in beeps(many / RATE):
                film.mux(voice.encode(wave))
            film.mux(voice.encode(None))


def beeps(seconds: float, rate: int = 48_000) -> Iterator[Any]:
    """Sound of that length."""
    import av

    at = np.arange(round(seconds * rate)) / rate
    wave = (0.2 * np.sin(2 * np.pi * 880 * at) * (at % 1 < 0.1)).astype(np.float32)
    for start in range(0, len(wave), 1024):
        frame = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        yield frame


def main() -> None:
    """Write one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip", choices=CLIPS)
    parser.add_argument("film", type=Path)
    parser.add_argument("--sound", action="store_true", help="with a beep every second")
    parser.add_argument("--size", type=int, nargs=2, default=SIZE, metavar=("ROWS", "COLUMNS"))
    parser.add_argument("--color", action="store_true", help="keep the colours")
    asked = parser.parse_args()
    frames = CLIPS[asked.clip](tuple(asked.size))
    write_film(asked.film, frames if asked.color else map(to_grey, frames), sound=asked.sound)


if __name__ == "__main__":
    main()
