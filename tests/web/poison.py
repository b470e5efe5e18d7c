"""What photos may do to a process, in words that worker processes understand."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path
from typing import Any

import cv2
import numpy as np


def length(data: bytes, *_: Any) -> int:
    return len(data)  # no harm


def echo(data: bytes, array: np.ndarray) -> tuple[bytes, np.ndarray]:
    return data, array


def crash(*_: Any) -> None:
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)  # pytest looks for it
    os.kill(os.getpid(), signal.SIGSEGV)  # as a decoder that reads where nothing is


def abort(*_: Any) -> None:
    os.abort()  # as C++ where it finds no memory


def be_killed(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)  # as the system does where it finds none


def leave(*_: Any) -> None:
    os._exit(1)  # as old libraries where they are at a loss


def hoard(*_: Any) -> None:
    taken = []
    while True:
        taken.append(np.ones(4_000_000))  # and touched


def hoard_in_opencv(*_: Any) -> None:
    """The same, through somebody else's words for it; and as an error of ours."""
    taken = [np.ones((4000, 4000), np.uint8)]
    try:
        while True:
            taken.append(cv2.resize(taken[0], None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST))
    except cv2.error as error:
        raise ValueError("some rows cannot be read") from error


def blunder(*_: Any) -> None:
    raise IndexError("grandmother in Kiel, 1931")  # what nobody has foreseen


def unspeakable(*_: Any) -> Any:
    return lambda: None  # a result that cannot be sent


def hang(fifo: str, *_: Any) -> None:
    """Say so into a pipe that is shut with the process, and never come back from C."""
    with Path(fifo).open("w") as said:
        said.write("hanging\n")
        said.flush()
        while True:
            ctypes.PyDLL(None).pause()
