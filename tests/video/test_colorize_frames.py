"""Frames of a pipeline of one's own."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from PIL import Image

import photochrom
from photochrom import BadOption, BadPhoto, PhotoWarning
from photochrom.inference.colorizer import Colorizer
from photochrom.video import stream
from photochrom.video.shots import LOOK_AHEAD


@pytest.fixture
def toy(make_model) -> Colorizer:
    return Colorizer(make_model())


@pytest.fixture
def frames(scene) -> list[np.ndarray]:
    """Three that are much alike, and nowhere so dark that colour fades out."""
    return [np.roll(scene // 2 + 100, n, axis=1) for n in range(3)]


@pytest.mark.parametrize(
    "convert",
    [
        lambda grey: grey,
        lambda grey: grey[..., None].astype(np.uint16) * 257,
        lambda grey: np.dstack([grey] * 3),
        lambda grey: (grey / 255).astype(np.float32),
        Image.fromarray,
    ],
    ids=["uint8", "uint16 with a channel", "rgb", "float", "pil"],
)
def test_frames_come_out_as_photos_of_their_kind_do(toy, frames, convert):
    given = [convert(grey) for grey in frames]
    for one, other in zip(
        photochrom.colorize_frames(given, colorizer=toy),
        (toy.colorize(frame) for frame in given),
        strict=True,
    ):
        assert type(one) is type(other)
        one, other = np.asarray(one), np.asarray(other)
        assert (one.dtype, one.shape) == (other.dtype, (48, 64, 3))
        top = 1 if one.dtype.kind == "f" else np.iinfo(one.dtype).max
        assert np.abs(one.astype(float) - other).max() <= top / 255


def test_few_frames_are_held(toy, scene):
    taken = []

    def come():
        for n in itertools.count():
            taken.append(n)
            yield np.roll(scene, n, axis=1)

    given = list(itertools.islice(photochrom.colorize_frames(come(), colorizer=toy), 30))
    assert len(taken) - len(given) <= LOOK_AHEAD + 8


def test_nothing_crosses_a_cut(toy, monkeypatch):
    shots = []

    def carry(frames, see, ask):
        shots.append(0)
        for frame in frames:
            shots[-1] += 1
            yield frame, ask(frame, see(frame))

    monkeypatch.setattr(stream, "carry_colors", carry)
    one, other = (
        np.random.default_rng(seed).integers(0, 256, (6, 8), np.uint8).repeat(8, 0).repeat(8, 1)
        for seed in (1, 2)
    )
    assert len(list(photochrom.colorize_frames([one] * 12 + [other] * 15, colorizer=toy))) == 27
    assert shots == [12, 15]


def test_no_frames_give_none(toy):
    assert list(photochrom.colorize_frames([], colorizer=toy)) == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (np.zeros((48, 65), np.uint8), r"Frame 2 is an array of uint8, 48 × 65, but frame 0 is"),
        (np.zeros((48, 64), np.uint16), r"Frame 2 is an array of uint16, 48 × 64, but frame 0 is"),
        (Image.new("L", (64, 48)), r"Frame 2 is a PIL image of mode L, 48 × 64, but frame 0 is"),
        (None, r"Frame 2 is a NoneType: give PIL images or arrays\."),
    ],
    ids=["size", "depth", "type", "none"],
)
def test_a_frame_unlike_the_first_is_named_after_those_before_it_are_given(
    toy, frames, wrong, told
):
    results = photochrom.colorize_frames([*frames[:2], wrong, *frames], colorizer=toy)
    assert [next(results).shape, next(results).shape] == [(48, 64, 3)] * 2
    with pytest.raises(BadOption, match=told):
        next(results)


def test_a_frame_that_is_no_picture_is_named(toy):
    with pytest.raises(BadPhoto, match=r"Frame 0: .*scale them to"):
        next(photochrom.colorize_frames([np.full((48, 64), 2.0)], colorizer=toy))


def test_options_are_checked_before_there_is_a_frame(toy):
    with pytest.raises(BadOption, match="strength"):
        photochrom.colorize_frames([], colorizer=toy, strength=2)
    with pytest.raises(BadOption, match="vivid"):
        photochrom.colorize_frames([], colorizer=toy, vivid=0.5)


def test_hints_go_forward_to_the_end_of_their_shot(make_model, scene):
    toy = Colorizer(make_model(hints=1.0, offset=(0, 0)))
    one, other = (
        cv2.resize(np.random.default_rng(seed).integers(60, 220, (12, 16), np.uint8), (64, 48))
        for seed in (1, 2)
    )
    hints = {4: [(32, 24, "red")]}
    results = list(
        photochrom.colorize_frames([one] * 20 + [other] * 10, colorizer=toy, hints=hints)
    )
    reddest = [int(np.ptp(result[20:28, 28:36], axis=2).max()) for result in results]
    assert min(reddest[6:20]) > 50
    assert max(reddest[20:]) < 5


def test_hints_for_a_frame_that_never_comes_are_told(toy, frames):
    with pytest.warns(PhotoWarning, match="hints for frame 7, but the last frame is 2"):
        list(photochrom.colorize_frames(frames, colorizer=toy, hints={7: [(1, 1, "red")]}))
