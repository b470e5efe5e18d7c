"""What makes commands begin sooner. It imports little by itself."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from photochrom.inference.onnx_model import Model


@contextmanager
def without_collector() -> Iterator[None]:
    """Import and load what stays: the garbage collector need not go through it, now or later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def photos_at_once(photos: Sequence[str], jobs: int | None) -> int:
    """How many are to be under way at a time, as far as is known before they are sought.

    Args:
        photos: as they were named.
        jobs: how many were asked for, if any.
    """
    from photochrom.parallel import cores

    at_once = max(1, jobs or cores())
    few = len(photos) < at_once and all(map(_is_file, photos))
    return max(1, len(photos)) if few else at_once


def _is_one(photos: Sequence[str]) -> bool:
    return len(photos) == 1 and _is_file(photos[0])


def _is_file(photo: str) -> bool:
    from photochrom.cli import pipe

    return pipe.is_source(photo) or os.path.isfile(photo)  # noqa: PTH113 - never raises


def load_ahead(
    photos: Sequence[str], jobs: int | None, model: str | None, device: str
) -> Callable[[], Model] | None:
    """Load a model while other modules are imported.

    Args:
        photos: as they were named.
        jobs: how many are to be under way at a time, if that was asked for.
        model: its name, path or address; None for the default.
        device: as for :class:`.Model`.

    Returns:
        What waits for the model, or raises what came of it. None where it is not known yet what is
        to be loaded, or it may have to be fetched, which is shown and can be interrupted.
    """
    from photochrom.parallel import LEFT, begin_aside, share_heaps, share_of_cores

    alone, threads = _is_one(photos), share_of_cores(photos_at_once(photos, jobs))
    unsure = device == "auto" and not alone and find_spec("openvino") is not None
    if unsure or "://" in (model or ""):
        return None

    # Here, as two threads that import wait for each other more than they gain.
    from photochrom.inference.model_files import DEFAULT_MODEL
    from photochrom.inference.onnx_model import Model
    from photochrom.inference.sessions import settle_device

    settled = settle_device(device, 1) if alone else device

    def load() -> Model:
        return Model(DEFAULT_MODEL if model is None else model, threads, settled)

    share_heaps()
    model_of_thread = begin_aside(load, LEFT)

    def wait() -> Model:
        from photochrom.inference.chroma_upsampling import make_tables

        make_tables()  # instead of waiting
        return model_of_thread()

    return wait
