import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.color import deltaE_ciede2000
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from photochrom.color import ZHANG_GRID, rgb_to_lab
from photochrom.evaluation.metrics import (
    PSNR_CAP,
    ab_error,
    balanced_accuracy,
    bootstrap_interval,
    ciede2000,
    colorfulness,
    frechet,
    hits,
    psnr,
    smooth,
    ssim,
    ssim_moments,
    steps,
)

photos = hnp.arrays(np.float64, (3, 13, 17), elements=st.floats(0, 1, width=32))
labs = hnp.arrays(np.float64, (3, 4, 5), elements=st.floats(-100, 100, width=32)).map(
    lambda lab: np.concatenate([abs(lab[:1]), lab[1:]])
)

few = settings(max_examples=50)

# Sharma, Wu and Dalal 2005, table 1: two Lab colours and their difference.
SHARMA = """
50 2.6772 -79.7751     50 0 -82.7485            2.0425
50 3.1571 -77.2803     50 0 -82.7485            2.8615
50 2.8361 -74.0200     50 0 -82.7485            3.4412
50 -1.3802 -84.2814    50 0 -82.7485            1.0000
50 -1.1848 -84.8006    50 0 -82.7485            1.0000
50 -0.9009 -85.5211    50 0 -82.7485            1.0000
50 0 0                 50 -1 2                  2.3669
50 -1 2                50 0 0                   2.3669
50 2.49 -0.001         50 -2.49 0.0009          7.1792
50 2.49 -0.001         50 -2.49 0.001           7.1792
50 2.49 -0.001         50 -2.49 0.0011          7.2195
50 2.49 -0.001         50 -2.49 0.0012          7.2195
50 -0.001 2.49         50 0.0009 -2.49          4.8045
50 -0.001 2.49         50 0.001 -2.49           4.8045
50 -0.001 2.49         50 0.0011 -2.49          4.7461
50 2.5 0               50 0 -2.5                4.3065
50 2.5 0               73 25 -18                27.1492
50 2.5 0               61 -5 29                 22.8977
50 2.5 0               56 -27 -3                31.9030
50 2.5 0               58 24 15                 19.4535
50 2.5 0               50 3.1736 0.5854         1.0000
50 2.5 0               50 3.2972 0              1.0000
50 2.5 0               50 1.8634 0.5757         1.0000
50 2.5 0               50 3.2592 0.3350         1.0000
60.2574 -34.0099 36.2677   60.4626 -34.1751 39.4387   1.2644
63.0109 -31.0961 -5.8663   62.8187 -29.7946 -4.0864   1.2630
61.2901 3.7196 -5.3901     61.4292 2.2480 -4.9620     1.8731
35.0831 -44.1164 3.7933    35.0232 -40.0716 1.5901    1.8645
22.7233 20.0904 -46.6940   23.0331 14.9730 -42.5619   2.0373
36.4612 47.8580 18.3852    36.2715 50.5065 21.2231    1.4146
90.8027 -2.0831 1.4410     91.1528 -1.6435 0.0447     1.4441
90.9257 -0.5406 -0.9208    88.6381 -0.8985 -0.7239    1.5381
6.7747 -0.2908 -2.4247     5.8714 -0.0985 -2.2286     0.6377
2.0776 0.0795 -1.1350      0.9033 -0.0636 -0.5514     0.9082
"""
PAIRS = [tuple(map(float, line.split())) for line in SHARMA.strip().splitlines()]


def scene(seed: int = 0, height: int = 61, width: int = 83) -> np.ndarray:
    """Soft shapes and noise, (3, H, W) in 0..1, so that neither flat nor busy is left out."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 12
    waves = [np.sin(y * draw.uniform(0.2, 1) + x * draw.uniform(0.2, 1)) for _ in range(3)]
    noise = draw.normal(0, 0.1, (3, height, width)) * (x > 3)
    return np.clip(np.stack(waves) * 0.3 + 0.5 + noise, 0, 1)


# --- psnr -----------------------------------------------------------------------------------


def test_psnr_is_scikit_images():
    truth, output = scene(0), scene(1)
    expected = peak_signal_noise_ratio(truth, output, data_range=1)
    assert psnr(truth, output) == pytest.approx(expected, abs=1e-9)
    assert psnr(truth * 0, truth * 0 + 0.1) == pytest.approx(20)


@few
@given(photos, photos)
def test_psnr_is_symmetric_and_capped(a, b):
    assert psnr(a, b) == psnr(b, a)
    assert 0 <= psnr(a, b) <= PSNR_CAP
    assert psnr(a, a) == PSNR_CAP


def test_psnr_tells_one_step_in_one_value_from_equality():
    truth = np.zeros((3, 200, 250), np.float32)
    output = truth.copy()
    output[0, 0, 0] = 1 / 255
    assert psnr(truth, output) < PSNR_CAP


# --- ssim -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(11, 11), (12, 40), (61, 83), (256, 255)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ssim_is_scikit_images(size, dtype):
    truth, output = scene(0, *size).astype(dtype), scene(1, *size).astype(dtype)
    for other in (output, (0.8 * truth + 0.2 * output).astype(dtype)):
        how = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
        how |= {"data_range": 1, "channel_axis": 0}
        expected = structural_similarity(truth.astype(float), other.astype(float), **how)
        assert ssim(truth, other) == pytest.approx(expected, abs=1e-6)
        assert ssim(truth, other, ssim_moments(truth)) == ssim(truth, other)


@few
@given(photos, photos)
def test_ssim_is_symmetric_and_1_for_equals(a, b):
    assert ssim(a, b) == pytest.approx(ssim(b, a), abs=1e-9)
    assert ssim(a, b) <= 1 + 1e-9
    assert ssim(a, a) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("size", [(10, 50), (50, 10)])
def test_ssim_of_a_photo_smaller_than_its_window_says_so(size):
    tiny = np.zeros((3, *size))
    with pytest.raises(ValueError, match=f"11 x 11 pixels, this photo is {size[1]} x {size[0]}"):
        ssim(tiny, tiny)


# --- ciede2000 ------------------------------------------------------------------------------


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: str(pair[-1]))
def test_ciede2000_is_the_published_one(pair):
    first, second = np.array(pair[:3]).reshape(3, 1, 1), np.array(pair[3:6]).reshape(3, 1, 1)
    assert ciede2000(first, second) == pytest.approx(pair[6], abs=5e-5)
    assert ciede2000(second, first) == pytest.approx(pair[6], abs=5e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ciede2000_is_scikit_images_over_the_srgb_cube(dtype):
    levels = np.linspace(0, 1, 17)
    cube = np.stack(np.meshgrid(levels, levels, levels)).reshape(3, 17, -1)
    lab = rgb_to_lab(cube)
    shuffled = np.random.default_rng(0).permuted(lab.reshape(3, -1), axis=1).reshape(lab.shape)
    for other in (shuffled, lab + 0.5, lab[:, ::-1]):
        ours = ciede2000(lab.astype(dtype), other.astype(dtype))
        expected = deltaE_ciede2000(lab, other, channel_axis=0).mean()
        assert ours == pytest.approx(expected, rel=1e-4 if dtype is np.float32 else 1e-9)


@few
@given(labs, labs)
def test_ciede2000_is_symmetric_and_0_for_equals(a, b):
    assert ciede2000(a, b) == pytest.approx(ciede2000(b, a), rel=1e-9, abs=1e-9)
    assert ciede2000(a, b) >= 0
    assert ciede2000(a, a) == 0


def test_ciede2000_stays_finite_at_grey():
    grey = np.stack([np.linspace(0, 100, 11), np.zeros(11), -np.zeros(11)]).reshape(3, 1, 11)
    red = grey + np.array([0, 50, 30]).reshape(3, 1, 1)
    assert math.isfinite(ciede2000(grey.astype(np.float32), red.astype(np.float32)))


# --- ab error -------------------------------------------------------------------------------


def test_the_ab_error_is_the_root_mean_square_distance():
    truth = np.zeros((3, 1, 2))
    output = np.array([[[0, 0]], [[3, 0]], [[4, 0]]])  # 5 apart in one of two pixels
    assert ab_error(truth, output) == pytest.approx(5 / math.sqrt(2))


@few
@given(labs, labs, st.floats(-50, 50))
def test_no_lightness_moves_the_ab_error(truth, output, lighter):
    lit = output + np.array([lighter, 0, 0]).reshape(3, 1, 1)
    assert ab_error(truth, lit) == ab_error(truth, output)
    assert ab_error(truth, truth) == 0


# --- colourfulness --------------------------------------------------------------------------


def test_colourfulness_by_hand():
    # Half red, half blue: rg is 255 and 0, yb is 127.5 and -255, absolute 127.5 and 255.
    photo = np.zeros((3, 2, 2))
    photo[0, 0], photo[2, 1] = 1, 1
    large, small = math.hypot(127.5, 191.25), math.hypot(127.5, 63.75)
    assert colorfulness(photo) == pytest.approx(large + 0.3 * small)
    assert colorfulness(photo, absolute=True) == pytest.approx(small + 0.3 * large)


@given(hnp.arrays(np.float64, (1, 5, 6), elements=st.floats(0, 1)))
def test_grey_has_no_colourfulness(grey):
    assert colorfulness(np.repeat(grey, 3, axis=0)) == 0


@few
@given(photos, st.floats(0, 1))
def test_colourfulness_fades_with_saturation(photo, keep):
    grey = photo.mean(axis=0, keepdims=True)
    faded = grey + keep * (photo - grey)
    assert colorfulness(faded) == pytest.approx(keep * colorfulness(photo), abs=1e-6)


# --- bootstrap ------------------------------------------------------------------------------


def test_bootstrap_is_the_normal_interval_for_a_large_normal_sample():
    values = np.random.default_rng(1).normal(5, 2, 4000)
    low, high = bootstrap_interval(values)
    assert (low + high) / 2 == pytest.approx(values.mean(), abs=0.01)
    assert high - low == pytest.approx(2 * 1.96 * 2 / math.sqrt(4000), rel=0.1)


@settings(max_examples=10)
@given(hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(-100, 100)))
def test_bootstrap_repeats_itself_and_stays_within_the_values(values):
    low, high = bootstrap_interval(values)
    assert (low, high) == bootstrap_interval(values)
    assert values.min() - 1e-9 <= low <= high <= values.max() + 1e-9
    narrow_low, narrow_high = bootstrap_interval(values, confidence=0.5)
    assert low <= narrow_low <= narrow_high <= high


# --- steps in smooth regions ----------------------------------------------------------------


def ramp(height=48, width=192):
    """A sky: L and ab change slowly from left to right."""
    along = np.linspace(0, 1, width)
    lab = np.stack([40 + 30 * along, -20 + 40 * along, 10 - 40 * along])
    return np.repeat(lab[:, None], height, axis=1)


def decoded(lab, temperature):
    """The colours a classifier that knows the truth answers: annealed mean, or argmax at None."""
    centres = ZHANG_GRID.centres()[ZHANG_GRID.in_gamut()]
    distance = ((lab[1:, None] - centres.T[:, :, None, None]) ** 2).sum(0)
    if temperature is None:
        ab = centres[distance.argmin(0)].transpose(2, 0, 1)
    else:
        shares = np.exp(-distance / 50) ** (1 / temperature)
        ab = np.einsum("qhw,qc->chw", shares / shares.sum(0), centres)
    return np.concatenate([lab[:1], ab])


def test_a_ramp_is_smooth_and_noise_is_not_and_an_edge_keeps_its_distance():
    assert smooth(ramp()).all()
    noise = ramp() + 20 * np.random.default_rng(0).normal(size=(3, 48, 192))
    assert not smooth(noise).any()
    lab = np.zeros((3, 40, 80))
    lab[:, :, 40:] = 50
    where = smooth(lab)
    assert where[:, :30].all()
    assert where[:, 50:].all()
    assert not where[:, 35:45].any()


def test_steps_by_hand():
    lab = np.zeros((3, 10, 10))
    lab[1, :, 4:] = 3
    lab[2, 6:, 4:] = 4
    assert steps(lab, np.ones((10, 10), bool)) == (3, 5.0)
    left = np.zeros((10, 10), bool)
    left[:, :4] = True
    assert steps(lab, left) == (1, 0.0)
    assert steps(lab, np.zeros((10, 10), bool)) is None  # nothing is smooth


def test_argmax_goes_in_steps_and_the_annealed_mean_does_not():
    truth = ramp()
    where = smooth(truth)
    labs = truth, decoded(truth, None), decoded(truth, 1)
    true, hard, soft = (steps(lab, where) for lab in labs)
    assert hard.jump >= 10  # from one bin's middle to the next
    assert soft.jump < 3
    assert true.jump < 1
    assert hard.colors < soft.colors / 3
    assert soft.colors > true.colors / 2


# --- accuracy and distance of whole sets ----------------------------------------------------


def test_hits_are_counted_within_a_distance_in_ab_alone():
    truth, output = np.zeros((3, 1, 3)), np.zeros((3, 1, 3))
    output[0], output[1, 0], output[2, 0] = 50, (0, 6, 6), (0, 8, 8.1)
    assert hits(truth, output, 10).tolist() == [[True, True, False]]


def test_balanced_accuracy_by_hand():
    # A bin of 90 pixels all right, one of 10 with 5, one that never occurs: (1 + 0.5) / 2.
    assert balanced_accuracy([90, 10, 0], [90, 5, 0]) == 0.75


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_a_set_is_at_distance_0_from_itself_and_distance_is_symmetric(seed):
    draw = np.random.default_rng(seed)
    a, b = draw.normal(size=(40, 6)), draw.normal(1, 2, size=(50, 6))
    assert frechet(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet(a, b) == pytest.approx(frechet(b, a), rel=1e-6)
    assert frechet(a, b) > 0


def test_frechet_of_independent_features_by_hand():
    # Diagonal covariances: |m - n|^2 plus the sum of (s - t)^2 over the axes.
    draw = np.random.default_rng(0)
    a = draw.normal(size=(200_000, 3)) * (1, 2, 3)
    b = draw.normal(size=(200_000, 3)) * (2, 2, 5) + (1, 0, -2)
    assert frechet(a, b) == pytest.approx(1 + 4 + 1 + 4, rel=0.02)


def test_frechet_bears_fewer_photos_than_features():
    few = np.random.default_rng(0).normal(size=(5, 30))
    assert frechet(few, few) == pytest.approx(0, abs=1e-6)
    assert frechet(few, few + 1) == pytest.approx(30, rel=1e-6)
