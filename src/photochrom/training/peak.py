"""How much of what a machine can compute a training uses."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import profiler as torch_profiler
from torch.utils.flop_counter import FlopCounterMode

T = TypeVar("T")


class FlopMeter:
    """Counts the operations of steps, and holds them against the fastest matrix product.

    Args:
        device: where the training computes; its peak is measured now, in about a second.
        dtype: what it computes in.
    """

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self.peak = matrix_peak(device, dtype)
        self.known: dict[int, float] = {}
        self.done = 0.0

    def count(self, size: int, step: Callable[[], T]) -> T:
        """Do a step; the first of its size is counted, 2 operations for a multiply-add."""
        if size in self.known:
            result = step()
        else:
            with count_operations() as counter:
                result = step()
            self.known[size] = float(counter.get_total_flops())
        self.done += self.known[size]
        return result

    def share(self, seconds: float) -> float:
        """Of the peak over the steps since it was last asked for, 0 to 1."""
        share, self.done = self.done / seconds / self.peak, 0.0
        return share


def count_operations() -> FlopCounterMode:
    """Count, while entered, 2 operations for a multiply-add; ``get_total_flops()`` tells how many.

    The counter is torch's, but for one thing: it takes the gradients of a depthwise convolution's
    weights for those of a dense one (torch 2.13).
    """
    gradients = {torch.ops.aten.convolution_backward: _operations_of_gradients}
    return FlopCounterMode(display=False, custom_mapping=gradients)


def _operations_of_gradients(
    gradient: Sequence[int], x: Sequence[int], weight: Sequence[int], *rest: Any, **_: Any
) -> int:
    transposed, to = rest[4], rest[7]
    places = x if transposed else gradient  # each of which meets weights of every other channel
    each = math.prod(weight[1:])
    return 2 * math.prod(places) * each * sum(bool(wanted) for wanted in to[:2])


def profile(step: Callable[[], T], path: Path) -> T:
    """Do a step, and write what it spent its time on to ``path``."""
    synchronize()
    with torch_profiler.profile() as seen:
        result = step()
        synchronize()
    own = "self_device_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
    whole = "device_time_total" if torch.cuda.is_available() else "cpu_time_total"
    averages = seen.key_averages()
    tables = [averages.table(sort_by=key, row_limit=40) for key in (whole, own)]
    path.write_text("\n".join(tables), encoding="utf-8")
    return result


def matrix_peak(device: torch.device, dtype: torch.dtype) -> float:
    """The most operations a second that a product of square matrices reaches there."""
    found = 0.0
    for n in (4096, 8192) if device.type == "cuda" else (512, 1024):
        a, b = (torch.randn(n, n, device=device).to(dtype) for _ in range(2))
        for _ in range(10):
            synchronize()
            began = time.perf_counter()
            a @ b
            synchronize()
            found = max(found, 2.0 * n**3 / (time.perf_counter() - began))
    return found


def synchronize() -> None:
    """Wait for a GPU, if there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
