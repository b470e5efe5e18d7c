"""Operations are counted as they are done."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from photochrom.training.peak import count_operations


@pytest.mark.parametrize(
    ("layer", "operations"),
    [
        (nn.Conv2d(8, 8, 3, padding=1, groups=8), 2 * 4 * 4 * 8 * 9),
        (nn.Conv2d(8, 6, 1), 2 * 4 * 4 * 8 * 6),
        (nn.ConvTranspose2d(8, 6, 2, stride=2), 2 * 4 * 4 * 8 * 6 * 4),
    ],
)
def test_a_gradient_takes_as_much_as_the_answer(layer, operations):
    x = torch.randn(1, 8, 4, 4, requires_grad=True)
    with count_operations() as counter:
        layer(x).sum().backward()  # of the input and of the weights
    assert counter.get_total_flops() == 3 * operations
