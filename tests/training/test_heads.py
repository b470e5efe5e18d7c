from __future__ import annotations

import numpy as np
import pytest
import torch

from photochrom.color import STUDY_GRID, ZHANG_GRID, lab_to_rgb, rgb_to_lab
from photochrom.training import losses
from photochrom.training.heads import ABHead, BinsHead, RGBHead, SoftBinsHead


@pytest.fixture(scope="module")
def soft() -> SoftBinsHead:
    return SoftBinsHead()


@pytest.fixture
def lab() -> torch.Tensor:
    """Colours that sRGB can show, (2, 3, 16, 24)."""
    return rgb_to_lab(torch.rand(2, 3, 16, 24, generator=torch.manual_seed(0)))


@pytest.mark.parametrize("size", [0.1, 1, 100])
def test_ranges_of_the_regressing_heads(size):
    raw = torch.randn(2, 3, 8, 8) * size
    painted = RGBHead(0.5).decode(raw, raw[:, :1])
    assert 0 <= painted["rgb"].min() <= painted["rgb"].max() <= 1
    assert painted["ab"].abs().max() < 110
    assert torch.equal(painted["ab"], rgb_to_lab(painted["rgb"])[:, 1:])
    assert ABHead(0.5).decode(raw[:, :2], raw[:, :1])["ab"].abs().max() <= 128


def test_a_perfect_answer_has_no_loss(lab):
    rgb = lab_to_rgb(lab).clamp(1e-6, 1 - 1e-6)
    raw = torch.logit(rgb)
    assert RGBHead(0.5).loss(raw, lab) < 1e-5
    assert (RGBHead(0.5).decode(raw, lab[:, :1])["ab"] - lab[:, 1:]).abs().max() < 0.01
    raw = torch.atanh(lab[:, 1:] / 128)
    assert ABHead(0.5).loss(raw, lab) < 1e-6
    assert (ABHead(0.5).decode(raw, lab[:, :1])["ab"] - lab[:, 1:]).abs().max() < 1e-3


@pytest.mark.parametrize("alpha", [0, 0.7, 1])
def test_alpha_mixes_the_losses(lab, alpha):
    raw = torch.randn_like(lab)
    expected = losses.mix(raw.sigmoid(), lab_to_rgb(lab), alpha)
    assert torch.equal(RGBHead(alpha).loss(raw, lab), expected)


# --- 676 classes ------------------------------------------------------------------------------


def test_a_bin_that_srgb_cannot_show_is_never_answered():
    head = BinsHead()
    assert int(head.possible.sum()) == 268
    raw = torch.randn(2, 676, 16, 16)
    raw[:, ~head.possible] += 1000
    answer = head.decode(raw, raw[:, :1])
    a, b = answer["ab"].unbind(1)
    assert head.possible[STUDY_GRID.index(a, b).long()].all()
    assert torch.equal(answer["logits"].argmax(1), STUDY_GRID.index(a, b).long())


def test_the_likeliest_bin_with_the_class_weights_and_without():
    """Trained with weights, the network answers p * w: of two bins, w makes the rarer one win."""
    head = BinsHead()
    common, rare = torch.nonzero(head.possible)[:2, 0].tolist()
    head.weights[rare] = 4.0
    p = torch.full((676,), 1e-6)
    p[common], p[rare] = 0.6, 0.4
    raw = (p * head.weights).log()[None, :, None, None]
    won = {v: head.decode(raw, raw[:, :1], vivid=torch.tensor(v)) for v in (0.0, 0.2, 0.4, 1.0)}
    chosen = {v: STUDY_GRID.index(*answer["ab"].unbind(1)).item() for v, answer in won.items()}
    # 0.4 * 4 ** v exceeds 0.6 from v = 0.29 on
    assert chosen == {0.0: common, 0.2: common, 0.4: rare, 1.0: rare}
    assert torch.equal(head.decode(raw, raw[:, :1])["ab"], won[1.0]["ab"])  # as in the study
    allowed = won[1.0]["logits"][0, head.possible, 0, 0]
    assert allowed.exp() == pytest.approx(p[head.possible].numpy(), rel=1e-4)


def test_the_true_class_is_decoded_to_its_centre(lab):
    head = BinsHead()
    classes = STUDY_GRID.index(lab[:, 1], lab[:, 2]).long()
    raw = torch.nn.functional.one_hot(classes, 676).permute(0, 3, 1, 2).float() * 50
    error = (head.decode(raw, lab[:, :1])["ab"] - lab[:, 1:]).norm(dim=1)
    assert error.max() <= 5 * 2**0.5 + 1e-3
    assert head.loss(raw, lab) < 1e-6


def test_frequent_classes_weigh_less(lab):
    head = BinsHead()
    frequency = np.ones(676)
    frequency[5] = 600
    head.set_frequency(frequency, 0.5)
    assert head.weights[5] < head.weights[6] == head.weights[7]
    assert head.weights.numpy() == pytest.approx(losses.class_weights(frequency, 0.5))
    classes = STUDY_GRID.index(lab[:, 1], lab[:, 2]).long()
    flat = head.loss(torch.zeros(2, 676, 16, 24), lab)
    assert flat == pytest.approx(float(head.weights[classes].mean() * np.log(676)), rel=1e-5)


# --- a distribution ---------------------------------------------------------------------------


def test_soft_encoding_is_near_the_truth_inside_the_gamut(soft, lab):
    assert soft.table_shares.sum(1) == pytest.approx(np.ones(65536), abs=1e-5)
    assert soft.table_shares.min() >= 0
    row = soft._row(lab[:, 1:])
    expected = (soft.table_shares[row][..., None] * soft.centres[soft.table_classes[row]]).sum(-2)
    away = (expected.permute(0, 3, 1, 2) - lab[:, 1:]).norm(dim=1)
    assert away.max() < 10  # at the rim of the gamut there are bins on one side only
    assert away.median() < 1
    grey = soft._row(torch.zeros(1, 2, 1, 1)).item()
    nearest = soft.table_classes[grey][soft.table_shares[grey].argmax()]
    assert soft.centres[nearest].tolist() == [0, 0]


def test_every_ab_has_its_own_row(soft):
    ab = torch.tensor([[-128.0, -128.0], [-128.0, 127.0], [127.0, 127.0], [3.4, -7.6], [999, -999]])
    rows = soft._row(ab.T[None, :, :, None]).flatten().tolist()
    assert rows == [0, 255, 65535, 131 * 256 + 120, 255 * 256]


def test_the_colder_the_closer_to_the_likeliest_bin(soft):
    raw = torch.randn(2, soft.channels, 4, 4) * 3
    likeliest = soft.centres[raw.argmax(1)].permute(0, 3, 1, 2)
    away = []
    for temperature in (1.0, 0.1, 0.01, 1e-3):
        ab = soft.decode(raw, raw[:, :1], temperature=torch.tensor(temperature))["ab"]
        away.append((ab - likeliest).norm(dim=1).mean().item())
    assert away == sorted(away, reverse=True)
    assert away[-1] < 0.5
    dials = {name: torch.tensor(value) for name, value in soft.scalars.items()}
    by_default = soft.decode(raw, raw[:, :1])["ab"]
    assert torch.equal(by_default, soft.decode(raw, raw[:, :1], **dials)["ab"])


def test_rare_bins_are_smoothed_over_their_neighbours():
    head = SoftBinsHead()
    counts = np.zeros(ZHANG_GRID.side**2)
    counts[ZHANG_GRID.index(np.float32(0), np.float32(0)).astype(int)] = 1.0
    head.set_frequency(counts, 0.5)
    grey, beside, far = (
        int((head.centres - torch.tensor(ab)).norm(dim=1).argmin())
        for ab in ([0.0, 0.0], [10.0, 0.0], [60.0, 40.0])
    )
    assert head.weights[grey] < head.weights[beside] < head.weights[far]
    assert head.weights.isfinite().all()


# --- class weights in the loss, and out of it ---------------------------------------------------


def weighted(emphasis: float) -> SoftBinsHead:
    """A head with uneven class weights."""
    head = SoftBinsHead(emphasis)
    counts = np.zeros(ZHANG_GRID.side**2)
    counts[ZHANG_GRID.in_gamut()] = np.random.default_rng(0).pareto(0.5, head.channels)
    head.set_frequency(counts, 0.3)
    return head


@pytest.fixture(scope="module")
def log_p() -> torch.Tensor:
    draw = torch.Generator().manual_seed(1)
    return (torch.randn(2, 261, 4, 6, generator=draw) * 2).log_softmax(1)


@pytest.mark.parametrize("emphasis", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("vivid", [0.0, 0.3, 1.0])
def test_whatever_the_emphasis_the_same_colours_are_decoded(log_p, emphasis, vivid):
    """A network that has learned answers log p + emphasis * log w."""
    head, other = weighted(emphasis), weighted(1.0)
    lightness = torch.zeros(2, 1, 16, 24)
    dials = {"vivid": torch.tensor(vivid), "temperature": torch.tensor(0.6)}
    ours = head.decode(log_p + emphasis * head.weights.log()[:, None, None], lightness, **dials)
    theirs = other.decode(log_p + other.weights.log()[:, None, None], lightness, **dials)
    assert (ours["ab"] - theirs["ab"]).abs().max() < 1e-3
    assert (ours["logits"] - log_p).abs().max() < 1e-4
    odds = (log_p + vivid * head.weights.log()[:, None, None]).div(0.6).softmax(1)
    mean = torch.einsum("nqhw,qc->nchw", odds, head.centres)
    assert (ours["coarse"] - mean).abs().max() < 1e-3


@pytest.mark.parametrize("emphasis", [0.0, 0.5, 1.0])
def test_surprise_is_plain_cross_entropy_of_the_true_p(log_p, lab, emphasis):
    head = weighted(emphasis)
    raw = log_p + 7 + emphasis * head.weights.log()[:, None, None]  # odds need not add up to one
    row = head._row(torch.nn.functional.avg_pool2d(lab[:, 1:], 4))
    target = torch.zeros(*row.shape, head.channels)
    target.scatter_(-1, head.table_classes[row], head.table_shares[row])
    target = target.permute(0, 3, 1, 2)
    plain = torch.nn.functional.cross_entropy(log_p, target, reduction="none").mean((1, 2))
    assert head.cross_entropy(raw, lab).tolist() == pytest.approx(plain.tolist(), rel=1e-4)


@pytest.mark.parametrize("emphasis", [0.0, 0.5, 1.0])
def test_the_loss_is_smallest_where_the_network_answers_p_times_w_to_the_emphasis(emphasis):
    """So that decoding makes the same of it."""
    head = weighted(emphasis)
    two = torch.tensor([[20.0, 30.0], [-20.0, 0.0]])  # on centres, met three times and once
    ab = two[torch.tensor([0, 0, 0, 1])].T.view(1, 2, 2, 2)
    lab = torch.cat([torch.full((1, 1, 2, 2), 50.0), ab], 1)
    p = torch.zeros(head.channels)
    row = head._row(ab).flatten()
    p.index_add_(0, head.table_classes[row].flatten(), head.table_shares[row].flatten() / 4)

    def loss(odds: torch.Tensor) -> torch.Tensor:
        return head.loss(odds.log()[None, :, None, None].expand(1, -1, 2, 2), lab)

    best = p.clamp(min=1e-12) * head.weights**emphasis
    assert loss(best) < loss(best * head.weights**0.3)
    assert loss(best) < loss(p + 1e-3)
    draw = torch.Generator().manual_seed(0)
    for _ in range(20):
        nudge = (0.3 * torch.randn(head.channels, generator=draw)).exp()
        assert loss(best) < loss(best * nudge)
    assert loss(torch.ones(head.channels)) == pytest.approx(
        float((head.weights**emphasis * p).sum() * np.log(head.channels)), rel=1e-4
    )
