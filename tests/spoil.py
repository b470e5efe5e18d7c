"""Files that something happened to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def spoiled(
    data: bytes, random: np.random.Generator, *, reach: int = 1 << 40, words: Sequence[bytes] = ()
) -> bytes:
    """The same with some bytes changed, cut out, doubled, or its end missing.

    Args:
        data: a file, or a part of one.
        random: decides what, and where.
        reach: most of it begins within so many bytes.
        words: some of them are put in, if given.
    """
    file = bytearray(data)
    for _ in range(random.integers(1, 5)):
        place = int(random.integers(0, max(1, min(len(file), reach))))
        match random.integers(5 if words else 4):
            case 0:
                file[place : place + 4] = random.bytes(4)
            case 1:
                del file[place : place + int(random.integers(1, 40))]
            case 2:
                file[place:place] = file[place : place + 30]
            case 3:
                file = file[: max(1, int(len(file) * random.uniform(0.2, 1)))]
            case 4:
                file[place:place] = random.choice(words)
    return bytes(file)
