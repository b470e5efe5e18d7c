"""Where the command begins: ``photochrom``, or ``python -m photochrom``.

Little is imported until Ctrl-C is in hand, so that it never prints a traceback.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


_QUICK = ("colorize", "video", "palette", "uncertainty", "sheet", "apply", "verify")
"""Commands that have nothing to put in order when they are interrupted. Others, such as a training,
take the time that they need for it."""


def start() -> NoReturn:
    """Run the command line, and leave."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave_at_once)
        if sys.argv[1:2] and sys.argv[1] in _QUICK and "--ray" not in sys.argv:
            from photochrom import interruption

            interruption.watch()
    from photochrom.cli.main import main

    try:
        main()
    except SystemExit as ended:
        _leave(ended.code)
        raise
    raise AssertionError("main always exits")  # pragma: no cover


def _leave_at_once(*_: object) -> NoReturn:
    """Nothing was begun yet."""
    os.write(2, b"photochrom: Interrupted.\n")
    os._exit(130)


def _leave(code: object) -> None:
    """End here where threads are still at work: the interpreter's end may crash, or wait for ever.

    They are of a codec that hangs over a photo, of what was loaded ahead for nothing, or of gloo,
    whose groups are not sure to come down (github.com/pytorch/gloo/issues/155).
    """
    if not (_has_threads_left() or _has_a_process_group()):
        return
    if files := sys.modules.get("photochrom.files"):
        files.discard_unfinished()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(code if isinstance(code, int) else 1)


def _has_threads_left() -> bool:
    import threading

    parallel = sys.modules.get("photochrom.parallel")
    return bool(parallel and any(thread.name == parallel.LEFT for thread in threading.enumerate()))


def _has_a_process_group() -> bool:
    distributed = sys.modules.get("torch.distributed")
    return bool(distributed and distributed.is_available() and distributed.is_initialized())


if __name__ == "__main__":
    start()
