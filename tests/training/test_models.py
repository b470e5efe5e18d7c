"""One tester for all models."""

from __future__ import annotations

import copy

import pytest
import torch

from photochrom.color import STUDY_GRID
from photochrom.errors import BadOption
from photochrom.training.models import MODELS, Network, build

PARAMETERS = {
    "cnn-rgb": 4_308_675,
    "unet-rgb": 4_490_163,
    "unet-lab": 20_553_602,
    "unet-bins": 20_597_412,
    "hintnet": 8_927_141,
    "generator": 13_855_405,
}
EXTRA = {
    "cnn-rgb": {"rgb"},
    "unet-rgb": {"rgb"},
    "unet-bins": {"logits"},
    "hintnet": {"coarse", "logits", "features"},
    "generator": {"coarse"},
}


@pytest.fixture(scope="module", params=list(MODELS))
def network(request) -> Network:
    torch.manual_seed(0)
    return build(request.param, 0.5)


@pytest.fixture
def name(request) -> str:
    return request.node.callspec.params["network"]


def example(network: Network, n: int, h: int, w: int) -> tuple[torch.Tensor, ...]:
    draw = torch.Generator().manual_seed(h + w)
    lightness = torch.rand(n, 1, h, w, generator=draw) * 100
    hints = torch.randn(n, 3, h, w, generator=draw)
    return (lightness, hints) if network.takes_hints else (lightness,)


def test_the_number_of_parameters_is_that_of_the_study(network, name):
    assert sum(p.numel() for p in network.parameters()) == PARAMETERS[name]


def test_every_parameter_learns(network):
    m = network.multiple
    network = copy.deepcopy(network).train()
    for value in network.backbone.parameters():
        if not value.any():  # of such as start at zero, what hides behind them learns later
            torch.nn.init.normal_(value, std=0.05)
    lab = torch.rand(2, 3, m, 2 * m) * 40
    truth = {"lab": lab} if network.takes_truth else {}
    torch.manual_seed(1)  # one that leaves a photo out of what is told
    loss = network.head.loss(network(*example(network, 2, m, 2 * m), **truth), lab)
    assert loss.ndim == 0
    loss.backward()
    learning = [(n, p) for n, p in network.named_parameters() if p.requires_grad]
    unmoved = [n for n, p in learning if p.grad is None or not p.grad.any()]
    assert unmoved == []
    assert loss.isfinite()


@pytest.mark.parametrize("times", [(1, 1), (1, 3), (3, 2)])
@torch.no_grad()
def test_the_contract_holds_at_any_multiple_of_the_size(network, name, times):
    h, w = (network.multiple * t for t in times)
    network.eval()
    lightness, *hints = example(network, 2, h, w)
    answer = network.predict(lightness, *hints)
    assert set(answer) == {"ab"} | EXTRA.get(name, set())
    ab = answer["ab"]
    assert ab.shape == (2, 2, h, w)
    assert ab.dtype == torch.float32
    assert ab.isfinite().all()
    assert ab.abs().max() <= 128
    if "rgb" in answer:
        assert answer["rgb"].shape == (2, 3, h, w)
        assert 0 <= answer["rgb"].min() <= answer["rgb"].max() <= 1
    if "logits" in answer:
        stride = {"unet-bins": 1, "hintnet": 4}[name]
        bins = {"unet-bins": STUDY_GRID.side**2, "hintnet": 261}[name]
        assert answer["logits"].shape == (2, bins, h // stride, w // stride)
    if "coarse" in answer:
        stride = {"hintnet": 4, "generator": 16}[name]
        assert answer["coarse"].shape == (2, 2, h // stride, w // stride)
    alone = network.predict(lightness[1:], *(hint[1:] for hint in hints))["ab"]
    assert (alone - ab[1:]).abs().max() < 1e-2  # a photo's colours are not its neighbours'


@torch.no_grad()
def test_hints_may_be_left_out(network):
    m = network.multiple
    network.eval()
    lightness = example(network, 1, m, m)[0]
    without = network.predict(lightness)["ab"]
    assert torch.equal(without, network.predict(lightness, torch.zeros(1, 3, m, m))["ab"])


def test_an_unknown_model_is_answered_with_those_there_are():
    with pytest.raises(BadOption, match=r"no model 'unet': choose one of cnn-rgb, .*, generator\."):
        build("unet")


def test_emphasis_reaches_the_head_that_has_one():
    assert build("hintnet", emphasis=0.25).head.emphasis == 0.25
    assert build("hintnet").head.emphasis == 1.0
    with pytest.raises(BadOption, match="leave --emphasis out"):
        build("cnn-rgb", emphasis=0.25)
