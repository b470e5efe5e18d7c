from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from photochrom.training import losses


@pytest.mark.parametrize(
    ("alpha", "by_hand"), [(0, 1), (0.3, 0.3 * 5 / 3 + 0.7), (0.7, 4.4 / 3), (1, 5 / 3)]
)
def test_the_mix_of_mse_and_l1_is_that_computed_by_hand(alpha, by_hand):
    output, target = torch.tensor([0.0, 1.0, 3.0]), torch.ones(3)
    assert losses.mix(output, target, alpha) == pytest.approx(by_hand)


def test_soft_cross_entropy_is_the_one_computed_by_hand():
    logits = torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]).log()
    classes, shares = torch.tensor([[0, 2], [2, 1]]), torch.tensor([[0.75, 0.25], [0.9, 0.1]])
    by_hand = [0.75 * np.log(2) + 0.25 * np.log(4), -(0.9 * np.log(0.8) + 0.1 * np.log(0.1))]
    plain = losses.soft_cross_entropy(logits, classes, shares)
    assert plain.tolist() == pytest.approx(by_hand)
    weights = torch.tensor([2.0, 10.0, 0.5])  # of each class its own
    weighted = losses.soft_cross_entropy(logits, classes, shares, weights)
    by_hand = [1.5 * np.log(2) + 0.125 * np.log(4), -(0.45 * np.log(0.8) + 1.0 * np.log(0.1))]
    assert weighted.tolist() == pytest.approx(by_hand)


def test_where_it_is_smallest_soft_cross_entropy_answers_p_times_w():
    p, w = torch.tensor([[0.5, 0.3, 0.15, 0.05], [0.5, 1.0, 2.0, 6.0]]).double()
    logits = (p * w).log()[None].requires_grad_()
    losses.soft_cross_entropy(logits, torch.arange(4)[None], p[None], w).sum().backward()
    assert logits.grad.abs().max() < 1e-12  # and it is convex


def test_its_gradient_is_that_of_differences():
    torch.manual_seed(0)
    logits = torch.randn(3, 7, dtype=torch.double, requires_grad=True)
    classes, shares = torch.randint(7, (3, 2)), torch.rand(3, 2, dtype=torch.double)
    weights = torch.rand(7, dtype=torch.double)
    assert torch.autograd.gradcheck(
        lambda x: losses.soft_cross_entropy(x, classes, shares, weights), logits
    )


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
