"""Photos to send, and what comes back."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

WEAK = (6.0, 10.0)
"""ab that the toy gives to everything."""


def picture(pixels: np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    """Pixels as a file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def halves(width: int = 400, height: int = 300) -> np.ndarray:
    """Grey: dark on the left, bright on the right, with some grain."""
    grey = np.full((height, width), 90.0)
    grey[:, width // 2 :] = 200
    grey += np.random.default_rng(0).normal(0, 4, grey.shape)
    return np.rint(grey).astype(np.uint8)


def pixels(answer: Any) -> np.ndarray:
    """Of an answer that is a picture."""
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def send(client: Any, data: bytes, name: str = "garden.png") -> dict[str, Any]:
    """What is told of a photo that was sent."""
    answer = client.post("/api/photos", files={"photo": (name, data)})
    assert answer.status_code == 201, answer.text
    return answer.json()
