import numpy as np
import pytest

from photochrom.report import toy

WORLDS = [*toy.WORLDS, (0.1, 0.2, 0.7), (1.0, 0.0, 0.0)]


@pytest.mark.parametrize("world", WORLDS)
def test_mse_answers_the_mean(world):
    np.testing.assert_allclose(toy.regress(world, 1), world, atol=1e-3)


@pytest.mark.parametrize("world", WORLDS)
def test_l1_answers_the_median_of_each_channel(world):
    rng = np.random.default_rng(0)
    seen = np.eye(3)[rng.choice(3, size=20001, p=world)]
    np.testing.assert_allclose(toy.regress(world, 0), np.median(seen, 0), atol=1e-3)


@pytest.mark.parametrize("alpha", [0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("world", WORLDS)
def test_a_mix_is_what_algebra_says(world, alpha):
    # A channel is 1 with probability p: 2 alpha (c - p) + (1 - alpha) (1 - 2 p) = 0, inside 0..1.
    p = np.array(world)
    expected = np.clip(p - (1 - alpha) * (1 - 2 * p) / (2 * alpha), 0, 1)
    np.testing.assert_allclose(toy.regress(world, alpha), expected, atol=2e-3)


@pytest.mark.parametrize("world", toy.WORLDS)
def test_classes_learn_how_often_each_occurs(world):
    p = toy.classify(world)
    assert p.sum() == pytest.approx(1)
    for share, thing in zip(world, toy.OBJECTS, strict=True):
        assert p[(thing == toy.PALETTE).all(1)].item() == pytest.approx(share, abs=0.01)


def test_the_annealed_mean_goes_from_the_mean_to_the_likeliest():
    p = toy.classify((0.45, 0.35, 0.20))
    np.testing.assert_allclose(toy.annealed_mean(p, 1), (0.45, 0.35, 0.20), atol=0.01)
    np.testing.assert_allclose(toy.annealed_mean(p, 0.02), (1, 0, 0), atol=0.01)


def test_the_answers_of_the_known_example():
    told = {answer.name: answer.colors for answer in toy.predict_world(toy.WORLDS[0])}
    assert told["MSE alone"] == ((85, 85, 85),)
    assert told["L1 alone"] == ((0, 0, 0),)
    things = {(255, 0, 0), (0, 255, 0), (0, 0, 255)}
    assert set(told["classes: the likeliest"]) == things  # a tie
    assert told["classes: annealed mean"] == ((85, 85, 85),)
    assert len(told["classes: drawn"]) == 12
    assert set(told["classes: drawn"]) <= things


def test_in_an_uneven_world_the_answers_part():
    told = {answer.name: answer.colors[0] for answer in toy.predict_world(toy.WORLDS[1])}
    assert told["L1 alone"] == (0, 0, 0)
    assert told["classes: the likeliest"] == (255, 0, 0)
    assert told["MSE alone"] == (115, 89, 51)
    assert len(set(told.values())) > 5
    assert toy.predict_world(toy.WORLDS[1]) == toy.predict_world(toy.WORLDS[1])  # the same draws
