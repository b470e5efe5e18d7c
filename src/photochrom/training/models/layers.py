"""Convolutions that learn in less time, and compute what torch's own do.

Two things took half of a training step on a CPU: batch norms whose statistics no longer change, and
gradients of depthwise convolutions, for most of which oneDNN has no vectorised code.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from photochrom.training.sync_batchnorm import FixedStatsNorm

ACROSS = 3
"""The widest depthwise kernel whose weights' gradient oneDNN computes by vector instructions."""


class Layers(nn.Sequential):
    """Layers one after another, in which a norm with fixed statistics joins the convolution before.

    While it learns, a norm that only scales and shifts is done to the convolution's weights, which
    are few, instead of to what comes out of it. In evaluation, and so in exported files, each layer
    is by itself.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and torch.is_grad_enabled()):
            return super().forward(x)  # type: ignore[no-any-return, no-untyped-call]
        layers = list(self)
        joined = None
        for layer, behind in zip(layers, [*layers[1:], None], strict=True):
            if isinstance(layer, nn.Conv2d) and _is_fixed(behind):
                joined = behind
                x = _convolve(layer, x, *_join(layer, behind))
            elif layer is not joined:
                x = layer(x)
        return x


def _is_fixed(layer: nn.Module | None) -> bool:
    if isinstance(layer, FixedStatsNorm):
        return True
    return isinstance(layer, nn.BatchNorm2d) and not layer.training


def _join(conv: nn.Conv2d, norm: Any) -> tuple[Tensor, Tensor]:
    """Weights and bias that do what both do."""
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    mean = norm.running_mean if conv.bias is None else norm.running_mean - conv.bias
    return conv.weight * scale[:, None, None, None], norm.bias - mean * scale


def _convolve(conv: nn.Conv2d, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if isinstance(conv, Depthwise):
        return conv.convolve(x, weight, bias)
    return F.conv2d(x, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups)


class Depthwise(nn.Conv2d):
    """A convolution of each channel by itself, of stride 1 or 2; the sides divide by the stride.

    Padded as TensorFlow does, whose weights it is given: :func:`same_padding`.
    """

    def __init__(self, channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__(channels, channels, kernel, stride, groups=channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.convolve(x, self.weight, None)

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The same with other weights ``(C, 1, k, k)``, and a bias ``(C,)``."""
        if not (x.is_cpu and torch.is_grad_enabled()):
            return _depthwise(x, weight, bias, self.stride[0])
        if torch.is_autocast_enabled("cpu"):
            dtype = torch.get_autocast_dtype("cpu")
            x, weight = x.to(dtype), weight.to(dtype)
            bias = None if bias is None else bias.to(dtype)
        return _LearnDepthwise.apply(x, weight, bias, self.stride[0])  # type: ignore[no-any-return, no-untyped-call]


def same_padding(kernel: int, stride: int) -> tuple[int, int]:
    """Pixels before and after: one less before where a convolution strides over even sides.

    Symmetric padding would shift every feature by half a pixel.
    """
    return (kernel // 2, kernel // 2) if stride == 1 else ((kernel - 2) // 2, (kernel - 1) // 2)


def _depthwise(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
    kernel = weight.shape[-1]
    if stride > 1:
        x = F.pad(x, same_padding(kernel, stride) * 2)
    return F.conv2d(x, weight, bias, stride, kernel // 2 if stride == 1 else 0, 1, len(weight))


class _LearnDepthwise(torch.autograd.Function):
    """A depthwise convolution on a CPU, with gradients that run vectorised.

    oneDNN computes the gradient of weights by vectors where a kernel is up to three wide: wider
    ones are computed in strips. That of the input, of a convolution of stride 2, takes thirty times
    as long as a convolution of stride 1, so it is made one, over a gradient with zeros in between.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return _depthwise(x, weight, bias, stride)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        to_x, to_weight, to_bias = ctx.needs_input_grad[:3]
        return (
            _to_input(gradient, x, weight, ctx.stride) if to_x else None,
            _to_weight(gradient, x, weight, ctx.stride) if to_weight else None,
            gradient.sum((0, 2, 3)) if to_bias else None,
            None,
        )


def _to_input(gradient: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    if stride > 1:
        between = torch.zeros_like(x, memory_format=torch.channels_last)
        between[:, :, 1::2, 1::2] = gradient
        gradient = between
    # Zeros first, as the padding before is one less than that of stride 1: so this one fits both.
    return F.conv2d(gradient, weight.flip(2, 3), None, 1, weight.shape[-1] // 2, 1, len(weight))


def _to_weight(gradient: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    kernel, width, padding = weight.shape[-1], gradient.shape[-1], 0
    if stride == 1 and kernel <= ACROSS:
        padding = kernel // 2
    else:
        x = F.pad(x, same_padding(kernel, stride) * 2)
    strips: list[Tensor] = []
    for strip in torch.split(weight, ACROSS, 3):
        first, wide = ACROSS * len(strips), strip.shape[-1]
        under = x[..., first : first + stride * (width - 1) + wide]
        _, found, _ = torch.ops.aten.convolution_backward(
            gradient,
            under.contiguous(memory_format=torch.channels_last),
            strip.contiguous(),
            None,
            [stride, stride],
            [padding, padding],
            [1, 1],
            False,
            [0, 0],
            len(weight),
            [False, True, False],
        )
        strips.append(found)
    return torch.cat(strips, 3)
