"""Batch norms that are not torch's: of all processes together, and such as stay settled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


class FixedStatsNorm(nn.BatchNorm2d):
    """A batch norm whose statistics are set once, on real photos, and stay.

    Statistics that follow the batches are a mixture of all sizes in which photos were seen, and
    right for none. With these, training computes what the exported file will. They are set by
    :func:`photochrom.training.warm_start.calibrate_norms` or ``calibrate_new_norms``.
    """

    running_mean: Tensor
    running_var: Tensor

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:  # torch's own, which exporting folds into the convolution before it
            return super().forward(x)
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        return torch.addcmul(shift[:, None, None], x, scale[:, None, None]).to(x.dtype)


def sync_batch_norms(network: nn.Module, frozen: Sequence[nn.Module], device: torch.device) -> None:
    """Let the batch norms that learn have the mean and variance of all processes' photos.

    Args:
        network: changed in place; its parameters and the names of its state stay.
        frozen: norms that keep their statistics, and so need nobody else's.
        device: on a GPU they become torch's own, which there are for GPUs alone.
    """
    on_cpu, on_gpu = CpuSyncBatchNorm.from_batch_norm, nn.SyncBatchNorm.convert_sync_batchnorm
    convert = on_cpu if device.type == "cpu" else on_gpu
    for parent in list(network.modules()):
        for name, norm in parent.named_children():
            if isinstance(norm, FixedStatsNorm) or norm in frozen:
                continue
            if isinstance(norm, nn.BatchNorm2d):
                setattr(parent, name, convert(norm))


class CpuSyncBatchNorm(nn.BatchNorm2d):
    """A batch norm of what all processes have, each as many photos; for CPUs."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    @classmethod
    def from_batch_norm(cls, norm: nn.BatchNorm2d) -> CpuSyncBatchNorm:
        """One with the parameters and the statistics of ``norm``."""
        shared = cls(norm.num_features, norm.eps, norm.momentum)
        shared.load_state_dict(norm.state_dict())
        shared.weight, shared.bias = norm.weight, norm.bias
        return shared.train(norm.training)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        variance, mean = torch.var_mean(x.float(), (0, 2, 3), correction=0)
        gathered: Tensor = _Gather.apply(torch.stack([mean, variance]))  # type: ignore[no-untyped-call]
        means, variances = gathered.unbind(1)  # (world, C)
        mean = means.mean(0)
        variance = (variances + (means - mean).square()).mean(0)
        n = x.numel() // len(mean) * len(means)
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * n / max(1, n - 1), self.momentum)  # unbiased
            self.num_batches_tracked.add_(1)
        scale = self.weight * (variance + self.eps).rsqrt()
        shift = self.bias - mean * scale
        return torch.addcmul(shift[:, None, None], x, scale[:, None, None]).to(x.dtype)


class _Gather(torch.autograd.Function):
    """What every process has, stacked; to each goes back what it did to all the losses."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ARG004
        parts = [torch.empty_like(x) for _ in range(torch.distributed.get_world_size())]
        torch.distributed.all_gather(parts, x)
        return torch.stack(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ARG004
        gradient = gradient.contiguous()
        torch.distributed.all_reduce(gradient)
        return gradient[torch.distributed.get_rank()]
