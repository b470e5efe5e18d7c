"""What a photo leaves in memory when it is done."""

from __future__ import annotations

import gc
import tracemalloc
from contextlib import closing

import numpy as np
import pytest
from PIL import Image

from photochrom.batch import pool
from photochrom.batch.options import BatchOptions
from photochrom.batch.planning import Job
from photochrom.batch.worker import Worker

LEFT = 600
"""Bytes of Python's a photo: where its line of the journal lies takes 300."""


@pytest.mark.slow
def test_a_photo_that_is_done_leaves_little_in_memory(tmp_path, model):
    photo, broken, out = tmp_path / "photo.png", tmp_path / "broken.png", tmp_path / "out"
    Image.fromarray(np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)).save(photo)
    broken.write_bytes(photo.read_bytes()[:100])
    jobs = (
        Job(broken if i % 10 == 9 else photo, out / f"result {i:04d}.png", out) for i in range(260)
    )
    worker, held = Worker(BatchOptions(model=str(model)), 1), {}
    tracemalloc.start()
    try:
        with closing(pool.run(jobs, worker, 2)) as outcomes:
            for done, _ in enumerate(outcomes, 1):
                if done in (60, 260):
                    gc.collect()
                    held[done] = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(list(out.glob("*.png"))) == 234
    assert (held[260] - held[60]) / 200 < LEFT
