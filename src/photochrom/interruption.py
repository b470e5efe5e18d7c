"""Ctrl-C, answered in time whatever the program is at.

Python raises KeyboardInterrupt in the main thread, and only between two of its own steps: not while
a codec or a network is at work there; and one that is raised in a callback, such as those of the
import system, is lost, perhaps with a lock that is never let go of
(github.com/python/cpython/issues/95959). So another thread hears the signal, too, and ends the
process if nobody else has taken notice by then.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

LIMIT = 0.8
"""Seconds in which KeyboardInterrupt should have come to whoever sums up what was done."""
_CURSOR = b"\r\x1b[2K\x1b[?25h"
"""Clears what was shown of progress, and shows the cursor, which that has hidden."""
_answered = threading.Event()


def watch() -> None:
    """See to it that from now on Ctrl-C ends this process in time; for the main thread."""
    heard, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    threading.Thread(target=_wait, args=(heard,), name="photochrom-interrupt", daemon=True).start()


def take_notice() -> None:
    """Say that KeyboardInterrupt has come to whoever sums up, so that there is no need to end."""
    _answered.set()


def _wait(heard: int) -> None:
    while os.read(heard, 1)[0] != signal.SIGINT:
        pass
    time.sleep(LIMIT)
    if not _answered.is_set():
        leave(b"Interrupted: no result is half written; the same command goes on.")


def leave(sentence: bytes) -> None:
    """End at once, and leave nothing unfinished behind."""
    if files := sys.modules.get("photochrom.files"):
        files.discard_unfinished()
    shown = _CURSOR if os.isatty(2) else b""
    os.write(2, shown + b"photochrom: " + sentence + b"\n")
    os._exit(130)
