"""The frames of a film in colour, shot by shot, encoded part by part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np

from photochrom.color import Array
from photochrom.image.photo import Photo
from photochrom.inference.colorizer import Colorizer
from photochrom.inference.hints import HintSet
from photochrom.video.asking import Asker
from photochrom.video.encoding import Target, write_segment
from photochrom.video.film import Film
from photochrom.video.frame_hints import place_hints
from photochrom.video.guiding import Guide, match_reference, show
from photochrom.video.holding import hold_spots
from photochrom.video.plan import Part, Plan
from photochrom.video.planes import make_chroma
from photochrom.video.progress import VideoListener, VideoProgress
from photochrom.video.propagation import Carrier, State
from photochrom.video.side_folder import SideFolder

Planes = tuple[Array, Array, Array]
"""Y, U and V of a frame."""
_NONE = np.zeros((0, 5), np.float32)


class SeenFrame(NamedTuple):
    """A frame, and how the network sees it."""

    number: int
    """From 0, among all of the film."""
    luma: Array
    lightness: Array
    """L, (h, w)."""


def place_on_film(
    hints: Mapping[int, HintSet], film: Film, plan: Plan, asker: Asker
) -> dict[int, Array]:
    """The hints where the network sees them, by frame.

    Raises:
        BadOption: the film has no such frame, or its frames are of another shape.
    """
    raster = film.raster
    return place_hints(
        hints,
        frames=len(plan.pts),
        size=(raster.height, raster.width),
        rotation=film.rotation,
        small=asker.size,
    )


def make_guide(
    film: Film,
    plan: Plan,
    asker: Asker,
    placed: Mapping[int, Array],
    reference: Photo | None,
    colorizer: Colorizer,
) -> Guide:
    """What is known of the film's colours.

    Args:
        film: to be coloured.
        plan: of the film.
        asker: sees the film.
        placed: hints by frame, as the network sees it: (n, 5), see
            :mod:`photochrom.inference.spots`.
        reference: a photo in colour; each shot in which the same is seen takes its colours.
        colorizer: compares them.
    """

    def match(number: int) -> Array:
        assert reference is not None
        frame = next(iter(film.frames(plan.pts[number])))
        upright = show(frame.luma, film.raster, film.rotation)
        return match_reference(
            colorizer, reference, upright, rotation=film.rotation, small=asker.size
        )

    return Guide(placed, None if reference is None else match)


@dataclass(frozen=True, kw_only=True)
class FilmInColor:
    """A film whose frames are coloured when they are asked for."""

    film: Film
    plan: Plan
    asker: Asker
    target: Target
    """What the frames are made for."""
    strength: float
    guide: Guide
    """Knows the spots of its frames."""

    def find_spots(self, number: int, tell: VideoListener) -> Mapping[int, Array]:
        """What is known of the frames of a shot, from end to end.

        Where there is anything, all of the shot is decoded for that.

        Args:
            number: of the shot, from 0.
            tell: is told of each frame that is decoded.
        """
        shots = self.plan.shots
        shot = shots[number]

        def see() -> Iterator[Array]:
            for done, frame in enumerate(self.see(shot), 1):
                yield frame.lightness
                tell(
                    VideoProgress(
                        phase="following",
                        frames_done=done,
                        frames=len(shot),
                        shot=number + 1,
                        shots=len(shots),
                    )
                )

        return self.guide.follow(shot, see)

    def carrier(self, state: State | None, spots: Mapping[int, Array]) -> Carrier[SeenFrame]:
        """What colours frames in order.

        Args:
            state: what the frames before have left, where they are of the same shot.
            spots: what is known of some frames.
        """

        def ask(frame: SeenFrame, lightness: Array) -> Array:
            return self.asker.ask(lightness, spots.get(frame.number, _NONE))

        return Carrier(lambda frame: frame.lightness, ask, state)

    def color(
        self, part: Part, carrier: Carrier[SeenFrame], spots: Mapping[int, Array]
    ) -> Iterator[Planes]:
        """The frames of a part in colour, which meets the spots.

        Raises:
            BadFilm: they are not those of the plan.
        """
        film = self.film
        for frame, ab in carrier.carry(self.see(range(part.start, part.stop))):
            u, v = make_chroma(
                hold_spots(ab, frame.lightness, spots.get(frame.number, _NONE)),
                frame.lightness,
                frame.luma,
                film.raster,
                matrix=film.matrix,
                size=self.target.chroma_size,
                strength=self.strength,
            )
            yield frame.luma, u, v

    def see(self, numbers: range) -> Iterator[SeenFrame]:
        """Decode frames that stand one after the other.

        Raises:
            BadFilm: they are not those of the plan.
        """
        frames = self.film.frames(self.plan.pts[numbers.start])
        for number in numbers:
            pts = self.plan.pts[number]
            frame = next(frames, None)
            if frame is None or frame.pts != pts:  # damaged, and decoded otherwise from there on
                frames = self.film.frames(pts, seek=False)
                frame = next(frames)
            yield SeenFrame(number, frame.luma, self.asker.see(frame.luma))


def write_parts(film: FilmInColor, side: SideFolder, tell: VideoListener) -> None:
    """Colour and encode all parts of a film that are not there yet.

    Args:
        film: to be coloured.
        side: where they are kept.
        tell: is told of each frame.

    Raises:
        CannotWrite, DiskFull, BadFilm: what is done is kept.
    """
    shots, many = len(film.plan.cuts), len(film.plan.pts)

    def color(part: Part, spots: Mapping[int, Array]) -> Iterator[Planes]:
        state = None if part.begins else side.load_state(part.number - 1)
        carrier = film.carrier(state, spots)
        for done, planes in enumerate(film.color(part, carrier, spots), part.start + 1):
            yield planes
            tell(
                VideoProgress(
                    phase="coloring",
                    frames_done=done,
                    frames=many,
                    shot=part.shot + 1,
                    shots=shots,
                )
            )
        if not part.ends and carrier.state is not None:  # before the part is there
            side.save_state(part.number, carrier.state)

    for shot, parts in groupby(film.plan.parts(), lambda part: part.shot):
        left = [part for part in parts if not side.part(part.number).exists()]
        spots = film.find_spots(shot, tell) if left else {}
        for part in left:
            write_segment(side.part(part.number), color(part, spots), film.film, film.target)
