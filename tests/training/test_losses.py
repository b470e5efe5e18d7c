from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from photochrom.training import losses

RED, GREEN, BLUE = torch.eye(3) * 255


def test_mse_l1_and_their_mix_are_those_computed_by_hand():
    output, target = torch.tensor([0.0, 1.0, 3.0]), torch.tensor([1.0, 1.0, 1.0])
    assert losses.mse(output, target) == pytest.approx(5 / 3)
    assert losses.l1(output, target) == pytest.approx(1)
    for alpha, value in (
        (0, 1),
        (0.3, 0.3 * 5 / 3 + 0.7),
        (0.5, 4 / 3),
        (0.7, 4.4 / 3),
        (1, 5 / 3),
    ):
        assert losses.mix(output, target, alpha) == pytest.approx(value)


def test_cross_entropy_is_the_one_computed_by_hand():
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0]]).log_softmax(1)[..., None, None]  # two pixels
    classes = torch.tensor([0, 0])[:, None, None]
    weights = torch.tensor([3.0, 0.5])
    e = np.e
    by_hand = 3 * (np.log(1 + e**-2) + np.log(1 + e)) / 2  # over pixels, not over weights
    assert losses.cross_entropy(logits, classes, weights) == pytest.approx(by_hand)


def test_a_soft_target_of_one_class_is_a_hard_one():
    logits, weights = torch.randn(24, 7), torch.rand(7)
    classes = torch.randint(7, (24,))
    spread = torch.stack([classes, (classes + 1) % 7], 1)
    shares = torch.tensor([1.0, 0.0]).expand(24, 2)
    soft = losses.soft_cross_entropy(logits, spread, shares, weights)
    hard = F.cross_entropy(logits, classes, weights, reduction="none")
    assert torch.allclose(soft, hard, atol=1e-5)


def test_soft_cross_entropy_is_the_one_computed_by_hand():
    logits = torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]).log()
    classes, shares = torch.tensor([[0, 2], [2, 1]]), torch.tensor([[0.75, 0.25], [0.9, 0.1]])
    by_hand = [
        0.75 * np.log(2) + 0.25 * np.log(4),
        -(0.9 * np.log(0.8) + 0.1 * np.log(0.1)),
    ]
    plain = losses.soft_cross_entropy(logits, classes, shares)
    assert plain.tolist() == pytest.approx(by_hand)
    weights = torch.tensor([2.0, 10.0, 0.5])  # of each class its own
    weighted = losses.soft_cross_entropy(logits, classes, shares, weights)
    assert weighted.tolist() == pytest.approx(
        [
            1.5 * np.log(2) + 0.125 * np.log(4),
            -(0.45 * np.log(0.8) + 1.0 * np.log(0.1)),
        ]
    )


def minimiser(loss, start: torch.Tensor, steps: int = 400) -> torch.Tensor:
    """Where ``loss`` is smallest, found by descent."""
    x = start.double().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [x], max_iter=steps, tolerance_grad=1e-9, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure():
        optimizer.zero_grad()
        value = loss(x)
        value.backward()
        return value

    optimizer.step(closure)
    return x.detach()


def test_where_it_is_smallest_soft_cross_entropy_answers_p_times_w():
    p, w = (
        torch.tensor([0.5, 0.3, 0.15, 0.05]).double(),
        torch.tensor([0.5, 1.0, 2.0, 6.0]).double(),
    )
    classes = torch.arange(4)[None]

    def loss(logits):
        return losses.soft_cross_entropy(logits[None], classes, p[None], w).mean()

    found = minimiser(loss, torch.zeros(4)).softmax(0)
    assert found.tolist() == pytest.approx((p * w / (p * w).sum()).tolist(), abs=1e-4)
    hard = torch.multinomial(p, 20_000, replacement=True, generator=torch.manual_seed(0))

    def sampled(logits):
        return losses.cross_entropy(
            logits.expand(len(hard), 4)[..., None, None], hard[:, None, None], w
        )

    found = minimiser(sampled, torch.zeros(4), 60).softmax(0)
    assert found.tolist() == pytest.approx((p * w / (p * w).sum()).tolist(), abs=0.02)


def test_three_equal_colours_average_to_grey_under_mse_but_not_under_l1():
    colours = torch.stack([RED, GREEN, BLUE])
    mean = minimiser(lambda x: losses.mse(x.expand(3, 3), colours), torch.full((3,), 100.0))
    assert mean.tolist() == pytest.approx([85, 85, 85], abs=0.01)
    uneven = torch.stack([RED, RED, BLUE])
    # L1 has corners: on a grid instead of by descent
    level = torch.arange(0, 256.0)
    for values, median in ((colours[:, 0], 0), (uneven[:, 0], 255), (uneven[:, 2], 0)):
        costs = torch.stack([losses.l1(x.expand(3), values) for x in level])
        assert level[costs.argmin()] == median == values.median()


distributions = st.lists(st.floats(0.001, 1), min_size=2, max_size=20).map(np.array)


@given(distributions, st.just(0.0) | st.floats(0.01, 1), st.data())
def test_class_weights_are_the_formula_and_their_mean_is_1(frequency, rebalance, data):
    never = data.draw(st.integers(0, len(frequency) - 2))
    frequency[:never] = 0
    weights = losses.class_weights(frequency, rebalance)
    p = frequency / frequency.sum()
    assert weights.dtype == np.float32
    assert np.isfinite(weights).all()
    assert (p * weights).sum() == pytest.approx(1, rel=1e-5)
    order = np.argsort(p)
    assert (np.diff(weights[order]) <= 1e-5 * weights.max()).all()  # the rarer the heavier
    seen = p > 0
    formula = 1 / ((1 - rebalance) * p[seen] + rebalance / len(p))
    assert weights[seen] / weights[seen][0] == pytest.approx(formula / formula[0], rel=1e-4)


def test_class_weights_at_the_ends():
    frequency = np.array([60.0, 30.0, 10.0, 0.0])
    assert losses.class_weights(frequency, 1).tolist() == [1, 1, 1, 1]
    # inverse frequency over three classes, the one that never occurs like the rarest
    inverse = [1 / 1.8, 1 / 0.9, 1 / 0.3, 1 / 0.3]
    assert losses.class_weights(frequency, 0).tolist() == pytest.approx(inverse)
    half = 1 / (0.5 * frequency / 100 + 0.5 / 4)
    half /= (half * frequency / 100).sum()
    assert losses.class_weights(frequency, 0.5).tolist() == pytest.approx(half.tolist())
