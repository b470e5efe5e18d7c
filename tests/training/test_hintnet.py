"""The ways by which hints and the mean colour reach the network."""

from __future__ import annotations

import pytest
import torch

from photochrom.training.models import build
from photochrom.training.models.hintnet import AB_REACH, pool_hints

WAYS = ("hints", *(f"pooled_hints.{i}" for i in range(4)))
"""At the stem, and at strides 32, 16, 8 and 4."""


@pytest.fixture
def backbone():
    torch.manual_seed(0)
    return build("hintnet").eval().backbone


@torch.no_grad()
def test_a_fresh_network_answers_the_same_whatever_the_hints(backbone):
    silent = {name for name, value in backbone.named_parameters() if not value.any()}
    ways = {"tint.weight", "context.weight", "context.bias"}
    ways |= {f"{way}.weight" for way in WAYS}
    assert {name for name in silent if "norm" not in name} == ways
    lightness = torch.rand(2, 1, 64, 96) * 100
    hints = torch.randn(2, 3, 64, 96) * 50  # also outside the mask
    assert torch.equal(backbone(lightness, hints), backbone(lightness, torch.zeros(2, 3, 64, 96)))


def test_pooled_hints_are_the_mean_of_what_is_shown_and_whether_anything_is():
    hints = torch.zeros(1, 3, 4, 8)
    hints[0, :, 0, 0] = torch.tensor([10.0, -20.0, 1.0])
    hints[0, :, 3, 3] = torch.tensor([30.0, 20.0, 1.0])
    hints[0, :2, 1, 5] = 77  # outside the mask: a mean colour, which is no hint
    hints[0, :, 2:, 6:] = torch.tensor([5.0, -6.0, 1.0])[:, None, None]
    expected = {
        4: [[[20.0, 5.0]], [[0.0, -6.0]], [[1.0, 1.0]]],
        2: [
            [[10.0, 0.0, 0.0, 0.0], [0.0, 30.0, 0.0, 5.0]],
            [[-20.0, 0.0, 0.0, 0.0], [0.0, 20.0, 0.0, -6.0]],
            [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 1.0]],
        ],
    }
    for stride, planes in expected.items():
        assert torch.allclose(pool_hints(hints, stride)[0], torch.tensor(planes), atol=1e-4)
    assert torch.equal(pool_hints(hints, 1), hints * hints[:, 2:])  # a cell of one pixel


@pytest.mark.parametrize("way", WAYS)
@torch.no_grad()
def test_through_each_way_a_hint_changes_the_answer_near_itself(backbone, way):
    torch.nn.init.normal_(backbone.get_submodule(way).weight)
    lightness = torch.rand(1, 1, 64, 320) * 100
    without, hints = torch.zeros(2, 1, 3, 64, 320)
    hints[0, :, 30:33, 30:33] = torch.tensor([40.0, -30.0, 1.0])[:, None, None]
    change = (backbone(lightness, hints) - backbone(lightness, without)).abs().mean((0, 1))
    near, far = change[:, 4:12].mean(), change[:, 64:].mean()  # 16 to 48 and 256 to 320 pixels
    assert near > 0
    assert far <= near / 10
    if way != "hints":  # the encoder sees far, the decoder does not
        assert not far
    other = hints * torch.tensor([-1.0, -1.0, 1.0])[:, None, None]
    assert (backbone(lightness, other) != backbone(lightness, hints)).any()  # the colour counts


@torch.no_grad()
def test_a_mean_colour_reaches_everywhere_and_only_from_outside_the_mask(backbone):
    torch.nn.init.normal_(backbone.tint.weight)
    lightness = torch.rand(1, 1, 64, 320) * 100
    without = backbone(lightness, torch.zeros(1, 3, 64, 320))
    tint = torch.zeros(1, 3, 64, 320)
    tint[:, :2] = torch.tensor([20.0, -10.0])[None, :, None, None]
    change = (backbone(lightness, tint) - without).abs().sum(1)
    assert (change > 0).all()
    seen = []
    backbone.tint.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    backbone(lightness, tint)
    assert torch.allclose(seen[0], torch.tensor([[20.0, -10.0]]) / AB_REACH)
    tint[:, 2] = 1  # now they are hints
    assert torch.allclose(backbone(lightness, tint), without, atol=1e-5)
