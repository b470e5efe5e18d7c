"""Photos to send, and what comes back."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

TOY_AB = (6.0, 10.0)
"""ab that the toy gives to everything."""


def encode(pixels: np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
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


def decode(answer: Any) -> np.ndarray:
    """The pixels of an answer that is a picture."""
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def send(client: Any, data: bytes | None = None, name: str = "garden.png") -> dict[str, Any]:
    """The facts of a photo that was sent; by default of one of 40 x 30 pixels."""
    files = {"photo": (name, encode(halves(40, 30)) if data is None else data)}
    answer = client.post("/api/photos", files=files)
    assert answer.status_code == 201, answer.text
    return answer.json()


def post_scope(path: str, kind: str) -> dict[str, Any]:
    """A POST as servers tell an application of it."""
    return {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(),
        "query_string": b"", "http_version": "1.1", "scheme": "http",
        "headers": [(b"host", b"localhost"), (b"content-type", kind.encode())],
    }  # fmt: skip


def refused(answer: Any) -> tuple[int, str]:
    """Status and code of an answer that is a problem, as it is described."""
    told = answer.json()
    assert set(told) == {"detail", "code"}
    assert told["detail"].endswith((".", ")"))
    return answer.status_code, told["code"]
