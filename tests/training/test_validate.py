"""What a validation measures, on networks whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from PIL import Image
from torch import Tensor, nn

from photochrom.color import lab_to_rgb
from photochrom.evaluation import metrics
from photochrom.training.heads import ABHead, SoftBinsHead
from photochrom.training.loader import to_lab
from photochrom.training.models import Network
from photochrom.training.optimize import copy_weights
from photochrom.training.validate import Pulse, compare, measure, save_sheet, summarise
from studies import scene

SIZE = 32


class Told(nn.Module):
    """Answers, in every cell of 4 × 4 pixels, the colour that hints tell; elsewhere grey."""

    multiple, takes_hints = 8, True

    def __init__(self, head: SoftBinsHead) -> None:
        super().__init__()
        self.register_buffer("centres", head.centres.clone())
        self.sharp = nn.Parameter(torch.tensor(0.2))
        self.seen: list[Tensor] = []

    def forward(self, lightness: Tensor, hints: Tensor) -> Tensor:
        self.seen.append(hints.clone())
        mask = nn.functional.max_pool2d(hints[:, 2:], 4)
        shown = nn.functional.avg_pool2d(hints[:, 2:], 4).clamp(min=1e-6)
        ab = nn.functional.avg_pool2d(hints[:, :2] * hints[:, 2:], 4) / shown * mask
        away = (ab[:, None] - self.centres[None, :, :, None, None]).square().sum(2)
        return -self.sharp * away


class Plain(nn.Module):
    """Answers the same ab everywhere."""

    multiple, takes_hints = 8, False

    def __init__(self) -> None:
        super().__init__()
        self.ab = nn.Parameter(torch.tensor([0.1, -0.05]))

    def forward(self, lightness: Tensor) -> Tensor:
        return self.ab[None, :, None, None].expand(len(lightness), 2, *lightness.shape[2:])


@pytest.fixture(scope="module")
def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1)


@pytest.fixture(scope="module")
def batches() -> list[np.ndarray]:
    """Five soft photos, in stacks of three and two."""
    photos = np.stack([scene(i, 40, 40) for i in range(5)])
    return [photos[:3], photos[3:]]


@pytest.fixture
def told() -> Network:
    head = SoftBinsHead(0.5)
    counts = np.random.default_rng(0).pareto(1.0, head.grid.side**2) + 0.01
    head.set_frequency(counts, 0.5)
    return Network(Told(head), head).train()


def lab_of(batches) -> Tensor:
    return torch.cat([to_lab(torch.from_numpy(batch), SIZE) for batch in batches])


def painted(lab: Tensor, ab: Tensor) -> np.ndarray:
    return lab_to_rgb(torch.cat([lab[:, :1], ab], 1)).clamp(0, 1).numpy()


@torch.no_grad()
def test_every_photo_has_its_row(told, batches, fabric):
    rows, pictures = measure(told, {}, batches, SIZE, fabric)
    lab = lab_of(batches)
    true = lab_to_rgb(lab).clamp(0, 1).numpy()
    raw = told(lab[:, :1])
    usual = painted(lab, told.head.decode(raw, lab[:, :1])["ab"])
    accurate = painted(lab, told.head.decode(raw, lab[:, :1], vivid=torch.tensor(0.0))["ab"])
    assert len(rows) == len(pictures) == 5
    names = {"psnr", "psnr_0", "psnr_1", "psnr_10", "cross_entropy", "colourfulness", "truth"}
    cross_entropy = told.head.cross_entropy(raw, lab)
    for i, row in enumerate(rows):
        assert set(row) == names
        assert row["psnr"] == pytest.approx(metrics.psnr(true[i], usual[i]), abs=1e-3)
        assert row["psnr_0"] == pytest.approx(metrics.psnr(true[i], accurate[i]), abs=1e-3)
        assert row["cross_entropy"] == pytest.approx(cross_entropy[i].item(), rel=1e-4)
        assert row["truth"] == pytest.approx(metrics.colorfulness(true[i]), abs=1e-3)
        assert row["colourfulness"] == pytest.approx(metrics.colorfulness(usual[i]), abs=1e-3)
        out, original = pictures[i]
        assert out.shape == original.shape == (SIZE, SIZE, 3)
        assert np.abs(original - (true[i].transpose(1, 2, 0) * 255)).max() <= 0.51


@torch.no_grad()
def test_true_hints_are_given_always_at_the_same_places(told, batches, fabric):
    seen = told.backbone.seen
    rows, _ = measure(told, {}, batches, SIZE, fabric)
    first = [hints.clone() for hints in seen]
    seen.clear()
    assert measure(told, {}, batches, SIZE, fabric)[0] == rows
    assert all(torch.equal(a, b) for a, b in zip(first, seen, strict=True))
    # Of each batch: as it is used, most accurate, then with 1 and with 10 hints.
    none, bare, one, ten = first[:4]
    assert len(first) == 8
    assert not none.any()
    assert not bare.any()
    shown = one[:, 2].flatten(1).sum(1)
    assert ((shown >= 9) & (shown <= 25)).all()  # a patch of 5 × 5, perhaps cut by the border
    assert (ten[:, 2].flatten(1).sum(1) > 2 * shown).all()
    assert (ten[:, 2] >= one[:, 2]).all()  # the one is the first of the ten
    lab = to_lab(torch.from_numpy(batches[0]), SIZE)
    for i in range(3):
        inside = one[i, 2] > 0
        mean = lab[i, 1:, inside].mean(1)
        assert torch.allclose(one[i, :2, inside], mean[:, None], atol=1e-3)
    figures = summarise(rows)
    assert figures["val_psnr_0"] < figures["val_psnr_1"] < figures["val_psnr_10"]


@torch.no_grad()
def test_it_is_the_average_that_is_measured_and_the_weights_stay(told, batches, fabric):
    weights = copy_weights(told)
    other = copy_weights(told)
    other["backbone.sharp"].fill_(0.01)  # hardly knows
    vague, _ = measure(told, other, batches, SIZE, fabric)
    assert all(torch.equal(value, weights[name]) for name, value in told.state_dict().items())
    assert not told.training
    sharp, _ = measure(told, {}, batches, SIZE, fabric)
    assert vague != sharp
    told.backbone.sharp.fill_(0.01)
    assert measure(told, {}, batches, SIZE, fabric)[0] == vague


def test_channels_that_no_photo_moves_are_dead():
    relu = nn.ReLU6()
    pulse = Pulse(nn.Sequential(relu))
    for photo in ([-1, 3, 7, -1, 5], [-1, -1, 9, 2, 0]):  # the first below 0, the third above 6
        relu(torch.tensor(photo).float()[None, :, None, None].expand(1, 5, 2, 2))
    assert pulse.stop() == {"dead": pytest.approx(0.4)}
    relu(torch.full((1, 5, 2, 2), 1.0))  # is not watched any more
    assert pulse.stop() == {"dead": pytest.approx(0.4)}
    assert Pulse(nn.Sequential(nn.GELU())).stop() == {}


def test_of_a_network_that_regresses_only_what_it_has_is_measured(batches, fabric):
    plain = Network(Plain(), ABHead(0.5))
    rows, _ = measure(plain, {}, batches, SIZE, fabric)
    assert [set(row) for row in rows] == [{"psnr", "colourfulness", "truth"}] * 5
    lab = lab_of(batches)
    ab = (torch.tensor([0.1, -0.05]).tanh() * 128)[:, None, None].expand(5, 2, SIZE, SIZE)
    out, true = painted(lab, ab), lab_to_rgb(lab).clamp(0, 1).numpy()
    psnr = [metrics.psnr(*pair) for pair in zip(true, out, strict=True)]
    assert [row["psnr"] for row in rows] == pytest.approx(psnr, abs=1e-3)


# --- what is told of the rows -----------------------------------------------------------------


def test_means_are_told_and_colourfulness_as_a_share_of_the_truths():
    rows = [
        {"psnr": 20.0, "psnr_0": 24.0, "colourfulness": 10.0, "truth": 40.0},
        {"psnr": 25.0, "psnr_0": 25.0, "colourfulness": 20.0, "truth": 20.0},
    ]
    assert summarise(rows) == {"val_psnr": 22.5, "val_psnr_0": 24.5, "val_colourfulness": 0.5}
    grey = [{"psnr": 30.0, "colourfulness": 1.0, "truth": 0.0}]
    assert summarise(grey)["val_colourfulness"] == 0.0


def test_changes_are_told_with_their_standard_errors_photo_by_photo():
    before = [{"psnr": p, "cross_entropy": 3.0, "truth": 9.0} for p in (20.0, 30.0, 25.0, 27.0)]
    gains = (0.5, -0.1, 0.3, 0.1)
    now = [
        {"psnr": row["psnr"] + gain, "cross_entropy": 2.5, "colourfulness": 1.0, "truth": 9.0}
        for row, gain in zip(before, gains, strict=True)
    ]
    changes = compare(before, now)
    assert set(changes) == {"psnr", "cross_entropy"}  # what both have; the truth does not change
    by, error = changes["psnr"]
    assert by == pytest.approx(0.2)
    assert error == pytest.approx(np.std(gains, ddof=1) / 2)  # however far apart the photos are
    assert changes["cross_entropy"] == (pytest.approx(-0.5), pytest.approx(0))
    assert compare([{"psnr": 20.0}], [{"psnr": 21.0}]) == {"psnr": (1.0, 0.0)}  # of one, no error


def test_a_sheet_shows_grey_coloured_and_true(tmp_path):
    colour = np.full((32, 32, 3), (200, 40, 40), np.uint8)
    out = np.full((32, 32, 3), (40, 40, 200), np.uint8)
    save_sheet(tmp_path / "sheet.jpg", [(out, colour)] * 2)
    with Image.open(tmp_path / "sheet.jpg") as image:
        seen = {tuple(round(c / 40) for c in rgb) for _, rgb in image.getcolors(1 << 20)}
    assert {(5, 1, 1), (1, 1, 5), (2, 2, 2)} <= seen
