"""What SVT-AV1 does beside encoding, undone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

os.environ.setdefault("SVT_LOG", "1")  # or it writes to the terminal: 1 is for errors alone


@contextmanager
def ordinary_turns() -> Iterator[None]:
    """Let the threads of this process wait for their turn as before.

    Where it runs as root, as in a container, SVT-AV1 has its threads, and that which opens it, come
    before all other work on the machine (SCHED_FIFO, 99): two such processes stop everything else.
    """
    if not hasattr(os, "sched_getscheduler"):  # pragma: no cover - not Linux, where it does not
        yield
        return
    before, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != before:
            for thread in Path("/proc/self/task").iterdir():
                with suppress(ProcessLookupError):
                    os.sched_setscheduler(int(thread.name), before, priority)
