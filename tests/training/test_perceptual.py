import sys
import types

import numpy as np
import pytest
import torch

from photochrom.errors import BadModel, BadOption, BadPhoto, MissingExtra
from photochrom.evaluation.evaluate import EvaluateOptions, evaluate
from photochrom.evaluation.rows import GREY
from photochrom.training.models.efficientnet import Classifier, load_imagenet, scale
from photochrom.training.perceptual import fid, lite2, load_metrics, lpips


@pytest.fixture(scope="module")
def score():
    return lite2()


def pictures(n=3, height=64, width=96):
    return np.random.default_rng(0).random((n, 3, height, width), np.float32)


def test_the_truth_itself_is_at_no_distance_and_keeps_its_class(score):
    truth = np.repeat(pictures(1), 3, axis=0)
    said, features = score(truth)
    assert said == [{"lite2": 0.0, "top-1 kept": 1.0}] * 2
    assert features["FD-lite2"].shape == (3, 352)


def test_the_farther_from_the_truth_the_larger_the_distance(score):
    truth, other = pictures(2)
    rgb = np.stack([truth, truth + 0.1 * (other - truth), truth + 0.5 * (other - truth), other])
    near, middle, far = (figures["lite2"] for figures in score(rgb).figures)
    assert 0 < near < middle < far <= 2


def test_what_is_said_of_a_picture_does_not_depend_on_the_others(score):
    rgb = pictures(12)
    many, alone = score(rgb), score(rgb[[0, 11]])
    assert many.figures[-1]["lite2"] == pytest.approx(alone.figures[0]["lite2"], abs=1e-5)
    features = [verdict.features["FD-lite2"][-1] for verdict in (many, alone)]
    np.testing.assert_allclose(*features, atol=1e-4)


def test_the_class_is_the_classifiers(score):
    network = Classifier().eval()
    load_imagenet(network)
    rgb = pictures(9)
    with torch.no_grad():
        classes = network.classify(network(scale(torch.from_numpy(rgb)))[-1]).argmax(1)
    kept = [figures["top-1 kept"] for figures in score(rgb).figures]
    assert kept == (classes[1:] == classes[0]).float().tolist()


def test_odd_sizes_are_cut_to_the_middle_and_tiny_ones_refused(score):
    rgb = pictures(2, 70, 101)
    assert score(rgb).figures == score(rgb[..., 3:67, 2:98]).figures
    with pytest.raises(BadPhoto, match=r"A photo of 40 x 31 is too small to compare: 32 at least"):
        score(pictures(2, 31, 40))


def test_torch_has_afterwards_as_many_threads_as_before(score):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        score(pictures(2))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_the_evaluation_keeps_the_scores(score):
    photos = (pictures(3).transpose(0, 2, 3, 1) * 255).astype(np.uint8)
    named = [(str(i), photo) for i, photo in enumerate(photos)]
    results = evaluate(named, {}, options=EvaluateOptions("native", perceptual=[score]))
    grey, _ = results.summary
    assert list(grey.judged) == ["lite2", "top-1 kept", "FD-lite2"]
    assert grey.judged["lite2"] == np.mean([s.judged["lite2"] for s in results.rows[GREY]])
    assert grey.judged["FD-lite2"] > 0


# --- networks whose weights are fetched -------------------------------------------------------


def pretend(monkeypatch, module, name, network):
    """A torchmetrics that holds ``network`` under ``name``."""
    for part in ("torchmetrics", "torchmetrics.image"):
        monkeypatch.setitem(sys.modules, part, types.ModuleType(part))
    fake = types.ModuleType(module)
    setattr(fake, name, network)
    monkeypatch.setitem(sys.modules, module, fake)


LPIPS = ("torchmetrics.image.lpip", "LearnedPerceptualImagePatchSimilarity")
FID = ("torchmetrics.image.fid", "FrechetInceptionDistance")


@pytest.mark.parametrize(("make", "where"), [(lpips, LPIPS), (fid, FID)])
def test_what_keeps_torchmetrics_from_its_networks_is_said(monkeypatch, make, where):
    def network(*args, **options):
        raise ConnectionError("no route to host")

    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, where[0], None)
        with pytest.raises(MissingExtra, match=r"pip install 'photochrom\[eval\]'"):
            make()
    pretend(monkeypatch, *where, network)
    with pytest.raises(BadModel, match=r"could not be fetched \(no route to host\): leave it out"):
        make()


def test_lpips_compares_each_output_with_the_truth(monkeypatch):
    class Network(torch.nn.Module):
        def __init__(self, net, normalize):
            super().__init__()
            assert (net, normalize) == ("alex", True)

        def forward(self, output, truth):
            return (output - truth).abs().mean()

    pretend(monkeypatch, *LPIPS, Network)
    rgb = pictures(3)
    said, features = lpips()(rgb)
    expected = [float(abs(rgb[i] - rgb[0]).mean()) for i in (1, 2)]
    assert [figures["LPIPS"] for figures in said] == pytest.approx(expected)
    assert features == {}


def test_fid_sees_8_bit_pictures(monkeypatch):
    class Inception(torch.nn.Module):
        def forward(self, x):
            assert x.dtype == torch.uint8
            return x.float().mean((2, 3))

    class Network:
        def __init__(self, feature):
            assert feature == 2048
            self.inception = Inception()

    pretend(monkeypatch, *FID, Network)
    rgb = pictures(3)
    said, features = fid()(rgb)
    assert said == [{}, {}]
    np.testing.assert_allclose(features["FID"], 255 * rgb.mean((2, 3)), atol=0.5)


def test_an_unknown_judge_is_refused():
    with pytest.raises(
        BadOption, match="no perceptual metric 'vgg': choose one of lite2, lpips, fid"
    ):
        load_metrics(["vgg"])
