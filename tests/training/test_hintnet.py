"""The ways by which hints reach the network, and how far."""

from __future__ import annotations

import itertools

import pytest
import torch

from photochrom.training.models import build
from photochrom.training.models.hintnet import BLOCKS, Attention, pool_hints
from photochrom.training.sync_batchnorm import FixedStatsNorm

WAYS = ("hints", *(f"pooled_hints.{i}" for i in range(4)))
"""At the stem, and at strides 32, 16, 8 and 4."""
OUT = ("position", "mix", "mlp.3")
"""The ways by which a block of attention adds to what it is given."""


@pytest.fixture
def backbone():
    torch.manual_seed(0)
    return build("hintnet").eval().backbone


@torch.no_grad()
def test_a_fresh_network_answers_the_same_whatever_the_hints(backbone):
    silent = {name for name, value in backbone.named_parameters() if not value.any()}
    ways = {"context.weight", "context.bias"} | {f"{way}.weight" for way in WAYS}
    for i, out in itertools.product(range(BLOCKS), OUT):
        ways |= {f"attention.{i}.{out}.weight", f"attention.{i}.{out}.bias"}
    assert {n for n in silent if "norm" not in n and not n.endswith("mlp.0.bias")} == ways
    lightness = torch.rand(2, 1, 64, 96) * 100
    hints = torch.randn(2, 3, 64, 96) * 50  # also outside the mask
    assert torch.equal(backbone(lightness, hints), backbone(lightness, torch.zeros(2, 3, 64, 96)))


def test_pooled_hints_are_the_mean_of_what_is_shown_and_whether_anything_is():
    hints = torch.zeros(1, 3, 4, 8)
    hints[0, :, 0, 0] = torch.tensor([10.0, -20.0, 1.0])
    hints[0, :, 3, 3] = torch.tensor([30.0, 20.0, 1.0])
    hints[0, :2, 1, 5] = 77  # outside the mask: no hint
    hints[0, :, 2:, 6:] = torch.tensor([5.0, -6.0, 1.0])[:, None, None]
    expected = {
        4: [[[20.0, 5.0]], [[0.0, -6.0]], [[1.0, 1.0]]],
        2: [
            [[10.0, 0.0, 0.0, 0.0], [0.0, 30.0, 0.0, 5.0]],
            [[-20.0, 0.0, 0.0, 0.0], [0.0, 20.0, 0.0, -6.0]],
            [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 1.0]],
        ],
    }
    found = dict(zip((1, 2, 4), pool_hints(hints, (1, 2, 4)), strict=True))
    for stride, planes in expected.items():
        assert torch.allclose(found[stride][0], torch.tensor(planes), atol=1e-4)
    assert torch.equal(found[1], hints * hints[:, 2:])  # a cell of one pixel


def wide_photo() -> tuple[torch.Tensor, ...]:
    """Lightness, no hints, and one hint near the left."""
    without, hints = torch.zeros(2, 1, 3, 64, 320)
    hints[0, :, 30:33, 30:33] = torch.tensor([40.0, -30.0, 1.0])[:, None, None]
    return torch.rand(1, 1, 64, 320) * 100, without, hints


@pytest.mark.parametrize("way", WAYS)
@torch.no_grad()
def test_through_each_way_a_hint_changes_the_answer_near_itself(backbone, way):
    torch.nn.init.normal_(backbone.get_submodule(way).weight)
    lightness, without, hints = wide_photo()
    change = (backbone(lightness, hints) - backbone(lightness, without)).abs().mean((0, 1))
    near, far = change[:, 4:12].mean(), change[:, 64:].mean()  # 16 to 48 and 256 to 320 pixels
    assert near > 0
    assert far <= near / 10
    if way != "hints":  # the encoder sees far, the decoder does not
        assert not far
    other = hints * torch.tensor([-1.0, -1.0, 1.0])[:, None, None]
    assert (backbone(lightness, other) != backbone(lightness, hints)).any()  # the colour counts


# --- attention --------------------------------------------------------------------------------


def awake(block: Attention, std: float = 0.1) -> Attention:
    """A block whose ways out are as if it had learned."""
    for out in OUT:
        for parameter in block.get_submodule(out).parameters():
            torch.nn.init.normal_(parameter, std=std)
    return block


@torch.no_grad()
def test_attention_begins_by_changing_nothing():
    x = torch.randn(2, 64, 5, 7) * 10
    assert torch.equal(Attention(64)(x), x)


@torch.no_grad()
def test_attention_is_that_of_a_transformer():
    """Written out: scores of every place for every other, head by head."""
    torch.manual_seed(0)
    block, x = awake(Attention(96)), torch.randn(2, 96, 3, 5)
    assert block.heads == 3
    out = x + block.position(x)
    rows = out.flatten(2).transpose(1, 2)  # (2, 15, 96)
    normed = torch.nn.functional.layer_norm(rows, (96,))
    layer = block.query_key_value
    query, key, value = (normed @ layer.weight[:, :, 0, 0].T + layer.bias).split(96, 2)
    seen = []
    for i in range(3):
        part = slice(32 * i, 32 * i + 32)
        scores = query[..., part] @ key[..., part].transpose(1, 2) / 32**0.5
        seen.append(scores.softmax(2) @ value[..., part])
    rows = rows + torch.cat(seen, 2) @ block.mix.weight[:, :, 0, 0].T + block.mix.bias
    hidden = torch.nn.functional.layer_norm(rows, (96,)) @ block.mlp[1].weight[:, :, 0, 0].T
    hidden = torch.nn.functional.gelu(hidden + block.mlp[1].bias)
    rows = rows + hidden @ block.mlp[3].weight[:, :, 0, 0].T + block.mlp[3].bias
    expected = rows.transpose(1, 2).reshape(2, 96, 3, 5)
    assert (block(x) - expected).abs().max() < 1e-4


@pytest.mark.parametrize(("width", "heads"), [(352, 11), (64, 2), (12, 1), (100, 2), (33, 1)])
def test_heads_divide_the_width(width, heads):
    assert Attention(width).heads == heads


@torch.no_grad()
def test_once_awake_it_lets_a_far_hint_matter(backbone):
    """Through the decoder alone, as above, it does not reach that far."""
    torch.nn.init.normal_(backbone.pooled_hints[0].weight)
    lightness, without, hints = wide_photo()

    def far() -> torch.Tensor:
        change = (backbone(lightness, hints) - backbone(lightness, without)).abs()
        return change[..., 64:].amax()

    assert far() == 0
    for block in backbone.attention:
        awake(block)
    assert far() > 1e-3


# --- norms that stay ----------------------------------------------------------------------------


def settled(channels: int) -> FixedStatsNorm:
    draw = torch.Generator().manual_seed(2)
    norm = FixedStatsNorm(channels)
    norm.running_var.copy_(torch.rand(channels, generator=draw) + 0.5)
    with torch.no_grad():
        for value in (norm.running_mean, norm.weight, norm.bias):
            value.copy_(torch.randn(channels, generator=draw))
    return norm


@torch.no_grad()
def test_a_settled_norm_does_in_training_what_it_does_afterwards():
    norm, x = settled(6), torch.randn(3, 6, 8, 10) * 5 + 2
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    plain = torch.nn.BatchNorm2d(6).eval()
    plain.load_state_dict(norm.state_dict())
    assert torch.allclose(norm.train()(x), plain(x), atol=1e-4)
    assert torch.allclose(norm.eval()(x), plain(x), atol=1e-4)
    for half in (norm.train()(x.bfloat16()), norm.eval()(x.bfloat16())):
        assert half.dtype == torch.bfloat16  # what follows stays as fast
        assert torch.allclose(half.float(), plain(x), atol=0.1, rtol=0.02)
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())


def test_a_settled_norm_learns_its_scale_and_shift():
    norm, plain = settled(6), torch.nn.BatchNorm2d(6).eval()
    plain.load_state_dict(norm.state_dict())
    x = torch.randn(3, 6, 8, 10)
    for module in (norm, plain):
        module(x).square().sum().backward()
    assert torch.allclose(norm.weight.grad, plain.weight.grad, rtol=1e-4)
    assert torch.allclose(norm.bias.grad, plain.bias.grad, rtol=1e-4)
