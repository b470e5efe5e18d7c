"""Pretrained networks that compare a coloured photo with the original, for the evaluation.

==========  =====================================================================================
lite2       EfficientNet-Lite2, whose weights come inside a package: ``lite2`` (a perceptual
            distance, not LPIPS), ``top-1 kept`` and ``FD-lite2`` (not FID)
lpips       LPIPS by torchmetrics (Zhang et al. 2018, arXiv 1801.03924, AlexNet)
fid         FID by torchmetrics' Inception (Heusel et al. 2017, arXiv 1706.08500)
==========  =====================================================================================

The last two fetch their weights from the internet when first used, and need torchvision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from photochrom.color import Plane
from photochrom.errors import BadModel, BadOption, BadPhoto, MissingExtra
from photochrom.evaluation.metrics import PerceptualMetric, PerceptualScores
from photochrom.training.models.efficientnet import (
    Classifier,
    feature_distance,
    load_imagenet,
    scale,
)

STRIDE = 32
"""Of the coarsest features: sides are cut to a multiple of it."""
AT_A_TIME = 8
"""Pictures in memory together."""


def lite2() -> PerceptualMetric:
    """Make the metric of EfficientNet-Lite2.

    ``lite2`` is :func:`~photochrom.training.models.efficientnet.feature_distance` at five strides.
    ``top-1 kept`` is 1 where the likeliest of the 1,000 ImageNet classes is that of the original.
    ``FD-lite2`` compares the 352 features at stride 32, pooled over the photo.

    Raises:
        MissingExtra: the package with the weights is not installed.
    """
    network = Classifier().eval()
    load_imagenet(network)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.no_grad()
    def score(rgb: Plane) -> PerceptualScores:
        with _one_thread():
            features = _in_parts(network, scale(_cut(rgb)))
            classes = _in_parts(lambda deep: [network.classify(deep)], features[-1])[0].argmax(1)
        apart = feature_distance([f[1:] for f in features], [f[:1] for f in features])
        kept = (classes[1:] == classes[0]).float()
        figures = [
            {"lite2": float(distance), "top-1 kept": float(same)}
            for distance, same in zip(apart, kept, strict=True)
        ]
        return PerceptualScores(figures, {"FD-lite2": features[-1].mean((2, 3)).numpy()})

    return score


def lpips() -> PerceptualMetric:
    """Make the metric LPIPS: 0 for equal photos.

    Raises:
        MissingExtra: torchmetrics or torchvision is not installed.
        BadModel: the weights cannot be had.
    """
    with _fetched("LPIPS"):
        from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

        network = LearnedPerceptualImagePatchSimilarity("alex", normalize=True).eval()

    @torch.no_grad()
    def score(rgb: Plane) -> PerceptualScores:
        pictures = torch.from_numpy(rgb)
        return PerceptualScores(
            [{"LPIPS": float(network(p[None], pictures[:1]))} for p in pictures[1:]], {}
        )

    return score


def fid() -> PerceptualMetric:
    """Make the Fréchet distance of Inception's 2,048 pooled features.

    Raises:
        MissingExtra: torchmetrics or torch-fidelity is not installed.
        BadModel: the weights cannot be had.
    """
    with _fetched("FID"):
        from torchmetrics.image.fid import FrechetInceptionDistance

        network = FrechetInceptionDistance(2048).inception.eval()

    @torch.no_grad()
    def score(rgb: Plane) -> PerceptualScores:
        pooled = network((torch.from_numpy(rgb) * 255).round().to(torch.uint8))
        return PerceptualScores(
            [{} for _ in rgb[1:]], {"FID": pooled.reshape(len(rgb), -1).numpy()}
        )

    return score


METRICS: dict[str, Callable[[], PerceptualMetric]] = {"lite2": lite2, "lpips": lpips, "fid": fid}


def load_metrics(names: Sequence[str]) -> list[PerceptualMetric]:
    """Make the metrics of these names.

    Raises:
        BadOption: there is no such metric.
    """
    for name in names:
        if name not in METRICS:
            raise BadOption(
                f"There is no perceptual metric {name!r}: choose one of {', '.join(METRICS)}."
            )
    return [METRICS[name]() for name in dict.fromkeys(names)]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch to this thread, as photos are scored side by side; afterwards all is as before."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def _fetched(figure: str) -> Iterator[None]:
    """Sentences for what keeps torchmetrics from a network: no package, or no weights."""
    try:
        yield
    except ImportError as error:
        raise MissingExtra(error.name or "torchvision", "eval") from error
    except OSError as error:  # urllib's errors are among them
        raise BadModel(
            f"The weights of {figure} could not be fetched ({error}): leave it out, or try again "
            "with internet."
        ) from error


def _cut(rgb: Plane) -> Tensor:
    """The middle whose sides the network's stride divides, ``(n, 3, h, w)``."""
    height, width = rgb.shape[2:]
    tall, wide = (side // STRIDE * STRIDE for side in (height, width))
    if not tall or not wide:
        raise BadPhoto(f"A photo of {width} x {height} is too small to compare: {STRIDE} at least.")
    top, left = (height - tall) // 2, (width - wide) // 2
    return torch.from_numpy(rgb[..., top : top + tall, left : left + wide])


def _in_parts(network: Callable[[Tensor], Sequence[Tensor]], x: Tensor) -> list[Tensor]:
    answers: list[Any] = [network(part) for part in torch.split(x, AT_A_TIME)]
    return [torch.cat(parts) for parts in zip(*answers, strict=True)]
