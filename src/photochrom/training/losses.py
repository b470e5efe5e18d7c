"""What training minimises. Every loss is a mean over all its elements, a scalar.

Why it matters which: where one grey fits several colours, MSE is smallest at their mean, L1 at
their median, and cross-entropy at their distribution.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from photochrom.color import Float

_LEAST_LEFT = 0.2
"""Of the way from noise to what is drawn."""


def mix(output: Tensor, target: Tensor, alpha: float) -> Tensor:
    """``alpha * MSE + (1 - alpha) * L1``; the ends are the pure losses."""
    if alpha == 1:
        return F.mse_loss(output, target)
    if alpha == 0:
        return F.l1_loss(output, target)
    return alpha * F.mse_loss(output, target) + (1 - alpha) * F.l1_loss(output, target)


def soft_cross_entropy(
    logits: Tensor, classes: Tensor, shares: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Cross-entropy against a target spread over a few classes, ``(M,)``.

    Each class counts with its own weight, so that the minimum is exactly ``p * w`` (normalised)
    and decoding can divide the weights out again.

    Args:
        logits: ``(M, Q)``: classes last, which is several times as fast as in between.
        classes: ``(M, K)`` int64, the classes each of M belongs to.
        shares: ``(M, K)``, how much to each; sums to 1 over K.
        weights: ``(Q,)``; all 1 if left out.
    """
    if weights is not None:
        shares = shares * weights[classes]
    found: Tensor = _SoftCrossEntropy.apply(logits, classes, shares)  # type: ignore[no-untyped-call]
    return found


def velocity_error(found: Tensor, clean: Tensor, time: Tensor) -> Tensor:
    """Mean squared error of the velocity that leads from noise to what was found in it.

    At ``z = t x + (1 - t) noise`` it is ``(x - z) / (1 - t)``, so that of two x is their difference
    over ``1 - t``. Close to the end, where that has no bounds, 1 - t counts as 0.2.

    Args:
        found: ``(N, C, h, w)``, x as the network has it.
        clean: likewise, as it is.
        time: ``(N,)``, t in 0..1.
    """
    left = (1 - time).clamp(min=_LEAST_LEFT)[:, None, None, None]
    return ((found - clean) / left).square().mean()


class _SoftCrossEntropy(torch.autograd.Function):
    """What torch would derive of it fills ``(M, Q)`` three times more than this."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, classes: Tensor, shares: Tensor) -> Tensor:
        log_p = F.log_softmax(logits, 1)
        ctx.save_for_backward(log_p, classes, shares)
        return -(log_p.gather(1, classes) * shares).sum(1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        log_p, classes, shares = ctx.saved_tensors
        shares = shares * gradient[:, None]
        over = log_p.exp().mul_(shares.sum(1, keepdim=True))
        return over.scatter_add_(1, classes, -shares), None, None


def class_weights(frequency: Float, rebalance: float) -> npt.NDArray[np.float32]:
    """Weights that let rare colours count: Zhang et al. 2016 (arXiv 1603.08511), equation 4.

    ``w ~ 1 / ((1 - rebalance) * p + rebalance / Q)``, scaled so that the mean weight over the
    training photos' pixels is 1. Classes that never occur (``p = 0``) get the largest weight.

    Args:
        frequency: ``(Q,)``, how often each class occurs in the training photos; any positive sum.
        rebalance: 0 weighs by inverse frequency, 1 not at all; the paper takes 0.5.
    """
    p = frequency / frequency.sum()
    floor = p[p > 0].min() if rebalance == 0 else 0  # else what never occurs weighs infinitely
    w = 1 / ((1 - rebalance) * np.maximum(p, floor) + rebalance / len(p))
    weights: npt.NDArray[np.float32] = (w / (p * w).sum()).astype(np.float32)
    return weights
