"""Layers that learn quickly, against torch's own."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from photochrom.training.models.layers import Depthwise, Layers, same_padding
from photochrom.training.sync_batchnorm import FixedStatsNorm


def gradients(answer: Tensor, of: Sequence[Tensor]) -> list[Tensor]:
    draw = torch.Generator().manual_seed(1)
    return list(torch.autograd.grad(answer, of, torch.randn(answer.shape, generator=draw)))


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_depthwise_convolution_and_its_gradients_are_those_of_torch(kernel, stride):
    torch.manual_seed(0)
    layer = Depthwise(16, kernel, stride)
    x, bias = torch.randn(3, 16, 8, 12, requires_grad=True), torch.randn(16, requires_grad=True)
    learnt = [x, layer.weight, bias]
    ours = layer.convolve(*learnt)
    padded = F.pad(x, same_padding(kernel, stride) * 2)
    torch_own = F.conv2d(padded, layer.weight, bias, stride, groups=16)
    assert ours.shape[2:] == (8 // stride, 12 // stride)
    torch.testing.assert_close(ours, torch_own, rtol=1e-4, atol=1e-5)
    for mine, own in zip(gradients(ours, learnt), gradients(torch_own, learnt), strict=True):
        torch.testing.assert_close(mine, own, rtol=1e-4, atol=1e-4)


def test_of_frozen_weights_no_gradient_is_made():
    layer = Depthwise(16, 5, 2).requires_grad_(False)
    x = torch.randn(1, 16, 8, 8, requires_grad=True)
    layer(x).sum().backward()
    assert layer.weight.grad is None
    assert x.grad is not None


def test_mixed_precision_is_that_of_torch():
    torch.manual_seed(0)
    layer = Depthwise(16, 5)
    x = torch.randn(1, 16, 8, 8, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        answer, own = layer(x), F.conv2d(x, layer.weight, padding=2, groups=16)
    assert answer.dtype == own.dtype == torch.bfloat16
    torch.testing.assert_close(answer, own, rtol=0.02, atol=0.02)
    learnt = [x, layer.weight]
    for mine, theirs in zip(
        gradients(answer.float(), learnt), gradients(own.float(), learnt), strict=True
    ):
        assert mine.dtype == torch.float32
        torch.testing.assert_close(mine, theirs, rtol=0.02, atol=0.2)


@pytest.fixture
def layers() -> Layers:
    """Two convolutions with norms: one frozen, and one of which the statistics alone are fixed."""
    torch.manual_seed(0)
    frozen, fixed = nn.BatchNorm2d(16), FixedStatsNorm(8)
    made = Layers(
        Depthwise(16, 5), frozen, nn.ReLU6(inplace=True), nn.Conv2d(16, 8, 3, 1, 1), fixed
    )
    for norm in (frozen, fixed):
        for values in (norm.running_mean, norm.bias.data):
            values.normal_()
        for values in (norm.running_var, norm.weight.data):
            values.uniform_(0.5, 2)
    made.train()
    frozen.eval().requires_grad_(False)
    return made


def test_joined_to_its_convolution_a_fixed_norm_answers_and_learns_as_before(layers):
    x = torch.randn(2, 16, 8, 8)
    learnt = [p for p in layers.parameters() if p.requires_grad]
    assert len(learnt) == 5
    joined, apart = layers(x), x
    for layer in layers:
        apart = layer(apart)
    torch.testing.assert_close(joined, apart, rtol=1e-4, atol=1e-4)
    for mine, own in zip(gradients(joined, learnt), gradients(apart, learnt), strict=True):
        torch.testing.assert_close(mine, own, rtol=1e-4, atol=1e-3)


def test_a_norm_that_follows_its_batches_still_does(layers):
    layers[1].train()
    before = layers[1].running_mean.clone()
    layers(torch.randn(2, 16, 8, 8))
    assert not torch.equal(layers[1].running_mean, before)
