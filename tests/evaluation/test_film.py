import cv2
import numpy as np
import pytest

from photochrom.evaluation.film import chroma_flicker, color_consistency, find_next, mean_chroma


def frames(*levels):
    """Frames (2, 2, 3), each channel of one pixel value, or four of them."""
    return [
        np.broadcast_to(np.resize(level, (2, 2, 1)), (2, 2, 3)).astype(np.uint8) for level in levels
    ]


def textured(height=80, width=120, seed=0):
    """Grey (height, width), 0..1, smooth but nowhere even."""
    noise = np.random.default_rng(seed).standard_normal((height, width))
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    return (0.5 + 0.15 * smooth / smooth.std()).clip(0, 1).astype(np.float32)


def test_colour_consistency_of_frames_that_stay_is_zero():
    assert color_consistency(frames(*[7] * 6)) == 0


def test_colour_consistency_of_frames_that_share_no_colour_is_ln_2():
    assert color_consistency(frames(0, 1, 2, 3, 4)) == pytest.approx(np.log(2))


def test_colour_consistency_is_a_mean_over_distances_of_1_2_and_4():
    # Frame 4 alone has half of its pixels in another bin. Jensen-Shannon of (1, 0) and (1/2, 1/2):
    half = 0.5 * (np.log(4 / 3) + 0.5 * np.log(2 / 3) + 0.5 * np.log(2))
    expected = (half / 4 + half / 3 + half) / 3
    told = color_consistency(frames(5, 5, 5, 5, [5, 5, 9, 9]))
    assert told == pytest.approx(expected)


def test_colour_consistency_is_a_mean_over_channels():
    blue = [frame.copy() for frame in frames(3, 3, 3, 3, 3)]
    for number, frame in enumerate(blue):
        frame[..., 2] = number
    assert color_consistency(blue) == pytest.approx(np.log(2) / 3)


def test_colour_consistency_needs_five_frames():
    with pytest.raises(ValueError, match="4 frames: 5 or more"):
        color_consistency(frames(*[1] * 4))


def test_flicker_is_the_ab_distance_of_frames_in_which_nothing_moves():
    grey = textured()
    ab = np.zeros((2, *grey.shape), np.float32)
    other = ab + np.array([3, 4], np.float32)[:, None, None]
    assert chroma_flicker([ab, other, other], [grey] * 3) == pytest.approx(2.5, abs=1e-3)


def test_flicker_follows_what_moves():
    wide = textured(width=160)
    colors = 100 * np.stack([wide - 0.5, 0.5 - wide])
    at = 20, 23, 26  # the camera moves to the right
    grey, ab = [wide[:, x : x + 120] for x in at], [colors[:, :, x : x + 120] for x in at]
    unmoved = np.hypot(*(ab[0] - ab[1])).mean()
    assert chroma_flicker(ab, grey) < 0.05 * unmoved
    changed = [frame + 6 * number for number, frame in enumerate(ab)]
    assert chroma_flicker(changed, grey) == pytest.approx(6 * np.sqrt(2), abs=0.2)


def test_flicker_leaves_out_what_another_thing_hides():
    grey = textured()
    ab = np.zeros((2, *grey.shape), np.float32)
    covered, other = grey.copy(), ab.copy()
    covered[20:50, 30:70], other[:, 20:50, 30:70] = 1.0, 40
    whole = np.hypot(*other).mean()
    assert chroma_flicker([ab, other], [grey, covered]) < whole / 4


def test_flicker_is_not_told_across_cuts():
    grey = textured()
    ab = np.zeros((2, *grey.shape), np.float32)
    clip = [ab, ab, ab + 30, ab + 30], [grey, grey, textured(seed=1), textured(seed=1)]
    assert chroma_flicker(*clip, cuts=[0, 2]) == pytest.approx(0, abs=1e-3)
    assert chroma_flicker(*clip) > 10
    with pytest.raises(ValueError, match="No two frames"):
        chroma_flicker(*clip, cuts=range(4))


def test_what_left_the_frame_is_not_visible_in_the_next():
    wide = textured(width=160)
    _, visible = find_next(wide[:, :120], wide[:, 8:128])
    assert visible[:, :6].max() == 0  # it went out on the left
    assert visible[10:-10, 20:-20].mean() > 0.9


def test_mean_chroma_is_the_mean_distance_from_grey():
    ab = np.zeros((2, 4, 4), np.float32)
    ab[:, :2] = np.array([3, 4], np.float32)[:, None, None]
    assert mean_chroma([ab, 0 * ab]) == pytest.approx(1.25)
