"""Losses that look at the coloured picture as a whole, for the last part of a training.

Cross-entropy judges each place by itself. What makes a picture look right lies between places: a
pretrained network's features see it (Johnson et al. 2016, arXiv 1603.08155), and so does a
discriminator that learns to tell coloured from true (Isola et al. 2017, arXiv 1611.07004).
"""

from __future__ import annotations

from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from photochrom.color import lab_to_rgb
from photochrom.training.models.efficientnet import Encoder, feature_distance, load_imagenet, scale
from photochrom.training.optimize import load_moments, moments
from photochrom.training.presets import Experiment
from photochrom.training.run_folder import Tensors, strip_prefix

EVERY = 4
"""So many photos for one that is looked at: a mean of some is as true as one of all, and judging
takes longer than colouring."""


class PictureLosses:
    """The losses of an experiment that has some, and the discriminator's own training.

    Raises:
        MissingExtra: the package with EfficientNet-Lite2's weights is not installed.
    """

    def __init__(self, experiment: Experiment, fabric: Fabric) -> None:
        self.experiment, self.fabric = experiment, fabric
        self.features = FeatureDistance().to(fabric.device) if experiment.perceptual else None
        self.discriminator: Any = None
        if experiment.adversarial:
            plain = Discriminator()
            optimizer = torch.optim.Adam(plain.parameters(), experiment.lr, betas=(0.5, 0.999))
            self.discriminator, self.optimizer = fabric.setup(plain, optimizer)

    def are_due(self, progress: float) -> bool:
        """Whether any counts yet."""
        return self._perceptual_due(progress) or self._adversarial_due(progress)

    def _perceptual_due(self, progress: float) -> bool:
        return self.experiment.perceptual > 0 and progress >= self.experiment.perceptual_from

    def _adversarial_due(self, progress: float) -> bool:
        return self.experiment.adversarial > 0 and progress >= self.experiment.adversarial_from

    def compute(self, output: Tensor, truth: Tensor, progress: float) -> Tensor:
        """What to add to the loss, a scalar.

        Args:
            output: ``(N, 3, H, W)`` Lab of the coloured photos.
            truth: that of the photos.
            progress: of the training, 0 to 1.
        """
        added = output.new_zeros(())
        if self.features is not None and self._perceptual_due(progress):
            with self.fabric.autocast():
                distance = self.features(_rgb(output), _rgb(truth))
            added = added + self.experiment.perceptual * distance
        if self._adversarial_due(progress):
            added = added + self.experiment.adversarial * self._adversarial_loss(output, truth)
        return added

    def _adversarial_loss(self, output: Tensor, truth: Tensor) -> Tensor:
        """How true the output looks; before that, the discriminator learns from it."""
        both = torch.cat([truth, output.detach()])
        true, coloured = self.discriminator(both).float().chunk(2)
        self.fabric.backward((F.relu(1 - true) + F.relu(1 + coloured)).mean())
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        plain = self.discriminator.module
        plain.requires_grad_(False)  # it is only looked through
        with self.fabric.autocast():
            looks: Tensor = -plain(output).float().mean()
        plain.requires_grad_(True)
        return looks

    def state(self) -> Tensors:
        """What a checkpoint has to keep of the discriminator."""
        if self.discriminator is None:
            return {}
        weights = {f"weights.{k}": v for k, v in self.discriminator.state_dict().items()}
        optimizer = {f"optimizer.{k}": v for k, v in moments(self.optimizer).items()}
        return weights | optimizer

    def load(self, tensors: Tensors) -> None:
        """Go on from what :meth:`state` gave; from the beginning if it gave nothing."""
        weights = strip_prefix("weights.", tensors)
        if self.discriminator is not None and weights:
            self.discriminator.load_state_dict(weights)
            load_moments(self.optimizer, strip_prefix("optimizer.", tensors))


class FeatureDistance(nn.Module):
    """Distance of EfficientNet-Lite2's features, as
    :func:`photochrom.training.perceptual.lite2`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        load_imagenet(self.encoder)
        self.requires_grad_(False)
        self.eval()

    def forward(self, output: Tensor, truth: Tensor) -> Tensor:
        """A scalar, for RGB ``(N, 3, H, W)`` in 0..1; sides divide by 32."""
        with torch.no_grad():
            goals = self.encoder(scale(truth))
        return feature_distance(self.encoder(scale(output)), goals).mean()


class Discriminator(nn.Module):
    """Tells of every patch of a Lab picture ``(N, 3, H, W)`` how true it looks: above 0, true.

    A PatchGAN that sees 46 pixels at a time, its layers kept from growing by their spectral norm
    (Miyato et al. 2018, arXiv 1802.05957).
    """

    def __init__(self, widths: tuple[int, ...] = (48, 96, 192)) -> None:
        super().__init__()
        self.layers = nn.Sequential()
        inputs = 3
        for width in widths:
            self.layers.append(spectral_norm(nn.Conv2d(inputs, width, 4, stride=2, padding=1)))
            self.layers.append(nn.LeakyReLU(0.2))
            inputs = width
        self.layers.append(spectral_norm(nn.Conv2d(inputs, 1, 4, padding=1)))

    def forward(self, lab: Tensor) -> Tensor:
        scaled = torch.cat([lab[:, :1] / 50 - 1, lab[:, 1:] / 60], 1)
        return self.layers(scaled)  # type: ignore[no-any-return]


def _rgb(lab: Tensor) -> Tensor:
    return lab_to_rgb(lab).clamp(0, 1)
